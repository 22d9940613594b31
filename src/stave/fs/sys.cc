// The shared system calls.

#include "stave/fs/sys.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "stave/base/error.h"
#include "stave/base/text.h"

namespace stave::fs {

Fd::~Fd() {
  if (fd_ < 0) return;
  const int before = errno;
  ::close(fd_);  // never retried: Linux has released the number even when it reports EINTR
  errno = before;
}

std::string Where::path() const {
  if (relative.empty() || relative == ".") return std::string(directory);
  const bool slash = directory.empty() || directory.ends_with('/');
  return fmt::format("{}{}{}", directory, slash ? "" : "/", relative);
}

std::string Where::text() const { return quote(path()); }

void fail(int error, const Where& where) {
  switch (error) {
    case ELOOP:
      throw Error(Kind::not_found,
                  where.text() + ": the path leads through a symlink, which is not followed here",
                  "name the place that the symlink points to");
    case ENAMETOOLONG:
      throw Error(Kind::invalid, where.text() + ": a name in it is longer than the file system takes");
    case EACCES:
      throw Error(Kind::denied, where.text() + ": permission denied",
                  "check the mode of it and of the directories above it, leave it out, or run as its owner");
    case EMFILE:
    case ENFILE:
      throw Error(Kind::limit, where.text() + ": too many open files", "raise the limit: ulimit -n");
    default:
      throw_errno(error, where.text());
  }
}

Opened open_at(int directory, const char* name, int flags, ::mode_t mode) {
  const int fd = retry([&] { return ::openat(directory, name, flags | O_CLOEXEC, mode); });
  return fd < 0 ? Opened{Fd(), errno} : Opened{Fd(fd), 0};
}

Opened open_directory_at(int directory, const char* name, int flags) {
  Opened readable = open_at(directory, name, flags | O_RDONLY | O_DIRECTORY);
  if (readable.error != EACCES) return readable;
  return open_at(directory, name, flags | O_PATH | O_DIRECTORY);
}

namespace {

FileType to_type(::mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return FileType::regular;
    case S_IFDIR:
      return FileType::directory;
    case S_IFLNK:
      return FileType::symlink;
    case S_IFCHR:
      return FileType::character;
    case S_IFBLK:
      return FileType::block;
    case S_IFIFO:
      return FileType::fifo;
    case S_IFSOCK:
      return FileType::socket;
    default:
      throw Error(Kind::unsupported, fmt::format("a file has the unknown type {:#o}", mode & S_IFMT));
  }
}

Time to_time(const struct ::timespec& raw) { return {raw.tv_sec, static_cast<std::uint32_t>(raw.tv_nsec)}; }

}  // namespace

Stat to_stat(const struct ::stat& raw) {
  Stat stat;
  stat.type = to_type(raw.st_mode);
  stat.mode = raw.st_mode & 07777;
  stat.uid = raw.st_uid;
  stat.gid = raw.st_gid;
  stat.size = static_cast<std::uint64_t>(raw.st_size);
  stat.mtime = to_time(raw.st_mtim);
  stat.ctime = to_time(raw.st_ctim);
  stat.device = raw.st_dev;
  stat.inode = raw.st_ino;
  stat.links = raw.st_nlink;
  if (stat.type == FileType::character || stat.type == FileType::block) {
    stat.device_major = major(raw.st_rdev);
    stat.device_minor = minor(raw.st_rdev);
  }
  stat.blocks = static_cast<std::uint64_t>(raw.st_blocks);
  return stat;
}

std::string_view type_name(FileType type) {
  switch (type) {
    case FileType::regular:
      return "a regular file";
    case FileType::directory:
      return "a directory";
    case FileType::symlink:
      return "a symlink";
    case FileType::character:
      return "a character device";
    case FileType::block:
      return "a block device";
    case FileType::fifo:
      return "a fifo";
    case FileType::socket:
      return "a socket";
  }
  return "a file";
}

int stat_at(int directory, const char* name, Stat& out) {
  struct ::stat raw{};
  if (retry([&] { return ::fstatat(directory, name, &raw, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT); }) != 0) {
    return errno;
  }
  out = to_stat(raw);
  return 0;
}

Stat stat(const Fd& fd) {
  struct ::stat raw{};
  if (::fstat(fd.get(), &raw) != 0) throw_errno(errno, "stat of an open file");
  return to_stat(raw);
}

bool have_proc() {
  // Asked once: a process does not lose its /proc while it works, and every file with xattrs would ask.
  static const bool mounted = [] {
    struct ::statfs raw{};
    return ::statfs("/proc/self/fd", &raw) == 0 && raw.f_type == PROC_SUPER_MAGIC;
  }();
  return mounted;
}

std::string proc_path(int fd) { return fmt::format("/proc/self/fd/{}", fd); }

void require_regular(const Stat& stat, const Where& where) {
  if (stat.type == FileType::regular) return;
  throw Error(Kind::invalid,
              fmt::format("{}: is {}, not a regular file", where.text(), type_name(stat.type)));
}

}  // namespace stave::fs
