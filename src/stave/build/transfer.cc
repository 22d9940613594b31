// COPY and ADD. The rules are those of BuildKit's copy: the contents of directories are merged, a file goes
// into a directory that is there, symlinks of the destination are followed inside the tree, nested
// directories take over the metadata of the source, the topmost one only when it is made.

#include "stave/build/transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "stave/base/text.h"
#include "stave/compress/compress.h"
#include "stave/layer/path.h"

namespace stave::build {
namespace {

using Inode = layer::Tree::Inode;

bool is_directory(const Inode& inode) { return inode.meta.type == layer::Type::directory; }

// What says in a key that two files are the same: everything that becomes part of a layer, but for times of a
// context.
std::string fingerprint(const Context& context, const Files& files, const std::string& path,
                        const Inode& inode, bool with_time) {
  const auto& meta = inode.meta;
  std::string text = fmt::format("{} {:o} {}:{} {}:{}", static_cast<int>(meta.type), meta.mode, meta.uid,
                                 meta.gid, meta.device_major, meta.device_minor);
  if (meta.type == layer::Type::regular)
    text += fmt::format(" {} {}", meta.size, files.digest(context, path, inode).str());
  if (meta.type == layer::Type::symlink) text += " " + meta.link;
  if (with_time) text += fmt::format(" {}.{}", meta.mtime.seconds, meta.mtime.nanoseconds);
  for (const auto& [name, value] : meta.xattrs) text += fmt::format(" {}={}", name, digest_of(value).str());
  return text;
}

// The path of something below a picked directory, as --exclude sees it.
std::string below(const std::string& directory, const std::string& path) {
  return directory.empty() ? path : path.substr(directory.size() + 1);
}

// Content that is read by the path it has where it came from, whatever it is called by now.
class MovedContents : public layer::Contents {
 public:
  MovedContents(std::shared_ptr<const layer::Contents> from, std::string path)
      : from_(std::move(from)), path_(std::move(path)) {}
  void read(const layer::Change& change, std::uint64_t offset, MutableBytes out) const override {
    layer::Change there = change;
    there.entry.path = path_;
    from_->read(there, offset, out);
  }
  bool stamped() const override { return from_->stamped(); }

 private:
  std::shared_ptr<const layer::Contents> from_;
  std::string path_;
};

template <class Each>
void visit_picked(const layer::Tree& tree, const Picked& picked, const containerfile::Patterns& excludes,
                  const Each& each) {
  tree.visit_below(picked.path, layer::all_levels, [&](const std::string& path, const Inode& inode) {
    const std::string relative = below(picked.path, path);
    if (!excludes.empty() && excludes.excludes(relative)) return;
    each(relative, path, inode);
  });
}

class Putter {
 public:
  Putter(const Context& context, layer::Tree& tree, const Manner& manner)
      : context_(context), tree_(tree), manner_(manner) {}

  void put(const Input& input) {
    if (input.as_directory) return put_directory(*input.files, {"", ""}, target_directory(), input);
    for (const auto& picked : pick(context_, *input.files, input.source)) {
      const auto& source = input.files->tree(context_);
      const Inode* inode = picked.path.empty() ? nullptr : source.find(picked.path);
      if (manner_.parents) {
        put_with_parents(input, picked, inode);
      } else if (inode == nullptr || is_directory(*inode)) {
        put_directory(*input.files, picked, target_directory(), input);
      } else if (input.may_be_archive && unpacked(input, picked.path)) {
        continue;
      } else if (manner_.excludes.empty() || !manner_.excludes.excludes(layer::basename(picked.name))) {
        put_file(picked, *inode, input, file_target(std::string(layer::basename(picked.name))));
      }
    }
  }

  layer::Changeset finish() {
    auto changes = tree_.take_changes();
    // What came out of layers or tars gets its content now, from wherever it came.
    std::map<const Files*, std::vector<std::size_t>> without;
    for (std::size_t i = 0; i < changes.size(); ++i) {
      const auto& change = changes[i];
      if (change.removal || change.entry.meta.type != layer::Type::regular || change.entry.meta.size == 0 ||
          change.contents)
        continue;
      if (const auto from = from_.find(change.entry.path); from != from_.end())
        without[from->second].push_back(i);
    }
    for (const auto& [files, indexes] : without) {
      layer::Changeset part;
      for (const auto i : indexes) part.push_back(changes[i]);
      files->fill(context_, part);
      for (std::size_t i = 0; i < indexes.size(); ++i) {
        changes[indexes[i]].contents = part[i].contents;
        changes[indexes[i]].stamp = part[i].stamp;
      }
    }
    return changes;
  }

 private:
  layer::Owner owner() const { return manner_.owner.value_or(layer::Owner{}); }

  std::string resolved(const std::string& path) const {
    return manner_.link ? layer::clean(path).value_or("") : tree_.resolve(path, layer::Tree::Follow::all);
  }

  // The destination as a directory; made if it is not there.
  std::string target_directory() {
    const std::string path = resolved(manner_.destination);
    const Inode* there = tree_.find(path);
    if (!path.empty() && there != nullptr && !is_directory(*there))
      throw Error(Kind::exists,
                  fmt::format("{} is a file, and a directory would be copied there", quote("/" + path)));
    return path;
  }

  std::string file_target(const std::string& name) {
    const std::string path = resolved(manner_.destination);
    const Inode* there = path.empty() ? nullptr : tree_.find(path);
    const bool into = manner_.into || path.empty() || (there != nullptr && is_directory(*there));
    if (manner_.into && there != nullptr && !is_directory(*there))
      throw Error(Kind::exists,
                  fmt::format("{} is a file, and files would be copied into it", quote("/" + path)));
    return into ? layer::join(path, name) : path;
  }

  layer::Timestamp time_of(const Inode& inode, const Input& input) const {
    if (!input.keeps_times) return manner_.made;
    if (manner_.newest && inode.meta.mtime.seconds >= *manner_.newest) return {*manner_.newest, 0};
    return inode.meta.mtime;
  }

  std::shared_ptr<const Inode> inode_for(const Inode& inode, const Input& input, const std::string& path) {
    // Names of one file stay names of one file.
    auto& made = made_[&inode];
    if (made && inode.meta.type != layer::Type::directory) return made;
    auto out = std::make_shared<Inode>(inode);
    // Files of the context are root's already; those of images and tars stay whose they are.
    if (manner_.owner) {
      out->meta.uid = manner_.owner->uid;
      out->meta.gid = manner_.owner->gid;
    }
    if (manner_.mode && inode.meta.type != layer::Type::symlink)
      out->meta.mode = manner_.mode->apply(inode.meta.mode, is_directory(inode));
    out->meta.mtime = time_of(inode, input);
    if (inode.contents) out->contents = std::make_shared<MovedContents>(inode.contents, path);
    made = std::move(out);
    return made;
  }

  void put_file(const Picked& picked, const Inode& inode, const Input& input, const std::string& target) {
    make_directories(tree_, std::string(layer::parent(target)), owner(), manner_.made);
    put_at(*input.files, picked.path, inode, input, target);
  }

  void put_at(const Files& files, const std::string& from, const Inode& inode, const Input& input,
              const std::string& target) {
    const Inode* there = tree_.find(target);
    if (there != nullptr && is_directory(*there))
      throw Error(Kind::exists,
                  fmt::format("cannot replace the directory {} with a file", quote("/" + target)));
    tree_.put(target, inode_for(inode, input, from), manner_.made);
    from_[target] = &files;
  }

  void put_directory(const Files& files, const Picked& picked, const std::string& target,
                     const Input& input) {
    const auto& source = files.tree(context_);
    if (tree_.find(target) == nullptr && !target.empty()) {
      make_directories(tree_, std::string(layer::parent(target)), owner(), manner_.made);
      const Inode* top = picked.path.empty() ? nullptr : source.find(picked.path);
      Inode plain;
      plain.meta.mtime = manner_.made;
      tree_.put(target, inode_for(top != nullptr ? *top : plain, input, picked.path), manner_.made);
      if (top == nullptr) made_.erase(&plain);
    }
    visit_picked(source, picked, manner_.excludes,
                 [&](const std::string& relative, const std::string& from, const Inode& inode) {
                   put_below(files, from, inode, input, layer::join(target, relative));
                 });
  }

  void put_below(const Files& files, const std::string& from, const Inode& inode, const Input& input,
                 const std::string& wanted) {
    // Directories of the source go through symlinks of the tree, as a process would that unpacked them.
    const std::string path = manner_.link
                                 ? wanted
                                 : tree_.resolve(wanted, is_directory(inode) ? layer::Tree::Follow::all
                                                                             : layer::Tree::Follow::parents);
    if (!is_directory(inode)) return put_at(files, from, inode, input, path);
    const Inode* there = tree_.find(path);
    if (there != nullptr && !is_directory(*there))
      throw Error(Kind::exists,
                  fmt::format("cannot copy a directory to {}, which is a file", quote("/" + path)));
    if (!path.empty()) tree_.put(path, inode_for(inode, input, from), manner_.made);
  }

  // --parents: below the destination the whole name, from behind "/./" on.
  void put_with_parents(const Input& input, const Picked& picked, const Inode* inode) {
    std::string name = picked.name;
    const std::size_t pivot = input.source.find("/./");
    if (pivot != std::string::npos) {
      const auto above =
          std::count(input.source.begin(), input.source.begin() + static_cast<std::ptrdiff_t>(pivot), '/') +
          (input.source.starts_with('/') ? 0 : 1);
      for (auto i = above; i > 0 && !name.empty(); --i) {
        const std::size_t slash = name.find('/');
        name = slash == name.npos ? "" : name.substr(slash + 1);
      }
    }
    const std::string target = layer::join(resolved(manner_.destination), name);
    if (inode == nullptr || is_directory(*inode)) return put_directory(*input.files, picked, target, input);
    put_file(picked, *inode, input, target);
  }

  // Unpacks the file if it is an archive; false if it is none.
  bool unpacked(const Input& input, const std::string& path) {
    const auto tar = open_archive(context_, *input.files, path, manner_.spool);
    if (!tar) return false;
    opened_.push_back(tar);
    put_directory(*tar, {"", ""}, target_directory(),
                  {.files = tar, .source = "/", .keeps_times = true, .as_directory = true});
    return true;
  }

 public:
  // By its first bytes, never by its name: a tar, or something compressed that a tar comes out of.
  static std::shared_ptr<const Files> open_archive(const Context& context, const Files& files,
                                                   const std::string& path, const std::string& spool) {
    constexpr std::size_t header = 512;
    const std::string first = read_beginning(context, files, path, header);
    const auto format = compress::sniff(as_bytes(first));
    const bool plain = format == compress::Format::none;
    if (plain && (first.size() < header || first.substr(257, 5) != "ustar")) return nullptr;
    try {
      const auto content = open_content(context, files, path);
      return tar_context(context, *content, spool, quote("/" + path));
    } catch (const Error& error) {
      // Compressed, but no tar: copied as it is. A tar that is damaged is said to be.
      if (plain || error.kind() != Kind::invalid) throw;
      return nullptr;
    }
  }

 private:
  const Context& context_;
  layer::Tree& tree_;
  const Manner& manner_;
  std::map<const Inode*, std::shared_ptr<const Inode>> made_;
  std::map<std::string, const Files*> from_;
  std::vector<std::shared_ptr<const Files>> opened_;
};

}  // namespace

void make_directories(layer::Tree& tree, const std::string& path, const layer::Owner& owner,
                      const layer::Timestamp& mtime) {
  if (path.empty()) return;
  const Inode* there = tree.find(path);
  if (there != nullptr) {
    if (!is_directory(*there))
      throw Error(Kind::exists,
                  fmt::format("{} is a file, and a directory is needed there", quote("/" + path)));
    return;
  }
  make_directories(tree, std::string(layer::parent(path)), owner, mtime);
  auto inode = std::make_shared<Inode>();
  inode->meta.uid = owner.uid;
  inode->meta.gid = owner.gid;
  inode->meta.mtime = mtime;
  tree.put(path, std::move(inode), mtime);
}

void add_to_key(const Context& context, StepKey& key, const std::vector<Input>& inputs,
                const Manner& manner) {
  for (const auto& input : inputs) {
    if (const auto identity = input.files->identity()) {
      key.add(fmt::format("{} of {}", input.source, input.files->describe()), *identity);
      continue;
    }
    const auto& tree = input.files->tree(context);
    const auto add = [&](const std::string& name, const std::string& path, const Inode& inode) {
      key.add("file " + printable(name), fingerprint(context, *input.files, path, inode, input.keeps_times));
    };
    const auto picked_all =
        input.as_directory ? std::vector<Picked>{{"", ""}} : pick(context, *input.files, input.source);
    std::map<const Inode*, std::string> first_name;
    for (const auto& picked : picked_all) {
      const Inode* top = picked.path.empty() ? nullptr : tree.find(picked.path);
      if (top != nullptr) add(picked.name, picked.path, *top);
      if (top != nullptr && !is_directory(*top)) continue;
      visit_picked(tree, picked, manner.excludes,
                   [&](const std::string& relative, const std::string& path, const Inode& inode) {
                     const std::string name = layer::join(picked.name, relative);
                     add(name, path, inode);
                     if (is_directory(inode)) return;
                     // Names of one file are one file in the layer, too.
                     const auto [first, fresh] = first_name.emplace(&inode, name);
                     if (!fresh) key.add("file " + printable(name) + " is", first->second);
                   });
    }
  }
}

layer::Changeset transfer(const Context& context, layer::Tree& tree, const std::vector<Input>& inputs,
                          const Manner& manner) {
  Putter putter(context, tree, manner);
  for (const auto& input : inputs) {
    context.check();
    putter.put(input);
  }
  return putter.finish();
}

}  // namespace stave::build
