// unpack: one pass over the layers, into a directory beside the target that nobody
// sees. The tree in memory says what goes where; nothing that a layer says is
// ever a path on disk, only a name in a directory that was just made.
//
// No fsync: a tree that a crash damages is unpacked again, and its layers were verified.

#include "stave/layer/unpack.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/base/watched.h"
#include "stave/fs/make.h"
#include "stave/fs/staging.h"
#include "stave/layer/disk.h"
#include "stave/layer/reader.h"
#include "stave/layer/record.h"
#include "stave/layer/record_text.h"
#include "stave/layer/unpack_stage.h"

namespace stave::layer {
namespace {

constexpr const char* files_name = "files";
constexpr const char* tree_name = "tree";
constexpr const char* bundle_name = "bundle";
constexpr const char* rootfs_path = "bundle/rootfs";
constexpr const char* rootfs_record = "rootfs.stave";

// A target, taken apart.
struct Place {
  std::string parent;
  std::string name;
};

Place place_of(std::string_view target) {
  while (target.size() > 1 && target.ends_with('/')) target.remove_suffix(1);
  const std::size_t slash = target.rfind('/');
  const std::string name(target.substr(slash + 1));  // npos + 1 is 0
  if (name.empty() || name == "." || name == "..") {
    throw Error(Kind::usage,
                fmt::format("{} cannot be unpacked to: it has no name of its own", quote(target)),
                "name a directory that is to appear");
  }
  if (slash == std::string_view::npos) return {".", name};
  return {slash == 0 ? "/" : std::string(target.substr(0, slash)), name};
}

[[noreturn]] void taken(const std::string& target, std::string_view why) {
  throw Error(Kind::exists, fmt::format("{}: {}", quote(target), why),
              "name a directory that does not exist, or an empty one");
}

void check_free(const fs::Dir& parent, const std::string& name, const std::string& target) {
  const auto there = parent.find(name);
  if (!there) return;
  if (there->type == fs::FileType::symlink) taken(target, "is a symlink");
  if (there->type != fs::FileType::directory) taken(target, "is there already, and no directory");
  if (fs::is_mount_point(parent, name)) taken(target, "something is mounted there");
  if (!parent.list(name).empty()) taken(target, "is not empty");
}

// A record of a tree that is gone may be replaced, a file of somebody's who likes that name may not.
void check_record_free(const fs::Dir& parent, const std::string& name) {
  if (!parent.find(name)) return;
  const auto file = std::make_shared<const fs::Fd>(parent.open_file(name));
  std::array<std::byte, 32> beginning{};
  fs::FileSource source(file, 0, fs::stat(*file).size, name);
  const std::size_t n = read_full(source, beginning);
  if (looks_like_record(as_text(Bytes(beginning).first(n)))) return;
  throw Error(
      Kind::exists,
      fmt::format("{} is no record of an unpacked tree, and in its place", quote(parent.name() + "/" + name)),
      "move it away, or unpack under another name");
}

// Does what reads a layer, and waits for the files that came of it. One that could not be made stands before
// whatever was found wrong further on.
template <class Work>
void settled(Stage& stage, const Work& work) {
  try {
    work();
  } catch (const Error&) {
    stage.settle();
    throw;
  }
  stage.settle();
}

// Puts one layer on top of the tree; its files into the stage.
void apply_piece(const Context& context, const Stack::Piece& piece, Stage& stage, Tree& tree) {
  Task task(context, "unpacking " + piece.name, 0);
  try {
    const auto plain = piece.open(context.jobs);
    WatchedSource watched(context, *plain, task);
    LayerReader reader(watched);
    settled(stage, [&] {
      tree.apply(context, reader, [&](const Step& step) { return stage.take(step, reader); });
      reader.finish();
    });
  } catch (const Error& e) {
    throw e.kind() == Kind::cancelled ? e : e.within(piece.name);
  }
  task.done();
}

// Of the xattrs in the image, those that the disk should have and has not are to be put back.
void split_xattrs(const Xattrs& image, const fs::Xattrs& disk, Record::Known& known) {
  for (const auto& xattr : image) {
    const bool missing = is_packed_xattr(xattr.first) && !std::binary_search(disk.begin(), disk.end(), xattr);
    (missing ? known.meta.xattrs : known.other_xattrs).push_back(xattr);
  }
}

// None, unless it is known of every layer.
std::vector<Digest> diff_ids_of(const Stack& stack) {
  std::vector<Digest> diff_ids;
  for (const auto& piece : stack.pieces) {
    if (!piece.diff_id) return {};
    diff_ids.push_back(*piece.diff_id);
  }
  return diff_ids;
}

Record record_of(const Context& context, const Stack& stack, const Tree& tree, const Stage& stage,
                 const fs::Dir& root, Owners owners) {
  Record record;
  record.layers = diff_ids_of(stack);
  if (owners == Owners::aside) record.aside = Record::Aside{::geteuid(), ::getegid()};
  fs::walk(context, root, [&](const fs::Found& found) {
    const Tree::Inode* inode = tree.find(found.path);
    if (inode == nullptr)
      throw Error(Kind::internal, fmt::format("{} was never unpacked", quote(found.path)));
    Record::Known known{
        .meta = inode->meta, .other_xattrs = {}, .disk = found.stat, .digest = stage.digest_of(*inode)};
    known.meta.size = 0;
    known.meta.xattrs.clear();
    split_xattrs(inode->meta.xattrs, found.xattrs, known);
    record.known.emplace_hint(record.known.end(), found.path, std::move(known));
    return true;
  });
  return record;
}

void write_record(const Record& record, const fs::Dir& dir, const std::string& name) {
  fs::TempFile file = fs::TempFile::in(dir, 0600);
  record.write(file);
  std::move(file).publish(name, fs::TempFile::Existing::replace, false);
}

class Unpacking {
 public:
  Unpacking(const Context& context, const std::string& target, const Unpack& how)
      : context_(context),
        target_(target),
        how_(how),
        place_(place_of(target)),
        parent_(fs::Dir::open(place_.parent)) {
    check();
    if (fs::Staging::remove_left_over(parent_) != 0)
      context.progress->warn(
          fmt::format("{}: some of what a killed unpack left there cannot be removed", quote(place_.parent)));
    staging_.emplace(parent_, place_.name);
  }

  Unpacked run(const Stack& stack) {
    const fs::Dir files = staging_->make_dir(files_name);
    std::vector<fs::Dir> homes;
    for (unsigned i = 0; i < Files::homes(context_); ++i)
      homes.push_back(staging_->make_dir(fmt::format("{}/{}", files_name, i)));
    Stage stage(context_, homes, how_.owners);
    Tree tree;
    for (const auto& piece : stack.pieces) apply_piece(context_, piece, stage, tree);

    if (how_.bundle) {
      const fs::Dir bundle = staging_->make_dir(bundle_name);
      write_record(complete(stack, stage, tree, files, rootfs_path), bundle, rootfs_record);
      how_.bundle(bundle);
      const auto turn = take_turn();
      staging_->publish(bundle_name, place_.name);
    } else {
      const Record record = complete(stack, stage, tree, files, tree_name);
      const auto turn = take_turn();
      publish_tree(record);
    }
    return stage.unpacked();
  }

 private:
  // Asked before the work and, because that takes long, after it.
  void check() const {
    context_.check();
    check_free(parent_, place_.name, target_);
    if (!how_.bundle) check_record_free(parent_, record_name());
  }
  // Two who unpack to one target at once: who comes second is told so, and does not take the record of the
  // first away.
  fs::Lock take_turn() const {
    auto lock = fs::Lock::take(parent_.handle(), fs::Lock::Mode::exclusive);
    check();
    return lock;
  }
  std::string record_name() const { return place_.name + ".stave"; }

  // Makes the tree at `path` in the stage. Says what is in it by now.
  Record complete(const Stack& stack, Stage& stage, const Tree& tree, const fs::Dir& files,
                  std::string_view path) const {
    const fs::Dir root = staging_->make_dir(path);
    stage.plant(tree, root);
    const fs::Time now = fs::time_after_now(files);
    Record record = record_of(context_, stack, tree, stage, root, how_.owners);
    record.taken = now;
    if (record.known.size() != stage.unpacked().entries + 1) {
      throw Error(Kind::invalid,
                  fmt::format("{}: the file system takes two names of the image for one", quote(target_)),
                  "unpack to a file system that tells upper from lower case");
    }
    stage.warn();
    return record;
  }

  // The record comes first: without its tree it harms nobody, while a tree whose owners were kept aside would
  // have lost them without its record.
  void publish_tree(const Record& record) const {
    write_record(record, parent_, record_name());
    try {
      staging_->publish(tree_name, place_.name);
    } catch (const Error&) {
      parent_.remove_file(record_name());
      throw;
    }
  }

  const Context& context_;
  const std::string& target_;
  const Unpack& how_;
  Place place_;
  fs::Dir parent_;
  std::optional<fs::Staging> staging_;
};

}  // namespace

void check_target(const std::string& target) {
  const Place place = place_of(target);
  const fs::Dir parent = fs::Dir::open(place.parent);
  check_free(parent, place.name, target);
}

Unpacked unpack(const Context& context, const Stack& stack, const std::string& target, const Unpack& how) {
  return Unpacking(context, target, how).run(stack);
}

}  // namespace stave::layer
