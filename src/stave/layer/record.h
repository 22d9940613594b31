// Record: what unpack knows of the tree that it made and a file system cannot
// keep, or would have to be read again to know. It lies beside the tree, as
// "<tree>.stave": owners, modes, devices and xattrs that an ordinary user could not give, the
// fingerprint and content digest of every file, and of which layers all this was made.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/fs/fs.h"
#include "stave/hash/digest.h"
#include "stave/layer/changeset.h"
#include "stave/layer/path.h"
#include "stave/layer/tree.h"

namespace stave::layer {

class Record {
 public:
  // What is known of one path.
  struct Known {
    // As the image has it. No size: that of a regular file is the disk's. Of the xattrs those that are to be
    // put back, because the disk could not take them.
    Metadata meta;
    Xattrs other_xattrs;           // those of the image that `meta` has not
    fs::Stat disk;                 // as it was on disk when the tree was complete; device is not kept
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
  // The diff_ids of the layers that the tree was made of, the lowest first; none where that is not known.
  std::vector<Digest> layers = {};

  // Is this the record of a tree that was made of just these layers?
  bool is_of(const std::vector<Digest>& diff_ids) const { return !layers.empty() && layers == diff_ids; }
  // The tree that its layers make, as `read_stack` reads it with digests, but for the stamps, which say
  // nothing: no layer is opened. Only for a record that has layers.
  Tree tree() const;

  // Corrects what was found on disk at `path` into what it is in the image: of everything that the disk still
  // says as it did, the image's word counts; what was changed since counts as it is on disk; files that the
  // user of a tree kept aside made are root's. A program that was written to loses its setuid and setgid
  // bits, and a file that may have been its capabilities, as in the kernel. Gives the content digest if the
  // fingerprint (size, mode, owner, inode, mtime and ctime) proves that nothing changed.
  std::optional<Digest> settle(const fs::Found& found, Metadata& meta) const;
};

}  // namespace stave::layer
