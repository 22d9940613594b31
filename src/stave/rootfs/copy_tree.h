// A second copy of a tree, for who may write to it: where the kernel has no
// overlay for us.

#pragma once

#include "stave/base/context.h"
#include "stave/fs/fs.h"
#include "stave/fs/make.h"

namespace stave::rootfs {

// What `stat` and `xattrs` of a file say, to be given to another one.
fs::Attributes same_attributes(const fs::Stat& stat, fs::Xattrs xattrs);

// Makes `to`, an empty directory that nobody else writes to, the same as `from`, which nobody changes
// meanwhile: owners, modes, mtimes, xattrs (those that the file system takes), devices (those that the kernel
// lets us make; others are left out), hardlinks. Contents are shared where the file system can (FICLONE),
// else copied, and runs of zeros become holes. `scratch` is another empty directory of the same file system,
// which is left with what could be removed. Costs the entries, and the bytes that are not shared.
void copy_tree(const Context& context, const fs::Dir& from, const fs::Dir& to, const fs::Dir& scratch);

}  // namespace stave::rootfs
