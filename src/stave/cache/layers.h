// Layers that were packed before: what their files looked like, what was in their
// blocks, and the blobs that they became. Safe to delete at any time, bounded,
// shared by processes; what it says never changes a byte of a layer, only how long it takes to make.

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/fs/fs.h"
#include "stave/hash/content_key.h"
#include "stave/hash/digest.h"

namespace stave::cache {

using Fingerprint = std::array<std::uint8_t, 32>;  // a SHA-256
using HashWords = std::array<std::uint32_t, 8>;    // of a SHA-256 in progress

// One block of a layer (docs/format.md, "Cuts").
struct Block {
  Fingerprint seen{};             // of what stat said of every file with bytes in it; zeros: nothing to go by
  ContentKey content{};           // of the plain bytes
  std::uint64_t plain_size = 0;   //
  std::uint64_t packed_size = 0;  // of what it was compressed to
  std::uint32_t plain_crc = 0;    // where the codec's frame wants one (gzip)
  std::uint32_t packed_crc = 0;   // against a damaged blob
  HashWords plain_hash{};         // of everything before it, as far as that is a multiple of 64 bytes
  HashWords packed_hash{};

  friend bool operator==(const Block&, const Block&) = default;
};

struct Layer {
  Digest digest;   // of the blob
  Digest diff_id;  // of the tar
  std::uint64_t size = 0;
  std::uint64_t plain_size = 0;
  std::uint64_t entries = 0;
  std::vector<Block> blocks;

  friend bool operator==(const Layer&, const Layer&) = default;
};

// Under which name a layer is kept. Layers of one codec (format, level, version) share `codec`; `first` is
// the fingerprint of how the layer begins, so that the next version of a tree finds the last ones.
struct Name {
  Fingerprint codec{};
  Fingerprint first{};
};

// How much is kept; what was not used for longest goes first.
struct Bounds {
  std::size_t layers = 256;
  std::size_t versions = 4;           // of them with one name
  std::uint64_t bytes = 10ull << 30;  // of blobs, each counted once
};

class Layers {
 public:
  // In `directory`, which is made, 0700, by the first `put`: work that fails leaves nothing behind. Throws
  // where there is something that cannot be opened.
  static Layers open(const std::string& directory, Bounds bounds = {});

  const std::string& path() const { return path_; }
  const KeySecret& secret() const { return secret_; }

  // The layers that are kept under the name, the last used first. What is damaged, or of another version of
  // stave, counts for nothing.
  std::vector<Layer> find(const Name& name) const;
  // Those of one codec, the last used first, until they have `most_blocks` blocks together.
  std::vector<Layer> recent(const Fingerprint& codec, std::size_t most_blocks) const;
  // The layer whose blob this is, whatever its name.
  std::optional<Layer> find_blob(const Digest& digest) const;
  // What `put` was handed as the headers of that layer.
  std::optional<std::string> find_headers(const Digest& digest) const;
  // The blob of a layer; nullptr if it is not here (it may still be in the store).
  std::shared_ptr<const fs::Fd> open_blob(const Digest& digest) const;

  // Keeps a layer, and its blob under another hardlink where the file system allows it; without, the layer
  // counts as long as the store has the blob. `headers` are bytes of the caller's that tell what is in the
  // layer. Removes what is beyond the bounds. Does nothing if another process is at it.
  void put(const Name& name, const Layer& layer, const fs::Fd& blob, std::string_view headers = {}) const;
  // Removes the layers that are kept under the name, as far as that is possible.
  void remove(const Name& name) const;
  // The layer was of use again.
  void touch(const Name& name, const Digest& digest) const;

  struct Freed {
    std::size_t layers = 0;
    std::uint64_t bytes = 0;  // of blobs that had no other name
  };
  // Removes all of it.
  Freed clear() const;
  // Removes the layers whose blobs are in no store any more: they are all that these blobs still take room
  // for.
  Freed remove_unshared() const;

 private:
  struct Kept;
  struct Dirs {
    explicit Dirs(fs::Dir where);
    fs::Dir root;
    fs::Dir index;
    fs::Dir blobs;
    fs::Dir headers;
  };
  Layers(std::string path, Bounds bounds) : path_(std::move(path)), bounds_(bounds) {}
  std::vector<Kept> list() const;
  void put_headers(const Digest& digest, std::string_view headers) const;
  void trim(const std::vector<Kept>& kept, const Bounds& bounds, Freed& freed) const;

  std::string path_;
  Bounds bounds_;
  KeySecret secret_{};
  mutable std::optional<Dirs> dirs_;  // none: not made yet
};

}  // namespace stave::cache
