// Another name for a file that is there, and the clock that its changes are
// dated by: what a cache beside other people's files needs.

#pragma once

#include <string>

#include "stave/fs/fs.h"

namespace stave::fs {

// Gives an open file the name `name` in `dir`, without copying anything. False where that cannot be: another
// file system, or one without hardlinks, too many names, not our file (protected_hardlinks), no /proc. A file
// that has the name already stays, and that is fine.
bool link_file(const Fd& file, const Dir& dir, const std::string& name);

// Sets the mtime of a file to now.
void touch(const Dir& dir, const std::string& name);

// The time that a file of this machine would get as its ctime now (the kernel's coarse clock): the ctime of
// whatever is changed from here on is this or later.
Time change_clock();

}  // namespace stave::fs
