// Stage: what layers hold, on disk under numbers instead of names. Content is
// written while a layer passes; which file gets which name is only known when the last layer
// was read. Internal to unpack.

#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "stave/base/context.h"
#include "stave/hash/digest.h"
#include "stave/layer/tree.h"
#include "stave/layer/unpack.h"
#include "stave/layer/unpack_files.h"

namespace stave::layer {

class Stage {
 public:
  // In `homes`, empty directories of ours, as many as Files::homes says.
  Stage(const Context& context, const std::vector<fs::Dir>& homes, Owners owners)
      : context_(context), homes_(homes), owners_(owners), files_(context, homes, owners) {}

  // Makes what the step puts, unless it is a directory, and says under which number (Stamp::inode, from 1).
  // It may come to be only until `settle`.
  Tree::Origin take(const Step& step, LayerReader& reader);

  // Waits for all that was taken. The failure that comes first in the order of the layer is thrown, again and
  // again.
  void settle() { files_.settle(); }

  // Gives everything in `tree` its name below `root`, the attributes of directories last. The numbered files
  // are gone then; those that no layer shows stay.
  void plant(const Tree& tree, const fs::Dir& root);

  // The SHA-256 of a regular file that was taken; nullopt for anything else. After `settle`.
  std::optional<Digest> digest_of(const Tree::Inode& inode) const;

  // Says what the disk could not take.
  void warn() const;
  // Of the tree that was planted.
  const Unpacked& unpacked() const { return unpacked_; }

 private:
  struct Staged {
    Files::Made made;
    std::uint64_t names = 0;  // that it gets
  };
  void count(const Tree::Inode& inode);

  const Context& context_;
  const std::vector<fs::Dir>& homes_;
  Owners owners_;
  std::deque<Staged> staged_ = {};  // a deque, because threads fill in what is in it
  Files files_;
  bool all_xattrs_ = true;
  std::uint64_t taken_ = 0;  // bytes of content, of all layers
  Unpacked unpacked_ = {};
};

}  // namespace stave::layer
