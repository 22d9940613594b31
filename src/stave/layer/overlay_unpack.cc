// From a layer to its overlay form: the files as unpack makes them, then what the
// layer says about those below.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/base/watched.h"
#include "stave/fs/make.h"
#include "stave/layer/disk.h"
#include "stave/layer/overlay.h"
#include "stave/layer/reader.h"
#include "stave/layer/unpack_stage.h"

namespace stave::layer {
namespace {

using Paths = std::set<std::string, PathLess>;

// What is not in the tree that the layer alone makes.
struct Notes {
  Paths named;   // has an entry of its own
  Paths gone;    // whiteouts
  Paths opaque;  // directories in which nothing of below is
};

fs::Attributes attributes_on_disk(const fs::Dir& dir) {
  const auto stat = fs::stat(dir.handle());
  fs::Attributes attributes{.owner = fs::Attributes::Owner{stat.uid, stat.gid},
                            .mode = stat.mode,
                            .mtime = stat.mtime,
                            .xattrs = dir.xattrs("", fs::FileType::directory)};
  std::erase_if(attributes.xattrs, [](const auto& xattr) { return !is_packed_xattr(xattr.first); });
  return attributes;
}

void set_mtime(const fs::Dir& dir, const fs::Time& mtime) {
  const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
                             {.tv_sec = mtime.seconds, .tv_nsec = static_cast<long>(mtime.nanoseconds)}};
  if (::futimens(dir.fd(), times) != 0) throw_errno(errno, quote(dir.name()));
}

class OverlayUnpacking {
 public:
  OverlayUnpacking(const Context& context, const fs::Dir& place, const OverlayForm& form)
      : context_(context), place_(place), form_(form) {}

  void run(const Stack::Piece& piece) {
    place_.make_dir("files", 0700);
    std::vector<fs::Dir> homes;
    for (unsigned i = 0; i < Files::homes(context_); ++i)
      homes.push_back(place_.make_dir(fmt::format("files/{}", i), 0700));
    Stage stage(context_, homes, form_.owners);
    Tree tree;
    read(piece, stage, tree);
    for (const auto* paths : {&notes_.gone, &notes_.opaque}) make_way(*paths, tree);
    const fs::Dir root = place_.make_dir("fs", 0700);
    stage.plant(tree, root);
    note(root, tree);
    give_parents(root, tree);
    stage.warn();
  }

 private:
  void read(const Stack::Piece& piece, Stage& stage, Tree& tree) {
    Task task(context_, "unpacking " + piece.name, 0);
    const auto plain = piece.open(context_.jobs);
    WatchedSource watched(context_, *plain, task);
    LayerReader reader(watched, [&](const Step& step, bool) {
      auto& paths = step.meaning == Meaning::entry      ? notes_.named
                    : step.meaning == Meaning::whiteout ? notes_.gone
                                                        : notes_.opaque;
      paths.insert(step.entry.path);
    });
    try {
      tree.apply(context_, reader, [&](const Step& step) { return stage.take(step, reader); });
      reader.finish();
    } catch (const Error&) {
      stage.settle();
      throw;
    }
    stage.settle();
    task.done();
  }

  // Directories that hold nothing but what is gone from them.
  void make_way(const Paths& paths, Tree& tree) {
    const bool whiteouts = &paths == &notes_.gone;
    for (const auto& path : paths) {
      const std::string directory(whiteouts ? parent(path) : std::string_view(path));
      if (directory.empty() || tree.find(directory) != nullptr) continue;
      tree.put(directory, std::make_shared<const Tree::Inode>(Tree::Inode{Metadata{}, {}, nullptr}), {});
    }
  }

  void note(const fs::Dir& root, const Tree& tree) const {
    for (const auto& path : notes_.gone) {
      const auto* inode = tree.find(path);
      if (inode == nullptr) {
        white_out(root, path, tree);
      } else if (inode->meta.type == Type::directory) {
        make_opaque(root, path);  // it was removed and made anew
      }
    }
    for (const auto& path : notes_.opaque) {
      const auto* inode = tree.find(path);
      if (inode != nullptr && inode->meta.type == Type::directory) make_opaque(root, path);
    }
  }

  static void white_out(const fs::Dir& root, const std::string& path, const Tree& tree) {
    const std::string above(parent(path));
    const auto* inode = tree.find(above);
    if (inode != nullptr && inode->meta.type != Type::directory) return;
    const fs::Dir dir = root.open_dir(above);
    const auto before = fs::stat(dir.handle());
    if (!fs::create_node(dir, std::string(basename(path)), fs::FileType::character, 0, 0))
      throw Error(Kind::denied, fmt::format("{}: the kernel lets us make no whiteouts", quote(path)));
    set_mtime(dir, before.mtime);
  }

  void make_opaque(const fs::Dir& root, const std::string& path) const {
    const char* name = form_.in_user_namespace ? "user.overlay.opaque" : "trusted.overlay.opaque";
    const fs::Dir dir = root.open_dir(path);
    if (::fsetxattr(dir.fd(), name, "y", 1, 0) != 0) throw_errno(errno, quote(path));
  }

  // The root, and directories without an entry: deepest first is of no matter, since nothing is made any
  // more.
  void give_parents(const fs::Dir& root, const Tree& tree) const {
    give(root, "");
    tree.visit([&](const std::string& path, const Tree::Inode& inode) {
      if (inode.meta.type == Type::directory && !notes_.named.contains(path)) give(root, path);
    });
  }

  void give(const fs::Dir& root, const std::string& path) const {
    for (const auto& lower : form_.lowers) {
      const auto found = lower->find(path);
      if (!found) continue;
      if (found->type == fs::FileType::directory)
        fs::set_attributes(root.open_dir(path).handle(), attributes_on_disk(lower->open_dir(path)));
      return;
    }
  }

  const Context& context_;
  const fs::Dir& place_;
  const OverlayForm& form_;
  Notes notes_;
};

}  // namespace

void unpack_overlay(const Context& context, const Stack::Piece& piece, const fs::Dir& place,
                    const OverlayForm& form) {
  try {
    OverlayUnpacking(context, place, form).run(piece);
  } catch (const Error& e) {
    throw e.kind() == Kind::cancelled ? e : e.within(piece.name);
  }
}

}  // namespace stave::layer
