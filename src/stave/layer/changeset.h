// Changeset: what must be put and what must go to turn one tree into another,
// sorted and ready to be laid out as a layer (image-spec, layer.md).

#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "stave/base/stream.h"
#include "stave/tar/tar.h"

namespace stave::layer {

using tar::Timestamp;
using tar::Type;
using tar::Xattrs;

// What a tree says of one of its files, apart from where it is and what is in it.
struct Metadata {
  Type type = Type::directory;
  std::uint32_t mode = 0755;  // 07777
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::uint64_t size = 0;  // of a regular file
  Timestamp mtime;
  std::string link;  // symlink: its text. hardlink: the path of the name that has the content
  Xattrs xattrs;

  friend bool operator==(const Metadata&, const Metadata&) = default;
};

struct Entry {
  std::string path;
  Metadata meta;

  friend bool operator==(const Entry&, const Entry&) = default;
};

// Which state of a file on disk an entry describes: a file that has another one when it is read was changed
// under our hands.
struct Stamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  Timestamp mtime;
  Timestamp ctime;

  friend bool operator==(const Stamp&, const Stamp&) = default;
};

struct Change;

// Where the content of files comes from: any range, in any order, from any thread.
class Contents {
 public:
  virtual ~Contents() = default;

  // Fills `out` from `offset` of the content of `change`, a regular file for which offset + out.size() <=
  // size. Throws Kind::changed, naming the file, when it is no longer what the change describes.
  virtual void read(const Change& change, std::uint64_t offset, MutableBytes out) const = 0;

  // Does the stamp of a change come from the file itself, so that an equal stamp means an equal file?
  virtual bool stamped() const { return false; }
};

// One step: put an entry (replacing what has its path, but for a directory over a directory) or remove a
// path.
struct Change {
  Entry entry;  // of a removal only the path counts
  bool removal = false;
  Stamp stamp;
  std::shared_ptr<const Contents> contents;  // of a regular file of more than 0 bytes
};

// The changes in the order of the layer: path order, but in every directory the removals before everything
// else (layer.md, "Whiteouts", wants them before their siblings). A deque: no copy of everything when it
// grows.
using Changeset = std::deque<Change>;

// Is `a` to be written before `b`?
bool written_before(const Change& a, const Change& b);

}  // namespace stave::layer
