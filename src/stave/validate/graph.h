// Graph: from a root down, every document checked, and what was found there for
// those who look into layers. A document that is wrong is reported and walked on as far as it
// makes sense; nothing here throws for what an image says.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stave/base/context.h"
#include "stave/content/blob.h"
#include "stave/hash/digest.h"
#include "stave/spec/spec.h"
#include "stave/validate/report.h"

namespace stave::validate {

// A layer as a manifest names it: only those whose descriptor could be read.
struct LayerUse {
  Where where;             // the descriptor in its manifest
  std::size_t number = 0;  // from 1, the lowest first
  spec::Descriptor descriptor;
  std::optional<Digest> diff_id;  // as the config has it, where it has one for each layer
};

// An image (a manifest with an image config) below the root.
struct ImageUse {
  Where where;           // its manifest: file only
  std::string platform;  // "linux/amd64"; empty: unknown
  std::vector<LayerUse> layers;
  Where config_where;
  std::optional<spec::Manifest> manifest;  // when spec::Manifest::parse takes it, too
  std::optional<spec::Config> config;      // when spec::Config::parse takes it, too
};

struct Graph {
  std::vector<ImageUse> images;  // each manifest once, in the order of the documents
};

// Checks `root` and all documents that it reaches: JSON, descriptors, media types, digests and sizes of
// documents, presence and size of layers, config, history, platforms, annotations. `referrer` is where root's
// descriptor stands. Bounded like content::reachable (limits::index_depth, archive_members).
Graph check_graph(const Context& context, const content::BlobSource& blobs, const spec::Descriptor& root,
                  const Where& referrer, Report& report);

// One document on its own, its sort decided by its members (and reported if that is ambiguous) unless it is
// given.
enum class Sort : std::uint8_t { index, manifest, config, descriptor, layout };
void check_document(std::string_view text, std::string_view file, std::optional<Sort> sort, Report& report);

// A layout directory as a whole: oci-layout, index.json and everything below it, names in blobs/, and every
// blob against its name unless `fast`. Gives the images of all references, each manifest once. Throws only
// when the directory cannot be read.
Graph check_layout(const Context& context, const std::string& path, bool fast, Report& report);

}  // namespace stave::validate
