// The file system, through handles. A directory is opened once; everything else
// is reached from that handle, without following a symlink that nobody asked
// to follow and without ever leaving the directory by name.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stave/base/context.h"
#include "stave/base/stream.h"

namespace stave::fs {

// An owned file descriptor, closed on destruction.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

enum class FileType : std::uint8_t { regular, directory, symlink, character, block, fifo, socket };

struct Time {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;
  friend auto operator<=>(const Time&, const Time&) = default;
};

// What stat says of a file. `mode` is 07777, without the type.
struct Stat {
  FileType type = FileType::regular;
  std::uint32_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0;
  Time mtime;
  Time ctime;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t links = 1;
  std::uint32_t device_major = 0;  // of the device that a character or block file is
  std::uint32_t device_minor = 0;
  std::uint64_t blocks = 0;  // 512-byte units really taken
};

Stat stat(const Fd& fd);

using Xattrs = std::vector<std::pair<std::string, std::string>>;  // sorted by name

// A directory handle. `relative` paths are made of ordinary components separated by '/' ("" or "." is the
// directory itself; empty and "." components count for nothing); a ".." component, a leading '/' or a NUL
// byte is Kind::invalid. No symlink is followed in any component: one in the middle is an error (not_found),
// one at the end is Kind::invalid where a file or directory is to be opened. Paths longer than PATH_MAX work.
// Errors name the path as `name()` + relative.
class Dir {
 public:
  // Opens a directory that the user named; symlinks in the name are the user's business and are followed.
  static Dir open(const std::string& path);
  // Opens it, making it and its missing parents first, with `mode` (0700, 0755); the umask applies.
  static Dir create(const std::string& path, std::uint32_t mode);

  const std::string& name() const { return name_; }  // for messages
  // Open for reading, or O_PATH if the directory can be entered but not read.
  int fd() const { return fd_.get(); }
  const Fd& handle() const { return fd_; }

  Dir open_dir(std::string_view relative) const;
  // An existing directory is fine and keeps its mode; the parent must exist; the umask applies.
  Dir make_dir(std::string_view relative, std::uint32_t mode) const;
  // For reading; anything but a regular file is Kind::invalid (checked on the descriptor; a fifo does not
  // block).
  Fd open_file(std::string_view relative) const;
  // The same without asking what it is, which takes a system call of its own: for whoever reads its stat
  // anyway before believing what was read.
  Fd open_unseen(std::string_view relative) const;
  // lstat; nullopt if absent, which everything below a file or a symlink is.
  std::optional<Stat> find(std::string_view relative) const;
  Stat get(std::string_view relative) const;  // lstat; throws not_found
  std::string readlink(std::string_view relative) const;
  // Of the file itself, symlinks included; what the file system lacks is empty. Does not open the file, so it
  // needs no permission to read it, except for user.* (xattr(7)). `type` counts only before Linux 6.13
  // without /proc: there a regular file or a directory is opened, and anything else has none.
  Xattrs xattrs(std::string_view relative, FileType type) const;
  // Names in the directory without "." and "..", sorted by bytes.
  std::vector<std::string> list(std::string_view relative = {}) const;

  // Opens a regular file of a foreign layout for reading: symlinks are followed as if this directory were "/"
  // and so never leave it.
  Fd open_in_root(std::string_view relative) const;

  void remove_file(std::string_view relative) const;  // not_found if absent
  // Also directories that we own and may not read or write: they are made u+rwx. Absent is fine. Follows
  // nothing, and does not go into what is mounted below: Kind::busy. What was removed before a failure stays
  // removed.
  void remove_tree(std::string_view relative) const;
  void rename(std::string_view from, std::string_view to) const;
  void sync() const;

 private:
  Dir(Fd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  Fd fd_;
  std::string name_;
};

// One thing found by `walk`. `path` is relative to the root of the walk, "" for the root itself.
struct Found {
  std::string path;
  Stat stat;
  std::string link;  // symlink: its text
  Xattrs xattrs;
};

// Visits the tree below `root` in path order: a directory before what is in it, siblings sorted by bytes, so
// that "a/b" comes before "a-b". `visit` gives false to stay out of a directory. A directory that cannot be
// read is an Error naming it; so is a name that vanished between listing and stat (Kind::changed). The root
// itself is visited first. Stays on handles; depth is bounded only by limits::path_bytes: the deepest 200
// directories are held open, others are reopened on the way back and Kind::changed if they were moved. One
// string is reused for `path`: copy what you keep.
void walk(const Dir& root, const std::function<bool(const Found&)>& visit);
// The same, with `context.jobs` threads (the caller's is one of them) that list and look at files ahead of
// the visitor, which is called on the caller's thread and is shown the same in the same order. Names that it
// stays out of may have been read ahead all the same; what failed there is nobody's error. Memory is bounded
// by read_ahead.h: about 5 MB and the names of the directories on the way, as above. A stop request is
// Kind::cancelled.
void walk(const Context& context, const Dir& root, const std::function<bool(const Found&)>& visit);

// A regular file being written, invisible until `publish`: O_TMPFILE where the file system has it (nothing is
// left behind, even by SIGKILL), else a name ".stave-tmp-*" removed by the destructor. A Sink, buffered by
// nobody: write in large pieces.
class TempFile : public Sink {
 public:
  // In the directory where it will live; with `mode` exactly, whatever the umask.
  static TempFile in(const Dir& dir, std::uint32_t mode = 0644);
  // With no name at all, in $TMPDIR as handed in ("" is /tmp), for spooling; it can never be published.
  static TempFile anonymous(const std::string& directory);
  // Under a name of its own, which it keeps until `publish` or `discard`, so that whoever comes next goes on
  // behind what was written: what is there already counts in `size`. Nobody else has it meanwhile (flock);
  // nullopt if somebody has, or if something else than a file is in the way.
  static std::optional<TempFile> kept(const Dir& dir, std::string_view file_name, std::uint32_t mode = 0644);
  TempFile(TempFile&&) noexcept;
  TempFile& operator=(TempFile&&) noexcept;
  ~TempFile() override;

  void write(Bytes bytes) override;  // ENOSPC is Kind::no_space and names the place
  const Fd& fd() const { return fd_; }
  std::uint64_t size() const { return size_; }

  enum class Existing : std::uint8_t { keep, replace, fail };
  // Gives it a name in the directory it was made in, atomically, after fsync (unless `sync` is false).
  // Existing::keep: a file of that name stays and ours goes (anything but a file there is Kind::exists);
  // fail: Kind::exists. Consumes the writer, also when it throws.
  void publish(std::string_view file_name, Existing existing, bool sync = true) &&;
  // Throws away what was written, of one that is `kept` as well.
  void discard() &&;
  // The bytes written so far, to be read (and nothing more to be written): the same open file.
  Fd release() &&;

 private:
  TempFile() = default;
  void drop_name();
  int name_if_absent(const std::string& name);  // 0 or the errno
  int name_over(const std::string& name);

  Fd fd_;
  Fd dir_;  // none: anonymous
  std::string dir_name_;
  std::string temp_name_;  // empty: O_TMPFILE
  bool kept_ = false;      // the name outlives this object
  std::uint64_t size_ = 0;
};

// A range of an open file as a Source; reads with pread, so many may share one descriptor. The descriptor
// must outlive it unless shared.
class FileSource : public Source {
 public:
  FileSource(std::shared_ptr<const Fd> fd, std::uint64_t offset, std::uint64_t size, std::string name);
  std::size_t read(MutableBytes out) override;
  std::uint64_t skip(std::uint64_t count) override;

 private:
  std::shared_ptr<const Fd> fd_;
  std::uint64_t offset_;
  std::uint64_t rest_;
  std::string name_;
};

// A descriptor that can only be read forward (a pipe, standard input) as a Source; does not own it.
class PipeSource : public Source {
 public:
  PipeSource(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  std::size_t read(MutableBytes out) override;

 private:
  int fd_;
  std::string name_;
};

// A descriptor to write to (a pipe, standard output); does not own it. EPIPE is Kind::io.
class PipeSink : public Sink {
 public:
  PipeSink(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  void write(Bytes bytes) override;

 private:
  int fd_;
  std::string name_;
};

// Fills `out` from `offset` of the file, all of it; throws Kind::changed if the file ends before.
void read_at(const Fd& fd, std::uint64_t offset, MutableBytes out, std::string_view name);
// The same, but a hole at the beginning of a piece of 1 MiB is zero-filled without reading (SEEK_DATA).
void read_at_skipping_holes(const Fd& fd, std::uint64_t offset, MutableBytes out, std::string_view name);

// A whole small file; Kind::limit above `limit` bytes.
std::string read_file(const Fd& fd, limits::Cap limit, std::string_view name);

// An advisory lock (flock) on the open file description of `fd`, held until destruction.
class Lock {
 public:
  enum class Mode : std::uint8_t { shared, exclusive };
  static Lock take(const Fd& fd, Mode mode);                     // waits
  static std::optional<Lock> try_take(const Fd& fd, Mode mode);  // nullopt: somebody else has it
  Lock(Lock&&) noexcept = default;
  Lock& operator=(Lock&&) noexcept = default;
  ~Lock();

 private:
  explicit Lock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;  // a descriptor of its own, so that two locks of one process do not merge
};

}  // namespace stave::fs
