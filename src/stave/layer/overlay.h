// Overlay form: a layer as overlayfs has it on disk. A name that is gone is a
// character device 0:0, a directory that hides what lies below has an extended
// attribute (kernel: Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories").

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "stave/base/context.h"
#include "stave/fs/fs.h"
#include "stave/layer/changeset.h"
#include "stave/layer/path.h"
#include "stave/layer/stack.h"
#include "stave/layer/tree.h"
#include "stave/layer/unpack.h"

namespace stave::layer {

// How a layer lies on disk.
struct OverlayForm {
  bool in_user_namespace = false;  // notes are in user.overlay.*, else in trusted.overlay.*
  Owners owners = Owners::real;
  // What lies below, in overlay form, the topmost first.
  std::vector<std::shared_ptr<const fs::Dir>> lowers = {};
};

// Makes `place`/fs, a layer in overlay form; what else is in `place`, an empty directory of ours, is of no
// use afterwards. Directories that the layer goes through without naming them are as they are below. Throws
// as `unpack` does, and Kind::invalid for a hardlink to a file of a layer below.
void unpack_overlay(const Context& context, const Stack::Piece& piece, const fs::Dir& place,
                    const OverlayForm& form);

// How what somebody wrote to an overlay becomes a layer.
struct ReadUpper {
  OverlayForm form = {};
  std::optional<std::int64_t> newest_mtime = {};  // later times become this one
  // Mount points: paths that are nobody's file as long as they are empty.
  std::set<std::string, PathLess> mount_points = {};
};

struct UpperChanges {
  Changeset changes;
  std::uint64_t sockets = 0;  // left out
};

// What the upper directory of an overlay over `below` changes. What was copied up and is the same as before
// (metadata, and content by Inode::digest or what is on the disk below) is no change, and neither is what was
// removed and never there. Contents are read from `upper` when they are needed. Costs what is in `upper`.
UpperChanges read_upper(const Context& context, const std::shared_ptr<const fs::Dir>& upper,
                        const Tree& below, const ReadUpper& how);

// Of a tree on disk whose owners were kept aside: what its metadata says, where it says no more than that of
// `lower` kept aside, is what `lower` says.
void settle_aside(Metadata& meta, const Metadata& lower);

}  // namespace stave::layer
