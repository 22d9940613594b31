// What stands in the words of `pack`: places that depend on the platform, and the two
// halves of --add.

#pragma once

#include <string>
#include <string_view>

#include "stave/spec/spec.h"

namespace stave::cli {

// {os}, {arch} and {variant} become the platform's, "{{" a brace. Kind::usage for any other word in braces.
std::string expand(std::string_view text, const spec::Platform& platform);

struct AddWords {
  std::string source;
  std::string destination;
};

// SRC[:DEST], where "\:" is a colon that divides nothing; without DEST it is the base name of SRC.
// Kind::usage where a half is missing or there are three.
AddWords parse_add(std::string_view text);

}  // namespace stave::cli
