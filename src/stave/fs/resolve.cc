// Resolving paths below a directory handle, by openat2 or by hand.

#include "stave/fs/resolve.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "stave/base/limits.h"
#include "stave/base/text.h"

namespace stave::fs {
namespace {

// openat2 gives EAGAIN when something on the system was renamed or mounted while it looked at a "..". A
// thousand of those in a row is somebody who does it on purpose.
constexpr int openat2_attempts = 1000;

Opened openat2(int directory, const char* path, int flags, std::uint64_t resolve) {
  struct ::open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = resolve;
  for (int attempt = 0;;) {
    const long fd = ::syscall(SYS_openat2, directory, path, &how, sizeof how);
    if (fd >= 0) return {Fd(static_cast<int>(fd)), 0};
    if (errno == EINTR || (errno == EAGAIN && ++attempt < openat2_attempts)) continue;
    return {Fd(), errno};
  }
}

Resolver probe() {
  // Opening "." as a place cannot fail for want of permission on the file itself, so EPERM is a seccomp
  // filter.
  const Opened here = openat2(AT_FDCWD, ".", O_PATH | O_DIRECTORY, RESOLVE_BENEATH);
  const bool missing =
      here.error == ENOSYS || here.error == EPERM || here.error == EINVAL || here.error == E2BIG;
  return missing ? Resolver::by_hand : Resolver::kernel;
}

// Takes the next component off the front of `path`; empty when nothing is left. "last" is said by an empty
// rest, so a trailing '/' makes what is before it a directory, as POSIX has it.
std::string_view next_component(std::string_view& path) {
  for (;;) {
    path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view component = path.substr(0, end);
    path.remove_prefix(end);
    if (component != ".") return component;
  }
}

bool is_symlink(int directory, const char* name) {
  struct ::stat raw{};
  return ::fstatat(directory, name, &raw, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(raw.st_mode);
}

Opened beneath_by_hand(int directory, std::string_view path) {
  Opened here = open_at(directory, ".", O_PATH | O_DIRECTORY);
  while (!here.error) {
    const std::string name(next_component(path));
    if (name.empty()) return here;
    Opened next = open_at(here.fd.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
    // O_DIRECTORY makes a symlink ENOTDIR; openat2 calls it ELOOP, and so do we.
    if (next.error == ENOTDIR && is_symlink(here.fd.get(), name.c_str())) next.error = ELOOP;
    here = std::move(next);
  }
  return here;
}

// The longest front of `path` that one system call takes, ending before a '/'; empty if a single name is too
// long.
std::string_view piece_of(std::string_view path) {
  if (path.size() < PATH_MAX) return path;
  const std::size_t end = path.rfind('/', PATH_MAX - 1);
  return end == std::string_view::npos ? std::string_view{} : path.substr(0, end);
}

Opened beneath_by_kernel(int directory, std::string_view path) {
  Fd here;
  do {
    path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
    const std::string piece(path.empty() ? "." : piece_of(path));
    if (piece.empty()) return {Fd(), ENAMETOOLONG};
    Opened next = openat2(here ? here.get() : directory, piece.c_str(), O_PATH | O_DIRECTORY,
                          RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
    if (next.error) return next;
    here = std::move(next.fd);
    path.remove_prefix(std::min(piece.size(), path.size()));
  } while (!path.empty());
  return {std::move(here), 0};
}

// The text of the symlink `name`; EINVAL if it is none.
int read_link_at(int directory, const char* name, std::string& text) {
  text.resize(PATH_MAX);  // no Linux file system stores a longer one
  const ssize_t length = ::readlinkat(directory, name, text.data(), text.size());
  if (length < 0) return errno;
  text.resize(static_cast<std::size_t>(length));
  return length == 0 ? ENOENT : 0;
}

// The way through a root done by hand. `at_` are the names of real directories from the root down to `here_`.
class RootedPath {
 public:
  RootedPath(int root, std::string_view path) : root_(root), text_(path), rest_(text_) {}

  Opened open(int flags) {
    int error = go_to({});
    while (!error) {
      const std::string name(next_component(rest_));
      if (name.empty()) return open_at(here_.get(), ".", flags);
      if (name == "..") {
        error = go_up();
        continue;
      }
      std::string target;
      const int link_error = read_link_at(here_.get(), name.c_str(), target);
      if (!link_error) {
        error = follow(target);
      } else if (link_error != EINVAL) {
        error = link_error;
      } else if (rest_.empty()) {
        return open_at(here_.get(), name.c_str(), flags | O_NOFOLLOW);
      } else {
        error = go_down(name);
      }
    }
    return {Fd(), error};
  }

 private:
  int go_to(std::string_view path) {
    Opened place = beneath_by_hand(root_, path);
    here_ = std::move(place.fd);
    return place.error;
  }

  // Never through "..": the directory could have been moved elsewhere meanwhile. Back from the root by the
  // names that were found to be directories.
  int go_up() {
    if (at_.empty()) return 0;
    at_.pop_back();
    return go_to(join(at_, "/"));
  }

  int go_down(const std::string& name) {
    Opened next = open_at(here_.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
    here_ = std::move(next.fd);
    at_.push_back(name);
    return next.error;
  }

  int follow(const std::string& target) {
    if (++followed_ > limits::symlinks_followed) return ELOOP;
    text_ = target + std::string(rest_);  // what is left begins with '/' or is nothing
    rest_ = text_;
    if (!target.starts_with('/')) return 0;
    at_.clear();
    return go_to({});
  }

  int root_;
  std::string text_;
  std::string_view rest_;  // of text_
  std::vector<std::string> at_;
  Fd here_;
  int followed_ = 0;
};

}  // namespace

Resolver resolver() {
  static const Resolver chosen = probe();
  return chosen;
}

Opened open_beneath(int directory, std::string_view path, Resolver way) {
  return way == Resolver::kernel ? beneath_by_kernel(directory, path) : beneath_by_hand(directory, path);
}

Opened open_beneath_at_once(int directory, const std::string& path, int flags, Resolver way) {
  if (way != Resolver::kernel) return {Fd(), ENOSYS};
  if (path.size() >= PATH_MAX) return {Fd(), ENAMETOOLONG};
  return openat2(directory, path.c_str(), flags | O_NOFOLLOW,
                 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

Opened open_in_root(int directory, std::string_view path, int flags, Resolver way) {
  if (way == Resolver::by_hand || path.size() >= PATH_MAX) return RootedPath(directory, path).open(flags);
  const std::string text(path.empty() ? "." : path);
  return openat2(directory, text.c_str(), flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

}  // namespace stave::fs
