// Locks between processes, and between parts of one process. flock belongs to the open
// file description, so each Lock opens the file anew; dup would share it,
// and the second lock of a process would succeed at once.

#include <fcntl.h>
#include <sys/file.h>

#include "stave/base/error.h"
#include "stave/fs/fs.h"
#include "stave/fs/sys.h"

namespace stave::fs {
namespace {

Fd open_anew(const Fd& fd) {
  if (stat(fd).type == FileType::directory) {
    Opened directory = open_at(fd.get(), ".", O_RDONLY | O_DIRECTORY);
    if (directory.error) throw_errno(directory.error, "opening a directory to lock it");
    return std::move(directory.fd);
  }
  // NFS makes an exclusive flock a write lock, which needs a descriptor open for writing if we have one.
  const int flags = ::fcntl(fd.get(), F_GETFL);
  Opened file = open_at(AT_FDCWD, proc_path(fd.get()).c_str(), (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY);
  if (file.error) throw_errno(file.error, "opening a file to lock it (is /proc mounted?)");
  return std::move(file.fd);
}

int operation(Lock::Mode mode) { return mode == Lock::Mode::shared ? LOCK_SH : LOCK_EX; }

}  // namespace

Lock Lock::take(const Fd& fd, Mode mode) {
  Lock lock(open_anew(fd));
  if (retry([&] { return ::flock(lock.fd_.get(), operation(mode)); }) != 0) throw_errno(errno, "locking");
  return lock;
}

std::optional<Lock> Lock::try_take(const Fd& fd, Mode mode) {
  Lock lock(open_anew(fd));
  if (retry([&] { return ::flock(lock.fd_.get(), operation(mode) | LOCK_NB); }) == 0) return lock;
  if (errno == EWOULDBLOCK) return std::nullopt;
  throw_errno(errno, "locking");
}

Lock::~Lock() {
  // Said aloud: a child forked meanwhile may hold a copy of the descriptor, and would keep the lock.
  if (fd_) ::flock(fd_.get(), LOCK_UN);
}

}  // namespace stave::fs
