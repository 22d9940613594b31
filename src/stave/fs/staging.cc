// Staging. The lock tells the living from the dead: who holds it uses the directory,
// and who can take it from somebody else's directory may remove that.

#include "stave/fs/staging.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/fs/place.h"
#include "stave/fs/sys.h"

namespace stave::fs {
namespace {

constexpr std::string_view prefix = ".stave-tmp-";
constexpr std::size_t random_digits = 16;
// Somebody who cleans up may take the lock of a directory before its maker does; more often in a row than
// this is something else.
constexpr int attempts = 100;

// TempFile's names (".stave-tmp-<pid>-<n>") are files and look otherwise.
bool is_ours(std::string_view name) {
  if (!name.starts_with(prefix)) return false;
  name.remove_prefix(prefix.size());
  if (name.size() <= random_digits || name[random_digits] != '-') return false;
  return name.substr(0, random_digits).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string random_name(std::string_view name) {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) throw_errno(errno, "random bytes for a name");
  return fmt::format("{}{:016x}-{}", prefix, number, name.substr(0, 200));  // NAME_MAX is 255
}

// Nothing of what `parent` would hand down: what is made below has the mode that we say, and no ACL.
void make_plain(const Fd& fd, const Where& where) {
  for (const char* acl : {"system.posix_acl_access", "system.posix_acl_default"}) {
    if (::fremovexattr(fd.get(), acl) != 0 && errno != ENODATA && errno != ENOTSUP) fail(errno, where);
  }
  if (::fchmod(fd.get(), 0700) != 0) fail(errno, where);
}

}  // namespace

struct Staging::Made {
  std::string name;
  Dir dir;
  Lock lock;
};

Staging::Made Staging::make(const Dir& parent, std::string_view name) {
  for (int attempt = 0; attempt < attempts; ++attempt) {
    const std::string mine = random_name(name);
    const Where where{parent.name(), mine};
    if (::mkdirat(parent.fd(), mine.c_str(), 0700) != 0) {
      if (errno == EEXIST) continue;
      const int error = errno;
      fail(error, {parent.name()});
    }
    // With a umask that takes our own bits away it could not be opened.
    (void)::fchmodat(parent.fd(), mine.c_str(), 0700, 0);
    Dir dir = parent.open_dir(mine);
    make_plain(dir.handle(), where);
    auto lock = Lock::try_take(dir.handle(), Lock::Mode::exclusive);
    if (lock && stat(dir.handle()).links != 0) return {mine, std::move(dir), std::move(*lock)};
  }
  throw Error(Kind::busy, fmt::format("{}: no temporary directory can be kept there", quote(parent.name())));
}

Staging::Staging(const Dir& parent, std::string_view name) : Staging(parent, make(parent, name)) {}

Staging::Staging(const Dir& parent, Made made)
    : parent_(parent), name_(std::move(made.name)), dir_(std::move(made.dir)), lock_(std::move(made.lock)) {}

Staging::~Staging() {
  try {
    parent_.remove_tree(name_);
  } catch (const Error&) {
    // What led here is the failure to speak of; the next one beside it cleans up.
  }
}

Dir Staging::make_dir(std::string_view relative) const {
  const Where where{dir_.name(), relative};
  const Place place = locate(dir_, relative);
  if (::mkdirat(place.directory, place.name.c_str(), 0700) != 0) fail(errno, where);
  if (::fchmodat(place.directory, place.name.c_str(), 0700, 0) != 0) fail(errno, where);
  return dir_.open_dir(relative);
}

void Staging::publish(std::string_view inside, const std::string& name) const {
  const Where where{parent_.name(), name};
  if (::renameat(dir_.fd(), std::string(inside).c_str(), parent_.fd(), name.c_str()) == 0) return;
  switch (const int error = errno) {
    case EEXIST:
    case ENOTEMPTY:
    case ENOTDIR:
    case EISDIR:
      throw Error(Kind::exists, where.text() + ": something came to be there meanwhile");
    case EBUSY:
      throw Error(Kind::busy, where.text() + ": something is mounted there");
    default:
      fail(error, where);
  }
}

std::size_t Staging::remove_left_over(const Dir& parent) {
  std::size_t left = 0;
  for (const std::string& name : parent.list()) {
    if (!is_ours(name)) continue;
    try {
      const auto found = parent.find(name);
      // In /tmp anybody can make such names; only what we made is ours to judge.
      if (!found || found->type != FileType::directory || found->uid != ::geteuid()) continue;
      const Dir dir = parent.open_dir(name);
      const auto lock = Lock::try_take(dir.handle(), Lock::Mode::exclusive);
      if (lock) parent.remove_tree(name);
    } catch (const Error& e) {
      if (e.kind() != Kind::not_found) ++left;  // somebody else was faster
    }
  }
  return left;
}

}  // namespace stave::fs
