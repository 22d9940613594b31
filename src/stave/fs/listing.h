// The names in a directory, sorted by bytes, in two allocations whatever their
// number. Internal to fs.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "stave/fs/sys.h"

namespace stave::fs {

class Names {
 public:
  std::size_t size() const { return starts_.size(); }
  const char* operator[](std::size_t i) const { return bytes_.data() + starts_[i]; }

  void add(const char* name);
  void sort();

 private:
  std::string bytes_;  // each name with its NUL
  std::vector<std::size_t> starts_;
};

// Reads names into a buffer of its own that is kept from one directory to the next.
class Lister {
 public:
  // Everything in the directory but "." and ".."; `fd` is open for reading and at its beginning. Sorted.
  Names list(int fd, const Where& where);

 private:
  std::vector<char> buffer_;
};

}  // namespace stave::fs
