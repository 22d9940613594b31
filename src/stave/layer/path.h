// Paths inside an image: relative to its root, '/' between components, no
// leading or trailing '/', no "." and no "..". The root is "". They are bytes,
// not text, and never host paths.

#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace stave::layer {

// The clean form of a name as an archive or a person wrote it: "./a//b/" and "/a/b" are "a/b", "a/../b" is
// "b". nullopt when ".." climbs above the root. NUL cannot occur in what is given: tar and the command line
// both exclude it.
std::optional<std::string> clean(std::string_view name);

// Path order: component by component, so that "a/b" comes before "a-b" and a directory before what is in it.
// Negative, 0 or positive as memcmp.
int compare(std::string_view a, std::string_view b);

struct PathLess {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const { return compare(a, b) < 0; }
};

std::string_view parent(std::string_view path);    // "a/b" -> "a", "a" -> ""
std::string_view basename(std::string_view path);  // "a/b" -> "b"
std::string join(std::string_view directory, std::string_view name);

// Is `path` `directory` itself or below it?
bool is_within(std::string_view path, std::string_view directory);

}  // namespace stave::layer
