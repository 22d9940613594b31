// Staging: a private directory beside the place where something will appear. It is
// filled where nobody looks, gives up its contents by rename, and goes away
// with everything left in it; what a killed process left of one, the next removes.

#pragma once

#include <string>
#include <string_view>

#include "stave/fs/fs.h"

namespace stave::fs {

class Staging {
 public:
  // Makes ".stave-tmp-<random>-<name>" in `parent`, 0700 and ours whatever the umask, setgid bit or default
  // ACL of `parent`. It stays locked while this lives.
  Staging(const Dir& parent, std::string_view name);
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  // Removes it and what is in it, as well as that is possible.
  ~Staging();

  const Dir& dir() const { return dir_; }

  // A new directory in it, 0700 whatever the umask. `relative` is as for Dir.
  Dir make_dir(std::string_view relative) const;

  // Gives what is `inside` the name `name` in the parent. A directory takes the place of an empty one, a file
  // that of another. Kind::exists where that is not so, Kind::busy for a mount point.
  void publish(std::string_view inside, const std::string& name) const;

  // Removes our own directories of that sort in `parent` that nobody holds any more; says how many could not
  // be removed.
  static std::size_t remove_left_over(const Dir& parent);

 private:
  struct Made;
  Staging(const Dir& parent, Made made);
  static Made make(const Dir& parent, std::string_view name);

  const Dir& parent_;
  std::string name_;
  Dir dir_;
  Lock lock_;
};

}  // namespace stave::fs
