// Stage: files under numbers, then under their names.

#include "stave/layer/unpack_stage.h"

#include <fmt/format.h>

#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/layer/unpack_plant.h"

namespace stave::layer {

Tree::Origin Stage::take(const Step& step, LayerReader& reader) {
  const Metadata& meta = step.entry.meta;
  if (step.meaning != Meaning::entry || meta.type == Type::directory || meta.type == Type::hardlink)
    return {};
  if (meta.size > limits::unpack_bytes - taken_) {
    throw limits::unpack_bytes.exceeded(fmt::format("with {} of {} there would be more than {} on the disk",
                                                    quote(step.entry.path), human_size(meta.size),
                                                    limits::unpack_bytes.shown()));
  }
  taken_ += meta.size;
  staged_.emplace_back();
  files_.add(staged_.size(), step.entry, reader, staged_.back().made);
  Tree::Origin origin;
  origin.stamp.inode = staged_.size();
  return origin;
}

std::optional<Digest> Stage::digest_of(const Tree::Inode& inode) const {
  if (inode.meta.type == Type::directory) return std::nullopt;
  return staged_.at(inode.stamp.inode - 1).made.digest;
}

void Stage::count(const Tree::Inode& inode) {
  ++unpacked_.entries;
  if (inode.meta.type == Type::directory) return;
  Staged& staged = staged_.at(inode.stamp.inode - 1);
  if (++staged.names > 1) return;
  unpacked_.bytes += inode.meta.size;
  unpacked_.disk_bytes += staged.made.written;
}

void Stage::plant(const Tree& tree, const fs::Dir& root) {
  tree.visit([&](const std::string&, const Tree::Inode& inode) { count(inode); });
  const auto place = [this](fs::Planter& planter, const std::string& path, const Tree::Inode& inode) {
    const Staged& staged = staged_.at(inode.stamp.inode - 1);
    const fs::Dir& home = homes_[staged.made.home];
    const std::string number = std::to_string(inode.stamp.inode);
    // Of several names nobody knows which comes last.
    staged.names == 1 ? planter.move(home, number, path) : planter.link(home, number, path);
  };
  if (!plant_tree(context_, tree, root, owners_, place)) all_xattrs_ = false;
  for (std::size_t i = 0; i < staged_.size(); ++i) {
    if (staged_[i].names > 1) homes_[staged_[i].made.home].remove_file(std::to_string(i + 1));
  }
}

void Stage::warn() const {
  if (!all_xattrs_ || !files_.all_xattrs())
    context_.progress->warn(
        "some extended attributes cannot be kept on disk here; the record beside the tree has them");
  if (files_.devices_missing() != 0) {
    context_.progress->warn(
        fmt::format("{} devices cannot be made here and are empty files; the record beside the tree has them",
                    files_.devices_missing()));
  }
}

}  // namespace stave::layer
