// Files on disk as entries of a tree.

#include "stave/layer/disk.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/layer/path.h"
#include "stave/layer/whiteout.h"

namespace stave::layer {
namespace {

Timestamp to_timestamp(const fs::Time& time) { return {time.seconds, time.nanoseconds}; }

}  // namespace

Stamp stamp_of(const fs::Stat& stat) {
  return {stat.device, stat.inode, to_timestamp(stat.mtime), to_timestamp(stat.ctime)};
}

namespace {

Type type_of(fs::FileType type) {
  switch (type) {
    case fs::FileType::directory:
      return Type::directory;
    case fs::FileType::symlink:
      return Type::symlink;
    case fs::FileType::character:
      return Type::character;
    case fs::FileType::block:
      return Type::block;
    case fs::FileType::fifo:
      return Type::fifo;
    default:
      return Type::regular;
  }
}

// Files on disk below one handle: one file, whatever it is called in the image, or a directory whose entries
// are found at the same place below `disk_path` as below `image_path`.
class DiskContents final : public Contents {
 public:
  DiskContents(std::shared_ptr<const fs::Dir> root, std::string file)
      : root_(std::move(root)), disk_path_(std::move(file)) {}
  DiskContents(std::shared_ptr<const fs::Dir> root, std::string disk_path, std::string image_path)
      : root_(std::move(root)), disk_path_(std::move(disk_path)), image_path_(std::move(image_path)) {}

  void read(const Change& change, std::uint64_t offset, MutableBytes out) const override {
    const std::string path = on_disk(change.entry.path);
    const std::string where = root_->name() + "/" + path;
    const fs::Fd file = open(path, where);
    try {
      fs::read_at_skipping_holes(file, offset, out, where);
    } catch (const Error& e) {
      check(file, change, where);  // it is a directory by now, or ended too early
      if (e.kind() == Kind::changed) changed(where);
      throw;
    }
    check(file, change, where);
  }
  bool stamped() const override { return true; }

 private:
  std::string on_disk(std::string_view path) const {
    if (!image_path_) return disk_path_;
    std::string_view rest = path.substr(image_path_->size());
    if (rest.starts_with('/')) rest.remove_prefix(1);
    return join(disk_path_, rest);
  }

  // What was a file when the tree was read and is none, or nothing, now.
  fs::Fd open(const std::string& path, const std::string& where) const {
    try {
      return root_->open_unseen(path);
    } catch (const Error& e) {
      if (e.kind() == Kind::not_found || e.kind() == Kind::invalid) changed(where);
      throw;
    }
  }

  // After reading, on the same descriptor: whoever wrote meanwhile, or before, has moved its ctime on. A torn
  // file would be a layer that nobody ever had on disk.
  static void check(const fs::Fd& file, const Change& change, const std::string& where) {
    const fs::Stat now = fs::stat(file);
    const bool regular = now.type == fs::FileType::regular;
    if (regular && now.size == change.entry.meta.size && stamp_of(now) == change.stamp) return;
    changed(where);
  }

  [[noreturn]] static void changed(const std::string& where) {
    throw Error(Kind::changed, fmt::format("{} changed while it was read", quote(where)),
                "pack again when nothing writes to it");
  }

  std::shared_ptr<const fs::Dir> root_;
  std::string disk_path_;
  std::optional<std::string> image_path_;
};

// Names of one inode that were met in this walk.
using Links = std::map<std::pair<std::uint64_t, std::uint64_t>, std::string>;

// What the record knows better, and then what the caller wants otherwise.
std::optional<Digest> settle(const Record& record, const fs::Found& found, const Adopt& how, Metadata& meta) {
  const Metadata wanted = meta;
  auto digest = record.settle(found, meta);
  if (how.owner) {
    meta.uid = wanted.uid;
    meta.gid = wanted.gid;
  }
  if (how.mode) meta.mode = wanted.mode;
  if (how.mtime || how.newest_mtime) meta.mtime = wanted.mtime;
  return digest;
}

bool skip_socket(const Context& context, const fs::Dir& root, const fs::Found& found) {
  if (found.stat.type != fs::FileType::socket) return false;
  context.progress->warn(
      fmt::format("{} is a socket and was left out", quote(root.name() + "/" + found.path)));
  return true;
}

}  // namespace

std::shared_ptr<const Contents> contents_below(std::shared_ptr<const fs::Dir> directory) {
  return std::make_shared<const DiskContents>(std::move(directory), "", "");
}

bool is_packed_xattr(std::string_view name) {
  if (name.starts_with("user.")) return !name.starts_with("user.overlay.");
  return name == "security.capability" || name == "system.posix_acl_access" ||
         name == "system.posix_acl_default";
}

Metadata adopt(const fs::Stat& stat, const std::string& link, const fs::Xattrs& xattrs, const Adopt& how) {
  Metadata meta;
  meta.type = type_of(stat.type);
  meta.mode = stat.mode;
  // The mode of a symlink means nothing on Linux, where it is always 0777; other systems have others.
  if (meta.type == Type::symlink) meta.mode = 0777;
  if (how.mode && meta.type == Type::regular) meta.mode = *how.mode;
  if (how.mode && meta.type == Type::directory) meta.mode = *how.mode | ((*how.mode & 0444) >> 2);
  meta.uid = how.owner ? how.owner->uid : stat.uid;
  meta.gid = how.owner ? how.owner->gid : stat.gid;
  meta.device_major = stat.device_major;
  meta.device_minor = stat.device_minor;
  meta.size = meta.type == Type::regular ? stat.size : 0;
  // Whole seconds: a layer has no others, and a tree must not differ from itself after it was packed.
  meta.mtime = how.mtime.value_or(Timestamp{stat.mtime.seconds, 0});
  if (how.newest_mtime && meta.mtime.seconds > *how.newest_mtime) meta.mtime = {*how.newest_mtime, 0};
  meta.link = link;
  for (const auto& [name, value] : xattrs) {
    if (is_packed_xattr(name)) meta.xattrs.emplace_back(name, value);
  }
  return meta;
}

Changeset read_directory(const Context& context, std::shared_ptr<const fs::Dir> directory, const Adopt& how) {
  Changeset changes;
  Links links;
  const auto contents = std::make_shared<const DiskContents>(directory, "", "");
  fs::walk(context, *directory, [&](const fs::Found& found) {
    if (found.path.empty()) return true;
    if (skip_socket(context, *directory, found)) return false;
    Change& change = changes.emplace_back();
    change.entry = {found.path, adopt(found.stat, found.link, found.xattrs, how)};
    if (change.entry.meta.type != Type::regular) return true;
    const bool linked = found.stat.links > 1;
    if (linked) {
      const auto [first, is_first] =
          links.emplace(std::pair(found.stat.device, found.stat.inode), found.path);
      if (!is_first) {
        change.entry.meta.type = Type::hardlink;
        change.entry.meta.size = 0;
        change.entry.meta.link = first->second;
        return true;
      }
    }
    change.stamp = stamp_of(found.stat);
    change.contents = contents;
    return true;
  });
  return changes;
}

Tree read_tree(const Context& context, std::shared_ptr<const fs::Dir> directory, const Adopt& how,
               const Record* record) {
  Tree tree;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::shared_ptr<const Tree::Inode>> linked;
  const auto contents = std::make_shared<const DiskContents>(directory, "", "");
  fs::walk(context, *directory, [&](const fs::Found& found) {
    if (skip_socket(context, *directory, found)) return false;
    const bool shared = found.stat.type == fs::FileType::regular && found.stat.links > 1;
    const std::pair file(found.stat.device, found.stat.inode);
    if (const auto first = shared ? linked.find(file) : linked.end(); first != linked.end()) {
      tree.put(found.path, first->second, {});
      return true;
    }
    Tree::Inode inode{adopt(found.stat, found.link, found.xattrs, how), stamp_of(found.stat), nullptr,
                      std::nullopt};
    if (record != nullptr) inode.digest = settle(*record, found, how, inode.meta);
    if (inode.meta.type == Type::regular) inode.contents = contents;
    const auto put = std::make_shared<const Tree::Inode>(std::move(inode));
    if (shared) linked.emplace(file, put);
    tree.put(found.path, put, {});
    return true;
  });
  return tree;
}

namespace {

// Puts a tree below a destination, going through the symlinks of what is there.
class Placer {
 public:
  Placer(const Context& context, Tree& tree, const Placement& what,
         const std::function<void(const std::string&)>& on_put)
      : context_(context), tree_(tree), what_(what), on_put_(on_put) {}

  void put_tree(const std::shared_ptr<const fs::Dir>& root, const std::string& destination) {
    // Where each directory of the source that leads through a symlink of the tree really goes.
    std::map<std::string, std::string, PathLess> mapped = {{"", destination}};
    std::map<std::string, std::shared_ptr<const DiskContents>, PathLess> contents;
    contents[""] = std::make_shared<const DiskContents>(root, "", destination);
    fs::walk(context_, *root, [&](const fs::Found& found) {
      if (skip_socket(context_, *root, found)) return false;
      const std::string_view up = parent(found.path);
      const auto base = nearest(mapped, found.path.empty() ? "" : up);
      const std::string at = found.path.empty()
                                 ? destination
                                 : join(join(base.second, below(up, base.first)), basename(found.path));
      if (found.stat.type == fs::FileType::directory) {
        const std::string real = put_directory(at, found);
        if (real != at || found.path.empty()) {
          mapped[found.path] = real;
          contents[found.path] = std::make_shared<const DiskContents>(root, found.path, real);
        }
      } else {
        // A file with several names is read under the name it was found with, whichever name comes first in
        // the layer.
        auto from = found.stat.links > 1 ? std::make_shared<const DiskContents>(root, found.path)
                                         : contents.at(base.first);
        put_other(at, found, std::move(from), root->name() + "/" + found.path);
      }
      return true;
    });
  }

  void put_file(const std::shared_ptr<const fs::Dir>& directory, const std::string& file,
                const std::string& destination) {
    const fs::Stat stat = directory->get(file);
    if (stat.type == fs::FileType::socket) {
      throw Error(Kind::invalid,
                  fmt::format("{} is a socket, which no image can carry", quote(what_.source)));
    }
    const fs::Found found{file, stat, {}, directory->xattrs(file, stat.type)};
    put_other(destination, found, std::make_shared<const DiskContents>(directory, file), what_.source);
  }

 private:
  static std::pair<std::string, std::string> nearest(
      const std::map<std::string, std::string, PathLess>& mapped, std::string_view path) {
    for (;;) {
      const auto found = mapped.find(path);
      if (found != mapped.end()) return *found;
      path = parent(path);
    }
  }

  static std::string_view below(std::string_view path, std::string_view directory) {
    path.remove_prefix(directory.size());
    if (path.starts_with('/')) path.remove_prefix(1);
    return path;
  }

  // Gives the path that the directory has in the tree.
  std::string put_directory(const std::string& at, const fs::Found& found) {
    const std::string real = tree_.resolve(at, Tree::Follow::all);
    const Tree::Inode* there = tree_.find(real);
    if (there != nullptr && there->meta.type != Type::directory) {
      throw Error(Kind::exists,
                  fmt::format("{} is a file in the image and a directory in {}", quote("/" + real),
                              quote(what_.source)),
                  fmt::format("remove it first: --rm {}", quote("/" + real)));
    }
    if (there == nullptr || (what_.replace_metadata && !found.path.empty())) {
      check_name(real);
      put(real, found, nullptr);
    }
    return real;
  }

  void put_other(const std::string& at, const fs::Found& found, std::shared_ptr<const Contents> contents,
                 const std::string& source) {
    const Tree::Inode* there = tree_.find(at);
    if (there != nullptr && there->meta.type == Type::directory) {
      throw Error(Kind::exists,
                  fmt::format("{} is a directory in the image, {} is none", quote("/" + at), quote(source)),
                  fmt::format("write {} to put it into the directory, or remove that first: --rm {}",
                              quote("/" + at + "/"), quote("/" + at)));
    }
    check_name(at);
    put(at, found, std::move(contents));
    if (on_put_) on_put_(at);
  }

  static void check_name(const std::string& path) {
    if (!looks_like_whiteout(basename(path))) return;
    throw Error(Kind::invalid,
                fmt::format("{} cannot be packed: in a layer, a name that begins with .wh. removes a file",
                            quote(path)),
                "rename the file or leave it out");
  }

  void put(const std::string& path, const fs::Found& found, std::shared_ptr<const Contents> contents) {
    const bool regular = found.stat.type == fs::FileType::regular;
    const auto make = [&] {
      return std::make_shared<const Tree::Inode>(
          Tree::Inode{adopt(found.stat, found.link, found.xattrs, what_.adopt), stamp_of(found.stat),
                      regular ? std::move(contents) : nullptr});
    };
    if (!regular || found.stat.links < 2) return tree_.put(path, make(), what_.parent_mtime);
    auto& shared = linked_[{found.stat.device, found.stat.inode}];
    if (!shared) shared = make();
    tree_.put(path, shared, what_.parent_mtime);
  }

  const Context& context_;
  Tree& tree_;
  const Placement& what_;
  const std::function<void(const std::string&)>& on_put_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::shared_ptr<const Tree::Inode>> linked_;
};

}  // namespace

void place(const Context& context, Tree& tree, const Placement& what,
           const std::function<void(const std::string&)>& on_put) {
  // What a person names may be a symlink, or lie behind one; what is inside stays as it is.
  std::error_code error;
  const std::filesystem::path source = std::filesystem::canonical(what.source, error);
  if (error) throw_errno(error.value(), quote(what.source));
  Placer placer(context, tree, what, on_put);
  const bool into = what.destination.ends_with('/');
  if (std::filesystem::is_directory(source, error)) {
    const auto root = std::make_shared<const fs::Dir>(fs::Dir::open(source));
    return placer.put_tree(root, tree.resolve(what.destination, Tree::Follow::all));
  }
  // "Into" keeps the name that was typed, not that of what a symlink leads to.
  const std::string typed = std::filesystem::path(what.source).filename();
  const std::string destination =
      tree.resolve(into ? what.destination + typed : what.destination, Tree::Follow::all);
  if (const auto plain =
          tree.resolve(into ? what.destination + typed : what.destination, Tree::Follow::parents);
      plain != destination) {
    context.progress->warn(fmt::format("{} is a symlink in the image: {} is written", quote("/" + plain),
                                       quote("/" + destination)));
  }
  const auto directory = std::make_shared<const fs::Dir>(fs::Dir::open(source.parent_path()));
  placer.put_file(directory, source.filename(), destination);
}

}  // namespace stave::layer
