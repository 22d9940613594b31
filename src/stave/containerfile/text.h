// Text of a Containerfile, and how a mistake in it is shown: the file, the line, the column, the line itself
// with a caret, and the word that was probably meant.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stave/base/error.h"

namespace stave::containerfile {

// A part of the text. Lines and columns count from 1, columns in bytes; `length` 0 means the whole line.
struct Span {
  unsigned line = 0;
  unsigned column = 0;
  unsigned length = 0;
  unsigned last_line = 0;  // of an instruction that goes on over several lines; else `line`

  friend bool operator==(const Span&, const Span&) = default;
};

// What was read: `name` is for messages ("Containerfile").
struct Text {
  std::string name;
  std::string text;
};

// An Error of Kind::invalid whose text is "NAME:LINE:COLUMN: MESSAGE", and behind it, on lines of their own,
// the line of the text (cut to what is near, made safe for a terminal) and a caret below the place.
Error error_at(const Text& text, const Span& where, std::string_view message, std::string hint = {});
// The same lines for a warning: "NAME:LINE: MESSAGE\n 3 | RUN …\n   |     ^".
std::string show(const Text& text, const Span& where, std::string_view message);

// Of `known` the word that `word` was probably meant to be (edit distance, case aside); empty if none is
// near.
std::string suggestion(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace stave::containerfile
