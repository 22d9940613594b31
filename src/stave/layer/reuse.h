// Reuse: what a layer that is to be packed has in common with those that were packed
// before. Stat decides how much of its beginning is the same; everything behind
// that is read, and its blocks are recognised by their content.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "stave/cache/layers.h"
#include "stave/compress/compress.h"
#include "stave/content/store.h"
#include "stave/layer/plan.h"

namespace stave::layer {

// Whether and how packing remembers.
struct Remember {
  const cache::Layers* layers = nullptr;  // null: not at all
  // A time of fs::change_clock from before the first of the changes was read: what has a later ctime may have
  // changed after it was seen without looking different, and is not relied on.
  Timestamp seen_after = {};
  // Everything is packed as if nothing were known, and compared with what is known. Kind::mismatch where that
  // differs.
  bool verify = false;
};

// The known layer that begins most like one plan. Thread-safe once made.
class Reuse {
 public:
  // `store` has blobs that the cache could not link. All of them outlive it.
  Reuse(const Remember& remember, const Plan& plan, const compress::Codec& codec,
        const content::Store& store);

  // The layer that has all of the plan's blocks and no others, by what stat says.
  const cache::Layer* whole() const;
  // The first blocks are those of `known()`, as many as these.
  std::size_t same() const { return same_; }
  const cache::Layer& known() const { return known_->layer; }  // if same() is not 0
  bool verifies() const { return remember_.verify; }
  const KeySecret& secret() const { return remember_.layers->secret(); }
  // What stat says of a block now; zeros where that is not to be relied on.
  const cache::Fingerprint& seen(std::size_t block) const { return seen_[block]; }

  // A block of known(). False if its bytes are not there any more, or damaged.
  bool get(std::size_t block, compress::Block& out) const;
  // The compressed bytes of a block with this content, from any layer of the same codec.
  bool find(const ContentKey& content, std::uint64_t plain_size, compress::Block& out) const;

  // Keeps the layer that was made for the next time.
  void keep(const cache::Layer& layer) const;
  void used(const cache::Layer& layer) const;
  // What is known under this name is wrong.
  void forget() const;

 private:
  struct Piece {
    std::size_t layer;
    std::size_t block;
  };
  struct Blob {
    std::once_flag opened;
    std::shared_ptr<const fs::Fd> file;
  };

  // A layer that is kept, where its blocks begin in the blob, and the blob once it was asked for.
  struct Kept {
    explicit Kept(cache::Layer what) : layer(std::move(what)) {}
    cache::Layer layer;
    std::vector<std::uint64_t> offsets;
    Blob blob;
  };

  void describe();
  void choose();
  void read_recent() const;
  std::unique_ptr<Kept> kept(cache::Layer layer) const;
  bool read(Kept& kept, std::size_t block, compress::Block& out) const;

  const Remember& remember_;
  const Plan& plan_;
  const compress::Format format_;
  const content::Store& store_;
  cache::Name name_;
  std::vector<cache::Fingerprint> looks_;  // of each block, whether they are to be relied on or not
  std::vector<cache::Fingerprint> seen_;

  std::unique_ptr<Kept> known_;
  std::size_t same_ = 0;

  mutable std::once_flag recent_read_;
  mutable std::vector<std::unique_ptr<Kept>> recent_;
  mutable std::map<ContentKey, Piece> pieces_;
};

}  // namespace stave::layer
