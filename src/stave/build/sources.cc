// Where files come from.

#include "stave/build/sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "stave/base/text.h"
#include "stave/containerfile/patterns.h"
#include "stave/layer/path.h"
#include "stave/layer/stack.h"

namespace stave::build {
namespace {

class ImageFiles : public Files {
 public:
  ImageFiles(image::Image image, std::shared_ptr<const content::BlobSource> blobs, std::string name,
             std::string spool)
      : image_(std::move(image)),
        blobs_(std::move(blobs)),
        name_(std::move(name)),
        spool_(std::move(spool)) {}

  std::string describe() const override { return name_; }

  const layer::Tree& tree(const Context& context) const override {
    const std::lock_guard lock(mutex_);
    if (!tree_) tree_ = layer::read_stack(context, image::stack_of(*blobs_, image_), layer::Digests::yes);
    return *tree_;
  }

  Digest digest(const Context&, const std::string& path, const layer::Tree::Inode& inode) const override {
    if (inode.digest) return *inode.digest;
    if (inode.meta.size == 0) return digest_of(std::string_view());
    throw Error(Kind::internal, fmt::format("{} of {} has no digest", quote(path), name_));
  }

  void fill(const Context& context, layer::Changeset& changes) const override {
    layer::spool_contents(context, image::stack_of(*blobs_, image_), spool_, changes);
  }

  std::optional<std::string> identity() const override {
    std::string text;
    for (const auto& diff_id : image_.config.diff_ids) text += diff_id.str() + " ";
    return text;
  }

 private:
  image::Image image_;
  std::shared_ptr<const content::BlobSource> blobs_;
  std::string name_;
  std::string spool_;
  mutable std::mutex mutex_;
  mutable std::optional<layer::Tree> tree_;
};

class TextContents : public layer::Contents {
 public:
  explicit TextContents(std::string text) : text_(std::move(text)) {}
  void read(const layer::Change&, std::uint64_t offset, MutableBytes out) const override {
    if (!out.empty()) std::memcpy(out.data(), text_.data() + offset, out.size());
  }

 private:
  std::string text_;
};

class TextFile : public Files {
 public:
  TextFile(const std::string& name, std::string text, std::uint32_t mode) {
    auto inode = std::make_shared<layer::Tree::Inode>();
    inode->meta.type = layer::Type::regular;
    inode->meta.mode = mode;
    inode->meta.size = text.size();
    inode->digest = digest_of(text);
    if (!text.empty()) inode->contents = std::make_shared<TextContents>(std::move(text));
    tree_.put(name, std::move(inode), {});
  }
  std::string describe() const override { return "the document"; }
  const layer::Tree& tree(const Context&) const override { return tree_; }
  Digest digest(const Context&, const std::string&, const layer::Tree::Inode& inode) const override {
    return *inode.digest;
  }
  void fill(const Context&, layer::Changeset&) const override {}

 private:
  layer::Tree tree_;
};

class ContentReader : public Source {
 public:
  explicit ContentReader(layer::Changeset changes) : changes_(std::move(changes)) {}
  std::size_t read(MutableBytes out) override {
    const auto& change = changes_.front();
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), change.entry.meta.size - at_));
    if (count > 0) change.contents->read(change, at_, out.first(count));
    at_ += count;
    return count;
  }

 private:
  layer::Changeset changes_;
  std::uint64_t at_ = 0;
};

layer::Changeset filled(const Context& context, const Files& files, const std::string& path) {
  const auto* inode = files.tree(context).find(path);
  if (inode == nullptr || inode->meta.type != layer::Type::regular)
    throw Error(Kind::not_found, fmt::format("{} is no file in {}", quote("/" + path), files.describe()));
  layer::Changeset changes;
  changes.push_back(
      {.entry = {path, inode->meta}, .removal = false, .stamp = inode->stamp, .contents = inode->contents});
  if (inode->meta.size > 0 && !inode->contents) files.fill(context, changes);
  if (inode->meta.size > 0 && !changes.front().contents)
    throw Error(Kind::internal, fmt::format("{} of {} has no content", quote(path), files.describe()));
  return changes;
}

// Components of a source: "/" in front and "." count nothing, ".." goes up, never above the root.
std::vector<std::string> components_of(const std::string& source) {
  std::vector<std::string> parts;
  for (const auto& part : split(source, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else {
      parts.push_back(part);
    }
  }
  return parts;
}

class Picker {
 public:
  Picker(const layer::Tree& tree, std::vector<std::string> parts) : tree_(tree), parts_(std::move(parts)) {}

  bool any() { return !run().empty(); }

  std::vector<Picked> run() {
    walk("", "", 0);
    return std::move(picked_);
  }

 private:
  void walk(const std::string& directory, const std::string& name, std::size_t part) {
    if (part == parts_.size()) {
      picked_.push_back({name, directory});
      return;
    }
    if (!containerfile::has_wildcard(parts_[part])) {
      const auto next = find(layer::join(directory, parts_[part]));
      if (next) walk(*next, layer::join(name, parts_[part]), part + 1);
      return;
    }
    std::vector<std::string> matching;
    tree_.visit_below(directory, 1, [&](const std::string& path, const layer::Tree::Inode&) {
      const std::string child(layer::basename(path));
      if (containerfile::match(parts_[part], child)) matching.push_back(child);
    });
    for (const auto& child : matching) {
      const auto next = find(layer::join(directory, child));
      if (next) walk(*next, layer::join(name, child), part + 1);
    }
  }

  // The path behind symlinks; nullopt if there is nothing.
  std::optional<std::string> find(const std::string& path) const {
    try {
      auto resolved = tree_.resolve(path, layer::Tree::Follow::all);
      if (resolved.empty() || tree_.find(resolved) != nullptr) return resolved;
    } catch (const Error& error) {
      if (error.kind() != Kind::not_found) throw;
    }
    return std::nullopt;
  }

  const layer::Tree& tree_;
  std::vector<std::string> parts_;
  std::vector<Picked> picked_;
};

}  // namespace

std::shared_ptr<const Files> image_files(const image::Image& image,
                                         std::shared_ptr<const content::BlobSource> blobs, std::string name,
                                         std::string spool) {
  return std::make_shared<ImageFiles>(image, std::move(blobs), std::move(name), std::move(spool));
}

std::shared_ptr<const Files> text_file(const std::string& name, std::string text, std::uint32_t mode) {
  return std::make_shared<TextFile>(name, std::move(text), mode);
}

std::unique_ptr<Source> open_content(const Context& context, const Files& files, const std::string& path) {
  return std::make_unique<ContentReader>(filled(context, files, path));
}

std::string read_content(const Context& context, const Files& files, const std::string& path,
                         std::uint64_t limit) {
  const auto source = open_content(context, files, path);
  return read_all(*source, limit, fmt::format("{} of {}", quote("/" + path), files.describe()));
}

std::string read_beginning(const Context& context, const Files& files, const std::string& path,
                           std::size_t count) {
  const auto changes = filled(context, files, path);
  const auto& change = changes.front();
  std::string text(static_cast<std::size_t>(std::min<std::uint64_t>(count, change.entry.meta.size)), '\0');
  if (!text.empty())
    change.contents->read(change, 0, MutableBytes(reinterpret_cast<std::byte*>(text.data()), text.size()));
  return text;
}

namespace {

// The directory in which a wildcard is looked for has to be there.
std::vector<std::string> before_wildcard(const std::string& name) {
  std::vector<std::string> parts;
  for (const auto& part : components_of(name)) {
    if (containerfile::has_wildcard(part)) break;
    parts.push_back(part);
  }
  return parts;
}

}  // namespace

std::vector<Picked> pick(const Context& context, const Files& files, const std::string& source) {
  auto parts = components_of(source);
  const bool wild = std::any_of(parts.begin(), parts.end(),
                                [](const auto& part) { return containerfile::has_wildcard(part); });
  const std::string name = join(parts, "/");
  auto picked = Picker(files.tree(context), std::move(parts)).run();
  if (picked.empty() && (!wild || !Picker(files.tree(context), before_wildcard(name)).any()))
    throw Error(Kind::not_found, fmt::format("{} is not in {}", quote("/" + name), files.describe()),
                "paths are those below its root; an ignore file may leave it out");
  return picked;
}

}  // namespace stave::build
