// Words and variables as a shell would read them, in the way of BuildKit's
// frontend: quotes, escapes, $NAME and every form of ${NAME…}. Internal to containerfile.

#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "stave/containerfile/instructions.h"

namespace stave::containerfile {

struct Lexing {
  char escape = '\\';
  bool raw_quotes = false;   // quotes stay in the result
  bool raw_escapes = false;  // and so do escapes
  bool no_quotes = false;    // quotes are plain characters
  bool keep_unset = false;   // what is not set stays as it was written
};

struct Lexed {
  std::string text;
  std::vector<std::string> words;  // split at blanks that are neither quoted nor escaped
  std::set<std::string> unset;     // names that were looked up and are not set
};

// Throws Kind::invalid with BuildKit's message ("failed to process …").
Lexed lex(std::string_view text, const Lexing& how, const Variables& variables);

}  // namespace stave::containerfile
