// Layers: what is in them, read entry by entry, against what the spec and the
// clients ask of a changeset.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "stave/base/context.h"
#include "stave/base/stream.h"
#include "stave/content/blob.h"
#include "stave/validate/graph.h"
#include "stave/validate/report.h"

namespace stave::validate {

// What was read.
struct Read {
  std::uint64_t layers = 0;
  std::uint64_t entries = 0;
  std::uint64_t stored = 0;  // bytes as they are kept
  std::uint64_t plain = 0;   // and uncompressed
};

// Reads each layer of the images, in their order: digest, compression, diff_id, the tar and its entries, and
// what they mean to the layers below. Blobs that are absent are passed over (check_graph has said so). Costs
// the decompression of every layer, and about 150 bytes and the path for each entry of an image. Throws only
// when bytes cannot be had.
Read check_layers(const Context& context, const content::BlobSource& blobs, const Graph& graph,
                  Report& report);

// A layer on its own, from its stored bytes, of `size` bytes if that is known (0: unknown).
Read check_layer(const Context& context, Source& stored, std::uint64_t size, const std::string& name,
                 Report& report);

}  // namespace stave::validate
