// Extended attributes of one file, all at once. Internal to fs.

#pragma once

#include "stave/fs/sys.h"

namespace stave::fs {

// How the file is named to the kernel. `at`: listxattrat, Linux 6.13, a third of the cost of `proc`:
// "/proc/self/fd/7/name". `opening`: neither; only regular files and directories that we may read, the rest
// has none.
enum class XattrWay : std::uint8_t { at, proc, opening };

// Which way this process goes; found out at the first call. Safe from any thread.
XattrWay xattr_way();

class XattrReader {
 public:
  explicit XattrReader(XattrWay way = xattr_way()) : way_(way) {}

  // Of `name` in `directory`, a symlink itself included. A file system without attributes has none.
  Xattrs read(int directory, const char* name, FileType type, const Where& where);

 private:
  const char* proc_name(int directory, const char* name);

  XattrWay way_;
  std::string path_;  // kept from file to file, because a walk asks for all files of one directory in a row
  int path_directory_ = -1;
  std::size_t prefix_size_ = 0;
};

}  // namespace stave::fs
