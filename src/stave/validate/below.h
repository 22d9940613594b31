// Below: what the layers below one hold, as far as rules ask for it: the names
// and the sort of each. Internal.

#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "stave/layer/path.h"
#include "stave/tar/tar.h"

namespace stave::validate {

// About 100 bytes and the path for each entry. Symlinks are not followed: an entry below one stands for
// itself, and has its own rule.
class Below {
 public:
  // What is at a clean path; the root is a directory.
  std::optional<tar::Type> find(std::string_view path) const;
  // The nearest directory above `path` that is a symlink; nullopt if none is.
  std::optional<std::string> symlink_above(std::string_view path) const;

  void put(const std::string& path,
           tar::Type type);                   // as clients do: only a directory keeps what a directory held
  void remove(std::string_view path);         // it and everything below
  void remove_inside(std::string_view path);  // everything below

 private:
  std::map<std::string, tar::Type, layer::PathLess> entries_;
};

}  // namespace stave::validate
