// Known: a layer that was packed here, of which a part can be read without the
// rest. What the cache keeps of it says which entries it has and where each of
// its blocks begins.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stave/base/stream.h"
#include "stave/cache/layers.h"
#include "stave/compress/compress.h"
#include "stave/content/blob.h"
#include "stave/layer/plan.h"
#include "stave/layer/stack.h"

namespace stave::layer {

// The headers of every entry of a plan and where they are, compressed: what the cache keeps as a layer's
// headers. Costs a few nanoseconds for each byte of them.
std::string headers_of(const Plan& plan);

class Known {
 public:
  // What `layers` has of the blob; nullptr unless all of it is there.
  static std::shared_ptr<const Known> find(const cache::Layers& layers, const spec::Descriptor& descriptor);

  const cache::Layer& layer() const { return layer_; }

  // The tar with zeros in place of contents; it refers to this.
  std::unique_ptr<Source> listing() const;

  // A block of the tar, from the blob of that digest in `blobs`, of which nothing else is read.
  // Kind::mismatch unless it is the one that was packed: its compressed bytes have the CRC of then, its plain
  // bytes the content key, which only who knows the cache's secret could forge.
  void read_block(const content::BlobSource& blobs, std::size_t block, std::vector<std::byte>& out) const;
  // The block with that byte of the tar, and where it begins.
  std::size_t block_at(std::uint64_t offset) const;
  std::uint64_t block_begin(std::size_t block) const { return plain_offsets_[block]; }

 private:
  Known(cache::Layer layer, std::string headers, const KeySecret& secret, compress::Format format);

  cache::Layer layer_;
  std::string headers_;
  KeySecret secret_;
  compress::Format format_;
  std::vector<std::uint64_t> plain_offsets_;
  std::vector<std::uint64_t> packed_offsets_;
};

// Lets `piece`, the layer `descriptor` of `blobs`, be read by what is known of it, if that is anything. The
// blob must be there in its size; its bytes are looked at where they are needed.
void use_known(const cache::Layers& layers, std::shared_ptr<const content::BlobSource> blobs,
               const spec::Descriptor& descriptor, Stack::Piece& piece);

}  // namespace stave::layer
