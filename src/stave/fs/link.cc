// Names, times.

#include "stave/fs/link.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/fs/sys.h"

namespace stave::fs {

bool link_file(const Fd& file, const Dir& dir, const std::string& name) {
  if (!have_proc()) return false;
  if (::linkat(AT_FDCWD, proc_path(file.get()).c_str(), dir.fd(), name.c_str(), AT_SYMLINK_FOLLOW) == 0)
    return true;
  switch (errno) {
    case EEXIST:
      return true;
    case EXDEV:
    case EPERM:
    case EACCES:
    case EMLINK:
    case EOPNOTSUPP:
    case ENOENT:  // it has lost its last name meanwhile
      return false;
    default:
      fail(errno, {dir.name(), name});
  }
}

void touch(const Dir& dir, const std::string& name) {
  if (::utimensat(dir.fd(), name.c_str(), nullptr, AT_SYMLINK_NOFOLLOW) != 0) fail(errno, {dir.name(), name});
}

Time change_clock() {
  ::timespec now{};
  if (::clock_gettime(CLOCK_REALTIME_COARSE, &now) != 0) throw_errno(errno, "reading the clock");
  return {now.tv_sec, static_cast<std::uint32_t>(now.tv_nsec)};
}

}  // namespace stave::fs
