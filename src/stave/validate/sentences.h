// Sentences: everything that the image-spec asks with MUST, SHALL, SHOULD,
// REQUIRED or RECOMMENDED (or NOT), in our words, with the rules that check it or the reason why no
// file can break it. tools/count-sentences finds them in the spec's text, and a test holds this table
// against what it found.

#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace stave::validate {

// The text that was read: v1.1.1 and what was merged since, up to this commit.
inline constexpr std::string_view image_spec_commit = "13cff54";

struct Sentence {
  std::string_view file;      // "descriptor.md"
  unsigned number;            // within the file, from 1
  std::string_view section;   // its anchor; "": before the first heading
  std::string_view keywords;  // "MUST, SHOULD NOT", in the order of the text
  std::string_view asks;
  std::string_view codes;   // "E013 E014": the rules that check it; empty: none does, and
  std::string_view reason;  // why no file can break it
};

// All of them, file by file.
const std::vector<Sentence>& sentences();

// The parts of the table.
std::vector<Sentence> document_sentences();
std::vector<Sentence> content_sentences();

// A rule of the spec that no such sentence asks for, and why it is there all the same.
struct Beyond {
  std::string_view code;
  std::string_view reason;
};
std::span<const Beyond> beyond();

}  // namespace stave::validate
