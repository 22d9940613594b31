// From an upper directory to changes: what is in it is put on a copy of the tree
// below, and the tree says what that changed.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/layer/compare.h"
#include "stave/layer/disk.h"
#include "stave/layer/overlay.h"

namespace stave::layer {
namespace {

using Inode = Tree::Inode;
using Shared = std::shared_ptr<const Inode>;

bool is_whiteout(const fs::Stat& stat) {
  return stat.type == fs::FileType::character && stat.device_major == 0 && stat.device_minor == 0;
}

bool is_opaque(const fs::Found& found, bool in_user_namespace) {
  const std::string_view name = in_user_namespace ? "user.overlay.opaque" : "trusted.overlay.opaque";
  return std::any_of(found.xattrs.begin(), found.xattrs.end(),
                     [&](const auto& xattr) { return xattr.first == name && xattr.second == "y"; });
}

std::uint32_t mode_aside(const Metadata& meta) {
  if (meta.type == Type::symlink) return meta.mode;
  return (meta.mode & ~06000u) | (meta.type == Type::directory ? 0700u : 0600u);
}

class Upper {
 public:
  Upper(const Context& context, std::shared_ptr<const fs::Dir> directory, const Tree& below,
        const ReadUpper& how)
      : context_(context),
        directory_(std::move(directory)),
        contents_(contents_below(directory_)),
        below_(below),
        tree_(below),
        how_(how) {
    tree_.take_changes();
  }

  UpperChanges run() {
    fs::walk(*directory_, [&](const fs::Found& found) {
      context_.check();
      if (!found.path.empty()) see(found);
      return true;
    });
    for (const Name& name : names_) put(name);
    drop_mount_points();
    UpperChanges result{.changes = tree_.take_changes(), .sockets = sockets_};
    if (how_.newest_mtime) {
      for (Change& change : result.changes) {
        if (change.entry.meta.mtime.seconds > *how_.newest_mtime)
          change.entry.meta.mtime = {*how_.newest_mtime, 0};
      }
    }
    return result;
  }

 private:
  // A file, under as many names as it has in the upper directory.
  struct File {
    Shared inode;
    std::vector<std::string> paths;
    bool judged = false;
    bool as_before = false;  // it was copied up and not changed: the tree keeps what it has
  };
  struct Name {
    std::string path;
    bool clears = false;   // what was there goes
    std::size_t file = 0;  // and this comes, unless `gone`
    bool gone = false;
  };

  void see(const fs::Found& found) {
    if (found.stat.type == fs::FileType::socket) {
      context_.progress->warn(fmt::format("{} is a socket and was left out", quote(found.path)));
      ++sockets_;
    }
    const bool gone = is_whiteout(found.stat) || found.stat.type == fs::FileType::socket;
    Name name{.path = found.path, .clears = gone, .file = 0, .gone = gone};
    if (!gone) {
      if (found.stat.type == fs::FileType::directory)
        name.clears = is_opaque(found, how_.form.in_user_namespace);
      name.file = file_of(found);
    }
    names_.push_back(std::move(name));
  }

  std::size_t file_of(const fs::Found& found) {
    const bool linked = found.stat.type == fs::FileType::regular && found.stat.links > 1;
    if (linked) {
      const auto [known, fresh] =
          linked_.emplace(std::pair(found.stat.device, found.stat.inode), files_.size());
      if (!fresh) {
        files_[known->second].paths.push_back(found.path);
        return known->second;
      }
    }
    Inode inode{adopt(found.stat, found.link, found.xattrs, {}), stamp_of(found.stat), nullptr, std::nullopt};
    if (inode.meta.type == Type::regular) inode.contents = contents_;
    const Inode* lower = below_.find(found.path);
    if (lower != nullptr && how_.form.owners == Owners::aside) settle_aside(inode.meta, lower->meta);
    files_.push_back({std::make_shared<const Inode>(std::move(inode)), {found.path}});
    return files_.size() - 1;
  }

  bool is_as_before(const File& file) {
    const Inode* lower = below_.find(file.paths.front());
    if (lower == nullptr || !compare_metadata(lower->meta, file.inode->meta).empty()) return false;
    for (const auto& path : file.paths) {
      if (below_.find(path) != lower) return false;
    }
    return lower->meta.type != Type::regular || same_content(file, *lower);
  }

  bool same_content(const File& file, const Inode& lower) const {
    if (lower.meta.size != file.inode->meta.size) return false;
    if (lower.meta.size == 0) return true;
    const auto& path = file.paths.front();
    if (lower.digest) return digest(*directory_, path) == *lower.digest;
    for (const auto& directory : how_.form.lowers) {
      const auto found = directory->find(path);
      if (!found) continue;
      return found->type == fs::FileType::regular && found->size == lower.meta.size &&
             digest(*directory, path) == digest(*directory_, path);
    }
    return false;
  }

  Digest digest(const fs::Dir& directory, const std::string& path) const {
    const auto file = std::make_shared<const fs::Fd>(directory.open_file(path));
    fs::FileSource source(file, 0, fs::stat(*file).size, path);
    std::vector<std::byte> buffer(limits::copy_buffer);
    Hasher hasher;
    while (const std::size_t n = source.read(buffer)) {
      context_.check();
      hasher.update(Bytes(buffer).first(n));
    }
    return std::move(hasher).finish();
  }

  void put(const Name& name) {
    if (name.clears && tree_.find(name.path) != nullptr) tree_.remove(name.path);
    if (name.gone) return;
    File& file = files_[name.file];
    if (!file.judged) {
      file.judged = true;
      file.as_before = is_as_before(file);
    }
    if (file.as_before) {
      const Inode* lower = below_.find(name.path);
      if (tree_.find(name.path) == lower) return;
      // A directory that was emptied; its mtime may have fractions that a layer cannot tell.
      if (lower->meta.type != Type::regular) file.inode = std::make_shared<const Inode>(*lower);
    }
    tree_.put(name.path, file.inode, {});
  }

  void drop_mount_points() {
    for (auto point = how_.mount_points.rbegin(); point != how_.mount_points.rend(); ++point) {
      const Inode* inode = tree_.find(*point);
      if (inode == nullptr || below_.find(*point) != nullptr) continue;
      bool empty = inode->meta.type == Type::regular && inode->meta.size == 0;
      if (inode->meta.type == Type::directory) {
        empty = true;
        tree_.visit_below(*point, 1, [&](const std::string&, const Inode&) { empty = false; });
      }
      if (empty) tree_.remove(*point);
    }
  }

  const Context& context_;
  std::shared_ptr<const fs::Dir> directory_;
  std::shared_ptr<const Contents> contents_;
  const Tree& below_;
  Tree tree_;
  const ReadUpper& how_;
  std::vector<Name> names_;
  std::vector<File> files_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::size_t> linked_;
  std::uint64_t sockets_ = 0;
};

}  // namespace

void settle_aside(Metadata& meta, const Metadata& lower) {
  if (meta.type != lower.type) return;
  meta.uid = lower.uid;
  meta.gid = lower.gid;
  if (meta.mode == mode_aside(lower)) meta.mode = lower.mode;
  for (const auto& xattr : lower.xattrs) {
    if (!xattr.first.starts_with("user.")) meta.xattrs.push_back(xattr);
  }
  std::sort(meta.xattrs.begin(), meta.xattrs.end());
}

UpperChanges read_upper(const Context& context, const std::shared_ptr<const fs::Dir>& upper,
                        const Tree& below, const ReadUpper& how) {
  return Upper(context, upper, below, how).run();
}

}  // namespace stave::layer
