// Stage: what layers hold, on disk under numbers instead of names. Content is
// written while a layer passes; which file gets which name is only known when the last layer
// was read. Internal to unpack.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stave/base/context.h"
#include "stave/base/limits.h"
#include "stave/fs/make.h"
#include "stave/hash/digest.h"
#include "stave/layer/tree.h"
#include "stave/layer/unpack.h"

namespace stave::layer {

// What a file gets on disk.
fs::Attributes attributes_of(const Metadata& meta, Owners owners);

class Stage {
 public:
  // In `files`, an empty directory of ours.
  Stage(const Context& context, const fs::Dir& files, Owners owners)
      : context_(context), files_(files), owners_(owners), buffer_(limits::copy_buffer) {}

  // Makes what the step puts, unless it is a directory, and says under which number (Stamp::inode, from 1).
  Tree::Origin take(const Step& step, LayerReader& reader);

  // Gives everything in `tree` its name below `root`, the attributes of directories last. The numbered files
  // are gone then; those that no layer shows stay.
  void plant(const Tree& tree, const fs::Dir& root);

  // Says what the disk could not take.
  void warn() const;
  // Of the tree that was planted.
  const Unpacked& unpacked() const { return unpacked_; }

 private:
  struct Staged {
    std::uint64_t written = 0;  // bytes of content on disk
    std::uint64_t names = 0;    // that it has yet to get
  };
  Digest make_file(const std::string& number, const Entry& entry, LayerReader& reader);
  void make_special(const std::string& number, const Metadata& meta);
  void count(const Tree::Inode& inode);

  const Context& context_;
  const fs::Dir& files_;
  Owners owners_;
  std::vector<std::byte> buffer_;
  std::vector<Staged> staged_ = {};
  bool all_xattrs_ = true;
  std::uint64_t devices_missing_ = 0;
  Unpacked unpacked_ = {};
};

}  // namespace stave::layer
