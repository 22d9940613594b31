// The directories from a root down to where a walk has got to. Only the deepest ones are
// held open, so that a tree may be deeper than a process has descriptors;
// the others are remembered by device and inode and opened again on the way back.
// Internal to fs.

#pragma once

#include <vector>

#include "stave/fs/sys.h"

namespace stave::fs {

// Directories held open at once. Well below the usual limit of 1024 descriptors, and real trees never come
// near it.
inline constexpr std::size_t open_levels = 200;

class Trail {
 public:
  // Down into `fd`, whose stat the caller has.
  void enter(Fd fd, const Stat& stat);
  // Back up. Throws Kind::changed, naming `where` (the directory that is returned to), if it was moved or
  // replaced.
  void leave(const Where& where);

  bool empty() const { return steps_.empty(); }
  std::size_t depth() const { return steps_.size(); }
  int fd() const { return steps_.back().fd.get(); }  // the deepest

 private:
  struct Step {
    Fd fd;
    std::uint64_t device;
    std::uint64_t inode;
  };
  std::vector<Step> steps_;
};

}  // namespace stave::fs
