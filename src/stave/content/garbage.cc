// Garbage: blobs that no reference reaches, and what killed writers left. What must
// stay is known completely before the first file goes, and whatever is in
// doubt stays.

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/content/layout.h"
#include "stave/content/store.h"

namespace stave::content {
namespace {

// A document that cannot be read may be the one that refers to what is still needed.
std::set<Digest> find_kept(const Store& store, const std::vector<spec::Descriptor>& roots) {
  std::set<Digest> kept;
  const auto keep_all = [&](const std::vector<spec::Descriptor>& descriptors) {
    for (const auto& root : descriptors) {
      kept.insert(root.digest);
      for (const Node& node : reachable(store, root, true)) kept.insert(node.descriptor.digest);
    }
  };
  try {
    keep_all(store.index().manifests);
    keep_all(roots);
  } catch (const Error& e) {
    throw Error(
        e.kind(), fmt::format("{} keeps its garbage: {}", store.describe(), e.what()),
        "nothing was removed, as what hangs below a damaged document cannot be known; copy that image "
        "in again or remove its name");
  }
  return kept;
}

// The files of a layout that may go.
class Sweep {
 public:
  using File = Store::Garbage::File;

  // What was touched at or after these times stays; nullopt: nothing stays for its age.
  struct Ages {
    std::optional<std::int64_t> blobs = {};
    std::optional<std::int64_t> partials = {};
  };

  Sweep(const Context& context, const Store& store, const fs::Dir& root, const std::set<Digest>& kept,
        Ages before)
      : context_(context), store_(store), root_(root), kept_(kept), before_(before) {}

  std::vector<File> find() {
    look_into("", std::nullopt);
    for (const auto algorithm : {Algorithm::sha256, Algorithm::sha512}) {
      const std::string directory = "blobs/" + std::string(name(algorithm));
      const auto there = root_.find(directory);
      if (there && there->type == fs::FileType::directory) look_into(directory, algorithm);
    }
    std::vector<File> files = std::move(left_behind_);
    for (const auto& blob : unreachable_) {
      if (!is_target(blob)) files.push_back({blob_path(blob.digest), blob.digest, blob.stat.size});
    }
    return files;
  }

 private:
  struct Blob {
    Digest digest;
    fs::Stat stat;
  };
  using Inode = std::pair<std::uint64_t, std::uint64_t>;  // with its device

  void look_into(const std::string& directory, std::optional<Algorithm> algorithm) {
    for (const auto& file_name : root_.list(directory)) {
      context_.check();
      // Its writer is dead: under the exclusive lock we are alone.
      const bool partial = algorithm && file_name.starts_with(partial_prefix);
      const bool left_behind = partial || file_name.starts_with(temporary_prefix);
      // What bears no digest's name is not ours to judge.
      const auto digest =
          algorithm ? Digest::find(fmt::format("{}:{}", name(*algorithm), file_name)) : std::nullopt;
      if (!left_behind && !digest) continue;
      const std::string path = directory.empty() ? file_name : directory + "/" + file_name;
      const auto stat = root_.get(path);
      if (left_behind) {
        if (stat.type != fs::FileType::regular || (partial && is_young(stat, before_.partials))) continue;
        left_behind_.push_back({path, std::nullopt, stat.size});
      } else {
        judge({*digest, stat});
      }
    }
  }

  // A foreign layout may hold one file under two names, one of them a symlink: what a blob that stays leads
  // to must stay as well.
  void judge(const Blob& blob) {
    const bool symlink = blob.stat.type == fs::FileType::symlink;
    if (!symlink && blob.stat.type != fs::FileType::regular) return;
    if (!kept_.contains(blob.digest) && !is_young(blob.stat, before_.blobs)) {
      unreachable_.push_back(blob);
    } else if (symlink) {
      if (const auto inode = target_of(blob.digest)) targets_.insert(*inode);
    }
  }

  // A ctime later than the mtime is that of a name it was given since, by the cache for example.
  static bool is_young(const fs::Stat& stat, std::optional<std::int64_t> before) {
    return before && std::max(stat.mtime.seconds, stat.ctime.seconds) >= *before;
  }

  bool is_target(const Blob& blob) const {
    if (targets_.empty()) return false;
    if (blob.stat.type == fs::FileType::regular) {
      return targets_.contains({blob.stat.device, blob.stat.inode});
    }
    const auto inode = target_of(blob.digest);
    return inode && targets_.contains(*inode);
  }

  std::optional<Inode> target_of(const Digest& digest) const {
    const auto fd = store_.open_blob(digest);
    if (!fd) return std::nullopt;
    const auto stat = fs::stat(*fd);
    return Inode(stat.device, stat.inode);
  }

  const Context& context_;
  const Store& store_;
  const fs::Dir& root_;
  const std::set<Digest>& kept_;
  Ages before_;
  std::vector<File> left_behind_;
  std::vector<Blob> unreachable_;
  std::set<Inode> targets_;
};

}  // namespace

Store::Garbage Store::find_garbage(const Context& context, const std::vector<spec::Descriptor>& roots,
                                   std::optional<std::int64_t> before,
                                   std::optional<std::int64_t> partials_before) const {
  if (access_ != Access::exclusive)
    throw Error(Kind::internal, "garbage is collected under the exclusive lock only");
  const auto kept = find_kept(*this, roots);
  Garbage garbage;
  garbage.files = Sweep(context, *this, root_, kept, {before, partials_before}).find();
  garbage.blobs = garbage.files.size();
  for (const auto& file : garbage.files) garbage.bytes += file.size;
  return garbage;
}

void Store::remove_garbage(const Context& context, const Garbage& garbage) const {
  if (access_ != Access::exclusive)
    throw Error(Kind::internal, "garbage is removed under the exclusive lock only");
  for (const auto& file : garbage.files) {
    context.check();
    root_.remove_file(file.path);
  }
}

Store::Garbage Store::collect_garbage(const Context& context, const std::vector<spec::Descriptor>& roots,
                                      bool dry_run) const {
  auto garbage = find_garbage(context, roots);
  if (!dry_run) remove_garbage(context, garbage);
  return garbage;
}

Store::Garbage Store::take_back(const Context& context, const std::string& path,
                                const std::vector<Digest>& made) {
  Garbage garbage;
  if (made.empty()) return garbage;
  Store store(fs::Dir::open(path), Access::exclusive);
  store.lock_ = fs::Lock::try_take(store.root_.handle(), fs::Lock::Mode::exclusive);
  if (!store.lock_) return garbage;
  std::set<std::string> paths;
  for (const auto& digest : made) paths.insert(blob_path(digest));
  const auto kept = find_kept(store, {});
  for (const auto& file : Sweep(context, store, store.root_, kept, {}).find()) {
    if (!paths.contains(file.path)) continue;
    store.root_.remove_file(file.path);
    ++garbage.blobs;
    garbage.bytes += file.size;
  }
  return garbage;
}

}  // namespace stave::content
