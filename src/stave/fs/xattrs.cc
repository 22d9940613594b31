// Reading extended attributes. Nearly every file has none, so the usual case is one
// system call and no allocation. Lists and values may grow or vanish
// between two calls: asking is repeated until the answer fits.

#include "stave/fs/xattrs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"

namespace stave::fs {
namespace {

// A file whose attributes outgrow the buffer this often in a row is being played with.
constexpr int attempts = 16;

// Newer than the headers of glibc 2.36. System calls since Linux 5.1 keep one distance from each other
// everywhere.
constexpr long getxattrat_number = SYS_openat2 + 27;
constexpr long listxattrat_number = SYS_openat2 + 28;

// struct xattr_args of linux/xattr.h, Linux 6.13.
struct XattrArgs {
  alignas(8) std::uint64_t value;
  std::uint32_t size;
  std::uint32_t flags;
};

struct ByName {
  int directory;
  const char* file;
  ssize_t list(char* out, std::size_t size) const {
    return ::syscall(listxattrat_number, directory, file, AT_SYMLINK_NOFOLLOW, out, size);
  }
  ssize_t get(const char* name, char* out, std::size_t size) const {
    const XattrArgs args{reinterpret_cast<std::uintptr_t>(out), static_cast<std::uint32_t>(size), 0};
    return ::syscall(getxattrat_number, directory, file, AT_SYMLINK_NOFOLLOW, name, &args, sizeof args);
  }
};

struct ByPath {
  const char* path;
  ssize_t list(char* out, std::size_t size) const { return ::llistxattr(path, out, size); }
  ssize_t get(const char* name, char* out, std::size_t size) const {
    return ::lgetxattr(path, name, out, size);
  }
};

struct ByFd {
  int fd;
  ssize_t list(char* out, std::size_t size) const { return ::flistxattr(fd, out, size); }
  ssize_t get(const char* name, char* out, std::size_t size) const {
    return ::fgetxattr(fd, name, out, size);
  }
};

[[noreturn]] void too_large(const Where& where) {
  throw Error(Kind::limit, fmt::format("{}: its extended attributes exceed {}", where.text(),
                                       human_size(limits::xattrs_bytes)));
}

// What `ask(buffer, size)` has to say, whatever its size; nullopt and errno if it fails.
template <class Ask>
std::optional<std::string> ask_all(const Ask& ask, const Where& where) {
  std::array<char, 1024> small;
  ssize_t size = retry([&] { return ask(small.data(), small.size()); });
  if (size >= 0) return std::string(small.data(), static_cast<std::size_t>(size));
  std::string large;
  for (int attempt = 0; attempt < attempts && errno == ERANGE; ++attempt) {
    size = retry([&] { return ask(nullptr, 0); });
    if (size < 0) return std::nullopt;
    if (static_cast<std::size_t>(size) > limits::xattrs_bytes) too_large(where);
    large.resize(static_cast<std::size_t>(size) + 256);
    size = retry([&] { return ask(large.data(), large.size()); });
    if (size >= 0) {
      large.resize(static_cast<std::size_t>(size));
      return large;
    }
  }
  return std::nullopt;
}

[[noreturn]] void fail_value(int error, const char* name, const Where& where) {
  const std::string what = fmt::format("{}: extended attribute {}", where.text(), quote(name));
  if (error == ERANGE) throw Error(Kind::changed, what + " kept growing while it was read");
  if (error == EACCES) {
    throw Error(Kind::denied, what + " cannot be read: permission denied",
                "make the file readable, leave it out, or run as its owner");
  }
  throw_errno(error, what);
}

template <class File>
Xattrs read_all(const File& file, const Where& where) {
  const auto names = ask_all([&](char* out, std::size_t size) { return file.list(out, size); }, where);
  if (!names) {
    if (errno == ENOTSUP || errno == EOPNOTSUPP || errno == ENOSYS) return {};
    if (errno == E2BIG) too_large(where);
    if (errno == ERANGE) throw Error(Kind::changed, where.text() + ": its extended attributes kept growing");
    fail(errno, where);
  }
  Xattrs xattrs;
  std::size_t total = 0;
  for (std::size_t at = 0; at < names->size();) {
    const char* name = names->c_str() + at;
    const std::size_t length = std::strlen(name);
    at += length + 1;
    auto value = ask_all([&](char* out, std::size_t size) { return file.get(name, out, size); }, where);
    // Removed since the list was made, or listed by a file system that does not give it out. (ENOTSUP is
    // EOPNOTSUPP on Linux.)
    if (!value && (errno == ENODATA || errno == ENOTSUP)) continue;
    if (!value) fail_value(errno, name, where);
    total += length + value->size();
    if (total > limits::xattrs_bytes) too_large(where);
    xattrs.emplace_back(std::string(name, length), std::move(*value));
  }
  std::sort(xattrs.begin(), xattrs.end());
  return xattrs;
}

Xattrs read_by_opening(int directory, const char* name, FileType type, const Where& where) {
  if (type != FileType::regular && type != FileType::directory) return {};
  const int directory_flag = type == FileType::directory ? O_DIRECTORY : 0;
  const Opened file =
      open_at(directory, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | directory_flag);
  if (file.error) fail(file.error, where);
  return read_all(ByFd{file.fd.get()}, where);
}

}  // namespace

XattrWay xattr_way() {
  static const XattrWay chosen = [] {
    // ENOTSUP is an answer; an old kernel says ENOSYS, an old seccomp profile that or EPERM.
    const bool answers = ByName{AT_FDCWD, "/"}.list(nullptr, 0) >= 0 || (errno != ENOSYS && errno != EPERM);
    return answers ? XattrWay::at : have_proc() ? XattrWay::proc : XattrWay::opening;
  }();
  return chosen;
}

Xattrs XattrReader::read(int directory, const char* name, FileType type, const Where& where) {
  switch (way_) {
    case XattrWay::at:
      return read_all(ByName{directory, name}, where);
    case XattrWay::proc:
      return read_all(ByPath{proc_name(directory, name)}, where);
    case XattrWay::opening:
      break;
  }
  return read_by_opening(directory, name, type, where);
}

const char* XattrReader::proc_name(int directory, const char* name) {
  if (directory != path_directory_) {
    path_ = proc_path(directory) + '/';
    path_directory_ = directory;
    prefix_size_ = path_.size();
  }
  path_.resize(prefix_size_);
  path_ += name;
  return path_.c_str();
}

}  // namespace stave::fs
