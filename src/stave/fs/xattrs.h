// Extended attributes of one file, all at once. Internal to fs.

#pragma once

#include "stave/fs/sys.h"

namespace stave::fs {

// Of the file that `path` names, a symlink itself included. Needs no permission to read the file for anything
// but user.* (xattr(7)). A file system without attributes has none.
Xattrs read_xattrs(const char* path, const Where& where);
// Of an open file; not for O_PATH.
Xattrs read_xattrs(int fd, const Where& where);
// Where there is no /proc to name a descriptor: opens the file. Only regular files and directories; the rest
// has none.
Xattrs read_xattrs_by_opening(int directory, const char* name, FileType type, const Where& where);

}  // namespace stave::fs
