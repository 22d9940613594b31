// Making files in a directory that nobody else can reach: every name is a single
// component, nothing that exists is touched, and no symlink is followed. What a file is
// called and where it belongs is somebody else's business (plant.h).

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "stave/fs/fs.h"

namespace stave::fs {

// What a file has apart from its content.
struct Attributes {
  struct Owner {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
  };
  std::optional<Owner> owner = {};  // nullopt: it stays with who made it
  std::uint32_t mode = 0;           // 07777; a symlink has none
  Time mtime = {};
  Xattrs xattrs = {};
};

// Errors say what was being done, not where: who calls knows what the file is to be.

// A new empty file, open for reading and writing whatever its mode. The umask applies.
Fd create_file(const Dir& dir, const std::string& name, std::uint32_t mode = 0600);

// What a new file has without anybody giving it: two system calls for each of a million files are worth
// knowing it.
struct Inborn {
  Attributes::Owner owner;
  std::uint32_t mode = 0;  // that the umask leaves of 0777, or a file's own
};
// Of the files that this process creates in `dir`, found out with one that is removed again.
Inborn inborn_in(const Dir& dir);
void create_symlink(const Dir& dir, const std::string& name, const std::string& text);
// A character or block device or a fifo, 0600. False if the kernel does not let this process make it.
bool create_node(const Dir& dir, const std::string& name, FileType type, std::uint32_t device_major,
                 std::uint32_t device_minor);

// Fills a new file from its beginning; where 4 KiB of zeros lie on a multiple of that, it gets a hole.
class HoleSink : public Sink {
 public:
  explicit HoleSink(const Fd& file) : file_(file) {}
  void write(Bytes bytes) override;  // large pieces: each costs a system call
  // Gives the file its size, which a hole at its end does not. Says how many bytes are no holes.
  std::uint64_t finish();

 private:
  void put(Bytes bytes);

  const Fd& file_;
  std::uint64_t offset_ = 0;
  std::uint64_t written_ = 0;
  bool ends_in_hole_ = false;
};

// Each of these undoes a part of what comes after it, hence the order: owner (chown drops setuid and
// capabilities), mode, xattrs, mtime. False if the file system or the kernel would not take some of the
// xattrs. Throws Kind::denied where the owner cannot be given.
//
// `has` is what the file is known to have already and need not be given; nobody else may have changed it.
bool set_attributes(const Fd& file, const Attributes& attributes, const std::optional<Inborn>& has = {});
// The same for what cannot be opened: a symlink, a device, a fifo.
bool set_attributes(const Dir& dir, const std::string& name, FileType type, const Attributes& attributes);

// The permissions alone, 07777. Throws Kind::denied for somebody else's file.
void set_mode(const Fd& file, std::uint32_t mode);

// Is something mounted on this directory, so that it can neither be renamed nor replaced?
bool is_mount_point(const Dir& parent, const std::string& name);

// The ctime that the file system of `dir` gives now: that of every change so far is older. Waits until its
// clock has ticked, which is milliseconds; where it takes longer than `limits`, e.g. with whole seconds (some
// FUSE file systems), older changes may have the same.
Time time_after_now(const Dir& dir);

}  // namespace stave::fs
