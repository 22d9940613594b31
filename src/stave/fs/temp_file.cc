// TempFile: written where nobody sees it, then given its name in one step. O_TMPFILE
// needs no name at all and leaves nothing behind even when the
// process is killed; where it is missing (NFS, old overlayfs) a hidden name stands in.

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/fs/fs.h"
#include "stave/fs/sys.h"

namespace stave::fs {
namespace {

// Names left by processes of the same number that were killed are stepped over; this many mean something else
// is wrong.
constexpr int name_attempts = 10000;

[[noreturn]] void fail_in(int error, std::string_view doing, const std::string& directory) {
  throw_errno(error, fmt::format("{}: {} a temporary file", quote(directory), doing));
}

// Finds a free ".stave-tmp-<pid>-<n>": `make` tries one and gives 0 or an errno. The name, or the errno in
// `error`.
template <class Make>
std::string make_unused(const Make& make, int& error) {
  for (int n = 0; n < name_attempts; ++n) {
    std::string name = fmt::format(".stave-tmp-{}-{}", ::getpid(), n);
    error = make(name.c_str());
    if (error == 0) return name;
    if (error != EEXIST) break;
  }
  return {};
}

// Makes the file system report what it still holds back. NFS and FUSE learn of a full disk when a descriptor
// is closed; closing a copy asks them without giving ours up.
int flush(int fd) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return errno;
  return ::close(copy) == 0 || errno == EINTR ? 0 : errno;
}

int link_open_file(int fd, int directory, const char* name) {
  return ::linkat(AT_FDCWD, proc_path(fd).c_str(), directory, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

// Moves `from` to `to` unless that exists. linkat is for file systems that do not know RENAME_NOREPLACE.
int move_if_absent(int directory, const char* from, const char* to) {
  if (::renameat2(directory, from, directory, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  if (::linkat(directory, from, directory, to, 0) != 0) return errno;
  return ::unlinkat(directory, from, 0) == 0 ? 0 : errno;
}

void check_file_name(std::string_view name, const Where& where) {
  const bool bad = name.empty() || name == "." || name == ".." || name.find('/') != std::string_view::npos ||
                   name.find('\0') != std::string_view::npos;
  if (bad) throw Error(Kind::invalid, where.text() + ": a file is published under a single name");
}

Fd open_unnamed(int directory, int extra_flags) {
  // Without /proc it could never be given a name.
  if (!have_proc()) return {};
  return open_at(directory, ".", O_TMPFILE | O_RDWR | extra_flags, 0600).fd;
}

std::string open_named(int directory, Fd& fd, const std::string& directory_name) {
  int error = 0;
  std::string name = make_unused(
      [&](const char* candidate) {
        Opened opened = open_at(directory, candidate, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
        fd = std::move(opened.fd);
        return opened.error;
      },
      error);
  if (error) fail_in(error, "making", directory_name);
  return name;
}

// Somebody has the name already. That is what `keep` means, if it is a file that has it.
void stand_back(int directory, const std::string& name, TempFile::Existing existing, const Where& where) {
  Stat there;
  const int error = stat_at(directory, name.c_str(), there);
  if (existing == TempFile::Existing::keep && !error && there.type == FileType::regular) return;
  throw Error(Kind::exists, fmt::format("{}: {} is there already", where.text(),
                                        error ? std::string_view("something") : type_name(there.type)));
}

}  // namespace

TempFile TempFile::in(const Dir& dir, std::uint32_t mode) {
  TempFile file;
  file.dir_name_ = dir.name();
  Opened directory = open_directory_at(dir.fd(), ".", 0);
  if (directory.error) fail(directory.error, {dir.name()});
  file.dir_ = std::move(directory.fd);
  file.fd_ = open_unnamed(dir.fd(), 0);
  // Whatever kept O_TMPFILE from working (EOPNOTSUPP, EISDIR, ENOENT, EINVAL: each file system has its own),
  // the named way works or says why not.
  if (!file.fd_) file.temp_name_ = open_named(dir.fd(), file.fd_, dir.name());
  if (::fchmod(file.fd_.get(), mode & 07777) != 0) fail_in(errno, "setting the mode of", dir.name());
  return file;
}

TempFile TempFile::anonymous(const std::string& directory) {
  const Dir dir = Dir::open(directory.empty() ? "/tmp" : directory);
  TempFile file;
  file.dir_name_ = dir.name();
  file.fd_ = open_unnamed(dir.fd(), O_EXCL);
  if (file.fd_) return file;
  const std::string name = open_named(dir.fd(), file.fd_, dir.name());
  if (::unlinkat(dir.fd(), name.c_str(), 0) != 0) fail_in(errno, "hiding", dir.name());
  return file;
}

std::optional<TempFile> TempFile::kept(const Dir& dir, std::string_view file_name, std::uint32_t mode) {
  check_file_name(file_name, {dir.name(), file_name});
  const std::string name(file_name);
  for (int n = 0; n < name_attempts; ++n) {
    Opened opened = open_at(dir.fd(), name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (opened.error == ELOOP || opened.error == EISDIR || opened.error == ENXIO) return std::nullopt;
    if (opened.error) fail_in(opened.error, "making", dir.name());
    const Stat open = stat(opened.fd);
    if (open.type != FileType::regular) return std::nullopt;
    if (retry([&] { return ::flock(opened.fd.get(), LOCK_EX | LOCK_NB); }) != 0) return std::nullopt;
    // Whoever had it until now may have published or discarded it.
    Stat named;
    const int error = stat_at(dir.fd(), name.c_str(), named);
    if (error || named.inode != open.inode || named.device != open.device) continue;
    TempFile file;
    file.dir_name_ = dir.name();
    Opened directory = open_directory_at(dir.fd(), ".", 0);
    if (directory.error) fail(directory.error, {dir.name()});
    file.dir_ = std::move(directory.fd);
    file.fd_ = std::move(opened.fd);
    file.temp_name_ = name;
    file.kept_ = true;
    const auto end = ::lseek(file.fd_.get(), 0, SEEK_END);
    if (end < 0 || ::fchmod(file.fd_.get(), mode & 07777) != 0) fail_in(errno, "setting up", dir.name());
    file.size_ = static_cast<std::uint64_t>(end);
    return file;
  }
  return std::nullopt;
}

TempFile::TempFile(TempFile&& other) noexcept
    : fd_(std::move(other.fd_)),
      dir_(std::move(other.dir_)),
      dir_name_(std::move(other.dir_name_)),
      temp_name_(std::exchange(other.temp_name_, {})),
      kept_(std::exchange(other.kept_, false)),
      size_(std::exchange(other.size_, 0)) {}

TempFile& TempFile::operator=(TempFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(dir_, other.dir_);
  std::swap(dir_name_, other.dir_name_);
  std::swap(temp_name_, other.temp_name_);
  std::swap(kept_, other.kept_);
  std::swap(size_, other.size_);
  return *this;
}

TempFile::~TempFile() { drop_name(); }

void TempFile::drop_name() {
  // An empty one is of no use to whoever comes next.
  const bool stays = kept_ && size_ != 0;
  if (!temp_name_.empty() && !stays) ::unlinkat(dir_.get(), temp_name_.c_str(), 0);
  temp_name_.clear();
}

void TempFile::write(Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t written = retry([&] { return ::write(fd_.get(), bytes.data(), bytes.size()); });
    if (written < 0) fail_in(errno, "writing", dir_name_);
    if (written == 0) fail_in(EIO, "writing", dir_name_);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    size_ += static_cast<std::uint64_t>(written);
  }
}

void TempFile::publish(std::string_view file_name, Existing existing, bool sync) && {
  // From here on this object owns nothing: whatever fails, nothing is left behind.
  TempFile file = std::move(*this);
  file.kept_ = false;
  const Where where{file.dir_name_, file_name};
  check_file_name(file_name, where);
  if (!file.dir_) throw Error(Kind::internal, where.text() + ": an anonymous file was to be published");
  if (sync && retry([&] { return ::fsync(file.fd_.get()); }) != 0) fail_in(errno, "syncing", file.dir_name_);
  if (const int error = flush(file.fd_.get())) fail_in(error, "closing", file.dir_name_);
  const std::string name(file_name);
  const int error = existing == Existing::replace ? file.name_over(name) : file.name_if_absent(name);
  if (error == EEXIST) stand_back(file.dir_.get(), name, existing, where);
  if (error && error != EEXIST) fail(error, where);
  if (sync && retry([&] { return ::fsync(file.dir_.get()); }) != 0 && errno != EINVAL)
    fail(errno, {file.dir_name_});
}

int TempFile::name_if_absent(const std::string& name) {
  if (temp_name_.empty()) return link_open_file(fd_.get(), dir_.get(), name.c_str());
  const int error = move_if_absent(dir_.get(), temp_name_.c_str(), name.c_str());
  if (!error) temp_name_.clear();
  return error;
}

int TempFile::name_over(const std::string& name) {
  if (temp_name_.empty()) {
    // linkat never replaces; only a rename does, and that needs a name to start from.
    int error = link_open_file(fd_.get(), dir_.get(), name.c_str());
    if (error != EEXIST) return error;
    temp_name_ = make_unused(
        [&](const char* candidate) { return link_open_file(fd_.get(), dir_.get(), candidate); }, error);
    if (error) return error == EEXIST ? EBUSY : error;
  }
  if (::renameat(dir_.get(), temp_name_.c_str(), dir_.get(), name.c_str()) != 0) {
    return errno == EISDIR ? EEXIST : errno;  // a directory is not replaced by a file
  }
  temp_name_.clear();
  return 0;
}

void TempFile::discard() && {
  TempFile file = std::move(*this);
  file.kept_ = false;
}

Fd TempFile::release() && {
  drop_name();
  return std::move(fd_);
}

}  // namespace stave::fs
