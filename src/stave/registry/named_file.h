// Files that a person or the system put at a well-known place: symlinks on the
// way to them are theirs. Internal to registry.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stave::registry {

// The text of a file; nullopt if there is none, which an empty path is, too. At most 1 MiB (Kind::limit): the
// largest that people have is a list of short names, of 20 KiB.
std::optional<std::string> find_text(const std::string& path);

// The names in a directory that end so, sorted; none if it does not exist.
std::vector<std::string> names_in(const std::string& directory, std::string_view ending);

bool is_directory(const std::string& path);

}  // namespace stave::registry
