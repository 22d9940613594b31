// Graph: an image as the tree of its documents and blobs (index, manifests,
// configs, layers), for `stave tree` as text, JSON and picture.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stave/content/blob.h"
#include "stave/spec/spec.h"

namespace stave::inspect {

struct GraphNode {
  enum class Sort : std::uint8_t { index, image, attestation, artifact, config, layer, blob };
  enum class State : std::uint8_t { here, missing, damaged };

  spec::Descriptor descriptor;
  Sort sort = Sort::blob;
  State state = State::here;
  std::string reason = {};  // of a document that is damaged
  // The same blob stands above: what is below it is not repeated.
  bool above = false;
  bool subject = false;                         // what its parent is about, not a part of it
  std::optional<spec::Platform> platform = {};  // of an image: as the index says, else as its config does
  std::string name = {};                        // what its parent, or the place it is in, calls it
  std::size_t depth = 0;                        // 0: the root
  std::size_t children = 0;
};

struct Graph {
  std::vector<GraphNode> nodes;  // each before its children, in the order of the documents; never empty

  // Of what is here, each counted once.
  std::size_t blobs = 0;
  std::uint64_t size = 0;
};

// Reads every index, manifest and config below `root`, verified; no layer. What is missing or damaged is
// shown as such, and the rest goes on. Kind::limit for more than limits::descriptors nodes; what is deeper
// than limits::index_depth indexes is not looked at, and damaged.
Graph graph_of(const content::BlobSource& blobs, const spec::Descriptor& root, const std::string& name);

// "index", "image linux/amd64", "layer zstd", "application/x" for what is none of ours.
std::string label(const GraphNode& node);
// "not here", "as above", ...: what else there is to say, in that order.
std::vector<std::string> remarks(const GraphNode& node);

// One JSON document (docs/json.md), printed with indent.
std::string to_json(const Graph& graph);

// A picture of it: SVG 1.1 without scripts or links, readable on light and dark ground; the same bytes for
// the same graph.
std::string to_svg(const Graph& graph);

}  // namespace stave::inspect
