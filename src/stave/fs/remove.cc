// remove_tree: everything below a name, bottom up. It holds on to handles, follows no
// symlink and does not go into another mount: a host directory that
// somebody forgot to unmount inside a root file system must survive.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "stave/base/error.h"
#include "stave/fs/fs.h"
#include "stave/fs/listing.h"
#include "stave/fs/place.h"
#include "stave/fs/trail.h"

namespace stave::fs {
namespace {

// The mount that an open file lies on, so that bind mounts of one file system differ; before Linux 5.8 only
// its device.
std::uint64_t mount_of(int fd) {
  struct ::statx raw{};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &raw) == 0 && (raw.stx_mask & STATX_MNT_ID))
    return raw.stx_mnt_id;
  struct ::stat old{};
  return ::fstat(fd, &old) == 0 ? old.st_dev : 0;
}

class Removal {
 public:
  Removal(std::string path, int parent) : path_(std::move(path)), top_(parent), mount_(mount_of(parent)) {}

  void run(const char* name) {
    remove(name);
    while (!levels_.empty()) {
      Level& level = levels_.back();
      if (level.next < level.names.size()) {
        path_.resize(level.path_size);
        path_ += '/';
        const char* next = level.names[level.next++];
        path_ += next;
        remove(next);
      } else {
        leave();
      }
    }
  }

 private:
  struct Level {
    std::string name;  // of the directory in its parent
    Names names;
    std::size_t next = 0;
    std::size_t path_size = 0;
  };

  int parent() const { return trail_.empty() ? top_ : trail_.fd(); }
  Where here() const { return {path_}; }

  // Removes a file at once; a directory is entered and goes when it is empty.
  void remove(const char* name) {
    for (;;) {
      if (::unlinkat(parent(), name, 0) == 0 || errno == ENOENT) return;
      if (errno != EISDIR) fail(errno, here());
      const Opened place = open_at(parent(), name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
      if (place.error == ENOENT) return;
      if (place.error == ENOTDIR) continue;  // a file by now
      if (place.error) fail(place.error, here());
      return enter(name, place.fd);
    }
  }

  void enter(const char* name, const Fd& place) {
    if (mount_of(place.get()) != mount_) {
      throw Error(Kind::busy, here().text() + ": something is mounted there, and it is not ours to remove",
                  "unmount it first");
    }
    const Stat stat = fs::stat(place);
    // What a build unpacks may well be mode 0555; whoever may chmod it may empty it. Through /proc, because
    // fchmod takes no O_PATH descriptor and a name could be a symlink by now. If it fails, what comes next
    // says so.
    if ((stat.mode & 0700) != 0700) (void)::chmod(proc_path(place.get()).c_str(), stat.mode | 0700);
    Opened opened = open_at(place.get(), ".", O_RDONLY | O_DIRECTORY);
    if (opened.error) fail(opened.error, here());
    levels_.push_back({name, lister_.list(opened.fd.get(), here()), 0, path_.size()});
    trail_.enter(std::move(opened.fd), stat);
  }

  void leave() {
    const Level level = std::move(levels_.back());
    levels_.pop_back();
    path_.resize(level.path_size);
    trail_.leave(here());
    if (::unlinkat(parent(), level.name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return;
    if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR) {
      throw Error(Kind::changed, here().text() + ": somebody wrote into it while it was being removed",
                  "try again when nothing writes there");
    }
    fail(errno, here());
  }

  std::string path_;
  int top_;
  std::uint64_t mount_;
  std::vector<Level> levels_;
  Trail trail_;
  Lister lister_;
};

}  // namespace

void Dir::remove_tree(std::string_view relative) const {
  const Where where{name_, relative};
  const Place place = try_locate(*this, relative);
  if (place.error == ENOENT || place.error == ENOTDIR) return;
  if (place.error) fail(place.error, where);
  if (place.is_self())
    throw Error(Kind::invalid, where.text() + ": a directory cannot be removed through itself");
  Removal(where.path(), place.directory).run(place.name.c_str());
}

}  // namespace stave::fs
