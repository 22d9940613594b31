// From a path to a descriptor, without being led astray. The kernel does it in one
// call (openat2, Linux 5.6); where that is missing or forbidden (old kernels, seccomp
// profiles that do not know it) the same is done by hand, component by
// component. Internal to fs; the tests run both ways against each other.

#pragma once

#include <string>
#include <string_view>

#include "stave/fs/sys.h"

namespace stave::fs {

enum class Resolver : std::uint8_t { kernel, by_hand };

// Which way this process goes; found out at the first call. Safe from any thread.
Resolver resolver();

// Opens a directory below `directory` as a place (O_PATH). `path` holds no ".." and no leading '/'; empty and
// "." components count for nothing. A symlink anywhere gives ELOOP. Any length.
Opened open_beneath(int directory, std::string_view path, Resolver way);

// Opens what `path` names with `flags`, in one system call; a symlink anywhere, also at its end, gives ELOOP.
// Only where the kernel resolves, and for a path shorter than PATH_MAX; ENOSYS or ENAMETOOLONG otherwise.
Opened open_beneath_at_once(int directory, const std::string& path, int flags, Resolver way);

// Opens `path` with `flags` as a process would whose root is `directory`: ".." stops there, absolute symlinks
// start there. More than limits::symlinks_followed symlinks give ELOOP, as in the kernel. Any length.
Opened open_in_root(int directory, std::string_view path, int flags, Resolver way);

}  // namespace stave::fs
