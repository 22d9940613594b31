// Layers on disk:
//
//   secret                       16 random bytes, made once
//   index/CODEC-FIRST-DIGEST     a Layer (layers_text.h); the mtime says when it was last of use
//   blob/DIGEST                  another name of the blob in the store
//   headers/DIGEST               what tells what is in the layer, and a SHA-256 of that
//
// Who writes holds a lock on the directory, so a temporary name there belongs to somebody who was killed. Who
// reads needs none: files appear whole, and an open one stays when its name goes. Nothing is synced; what a
// power failure tears is recognised and counts for nothing.

#include "stave/cache/layers.h"

#include <algorithm>
#include <map>
#include <set>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/cache/layers_text.h"
#include "stave/fs/link.h"

namespace stave::cache {
namespace {

constexpr const char* secret_name = "secret";

// Half of a fingerprint names as well as all of it: what is found is compared in full.
std::string hex_of(const Fingerprint& fingerprint) {
  return Digest::from_raw(Algorithm::sha256, std::as_bytes(std::span(fingerprint))).hex().substr(0, 32);
}

std::string stem_of(const Name& name) { return hex_of(name.codec) + "-" + hex_of(name.first) + "-"; }

constexpr std::size_t stem_size = 2 * 33;
constexpr std::size_t hex_size = 64;
constexpr std::size_t headers_hash_size = 32;

bool is_index(std::string_view file) {
  return file.size() == stem_size + hex_size && file[32] == '-' && file[stem_size - 1] == '-';
}

std::string blob_of(std::string_view index) { return std::string(index.substr(stem_size)); }

// A torn one is made anew by who deletes it; until then keys of this process agree with nobody's.
KeySecret read_secret(const fs::Dir& root) {
  KeySecret secret = make_key_secret();
  if (!root.find(secret_name)) return secret;
  const fs::Fd file = root.open_file(secret_name);
  if (fs::stat(file).size == secret.size())
    fs::read_at(file, 0, std::as_writable_bytes(std::span(secret)), root.name());
  return secret;
}

void keep_secret(const fs::Dir& root, const KeySecret& secret) {
  if (root.find(secret_name)) return;
  auto file = fs::TempFile::in(root, 0600);
  file.write(std::as_bytes(std::span(secret)));
  std::move(file).publish(secret_name, fs::TempFile::Existing::keep, false);
}

void remove_if_there(const fs::Dir& dir, const std::string& name) {
  try {
    dir.remove_file(name);
  } catch (const Error& e) {
    if (e.kind() != Kind::not_found) throw;
  }
}

}  // namespace

// One index file.
struct Layers::Kept {
  std::string file;
  fs::Time used;
};

Layers::Dirs::Dirs(fs::Dir where)
    : root(std::move(where)),
      index(root.make_dir("index", 0700)),
      blobs(root.make_dir("blob", 0700)),
      headers(root.make_dir("headers", 0700)) {}

Layers Layers::open(const std::string& directory, Bounds bounds) {
  Layers layers(directory, bounds);
  try {
    layers.dirs_.emplace(fs::Dir::open(directory));
    layers.secret_ = read_secret(layers.dirs_->root);
  } catch (const Error& e) {
    if (e.kind() != Kind::not_found) throw;
    layers.secret_ = make_key_secret();
  }
  return layers;
}

// The last used first; of equal ones, in the order of their names. What cannot be read is as good as empty.
std::vector<Layers::Kept> Layers::list() const {
  std::vector<Kept> kept;
  if (!dirs_) return kept;
  try {
    for (auto& file : dirs_->index.list()) {
      if (!is_index(file)) continue;
      if (const auto stat = dirs_->index.find(file)) kept.push_back({std::move(file), stat->mtime});
    }
  } catch (const Error&) {
    return {};
  }
  std::sort(kept.begin(), kept.end(), [](const Kept& a, const Kept& b) {
    return a.used != b.used ? a.used > b.used : a.file < b.file;
  });
  return kept;
}

namespace {

std::optional<Layer> read_index(const fs::Dir& dir, const std::string& file) {
  try {
    auto layer = parse(fs::read_file(dir.open_file(file), limits::cached_index_bytes, file));
    if (layer && layer->digest.hex() == blob_of(file)) return layer;
  } catch (const Error&) {
    // Gone meanwhile, or nothing that can be read: as good as none.
  }
  return std::nullopt;
}

}  // namespace

std::vector<Layer> Layers::find(const Name& name) const {
  const std::string stem = stem_of(name);
  std::vector<Layer> layers;
  for (const auto& kept : list()) {
    if (!kept.file.starts_with(stem)) continue;
    if (auto layer = read_index(dirs_->index, kept.file)) layers.push_back(std::move(*layer));
  }
  return layers;
}

std::vector<Layer> Layers::recent(const Fingerprint& codec, std::size_t most_blocks) const {
  const std::string stem = hex_of(codec) + "-";
  std::vector<Layer> layers;
  std::size_t blocks = 0;
  for (const auto& kept : list()) {
    if (!kept.file.starts_with(stem)) continue;
    auto layer = read_index(dirs_->index, kept.file);
    if (!layer) continue;
    blocks += layer->blocks.size();
    if (blocks > most_blocks && !layers.empty()) break;
    layers.push_back(std::move(*layer));
  }
  return layers;
}

std::optional<Layer> Layers::find_blob(const Digest& digest) const {
  for (const auto& kept : list()) {
    if (!kept.file.ends_with("-" + digest.hex())) continue;
    if (auto layer = read_index(dirs_->index, kept.file); layer && layer->digest == digest) return layer;
  }
  return std::nullopt;
}

std::optional<std::string> Layers::find_headers(const Digest& digest) const {
  if (!dirs_) return std::nullopt;
  try {
    std::string text =
        fs::read_file(dirs_->headers.open_file(digest.hex()), limits::cached_headers_bytes, digest.hex());
    if (text.size() < headers_hash_size) return std::nullopt;
    const std::string_view hash = std::string_view(text).substr(text.size() - headers_hash_size);
    if (as_text(digest_of(std::string_view(text).substr(0, text.size() - hash.size())).raw()) != hash)
      return std::nullopt;
    text.resize(text.size() - hash.size());
    return text;
  } catch (const Error&) {
    // Not here, or nothing that can be read: as good as none.
    return std::nullopt;
  }
}

std::shared_ptr<const fs::Fd> Layers::open_blob(const Digest& digest) const {
  if (!dirs_) return nullptr;
  try {
    return std::make_shared<const fs::Fd>(dirs_->blobs.open_file(digest.hex()));
  } catch (const Error&) {
    return nullptr;
  }
}

void Layers::put_headers(const Digest& digest, std::string_view headers) const {
  if (headers.empty() || headers.size() + headers_hash_size > limits::cached_headers_bytes) return;
  auto file = fs::TempFile::in(dirs_->headers, 0600);
  file.write(as_bytes(headers));
  file.write(digest_of(headers).raw());
  std::move(file).publish(digest.hex(), fs::TempFile::Existing::replace, false);
}

void Layers::put(const Name& name, const Layer& layer, const fs::Fd& blob, std::string_view headers) const {
  const std::string text = render(layer);
  if (text.size() > limits::cached_index_bytes) return;
  if (!dirs_) dirs_.emplace(fs::Dir::create(path_, 0700));
  const auto lock = fs::Lock::try_take(dirs_->root.handle(), fs::Lock::Mode::exclusive);
  if (!lock) return;
  keep_secret(dirs_->root, secret_);
  fs::link_file(blob, dirs_->blobs, layer.digest.hex());
  put_headers(layer.digest, headers);
  auto file = fs::TempFile::in(dirs_->index, 0600);
  file.write(as_bytes(text));
  std::move(file).publish(stem_of(name) + layer.digest.hex(), fs::TempFile::Existing::replace, false);
  Freed freed;
  trim(list(), bounds_, freed);
}

void Layers::remove(const Name& name) const {
  const std::string stem = stem_of(name);
  for (const auto& kept : list()) {
    if (!kept.file.starts_with(stem)) continue;
    try {
      dirs_->index.remove_file(kept.file);
    } catch (const Error&) {
      // It is found wrong again next time, and costs the time again.
    }
  }
}

void Layers::touch(const Name& name, const Digest& digest) const {
  if (!dirs_) return;
  try {
    fs::touch(dirs_->index, stem_of(name) + digest.hex());
  } catch (const Error&) {
    // Somebody else needed the room, or it is not ours to touch: it will be among the first to go.
  }
}

// Under the lock: removes indexes beyond the bounds, then blobs that no index names and what was left behind.
void Layers::trim(const std::vector<Kept>& kept, const Bounds& bounds, Freed& freed) const {
  std::set<std::string> named;
  std::map<std::string, std::size_t> versions;
  std::uint64_t bytes = 0;
  std::size_t layers = 0;
  for (const Kept& each : kept) {
    const std::string blob = blob_of(each.file);
    const auto stat = named.contains(blob) ? std::nullopt : dirs_->blobs.find(blob);
    if (stat) bytes += stat->size;
    if (++layers <= bounds.layers && bytes <= bounds.bytes &&
        ++versions[each.file.substr(0, stem_size)] <= bounds.versions) {
      named.insert(blob);
      continue;
    }
    if (stat) bytes -= stat->size;
    --layers;
    ++freed.layers;
    remove_if_there(dirs_->index, each.file);
  }
  for (const auto& blob : dirs_->blobs.list()) {
    if (named.contains(blob)) continue;
    if (const auto stat = dirs_->blobs.find(blob); stat && stat->links == 1) freed.bytes += stat->size;
    remove_if_there(dirs_->blobs, blob);
  }
  for (const auto& file : dirs_->headers.list()) {
    if (!named.contains(file)) remove_if_there(dirs_->headers, file);
  }
  for (const auto& file : dirs_->index.list()) {
    if (file.starts_with(".stave-tmp-")) remove_if_there(dirs_->index, file);
  }
}

Layers::Freed Layers::remove_unshared() const {
  if (!dirs_) return {};
  const auto lock = fs::Lock::take(dirs_->root.handle(), fs::Lock::Mode::exclusive);
  Freed freed;
  std::vector<Kept> shared;
  for (Kept& kept : list()) {
    const auto blob = dirs_->blobs.find(blob_of(kept.file));
    if (!blob || blob->links != 1) {
      shared.push_back(std::move(kept));
      continue;
    }
    ++freed.layers;
    remove_if_there(dirs_->index, kept.file);
  }
  trim(shared, bounds_, freed);
  return freed;
}

Layers::Freed Layers::clear() const {
  if (!dirs_) return {};
  const auto lock = fs::Lock::take(dirs_->root.handle(), fs::Lock::Mode::exclusive);
  Freed freed;
  trim(list(), {.layers = 0, .bytes = 0}, freed);
  return freed;
}

}  // namespace stave::cache
