// Record: what unpack knows of the tree that it made and a file system cannot
// keep, or would have to be read again to know. It lies beside the tree, as
// "<tree>.stave": owners, modes, devices and xattrs that an ordinary user could not give, and the
// fingerprint and content digest of every file.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "stave/fs/fs.h"
#include "stave/hash/digest.h"
#include "stave/layer/changeset.h"
#include "stave/layer/path.h"

namespace stave::layer {

class Record {
 public:
  // What is known of one path.
  struct Known {
    Metadata meta;  // as the image has it (no size, no mtime, no link text where the disk has them)
    fs::Stat disk;  // as it was on disk when the tree was complete; device is not kept
    std::optional<Digest> digest;  // of the content of a regular file
  };

  // The name of the record of the tree at `tree` ("/x/rootfs/" -> "/x/rootfs.stave").
  static std::string name_for(const std::string& tree);
  // The record beside the tree (beside what a symlink or "." leads to), if there is one. Kind::invalid, with
  // a hint to remove it, if it is damaged, or if it is of another directory than this (its root has another
  // inode: the tree is a copy, or a new one under an old name).
  static std::shared_ptr<const Record> find(const std::string& tree);
  // Its bytes: the same for the same content, whatever the order in which it was collected.
  void write(Sink& sink) const;
  static Record read(Source& source, const std::string& name);

  // Whose files could not be given to their owners: uid and gid of the user who unpacked as root of the
  // image; nullopt for a tree with real owners.
  struct Aside {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
  };
  std::optional<Aside> aside = {};
  // A file of this change time or a later one may have changed unnoticed after it was recorded.
  fs::Time taken = {};
  std::map<std::string, Known, PathLess> known = {};

  // Corrects what was found on disk at `path` into what it is in the image: of everything that the disk still
  // says as it did, the image's word counts; what was changed since counts as it is on disk; files that the
  // user of a tree kept aside made are root's. A program that was written to loses its setuid and setgid
  // bits, and a file that may have been its capabilities, as in the kernel. Gives the content digest if the
  // fingerprint (size, mode, owner, inode, mtime and ctime) proves that nothing changed.
  std::optional<Digest> settle(const fs::Found& found, Metadata& meta) const;
};

}  // namespace stave::layer
