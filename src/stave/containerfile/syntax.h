// The first pass over a Containerfile: lines become nodes, each a keyword with its
// flags and words, not understood yet. Follows BuildKit's parser line by line, whose
// trees can be printed and compared. Internal to containerfile.

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "stave/containerfile/instructions.h"
#include "stave/containerfile/text.h"

namespace stave::containerfile {

struct Node {
  std::string keyword;  // as written
  std::vector<std::string> flags = {};
  std::vector<std::string> words = {};  // ENV and LABEL: key, value and separator of each pair
  bool json = false;                    // the words were a JSON array
  std::unique_ptr<Node> inner = {};     // what ONBUILD keeps
  std::string original = {};            // the whole instruction in one line
  std::vector<Heredoc> heredocs = {};
  std::vector<std::string> comments = {};  // directly above
  Span where = {};
};

struct Parsed {
  char escape = '\\';
  std::string syntax;
  std::string check;  // of `# check=`
  std::vector<Node> nodes;
  std::vector<Span> empty_continuations;  // instructions with empty lines inside
};

// Throws an Error of error_at for a text without instructions, an unterminated heredoc and the like.
Parsed parse_syntax(const Text& text);
// One instruction that is not in a file.
Node parse_node(std::string_view line, char escape);
// The heredocs that words of a line announce, in order.
std::vector<Heredoc> heredocs_of(std::string_view line);
// The heredoc that one word is; nullopt if none.
std::optional<Heredoc> find_heredoc(std::string_view word);
// Content without the tabs that <<- strips.
std::string without_tabs(std::string_view content);

// The tree in the form of BuildKit's dumps: (copy ["--from=a"] "x" "y").
std::string dump(const Parsed& parsed);

}  // namespace stave::containerfile
