// pack: a changeset becomes a layer. Blocks are read and compressed on all
// cores; the two hashes, of the plain and of the compressed stream, run in order.

#pragma once

#include <cstdint>

#include "stave/base/context.h"
#include "stave/compress/compress.h"
#include "stave/content/store.h"
#include "stave/hash/digest.h"
#include "stave/layer/changeset.h"
#include "stave/layer/reuse.h"
#include "stave/spec/spec.h"

namespace stave::layer {

// A layer that exists: its blob, and the digest of its uncompressed tar (image-spec, config.md, "Layer
// DiffID").
struct Layer {
  spec::Descriptor descriptor;
  Digest diff_id;
  std::uint64_t plain_size = 0;
  std::uint64_t entries = 0;
};

std::string_view media_type_of(
    compress::Format format);  // application/vnd.oci.image.layer.v1.tar[+gzip|+zstd]

// Packs `changes` into `store`. The diff_id depends on the changes alone; the digest on them, the codec and
// its version; neither on `context.jobs` nor on `remember`, which only says what need not be done again.
// Memory: a window of (jobs + 2) blocks of Cuts::most. Throws what reading throws (Kind::changed, denied,
// io), no_space, cancelled; then nothing is left in the store.
Layer pack(const Context& context, const Changeset& changes, const compress::Codec& codec,
           const content::Store& store, const Remember& remember = {});
// The same into a file or pipe: whoever owns `sink` throws away what a failure left in it.
Layer pack(const Context& context, const Changeset& changes, const compress::Codec& codec, Sink& sink);

}  // namespace stave::layer
