// describe: everything an image says of itself, gathered for a page or for JSON.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/content/blob.h"
#include "stave/image/image.h"
#include "stave/spec/spec.h"

namespace stave::inspect {

// One layer as its image tells it.
struct LayerLine {
  spec::Descriptor descriptor;
  std::optional<Digest> diff_id;
  std::string created_by;  // of the history entry that corresponds to it (config.md, "history")
};

// Of every layer, the lowest first. A history that does not correspond to the layers says nothing of any.
std::vector<LayerLine> layer_lines(const image::Image& image);

// What made a layer, for people: "RUN apk add x" for "/bin/sh -c apk add x", without what builders put around
// it ("#(nop)", "# buildkit"), blanks and line ends as one blank each.
std::string readable_command(std::string_view created_by);

// One image for one platform.
struct Part {
  spec::Descriptor descriptor;
  image::Image image;
  std::vector<LayerLine> layers;
  std::uint64_t size = 0;  // of manifest, config and layers as they are stored
};

struct Page {
  spec::Descriptor root;
  bool is_index = false;
  spec::Annotations annotations;         // of the root document
  std::vector<Part> parts;               // in the order of the index
  std::vector<spec::Descriptor> others;  // what an index lists that is no image, or is not here
  std::uint64_t size = 0;                // of every blob that is here, each counted once
};

// Reads the documents below `root` (no layers). Costs two small reads for each platform.
Page describe(const content::BlobSource& blobs, const spec::Descriptor& root);

// The page as one JSON document (docs/json.md), printed with indent.
std::string to_json(const Page& page, const std::string& name);

}  // namespace stave::inspect
