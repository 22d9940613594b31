// unpack: layers become a directory. Everything is made in a fresh directory
// beside the target, through handles, and gets its name when the last byte was verified; what
// a layer says can only choose names inside.

#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "stave/base/context.h"
#include "stave/fs/fs.h"
#include "stave/layer/stack.h"

namespace stave::layer {

enum class Owners : std::uint8_t {
  real,  // chown as the layers say: needs root, or a user namespace with the ids
  aside  // everything belongs to who unpacks and can be read, entered and removed by them; the record knows
};

struct Unpack {
  Owners owners = Owners::real;
  // Makes a bundle instead of a bare tree: the target becomes a directory with `rootfs`, `rootfs.stave` and
  // whatever this adds to it before anybody sees it (`rootfs` is complete by then). Empty: the target is the
  // tree, and the record lies beside it.
  std::function<void(const fs::Dir& bundle)> bundle = {};
};

struct Unpacked {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;       // of content
  std::uint64_t disk_bytes = 0;  // that were written: holes are none
};

// Throws what `unpack` would throw for the target alone: Kind::exists for a file, a directory that is not
// empty, or a mount point; Kind::not_found for a parent that does not exist. Creates nothing.
void check_target(const std::string& target);

// Applies the layers in order and gives the tree its name. The rules are those of Tree::apply. Owner before
// mode before xattrs, directory times last; runs of zeros become holes; xattrs that a layer carries
// (is_packed_xattr) are set. Devices that the kernel does not let us make are empty files, and kept in the
// record.
//
// An empty directory as target is replaced, also its mode and owner; a record beside it too, but Kind::exists
// for any other file of that name. A bundle is 0700, since what is in it may be setuid. Nothing is synced: a
// tree that a crash damages is unpacked again.
//
// Throws what reading the layers throws, Kind::no_space, Kind::denied; then nothing of it is left and the
// target is as it was. What a killed process left beside the target, the next unpack there removes.
// Costs one pass over every layer; memory as Tree.
Unpacked unpack(const Context& context, const Stack& stack, const std::string& target, const Unpack& how);

}  // namespace stave::layer
