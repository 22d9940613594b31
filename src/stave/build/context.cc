// Contexts: a directory of this host, and a tar.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/build/files.h"
#include "stave/build/program.h"
#include "stave/build/stat_cache.h"
#include "stave/compress/compress.h"
#include "stave/fs/link.h"
#include "stave/hash/digest.h"
#include "stave/layer/disk.h"
#include "stave/layer/stack.h"
#include "stave/runtime/program.h"

namespace stave::build {
namespace {

// A directory that is walked when it is first looked at, without what is ignored. Digests are those that were
// remembered, or are made when they are asked for.
class DirectoryContext : public Files {
 public:
  DirectoryContext(std::string directory, containerfile::Patterns ignored, const std::string& stats,
                   std::string name)
      : directory_(std::move(directory)), ignored_(std::move(ignored)), name_(std::move(name)) {
    if (!stats.empty()) stats_ = stats + "/" + digest_of(directory_).hex();
  }
  DirectoryContext(const DirectoryContext&) = delete;
  DirectoryContext& operator=(const DirectoryContext&) = delete;
  ~DirectoryContext() override {
    try {
      if (fresh_ && remembers_) StatCache::save(stats_, seen_, began_);
    } catch (const std::exception&) {
      // It is hashed again the next time.
    }
  }

  std::string describe() const override { return name_; }
  std::string directory() const override { return directory_; }

  const layer::Tree& tree(const Context& context) const override {
    const std::lock_guard lock(mutex_);
    if (!tree_) walk(context);
    return *tree_;
  }

  Digest digest(const Context& context, const std::string& path,
                const layer::Tree::Inode& inode) const override {
    std::size_t place = 0;
    {
      const std::lock_guard lock(mutex_);
      place = by_path_.at(path);
      if (seen_[place].digest) return *seen_[place].digest;
      if (!cache_ && remembers_) cache_ = StatCache::load(stats_);
      if (cache_) seen_[place].digest = cache_->find(path, seen_[place].stat);
      if (seen_[place].digest) return *seen_[place].digest;
    }
    const Digest made = hash(context, path, inode);
    const std::lock_guard lock(mutex_);
    seen_[place].digest = made;
    fresh_ = true;
    return made;
  }

  void fill(const Context&, layer::Changeset&) const override {}

 private:
  void walk(const Context& context) const {
    began_ = fs::change_clock();
    const auto root = std::make_shared<const fs::Dir>(fs::Dir::open(directory_));
    remembers_ = !stats_.empty() && keeps_ctime(root->handle());
    const auto contents = layer::contents_below(root);
    const layer::Adopt how{
        .owner = layer::Owner{}, .mode = {}, .mtime = layer::Timestamp{}, .newest_mtime = {}};
    layer::Tree tree;
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::shared_ptr<const layer::Tree::Inode>> linked;
    fs::walk(context, *root, [&](const fs::Found& found) {
      if (found.path.empty()) return true;
      const bool directory = found.stat.type == fs::FileType::directory;
      if (!ignored_.empty() && ignored_.excludes(found.path))
        return directory && ignored_.may_include_below(found.path);
      if (found.stat.type == fs::FileType::socket) {
        context.progress->warn(
            fmt::format("{} is a socket and was left out", quote(directory_ + "/" + found.path)));
        return false;
      }
      auto inode = std::make_shared<layer::Tree::Inode>();
      inode->meta = layer::adopt(found.stat, found.link, found.xattrs, how);
      if (found.stat.type != fs::FileType::regular) {
        tree.put(found.path, std::move(inode), {});
        return true;
      }
      by_path_.emplace(found.path, seen_.size());
      seen_.push_back({.path = found.path, .stat = found.stat});
      const std::pair file(found.stat.device, found.stat.inode);
      if (found.stat.links > 1) {
        if (const auto other = linked.find(file); other != linked.end()) {
          tree.put(found.path, other->second, {});
          return true;
        }
      }
      inode->stamp = layer::stamp_of(found.stat);
      inode->contents = contents;
      if (found.stat.links > 1) linked.emplace(file, inode);
      tree.put(found.path, std::move(inode), {});
      return true;
    });
    tree_ = std::move(tree);
  }

  // As packing reads it: a file that is another one by now is Kind::changed.
  static Digest hash(const Context& context, const std::string& path, const layer::Tree::Inode& inode) {
    constexpr std::size_t piece = 1024 * 1024;
    const layer::Change change{
        .entry = {path, inode.meta}, .removal = false, .stamp = inode.stamp, .contents = inode.contents};
    Hasher hasher;
    std::vector<std::byte> buffer(static_cast<std::size_t>(std::min<std::uint64_t>(piece, inode.meta.size)));
    for (std::uint64_t at = 0; at < inode.meta.size; at += buffer.size()) {
      context.check();
      const auto count =
          static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), inode.meta.size - at));
      const MutableBytes bytes(buffer.data(), count);
      inode.contents->read(change, at, bytes);
      hasher.update(bytes);
    }
    return std::move(hasher).finish();
  }

  std::string directory_;
  containerfile::Patterns ignored_;
  std::string stats_;  // the file of the cache; empty: none
  std::string name_;
  mutable std::mutex mutex_;
  mutable std::optional<layer::Tree> tree_;
  mutable std::vector<SeenFile> seen_;
  mutable std::unordered_map<std::string, std::size_t> by_path_;
  mutable std::optional<StatCache> cache_;
  mutable fs::Time began_;
  mutable bool remembers_ = false;
  mutable bool fresh_ = false;  // something was hashed that the cache does not know
};

class TarContext : public Files {
 public:
  TarContext(const Context& context, layer::Stack stack, std::string spool, std::string name)
      : stack_(std::move(stack)),
        spool_(std::move(spool)),
        name_(std::move(name)),
        tree_(layer::read_stack(context, stack_, layer::Digests::yes)) {}
  std::string describe() const override { return name_; }
  const layer::Tree& tree(const Context&) const override { return tree_; }
  Digest digest(const Context&, const std::string&, const layer::Tree::Inode& inode) const override {
    return inode.digest ? *inode.digest : digest_of(std::string_view());
  }
  void fill(const Context& context, layer::Changeset& changes) const override {
    layer::spool_contents(context, stack_, spool_, changes);
  }

 private:
  layer::Stack stack_;
  std::string spool_;
  std::string name_;
  layer::Tree tree_;
};

// Everything a source gives in a file without a name.
std::shared_ptr<const fs::Fd> spooled(Source& source, const std::string& spool, std::uint64_t& size) {
  auto file = fs::TempFile::anonymous(spool);
  CappedSource capped(source, limits::archive_bytes, "the archive");
  size = copy(capped, file);
  return std::make_shared<const fs::Fd>(std::move(file).release());
}

// xz and bzip2 are left to the programs that everybody has.
std::shared_ptr<const fs::Fd> expanded_by(const Context& context, const char* name, const fs::Fd& in,
                                          const std::string& spool, std::uint64_t& size) {
  const auto path = runtime::find_program(name, "/usr/local/bin:/usr/bin:/bin");
  if (!path)
    throw Error(Kind::unsupported,
                fmt::format("this archive is compressed with {}, and that program is not here", name),
                fmt::format("install {}", name == std::string_view("xz") ? "xz-utils" : name));
  class Bounded : public Sink {
   public:
    explicit Bounded(fs::TempFile& file) : file_(file) {}
    void write(Bytes bytes) override {
      if (file_.size() + bytes.size() > limits::archive_bytes)
        throw limits::archive_bytes.exceeded("the archive is larger");
      file_.write(bytes);
    }

   private:
    fs::TempFile& file_;
  };
  if (::lseek(in.get(), 0, SEEK_SET) != 0) throw_errno(errno, "the archive");
  auto file = fs::TempFile::anonymous(spool);
  Bounded bounded(file);
  const auto ran = run_program(
      context, {.words = {*path, "-dc"}, .environment = {"PATH=/usr/bin:/bin"}, .input = in.get()}, bounded);
  if (ran.code != 0)
    throw Error(Kind::invalid,
                fmt::format("{} cannot read it: {}", name, printable(split(ran.errors, '\n').front())));
  size = file.size();
  return std::make_shared<const fs::Fd>(std::move(file).release());
}

}  // namespace

std::shared_ptr<const Files> open_context(const std::string& directory, containerfile::Patterns ignored,
                                          const std::string& stats, const std::string& name) {
  return std::make_shared<DirectoryContext>(directory, std::move(ignored), stats, name);
}

std::shared_ptr<const Files> tar_context(const Context& context, Source& tar, const std::string& spool,
                                         const std::string& name) {
  std::uint64_t size = 0;
  auto file = spooled(tar, spool, size);
  std::vector<std::byte> first(static_cast<std::size_t>(std::min<std::uint64_t>(size, 6)));
  if (!first.empty()) fs::read_at_skipping_holes(*file, 0, first, name);
  const auto format = compress::sniff(first);
  if (format == compress::Format::xz) file = expanded_by(context, "xz", *file, spool, size);
  if (format == compress::Format::bzip2) file = expanded_by(context, "bzip2", *file, spool, size);
  layer::Stack stack;
  stack.pieces.push_back(layer::piece_of_tar(
      name, size, [file, size, name] { return std::make_unique<fs::FileSource>(file, 0, size, name); }));
  return std::make_shared<TarContext>(context, std::move(stack), spool, name);
}

}  // namespace stave::build
