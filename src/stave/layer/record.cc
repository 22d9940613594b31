// Record: where it lies, and what it says about a file that may have changed since.
// How it is written is in record_text.cc.

#include "stave/layer/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/layer/record_text.h"

namespace stave::layer {
namespace {

constexpr std::uint32_t set_ids = 06000;

std::string without_slashes(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return std::string(path);
}

bool is_device(Type type) { return type == Type::character || type == Type::block; }

// The fingerprint. The device is not part of it: it changes from one boot to the next.
bool is_untouched(const fs::Stat& then, const fs::Stat& now, const fs::Time& taken) {
  return then.type == now.type && then.size == now.size && then.mode == now.mode && then.uid == now.uid &&
         then.gid == now.gid && then.inode == now.inode && then.mtime == now.mtime &&
         then.ctime == now.ctime && then.ctime < taken;
}

// Has nobody written to it, as far as its time tells?
bool is_unwritten(const fs::Stat& then, const fs::Stat& now) {
  return then.inode == now.inode && then.size == now.size && then.mtime == now.mtime;
}

// Is the empty file that stands for a device still just that? Opening it with O_TRUNC, as `> /dev/null` does,
// leaves it so.
bool is_placeholder(const Record::Known& known, const fs::Stat& now) {
  return is_device(known.meta.type) && known.disk.type == fs::FileType::regular &&
         now.type == fs::FileType::regular && now.size == 0 && now.inode == known.disk.inode;
}

// What is new belongs to root, where everything belongs to who unpacked.
void settle_new(const std::optional<Record::Aside>& aside, const fs::Stat& now, Metadata& meta) {
  if (!aside) return;
  if (now.uid == aside->uid) meta.uid = 0;
  if (now.gid == aside->gid) meta.gid = 0;
}

std::uint32_t settled_mode(const Record::Known& known, const fs::Stat& now) {
  if (now.mode != known.disk.mode) return now.mode;
  // As in the kernel, whoever writes to a program takes its setuid bit away.
  const bool rewritten = now.type == fs::FileType::regular && !is_unwritten(known.disk, now);
  return rewritten ? known.meta.mode & ~(set_ids & ~now.mode) : known.meta.mode;
}

// The record has those xattrs that the disk could not take. Capabilities go when a file is written to, and
// only the fingerprint proves that nobody did.
void settle_xattrs(const Xattrs& kept, bool untouched, Xattrs& xattrs) {
  for (const auto& each : kept) {
    if (!untouched && !each.first.starts_with("user.") && !each.first.starts_with("system.")) continue;
    const auto at = std::lower_bound(xattrs.begin(), xattrs.end(), each.first,
                                     [](const auto& a, const std::string& name) { return a.first < name; });
    if (at != xattrs.end() && at->first == each.first) continue;  // somebody set it since
    xattrs.insert(at, each);
  }
}

// What it was in the image.
Tree::Inode inode_of(const Record::Known& known) {
  Tree::Inode inode{.meta = known.meta, .stamp = {}, .contents = nullptr, .digest = known.digest};
  if (known.meta.type == Type::regular) inode.meta.size = known.disk.size;
  auto& xattrs = inode.meta.xattrs;
  xattrs.insert(xattrs.end(), known.other_xattrs.begin(), known.other_xattrs.end());
  std::sort(xattrs.begin(), xattrs.end());
  return inode;
}

}  // namespace

std::string Record::name_for(const std::string& tree) { return without_slashes(tree) + ".stave"; }

std::shared_ptr<const Record> Record::find(const std::string& tree) {
  // "." and a symlink to a tree have their record beside the tree itself.
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(tree, error);
  if (error || !real.has_filename()) return nullptr;
  const std::string name = real.filename().string() + ".stave";
  const fs::Dir parent = fs::Dir::open(real.parent_path().string());
  const auto there = parent.find(name);
  if (!there) return nullptr;

  const std::string path = name_for(real.string());
  const auto file = std::make_shared<const fs::Fd>(parent.open_file(name));
  fs::FileSource source(file, 0, fs::stat(*file).size, path);
  auto record = std::make_shared<const Record>(read(source, path));
  const auto root = record->known.find("");
  const fs::Stat now = parent.get(real.filename().string());
  if (root == record->known.end() || root->second.disk.inode != now.inode) {
    throw Error(Kind::invalid,
                fmt::format("{} is the record of another directory than {}", quote(path), quote(tree)),
                "remove it if its tree is gone; a copy of a tree is not a tree that stave unpacked");
  }
  return record;
}

void Record::write(Sink& sink) const { render_record(*this, sink); }

Record Record::read(Source& source, const std::string& name) {
  try {
    return parse_record(source);
  } catch (const Error& e) {
    if (e.kind() != Kind::invalid && e.kind() != Kind::limit) throw;
    throw Error(
        e.kind(), fmt::format("{}: {}", quote(name), e.what()),
        "remove it if it is damaged; owners that were kept aside are lost then, and files are read again");
  }
}

Tree Record::tree() const {
  Tree tree;
  std::unordered_map<std::uint64_t, std::shared_ptr<const Tree::Inode>> files;  // names of one file share it
  files.reserve(known.size());
  for (const auto& [path, was] : known) {
    std::shared_ptr<const Tree::Inode> unshared;
    auto& inode = was.meta.type == Type::regular ? files[was.disk.inode] : unshared;
    if (!inode) inode = std::make_shared<const Tree::Inode>(inode_of(was));
    tree.put(path, inode, {});
  }
  return tree;
}

std::optional<Digest> Record::settle(const fs::Found& found, Metadata& meta) const {
  const auto at = known.find(found.path);
  if (at == known.end()) {
    settle_new(aside, found.stat, meta);
    return std::nullopt;
  }
  const Known& was = at->second;
  const fs::Stat& now = found.stat;
  const bool kept_device = is_placeholder(was, now);
  const bool stood_for_device = is_device(was.meta.type) && was.disk.type == fs::FileType::regular;
  if (was.disk.type != now.type || (stood_for_device && !kept_device)) {
    settle_new(aside, now, meta);  // something else has its name
    return std::nullopt;
  }

  const bool untouched = is_untouched(was.disk, now, taken);
  if (kept_device) {
    meta.type = was.meta.type;
    meta.size = 0;
    meta.device_major = was.meta.device_major;
    meta.device_minor = was.meta.device_minor;
  }
  meta.mode = meta.type == Type::symlink ? was.meta.mode : settled_mode(was, now);
  if (now.uid == was.disk.uid) meta.uid = was.meta.uid;
  if (now.gid == was.disk.gid) meta.gid = was.meta.gid;
  if (now.mtime == was.disk.mtime) meta.mtime = was.meta.mtime;
  settle_xattrs(was.meta.xattrs, untouched, meta.xattrs);
  return untouched && meta.type == Type::regular ? was.digest : std::nullopt;
}

}  // namespace stave::layer
