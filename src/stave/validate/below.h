// Below: what layers hold, as far as rules ask for it: the names and the sort of
// each. Internal.

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "stave/tar/tar.h"

namespace stave::validate {

// About 150 bytes for each component that paths do not share; every call costs the length of its path. Paths
// are clean and have at most limits::path_depth components. Symlinks are not followed: an entry below one
// stands for itself, and has its own rule.
class Below {
 public:
  // What is at a path; the root is a directory.
  std::optional<tar::Type> find(std::string_view path) const;
  // The nearest directory above `path` that is a symlink; nullopt if none is.
  std::optional<std::string> symlink_above(std::string_view path) const;

  // As clients do: only a directory keeps what a directory held. What is above and absent becomes a
  // directory.
  void put(std::string_view path, tar::Type type);
  void remove(std::string_view path);         // it and everything below
  void remove_inside(std::string_view path);  // everything below

 private:
  struct Node {
    tar::Type type = tar::Type::directory;
    std::map<std::string, std::unique_ptr<Node>, std::less<>> children = {};
  };
  template <class Any>
  static Any* node_at(Any* node, std::string_view path);  // nullptr if there is none

  Node root_;
};

}  // namespace stave::validate
