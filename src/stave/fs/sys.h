// What every file of this module shares with the kernel: opens that retry and never
// leak into a child, stat in our words, and one way to say that a call failed.
// Internal to fs.

#pragma once

#include <sys/stat.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "stave/fs/fs.h"

namespace stave::fs {

// A place for messages: a directory as it was named and a path in it. Costs nothing until text() is called.
struct Where {
  std::string_view directory;
  std::string_view relative = {};

  std::string path() const;  // joined
  std::string text() const;  // joined and quoted
};

// Throws the Error that `error` means for `where`, with what to do about it where we know.
[[noreturn]] void fail(int error, const Where& where);

// What an open gave: a descriptor, or the errno that says why not.
struct Opened {
  Fd fd;
  int error = 0;
};

// Repeats a system call that a signal interrupted.
template <class Call>
auto retry(Call call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

// openat with O_CLOEXEC.
Opened open_at(int directory, const char* name, int flags, ::mode_t mode = 0);

// A directory to keep: readable where that is allowed (so that fsync, fchmod, flock work on it), else only a
// place (O_PATH), which is enough to reach what is in it. `flags` may add O_NOFOLLOW.
Opened open_directory_at(int directory, const char* name, int flags);

Stat to_stat(const struct ::stat& raw);
std::string_view type_name(FileType type);  // "a fifo"

// lstat of one component; 0 or the errno.
int stat_at(int directory, const char* name, Stat& out);

// Is /proc mounted, so that a descriptor can be named as a path?
bool have_proc();
// That path: "/proc/self/fd/7".
std::string proc_path(int fd);

// Throws Kind::invalid unless `stat` is of a regular file.
void require_regular(const Stat& stat, const Where& where);

}  // namespace stave::fs
