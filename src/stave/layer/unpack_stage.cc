// Stage: files under numbers, then under their names.

#include "stave/layer/unpack_stage.h"

#include <fmt/format.h>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/fs/plant.h"
#include "stave/hash/digest.h"
#include "stave/layer/disk.h"

namespace stave::layer {
namespace {

// mode bits that run a program as somebody else
constexpr std::uint32_t set_ids = 06000;

fs::FileType file_type(Type type) {
  switch (type) {
    case Type::symlink:
      return fs::FileType::symlink;
    case Type::character:
      return fs::FileType::character;
    case Type::block:
      return fs::FileType::block;
    case Type::fifo:
      return fs::FileType::fifo;
    default:
      return fs::FileType::regular;
  }
}

bool is_device(Type type) { return type == Type::character || type == Type::block; }

// ACLs would change the mode, and capabilities be those of another owner's program.
bool is_given(std::string_view xattr, Owners owners) {
  return is_packed_xattr(xattr) && (owners == Owners::real || xattr.starts_with("user."));
}

// Runs what touches the disk for one path of the image.
template <class Work>
auto at_path(std::string_view path, Work work) {
  try {
    return work();
  } catch (const Error& e) {
    throw e.kind() == Kind::cancelled ? e : e.within(quote(path));
  }
}

}  // namespace

fs::Attributes attributes_of(const Metadata& meta, Owners owners) {
  fs::Attributes attributes;
  attributes.mode = meta.mode;
  attributes.mtime = {meta.mtime.seconds, meta.mtime.nanoseconds};
  if (owners == Owners::real) {
    attributes.owner = {meta.uid, meta.gid};
  } else {
    // Who unpacked can read and remove it all; nobody runs it as them.
    attributes.mode = (meta.mode & ~set_ids) | (meta.type == Type::directory ? 0700u : 0600u);
  }
  for (const auto& xattr : meta.xattrs) {
    if (is_given(xattr.first, owners)) attributes.xattrs.push_back(xattr);
  }
  return attributes;
}

Tree::Origin Stage::take(const Step& step, LayerReader& reader) {
  const Metadata& meta = step.entry.meta;
  if (step.meaning != Meaning::entry || meta.type == Type::directory || meta.type == Type::hardlink)
    return {};
  staged_.emplace_back();
  const std::string number = std::to_string(staged_.size());
  Tree::Origin origin;
  origin.stamp.inode = staged_.size();
  if (meta.type == Type::regular) {
    origin.digest = make_file(number, step.entry, reader);
  } else {
    at_path(step.entry.path, [&] { make_special(number, meta); });
  }
  return origin;
}

Digest Stage::make_file(const std::string& number, const Entry& entry, LayerReader& reader) {
  const fs::Fd file = at_path(entry.path, [&] { return fs::create_file(files_, number); });
  fs::HoleSink content(file);
  Hasher hasher;
  while (const std::size_t n = reader.read(buffer_)) {
    context_.check();
    const Bytes bytes = Bytes(buffer_).first(n);
    hasher.update(bytes);
    at_path(entry.path, [&] { content.write(bytes); });
  }
  at_path(entry.path, [&] {
    staged_.back().written = content.finish();
    all_xattrs_ &= fs::set_attributes(file, attributes_of(entry.meta, owners_));
  });
  return std::move(hasher).finish();
}

void Stage::make_special(const std::string& number, const Metadata& meta) {
  const fs::FileType type = file_type(meta.type);
  const fs::Attributes attributes = attributes_of(meta, owners_);
  bool made = true;
  if (meta.type == Type::symlink) {
    fs::create_symlink(files_, number, meta.link);
  } else {
    // An ordinary user may make no device but one: 0:0, which overlayfs takes for a whiteout.
    made = (owners_ == Owners::real || !is_device(meta.type)) &&
           fs::create_node(files_, number, type, meta.device_major, meta.device_minor);
  }
  if (made) {
    all_xattrs_ &= fs::set_attributes(files_, number, type, attributes);
  } else {
    if (owners_ == Owners::real) ++devices_missing_;
    all_xattrs_ &= fs::set_attributes(fs::create_file(files_, number), attributes);
  }
}

void Stage::count(const Tree::Inode& inode) {
  ++unpacked_.entries;
  if (inode.meta.type == Type::directory) return;
  Staged& staged = staged_.at(inode.stamp.inode - 1);
  if (++staged.names > 1) return;
  unpacked_.bytes += inode.meta.size;
  unpacked_.disk_bytes += staged.written;
}

void Stage::plant(const Tree& tree, const fs::Dir& root) {
  tree.visit([&](const std::string&, const Tree::Inode& inode) { count(inode); });
  fs::Planter planter(root, attributes_of(tree.find("")->meta, owners_));
  tree.visit([&](const std::string& path, const Tree::Inode& inode) {
    context_.check();
    if (inode.meta.type == Type::directory)
      return planter.directory(path, attributes_of(inode.meta, owners_));
    const std::string number = std::to_string(inode.stamp.inode);
    if (--staged_.at(inode.stamp.inode - 1).names == 0) {
      planter.move(files_, number, path);
    } else {
      planter.link(files_, number, path);
    }
  });
  all_xattrs_ &= planter.finish();
}

void Stage::warn() const {
  if (!all_xattrs_)
    context_.progress->warn(
        "some extended attributes cannot be kept on disk here; the record beside the tree has them");
  if (devices_missing_ != 0) {
    context_.progress->warn(
        fmt::format("{} devices cannot be made here and are empty files; the record beside the tree has them",
                    devices_missing_));
  }
}

}  // namespace stave::layer
