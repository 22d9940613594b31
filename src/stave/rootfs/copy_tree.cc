// A second copy of a tree.

#include "stave/rootfs/copy_tree.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "stave/base/error.h"
#include "stave/fs/plant.h"

namespace stave::rootfs {
namespace {

void copy_content(const fs::Dir& from, const std::string& path, std::uint64_t size, const fs::Fd& to) {
  auto file = std::make_shared<const fs::Fd>(from.open_file(path));
  if (::ioctl(to.get(), FICLONE, file->get()) == 0) return;
  fs::FileSource source(file, 0, size, path);
  fs::HoleSink sink(to);
  copy(source, sink);
  sink.finish();
}

class Copier {
 public:
  Copier(const fs::Dir& from, const fs::Dir& to, const fs::Dir& scratch)
      : from_(from),
        scratch_(scratch),
        planter_(to, same_attributes(fs::stat(from.handle()), from.xattrs("", fs::FileType::directory))) {}

  void add(const fs::Found& found) {
    if (found.stat.type == fs::FileType::directory) {
      if (!found.path.empty()) planter_.directory(found.path, same_attributes(found.stat, found.xattrs));
      return;
    }
    if (found.stat.links > 1) {
      auto [name, first] = names_.try_emplace({found.stat.device, found.stat.inode});
      if (first) name->second = make(found);
      if (!name->second.empty()) planter_.link(scratch_, name->second, found.path);
      return;
    }
    const std::string name = make(found);
    if (!name.empty()) planter_.move(scratch_, name, found.path);
  }

  void finish() {
    planter_.finish();
    for (const auto& [inode, name] : names_) {
      if (!name.empty()) scratch_.remove_file(name);
    }
  }

 private:
  // The file under a number; "" if it cannot be made.
  std::string make(const fs::Found& found) {
    std::string name = std::to_string(next_++);
    const auto attributes = same_attributes(found.stat, found.xattrs);
    if (found.stat.type == fs::FileType::regular) {
      const fs::Fd file = fs::create_file(scratch_, name);
      copy_content(from_, found.path, found.stat.size, file);
      fs::set_attributes(file, attributes);
      return name;
    }
    if (found.stat.type == fs::FileType::symlink) {
      fs::create_symlink(scratch_, name, found.link);
    } else if (found.stat.type == fs::FileType::socket ||
               !fs::create_node(scratch_, name, found.stat.type, found.stat.device_major,
                                found.stat.device_minor)) {
      return {};
    }
    fs::set_attributes(scratch_, name, found.stat.type, attributes);
    return name;
  }

  const fs::Dir& from_;
  const fs::Dir& scratch_;
  fs::Planter planter_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> names_;
  std::uint64_t next_ = 1;
};

}  // namespace

fs::Attributes same_attributes(const fs::Stat& stat, fs::Xattrs xattrs) {
  return {.owner = fs::Attributes::Owner{stat.uid, stat.gid},
          .mode = stat.mode,
          .mtime = stat.mtime,
          .xattrs = std::move(xattrs)};
}

void copy_tree(const Context& context, const fs::Dir& from, const fs::Dir& to, const fs::Dir& scratch) {
  Copier copier(from, to, scratch);
  fs::walk(from, [&](const fs::Found& found) {
    context.check();
    copier.add(found);
    return true;
  });
  copier.finish();
}

}  // namespace stave::rootfs
