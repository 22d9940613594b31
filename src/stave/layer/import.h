// import: a tar that somebody else made becomes a layer, byte for byte or
// rewritten in canonical form, and is checked while it streams.

#pragma once

#include <optional>
#include <string>

#include "stave/base/context.h"
#include "stave/compress/compress.h"
#include "stave/content/store.h"
#include "stave/layer/pack.h"
#include "stave/layer/tree.h"

namespace stave::layer {

struct Import {
  std::string name;        // for messages: the file's name, or "standard input"
  std::uint64_t size = 0;  // for progress; 0: unknown
  bool force = false;      // errors of the checker become warnings
  std::optional<compress::Codec> recompress =
      {};                      // rewrite it canonically with this codec instead of keeping its bytes
  std::string spool = "/tmp";  // where --recompress keeps the content meanwhile, without a name
};

// Reads a tar (plain, gzip or zstd by its first bytes) and puts it into `store` as a layer. Byte for byte,
// its digest is the sha256sum of the input. `tree` (may be null unless recompressing) is the tree below and
// has the layer on top afterwards.
//
// Throws Kind::unsupported for xz and bzip2, with the pipe that helps; Kind::invalid for what is damaged, no
// tar, or forbidden by the spec (layer.md). Recompressed, the layer is what `pack` makes of the same entries
// on `tree`: sorted, whiteouts explicit and only for what is below, links resolved.
Layer import_tar(const Context& context, Source& input, const Import& how, Tree* tree,
                 const content::Store& store);

}  // namespace stave::layer
