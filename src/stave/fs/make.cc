// Making files, and giving them owner, mode, xattrs and time.

#include "stave/fs/make.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/fs/sys.h"

namespace stave::fs {
namespace {

[[noreturn]] void fail_doing(int error, const char* doing) {
  switch (error) {
    case ENAMETOOLONG:
      throw Error(Kind::limit, fmt::format("{}: longer than the file system takes", doing));
    case ENOSPC:
    case EDQUOT:
      throw Error(Kind::no_space, fmt::format("{}: no space is left on the file system", doing),
                  "free some, or unpack where there is more");
    case EMLINK:
      throw Error(Kind::limit, fmt::format("{}: the file system takes no more names for one file", doing));
    default:
      throw_errno(error, doing);
  }
}

[[noreturn]] void fail_owner(int error, const Attributes::Owner& owner) {
  const std::string what = fmt::format("giving it to {}:{}", owner.uid, owner.gid);
  if (error == EINVAL)
    throw Error(Kind::denied, what + ": this user namespace has no such ids",
                "give it a larger range of subordinate ids (/etc/subuid, /etc/subgid)");
  if (error == EPERM)
    throw Error(Kind::denied, what + ": only root may", "run as root, or keep owners aside");
  throw_errno(error, what);
}

// The file systems of Linux allocate no less.
constexpr std::size_t hole_block = 4096;

bool is_zero(Bytes bytes) {
  return bytes.front() == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

// What a file system or the kernel says to an attribute that it does not take: xattr(7), capabilities(7).
// EINVAL is a capability or ACL that is none.
bool refused(int error) {
  return error == ENOTSUP || error == EPERM || error == EACCES || error == EINVAL || error == E2BIG ||
         error == ERANGE;
}

std::array<::timespec, 2> times(const Time& mtime) {
  return {{{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
           {.tv_sec = mtime.seconds, .tv_nsec = static_cast<long>(mtime.nanoseconds)}}};
}

template <class Set>
bool set_xattrs(const Xattrs& xattrs, const Set& set) {
  bool all = true;
  for (const auto& [name, value] : xattrs) {
    if (set(name.c_str(), value.data(), value.size()) == 0) continue;
    if (!refused(errno)) fail_doing(errno, "setting its extended attributes");
    all = false;
  }
  return all;
}

}  // namespace

Fd create_file(const Dir& dir, const std::string& name, std::uint32_t mode) {
  Opened file = open_at(dir.fd(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  if (file.error) fail_doing(file.error, "making the file");
  return std::move(file.fd);
}

Inborn inborn_in(const Dir& dir) {
  const std::string probe = "probe";
  const Stat found = stat(create_file(dir, probe, 0777));
  dir.remove_file(probe);
  return {{found.uid, found.gid}, found.mode};
}

void create_symlink(const Dir& dir, const std::string& name, const std::string& text) {
  if (::symlinkat(text.c_str(), dir.fd(), name.c_str()) != 0) fail_doing(errno, "making the symlink");
}

bool create_node(const Dir& dir, const std::string& name, FileType type, std::uint32_t device_major,
                 std::uint32_t device_minor) {
  const ::mode_t kind = type == FileType::character ? S_IFCHR : type == FileType::block ? S_IFBLK : S_IFIFO;
  const ::dev_t device = type == FileType::fifo ? 0 : ::makedev(device_major, device_minor);
  if (::mknodat(dir.fd(), name.c_str(), kind | 0600, device) == 0) return true;
  // EINVAL: more than 12 bits of major or 20 of minor number.
  if (errno == EPERM || errno == EACCES || errno == EINVAL || errno == ENOTSUP) return false;
  fail_doing(errno, "making the device");
}

void HoleSink::write(Bytes bytes) {
  while (!bytes.empty()) {
    // As many blocks as are alike, the first of them perhaps only the rest of one.
    std::size_t run = 0;
    bool zero = false;
    while (run < bytes.size()) {
      const std::size_t block = std::min(bytes.size() - run, hole_block - (offset_ + run) % hole_block);
      const bool this_zero = is_zero(bytes.subspan(run, block));
      if (run != 0 && this_zero != zero) break;
      zero = this_zero;
      run += block;
    }
    if (!zero) put(bytes.first(run));
    ends_in_hole_ = zero;
    offset_ += run;
    bytes = bytes.subspan(run);
  }
}

void HoleSink::put(Bytes bytes) {
  written_ += bytes.size();
  auto at = static_cast<::off_t>(offset_);
  while (!bytes.empty()) {
    const ssize_t n = retry([&] { return ::pwrite(file_.get(), bytes.data(), bytes.size(), at); });
    if (n < 0) fail_doing(errno, "writing");
    if (n == 0) fail_doing(EIO, "writing");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    at += n;
  }
}

std::uint64_t HoleSink::finish() {
  if (ends_in_hole_ && retry([&] { return ::ftruncate(file_.get(), static_cast<::off_t>(offset_)); }) != 0)
    fail_doing(errno, "setting its size");
  return written_;
}

bool set_attributes(const Fd& file, const Attributes& attributes, const std::optional<Inborn>& has) {
  const auto& owner = attributes.owner;
  const bool other_owner = owner && (!has || has->owner.uid != owner->uid || has->owner.gid != owner->gid);
  if (other_owner && ::fchown(file.get(), owner->uid, owner->gid) != 0) fail_owner(errno, *owner);
  if ((!has || has->mode != attributes.mode) && ::fchmod(file.get(), attributes.mode) != 0)
    fail_doing(errno, "setting its mode");
  const bool all = set_xattrs(attributes.xattrs, [&](const char* name, const void* value, std::size_t size) {
    return ::fsetxattr(file.get(), name, value, size, 0);
  });
  if (::futimens(file.get(), times(attributes.mtime).data()) != 0) fail_doing(errno, "setting its time");
  return all;
}

bool set_attributes(const Dir& dir, const std::string& name, FileType type, const Attributes& attributes) {
  const char* file = name.c_str();
  const auto& owner = attributes.owner;
  if (owner && ::fchownat(dir.fd(), file, owner->uid, owner->gid, AT_SYMLINK_NOFOLLOW) != 0)
    fail_owner(errno, *owner);
  if (type != FileType::symlink && ::fchmodat(dir.fd(), file, attributes.mode, 0) != 0)
    fail_doing(errno, "setting its mode");
  // There is no fsetxattr for what cannot be opened, and setxattrat is of Linux 6.13.
  const std::string path = proc_path(dir.fd()) + "/" + name;
  const bool all = set_xattrs(attributes.xattrs, [&](const char* key, const void* value, std::size_t size) {
    return ::lsetxattr(path.c_str(), key, value, size, 0);
  });
  if (::utimensat(dir.fd(), file, times(attributes.mtime).data(), AT_SYMLINK_NOFOLLOW) != 0)
    fail_doing(errno, "setting its time");
  return all;
}

void set_mode(const Fd& file, std::uint32_t mode) {
  if (::fchmod(file.get(), mode) != 0) fail_doing(errno, "setting its mode");
}

bool is_mount_point(const Dir& parent, const std::string& name) {
  struct ::statx raw{};
  const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  if (::statx(parent.fd(), name.c_str(), flags, STATX_BASIC_STATS, &raw) != 0) return false;
  // Since Linux 5.8; before, a bind mount within one file system looks like any directory, and the rename
  // says EBUSY.
  if ((raw.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0)
    return (raw.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  return ::makedev(raw.stx_dev_major, raw.stx_dev_minor) != stat(parent.handle()).device;
}

Time time_after_now(const Dir& dir) {
  // Linux stamps with a clock that ticks every 1 to 10 ms (CONFIG_HZ).
  constexpr int most_waits = 50;
  const TempFile probe = TempFile::in(dir, 0600);
  const auto touch = [&] {
    if (::fchmod(probe.fd().get(), 0600) != 0) fail_doing(errno, "asking the file system for its time");
    return stat(probe.fd()).ctime;
  };
  const Time first = touch();
  Time now = first;
  for (int waits = 0; now == first && waits < most_waits; ++waits) {
    const ::timespec millisecond{.tv_sec = 0, .tv_nsec = 1'000'000};
    ::nanosleep(&millisecond, nullptr);
    now = touch();
  }
  return now;
}

}  // namespace stave::fs
