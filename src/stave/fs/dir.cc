// Dir: operations on one name below a directory handle. Each is the same two steps:
// reach the parent without following anything (resolve.h), then one
// system call that takes a handle and a single component.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/fs/fs.h"
#include "stave/fs/listing.h"
#include "stave/fs/place.h"
#include "stave/fs/resolve.h"
#include "stave/fs/sys.h"
#include "stave/fs/xattrs.h"

namespace stave::fs {
namespace {

constexpr int file_flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;

// Opens a directory that the user named, component by component so that any length will do; with `mode` what
// is missing is made.
Opened open_named(std::string_view path, std::optional<std::uint32_t> mode) {
  if (path.empty()) return {Fd(), ENOENT};
  if (path.find('\0') != std::string_view::npos) return {Fd(), EINVAL};
  Opened here = open_at(AT_FDCWD, path.starts_with('/') ? "/" : ".", O_PATH | O_DIRECTORY);
  for (const std::string& name : split(path, '/')) {
    if (here.error) return here;
    if (name.empty()) continue;
    Opened next = open_at(here.fd.get(), name.c_str(), O_PATH | O_DIRECTORY);
    if (next.error == ENOENT && mode) {
      // EEXIST: somebody else made it meanwhile, or it is a dangling symlink; the open will tell.
      if (::mkdirat(here.fd.get(), name.c_str(), *mode) != 0 && errno != EEXIST) return {Fd(), errno};
      next = open_at(here.fd.get(), name.c_str(), O_PATH | O_DIRECTORY);
    }
    here = std::move(next);
  }
  return here.error ? std::move(here) : open_directory_at(here.fd.get(), ".", 0);
}

[[noreturn]] void fail_named(int error, const std::string& path) {
  if (error == ELOOP) throw Error(Kind::invalid, quote(path) + ": its symlinks go round in a loop");
  if (error == EINVAL) throw Error(Kind::invalid, quote(path) + ": a path cannot hold a NUL byte");
  if (error == ENOTDIR)
    throw Error(Kind::not_found, quote(path) + ": is not a directory, or leads through a file");
  fail(error, {path});
}

// Why the last component could not be opened as what it should be: says what it is instead.
[[noreturn]] void fail_type(int error, const Place& place, std::string_view wanted, const Where& where) {
  Stat stat;
  const bool may_be_type = error == ELOOP || error == ENOTDIR || error == ENXIO || error == ENODEV;
  if (!may_be_type || stat_at(place.directory, place.name.c_str(), stat) != 0) fail(error, where);
  throw Error(Kind::invalid, fmt::format("{}: is {}, not {}", where.text(), type_name(stat.type), wanted));
}

}  // namespace

Dir Dir::open(const std::string& path) {
  Opened opened = open_named(path, std::nullopt);
  if (opened.error) fail_named(opened.error, path);
  return Dir(std::move(opened.fd), path);
}

Dir Dir::create(const std::string& path, std::uint32_t mode) {
  Opened opened = open_named(path, mode);
  if (opened.error) fail_named(opened.error, path);
  return Dir(std::move(opened.fd), path);
}

Dir Dir::open_dir(std::string_view relative) const {
  const Where where{name_, relative};
  const Place place = locate(*this, relative);
  Opened opened = open_directory_at(place.directory, place.name.c_str(), O_NOFOLLOW);
  if (opened.error) fail_type(opened.error, place, "a directory", where);
  return Dir(std::move(opened.fd), where.path());
}

Dir Dir::make_dir(std::string_view relative, std::uint32_t mode) const {
  const Where where{name_, relative};
  const Place place = locate(*this, relative);
  if (::mkdirat(place.directory, place.name.c_str(), mode) != 0 && errno != EEXIST) fail(errno, where);
  Opened opened = open_directory_at(place.directory, place.name.c_str(), O_NOFOLLOW);
  if (opened.error == ENOTDIR || opened.error == ELOOP) {
    throw Error(Kind::exists, where.text() + ": is there already and not a directory");
  }
  if (opened.error) fail(opened.error, where);
  return Dir(std::move(opened.fd), where.path());
}

Fd Dir::open_file(std::string_view relative) const {
  Fd file = open_unseen(relative);
  require_regular(stat(file), {name_, relative});
  return file;
}

Fd Dir::open_unseen(std::string_view relative) const {
  if (Fd file = try_open(*this, relative, file_flags)) return file;
  const Place place = locate(*this, relative);
  Opened file = open_at(place.directory, place.name.c_str(), file_flags | O_NOFOLLOW);
  if (file.error) fail_type(file.error, place, "a regular file", {name_, relative});
  return std::move(file.fd);
}

std::optional<Stat> Dir::find(std::string_view relative) const {
  Place place = try_locate(*this, relative);
  if (place.is_self()) return stat(fd_);
  Stat found;
  if (!place.error) place.error = stat_at(place.directory, place.name.c_str(), found);
  switch (place.error) {
    case 0:
      return found;
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case ENAMETOOLONG:
      return std::nullopt;  // below a file or a symlink, or under such a name, there is nothing
    default:
      fail(place.error, {name_, relative});
  }
}

Stat Dir::get(std::string_view relative) const {
  const Place place = locate(*this, relative);
  if (place.is_self()) return stat(fd_);
  Stat found;
  if (const int error = stat_at(place.directory, place.name.c_str(), found)) fail(error, {name_, relative});
  return found;
}

std::string Dir::readlink(std::string_view relative) const {
  const Place place = locate(*this, relative);
  return read_link(place.directory, place.name.c_str(), {name_, relative});
}

Xattrs Dir::xattrs(std::string_view relative, FileType type) const {
  const Where where{name_, relative};
  const Place place = locate(*this, relative);
  return XattrReader().read(place.directory, place.name.c_str(), type, where);
}

std::vector<std::string> Dir::list(std::string_view relative) const {
  const Where where{name_, relative};
  const Place place = locate(*this, relative);
  const Opened opened = open_at(place.directory, place.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (opened.error) fail_type(opened.error, place, "a directory", where);
  const Names names = Lister().list(opened.fd.get(), where);
  std::vector<std::string> result;
  result.reserve(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) result.emplace_back(names[i]);
  return result;
}

Fd Dir::open_in_root(std::string_view relative) const {
  const Where where{name_, relative};
  if (relative.find('\0') != std::string_view::npos) {
    throw Error(Kind::invalid, where.text() + ": a path cannot hold a NUL byte");
  }
  Opened file = fs::open_in_root(fd(), relative, file_flags, resolver());
  if (file.error == ELOOP) {
    throw Error(Kind::invalid,
                fmt::format("{}: more than {} symlinks follow one another, or one leads out through /proc",
                            where.text(), limits::symlinks_followed));
  }
  if (file.error == EAGAIN)
    throw Error(Kind::changed, where.text() + ": kept moving while it was looked for");
  if (file.error == ENXIO || file.error == ENODEV) {
    throw Error(Kind::invalid, where.text() + ": is a socket or a device, not a regular file");
  }
  if (file.error) fail(file.error, where);
  require_regular(stat(file.fd), where);
  return std::move(file.fd);
}

void Dir::remove_file(std::string_view relative) const {
  const Place place = locate(*this, relative);
  if (::unlinkat(place.directory, place.name.c_str(), 0) == 0) return;
  if (errno == EISDIR)
    throw Error(Kind::invalid, Where{name_, relative}.text() + ": is a directory, not a file");
  fail(errno, {name_, relative});
}

void Dir::rename(std::string_view from, std::string_view to) const {
  const Place source = locate(*this, from);
  const Place target = locate(*this, to);
  if (::renameat(source.directory, source.name.c_str(), target.directory, target.name.c_str()) == 0) return;
  throw_errno(errno, fmt::format("renaming {} to {}", Where{name_, from}.text(), Where{name_, to}.text()));
}

void Dir::sync() const {
  // EINVAL: the file system has nothing to sync for a directory (some FUSE and network file systems).
  if (retry([&] { return ::fsync(fd_.get()); }) != 0 && errno != EINVAL) fail(errno, {name_});
}

}  // namespace stave::fs
