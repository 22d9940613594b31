// Store: the layout on disk, its locks and its references. garbage.cc takes away
// what nothing refers to.

#include "stave/content/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/content/layout.h"
#include "stave/content/lock_wait.h"

namespace stave::content {
namespace {

// What a creator that was killed can have left: everything that `make_layout` makes, still without content.
bool is_unfinished(const fs::Dir& root, const std::string& file_name) {
  if (file_name.starts_with(temporary_prefix)) return true;
  if (file_name == index_file) {
    const auto there = root.get(file_name);
    const std::string empty = spec::Index{}.render();
    return there.type == fs::FileType::regular && there.size == empty.size() &&
           fs::read_file(root.open_file(file_name), empty.size(), file_name) == empty;
  }
  if (file_name != "blobs" || root.get(file_name).type != fs::FileType::directory) return false;
  const auto algorithms = root.list("blobs");
  if (algorithms.empty()) return true;
  return algorithms == std::vector<std::string>{"sha256"} &&
         root.get("blobs/sha256").type == fs::FileType::directory && root.list("blobs/sha256").empty();
}

// oci-layout comes last: without it nobody takes the directory for a layout.
void make_layout(const fs::Dir& root, std::uint32_t mode) {
  for (const auto& file_name : root.list()) {
    if (is_unfinished(root, file_name)) continue;
    throw Error(Kind::exists,
                fmt::format("{} is not empty and not an OCI image layout (it holds {})", quote(root.name()),
                            quote(file_name)),
                "name an empty or new directory, or an existing layout");
  }
  const auto blobs = root.make_dir("blobs", mode);
  static_cast<void>(blobs.make_dir("sha256", mode));
  blobs.sync();
  write_file(root, index_file, spec::Index{}.render());
  write_file(root, layout_file, layout_text);
}

bool is_named(const spec::Descriptor& descriptor, std::string_view reference) {
  const auto found = descriptor.annotations.find(std::string(spec::annotation::ref_name));
  return found != descriptor.annotations.end() && found->second == reference;
}

}  // namespace

class Made {
 public:
  void add(const Digest& digest) {
    const std::lock_guard lock(mutex_);
    digests_.push_back(digest);
  }
  std::vector<Digest> all() const {
    const std::lock_guard lock(mutex_);
    return digests_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Digest> digests_;
};

namespace {

// A file of another size is damage. One of the same size is believed unless it is so small that reading it is
// nothing beside the fsync of a new one (0.6 ms for 1 MiB, against 1 to 10): documents heal by being made
// again, for layers there is fsck.
bool looks_sound(const fs::Dir& directory, const fs::Stat& there, const Blob& blob) {
  constexpr std::uint64_t small = 1024 * 1024;
  if (there.type != fs::FileType::regular || there.size != blob.size) return false;
  if (blob.size > small) return true;
  try {
    const auto text = fs::read_file(directory.open_file(blob.digest.hex()), small, blob.digest.hex());
    return digest_of(as_bytes(text), blob.digest.algorithm()) == blob.digest;
  } catch (const Error&) {
    return false;  // it cannot be read, so nobody else could either
  }
}

}  // namespace

BlobWriter::BlobWriter(fs::Dir directory, fs::TempFile file, std::optional<Hasher> hasher,
                       std::shared_ptr<Made> made)
    : directory_(std::move(directory)),
      file_(std::move(file)),
      hasher_(std::move(hasher)),
      made_(std::move(made)) {}

void BlobWriter::write(Bytes bytes) {
  if (hasher_) hasher_->update(bytes);
  file_.write(bytes);
}

std::uint64_t BlobWriter::written() const { return file_.size(); }

Digest BlobWriter::finish_hash() {
  if (!hasher_) throw Error(Kind::internal, "a blob was not hashed by its writer");
  return std::move(*hasher_).finish();
}

Blob BlobWriter::commit() && {
  const Digest digest = finish_hash();
  return std::move(*this).publish(digest);
}

Blob BlobWriter::commit_hashed(const Digest& digest) && {
  if (hasher_) throw Error(Kind::internal, "a blob was hashed twice");
  return std::move(*this).publish(digest);
}

Blob BlobWriter::commit_as(const Digest& digest, std::uint64_t size) && {
  const Digest got = finish_hash();
  if (got != digest || file_.size() != size) {
    const std::uint64_t arrived = file_.size();
    std::move(file_).discard();
    throw Error(Kind::mismatch, fmt::format("blob {} of {} bytes arrived as {} of {} bytes", digest.str(),
                                            size, got.str(), arrived));
  }
  return std::move(*this).publish(digest);
}

Blob BlobWriter::publish(const Digest& digest) && {
  const Blob blob{digest, file_.size()};
  // What is damaged is replaced: the bytes at hand are known to be right.
  const auto there = directory_.find(digest.hex());
  const bool damaged = there && !looks_sound(directory_, *there, blob);
  std::move(file_).publish(digest.hex(),
                           damaged ? fs::TempFile::Existing::replace : fs::TempFile::Existing::keep);
  if (!there) made_->add(digest);
  return blob;
}

bool Store::is_layout(const std::string& path) {
  try {
    const auto there = fs::Dir::open(path).find(layout_file);
    return there && (there->type == fs::FileType::regular || there->type == fs::FileType::symlink);
  } catch (const Error&) {
    return false;
  }
}

Store Store::open(const std::string& path, Access access, const Context& context) {
  Store store(fs::Dir::open(path), access);
  // The lock is on the directory itself: flock works for whoever can read it, and no lock file litters the
  // layout.
  if (access == Access::exclusive) {
    store.lock_ = wait_for_lock(context, store.root_, fs::Lock::Mode::exclusive);
  } else {
    store.lock_ = fs::Lock::take(store.root_.handle(), fs::Lock::Mode::shared);
  }
  check_layout(store.root_);
  return store;
}

Store Store::create(const std::string& path, std::uint32_t mode, Access access, const Context& context) {
  // Whoever made a layout may take it back when its work failed (take_back_layout) before we have our lock.
  constexpr int attempts = 10;
  for (int attempt = 1;; ++attempt) {
    try {
      const auto root = fs::Dir::create(path, mode);
      if (!root.find(layout_file)) {
        // Of several creators one makes it, and the others find it made.
        const auto lock = fs::Lock::take(root.handle(), fs::Lock::Mode::exclusive);
        if (!root.find(layout_file)) make_layout(root, mode);
      }
      return open(path, access, context);
    } catch (const Error& e) {
      const bool vanished = e.kind() == Kind::not_found || (e.kind() == Kind::invalid && !is_layout(path));
      if (!vanished || attempt == attempts) throw;
    }
  }
}

bool Store::take_back_layout(const std::string& path) {
  const auto root = fs::Dir::open(path);
  const auto lock = fs::Lock::try_take(root.handle(), fs::Lock::Mode::exclusive);
  if (!lock) return false;
  for (const auto& file_name : root.list())
    if (file_name != layout_file && !is_unfinished(root, file_name)) return false;
  // In the opposite order of their making: without oci-layout nobody takes it for a layout.
  for (const auto file_name : {layout_file, index_file})
    if (root.find(file_name)) root.remove_file(file_name);
  root.remove_tree("blobs");
  return true;
}

Store::Store(fs::Dir root, Access access)
    : root_(std::move(root)), access_(access), made_(std::make_shared<Made>()) {}

std::vector<Digest> Store::made() const { return made_->all(); }

std::string Store::describe() const { return "the layout " + quote(path()); }

std::shared_ptr<const fs::Fd> Store::open_blob(const Digest& digest) const {
  try {
    // Blobs of foreign layouts may be symlinks; they lead nowhere outside of the layout.
    return std::make_shared<const fs::Fd>(root_.open_in_root(blob_path(digest)));
  } catch (const Error& e) {
    if (e.kind() == Kind::not_found) return nullptr;
    throw;
  }
}

std::unique_ptr<Source> Store::find(const Digest& digest) const {
  auto fd = open_blob(digest);
  if (!fd) return nullptr;
  const auto size = fs::stat(*fd).size;
  return std::make_unique<fs::FileSource>(std::move(fd), 0, size, path() + "/" + blob_path(digest));
}

std::optional<std::uint64_t> Store::find_size(const Digest& digest) const {
  const auto fd = open_blob(digest);
  if (!fd) return std::nullopt;
  return fs::stat(*fd).size;
}

fs::Dir Store::blobs_directory() const { return root_.make_dir("blobs", root_.get("").mode & 0777); }

fs::Dir Store::directory_of(Algorithm algorithm) const {
  const auto blobs = blobs_directory();
  const bool there = blobs.find(name(algorithm)).has_value();
  auto directory = blobs.make_dir(name(algorithm), root_.get("").mode & 0777);
  // A blob is as lasting as the directory it is in.
  if (!there) blobs.sync();
  return directory;
}

BlobWriter Store::begin(Algorithm algorithm) const {
  auto directory = directory_of(algorithm);
  auto file = fs::TempFile::in(directory);
  return {std::move(directory), std::move(file), Hasher(algorithm), made_};
}

BlobWriter Store::begin_hashed() const {
  auto directory = blobs_directory().make_dir(name(Algorithm::sha256), root_.get("").mode & 0777);
  auto file = fs::TempFile::in(directory);
  return {std::move(directory), std::move(file), std::nullopt, made_};
}

BlobWriter Store::resume(const Digest& digest, std::uint64_t size) const {
  if (size < least_resumed) return begin(digest.algorithm());
  auto directory = directory_of(digest.algorithm());
  const std::string partial = std::string(partial_prefix) + digest.hex();
  auto file = fs::TempFile::kept(directory, partial);
  if (file && file->size() > size) {
    // No part of this blob: a file of that name that nobody of us wrote.
    std::move(*file).discard();
    file = fs::TempFile::kept(directory, partial);
  }
  if (!file) return begin(digest.algorithm());
  Hasher hasher(digest.algorithm());
  std::vector<std::byte> buffer(limits::copy_buffer);
  for (std::uint64_t at = 0; at < file->size();) {
    const auto piece = MutableBytes(buffer).first(std::min<std::uint64_t>(buffer.size(), file->size() - at));
    fs::read_at(file->fd(), at, piece, directory.name() + "/" + partial);
    hasher.update(piece);
    at += piece.size();
  }
  return {std::move(directory), std::move(*file), std::move(hasher), made_};
}

Blob Store::put(std::string_view text) const {
  auto writer = begin();
  writer.write(as_bytes(text));
  return std::move(writer).commit();
}

spec::Descriptor Store::put(std::string_view text, std::string_view media_type) const {
  const Blob blob = put(text);
  return spec::Descriptor{.media_type = std::string(media_type), .digest = blob.digest, .size = blob.size};
}

spec::Index Store::index() const {
  const std::string text = read_layout_file(root_, index_file, limits::layout_index_bytes);
  try {
    return spec::Index::parse(text);
  } catch (const Error& e) {
    throw e.within(quote(path() + "/index.json"));
  }
}

std::optional<spec::Descriptor> Store::find_reference(std::string_view reference) const {
  for (auto& descriptor : index().manifests) {
    if (is_named(descriptor, reference)) return std::move(descriptor);
  }
  return std::nullopt;
}

void Store::edit_index(const std::function<void(spec::Index&)>& edit) const {
  // The layout's own lock is shared by everybody who works in it; this one, on blobs/, is held for an
  // instant.
  const auto lock = fs::Lock::take(blobs_directory().handle(), fs::Lock::Mode::exclusive);
  const spec::Index before = index();
  spec::Index after = before;
  edit(after);
  if (after == before) return;  // bytes that another tool wrote stay as they are
  if (after.manifests.size() > limits::descriptors) {
    throw Error(Kind::limit,
                fmt::format("{} would have more than {} references", describe(), limits::descriptors));
  }
  const std::string text = after.render();
  if (text.size() > limits::layout_index_bytes) {
    throw limits::layout_index_bytes.exceeded(fmt::format("{}: index.json would be larger than {}",
                                                          quote(path()), limits::layout_index_bytes.shown()));
  }
  // An index.json that nobody can read loses every reference at once.
  try {
    static_cast<void>(spec::Index::parse(text));
  } catch (const Error& e) {
    throw e.within(quote(path()) + ": index.json would become invalid");
  }
  write_file(root_, index_file, text);
}

// Gives the name if `wanted` agrees to what has it (null: nothing).
bool Store::tag_if(std::string_view reference, const spec::Descriptor& descriptor,
                   const std::function<bool(const spec::Descriptor* before)>& wanted) const {
  if (find_size(descriptor.digest) != descriptor.size) {
    throw Error(Kind::not_found,
                fmt::format("{} cannot be named {}: {} has no such blob of {} bytes", descriptor.digest.str(),
                            quote(reference), describe(), descriptor.size));
  }
  spec::Descriptor named = descriptor;
  named.annotations[std::string(spec::annotation::ref_name)] = std::string(reference);
  bool done = false;
  edit_index([&](spec::Index& index) {
    auto& all = index.manifests;
    const auto same_name = [&](const spec::Descriptor& each) { return is_named(each, reference); };
    const auto first = std::find_if(all.begin(), all.end(), same_name);
    done = wanted(first == all.end() ? nullptr : &*first);
    if (!done) return;
    if (first == all.end()) return all.push_back(std::move(named));
    *first = std::move(named);
    // Other tools may have given the name twice; from now on there is one answer.
    all.erase(std::remove_if(first + 1, all.end(), same_name), all.end());
  });
  return done;
}

std::optional<spec::Descriptor> Store::tag(std::string_view reference,
                                           const spec::Descriptor& descriptor) const {
  std::optional<spec::Descriptor> before;
  tag_if(reference, descriptor, [&](const spec::Descriptor* now) {
    if (now != nullptr) before = *now;
    return true;
  });
  return before;
}

bool Store::retag(std::string_view reference, const Digest& expected,
                  const spec::Descriptor& descriptor) const {
  return tag_if(reference, descriptor,
                [&](const spec::Descriptor* now) { return now != nullptr && now->digest == expected; });
}

std::unique_ptr<Source> Stacked::find(const Digest& digest) const {
  auto source = first_.find(digest);
  return source ? std::move(source) : second_.find(digest);
}

std::unique_ptr<Source> Stacked::find_from(const Digest& digest, std::uint64_t offset) const {
  auto source = first_.find_from(digest, offset);
  return source ? std::move(source) : second_.find_from(digest, offset);
}

std::optional<std::uint64_t> Stacked::find_size(const Digest& digest) const {
  const auto size = first_.find_size(digest);
  return size ? size : second_.find_size(digest);
}

}  // namespace stave::content
