// The way back through directories that were closed.

#include "stave/fs/trail.h"

#include <fcntl.h>

#include "stave/base/error.h"

namespace stave::fs {

void Trail::enter(Fd fd, const Stat& stat) {
  steps_.push_back({std::move(fd), stat.device, stat.inode});
  if (steps_.size() > open_levels) steps_[steps_.size() - 1 - open_levels].fd = Fd();
}

void Trail::leave(const Where& where) {
  const Step child = std::move(steps_.back());
  steps_.pop_back();
  if (steps_.empty() || steps_.back().fd) return;
  // ".." of a directory that is held open, believed only if it is the one we came through: whoever moved a
  // directory out of the tree cannot lead us after it. One call; from the root it would be as many as levels.
  Opened parent = open_at(child.fd.get(), "..", O_RDONLY | O_DIRECTORY);
  if (parent.error) fail(parent.error, where);
  const Stat found = stat(parent.fd);
  if (found.device != steps_.back().device || found.inode != steps_.back().inode) {
    throw Error(Kind::changed, where.text() + ": the directory was moved while it was being read");
  }
  steps_.back().fd = std::move(parent.fd);
}

}  // namespace stave::fs
