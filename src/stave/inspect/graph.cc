// Graph: gathering, words, and the JSON form.

#include "stave/inspect/graph.h"

#include <fmt/format.h>

#include <set>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/json/json.h"

namespace stave::inspect {
namespace {

using Sort = GraphNode::Sort;
using State = GraphNode::State;

bool is_document(const spec::Descriptor& descriptor) {
  return spec::media::is_index(descriptor.media_type) || spec::media::is_manifest(descriptor.media_type);
}

// BuildKit's attestations sit in an index as images for the platform unknown/unknown.
bool is_unknown(const std::optional<spec::Platform>& platform) {
  return platform && platform->os == "unknown" && platform->architecture == "unknown";
}

std::string name_in(const spec::Annotations& annotations) {
  const auto found = annotations.find(std::string(spec::annotation::ref_name));
  return found == annotations.end() ? std::string() : found->second;
}

class Walk {
 public:
  explicit Walk(const content::BlobSource& blobs) : blobs_(blobs) {}

  // Gives the place of the node; its children follow it.
  std::size_t visit(const spec::Descriptor& descriptor, Sort sort, std::size_t depth) {
    if (graph_.nodes.size() >= limits::descriptors)
      throw Error(Kind::limit, fmt::format("more than {} blobs", limits::descriptors));
    const std::size_t at = graph_.nodes.size();
    graph_.nodes.push_back({.descriptor = descriptor,
                            .sort = sort,
                            .platform = descriptor.platform,
                            .name = name_in(descriptor.annotations),
                            .depth = depth});
    if (depth != 0) ++graph_.nodes[parent_].children;
    const auto size = blobs_.find_size(descriptor.digest);
    if (!size) graph_.nodes[at].state = State::missing;
    graph_.nodes[at].above = !seen_.insert(descriptor.digest).second;
    if (!size || graph_.nodes[at].above) return at;
    ++graph_.blobs;
    graph_.size += *size;
    if (is_document(descriptor)) open(at);
    return at;
  }

  Graph take() { return std::move(graph_); }

 private:
  void open(std::size_t at) {
    const spec::Descriptor descriptor = graph_.nodes[at].descriptor;
    try {
      if (graph_.nodes[at].depth > limits::index_depth)
        throw Error(Kind::limit, fmt::format("more than {} indexes within each other", limits::index_depth));
      const std::string text = content::read_document(blobs_, descriptor);
      if (spec::classify(text, descriptor.media_type) == spec::DocumentKind::index) {
        open_index(at, spec::Index::parse(text));
      } else {
        open_manifest(at, spec::Manifest::parse(text));
      }
    } catch (const Error& e) {
      if (e.kind() == Kind::limit && graph_.nodes.size() >= limits::descriptors) throw;
      if (e.kind() == Kind::cancelled || e.kind() == Kind::internal) throw;
      graph_.nodes[at].state = State::damaged;
      graph_.nodes[at].reason = e.what();
    }
  }

  void open_index(std::size_t at, const spec::Index& index) {
    graph_.nodes[at].sort = Sort::index;
    for (const auto& child : index.manifests) add(at, child, sort_of(child));
    if (index.subject) add_subject(at, *index.subject);
  }

  void open_manifest(std::size_t at, const spec::Manifest& manifest) {
    GraphNode& node = graph_.nodes[at];
    const bool runs = spec::media::is_config(manifest.config.media_type);
    if (node.sort != Sort::attestation) node.sort = runs ? Sort::image : Sort::artifact;
    if (!runs && node.descriptor.artifact_type.empty()) {
      node.descriptor.artifact_type =
          manifest.artifact_type.empty() ? manifest.config.media_type : manifest.artifact_type;
    }
    const auto config = add(at, manifest.config, runs ? Sort::config : Sort::blob);
    if (runs) read_platform(at, config);
    for (const auto& layer : manifest.layers)
      add(at, layer, spec::media::is_layer(layer.media_type) ? Sort::layer : Sort::blob);
    if (manifest.subject) add_subject(at, *manifest.subject);
  }

  void read_platform(std::size_t at, std::size_t config) {
    GraphNode& node = graph_.nodes[config];
    if (node.state != State::here || graph_.nodes[at].platform) return;
    try {
      graph_.nodes[at].platform =
          spec::Config::parse(content::read_document(blobs_, node.descriptor)).platform;
    } catch (const Error& e) {
      node.state = State::damaged;
      node.reason = e.what();
    }
  }

  std::size_t add(std::size_t parent, const spec::Descriptor& child, Sort sort) {
    parent_ = parent;
    return visit(child, sort, graph_.nodes[parent].depth + 1);
  }

  void add_subject(std::size_t parent, const spec::Descriptor& subject) {
    graph_.nodes[add(parent, subject, sort_of(subject))].subject = true;
  }

  // Until it is opened, what its descriptor says of it.
  static Sort sort_of(const spec::Descriptor& descriptor) {
    if (spec::media::is_index(descriptor.media_type)) return Sort::index;
    if (!spec::media::is_manifest(descriptor.media_type)) return Sort::blob;
    if (is_unknown(descriptor.platform)) return Sort::attestation;
    return descriptor.artifact_type.empty() ? Sort::image : Sort::artifact;
  }

  const content::BlobSource& blobs_;
  Graph graph_;
  std::set<Digest> seen_;
  std::size_t parent_ = 0;
};

std::string_view word(Sort sort) {
  switch (sort) {
    case Sort::index:
      return "index";
    case Sort::image:
      return "image";
    case Sort::attestation:
      return "attestation";
    case Sort::artifact:
      return "artifact";
    case Sort::config:
      return "config";
    case Sort::layer:
      return "layer";
    default:
      return "blob";
  }
}

std::string layer_word(const std::string& media_type) {
  if (media_type.ends_with("gzip")) return "layer gzip";
  if (media_type.ends_with("zstd")) return "layer zstd";
  return "layer tar";
}

}  // namespace

Graph graph_of(const content::BlobSource& blobs, const spec::Descriptor& root, const std::string& name) {
  Walk walk(blobs);
  walk.visit(root, spec::media::is_index(root.media_type) ? Sort::index : Sort::image, 0);
  Graph graph = walk.take();
  graph.nodes.front().name = name;
  return graph;
}

std::string label(const GraphNode& node) {
  switch (node.sort) {
    case Sort::image:
      return node.platform ? "image " + printable(node.platform->str()) : "image";
    case Sort::artifact:
      return "artifact " + printable(node.descriptor.artifact_type);
    case Sort::layer:
      return layer_word(node.descriptor.media_type);
    case Sort::blob:
      return printable(node.descriptor.media_type);
    default:
      return std::string(word(node.sort));
  }
}

std::vector<std::string> remarks(const GraphNode& node) {
  std::vector<std::string> out;
  if (!node.name.empty()) out.push_back(printable(node.name));
  if (node.subject) out.emplace_back("subject");
  if (node.state == State::missing) out.emplace_back("not here");
  if (node.state == State::damaged) out.push_back("damaged: " + node.reason);
  if (node.above) out.emplace_back("as above");
  return out;
}

namespace {

// The node at `at` and what is below it; `at` goes to what follows. As deep as `graph_of` goes.
std::string node_json(const Graph& graph, std::size_t& at) {
  const GraphNode& node = graph.nodes[at++];
  json::Object object;
  object.string_unless_empty("name", node.name);
  object.string("sort", word(node.sort));
  object.string("mediaType", node.descriptor.media_type);
  object.string("digest", node.descriptor.digest.str());
  object.number("size", node.descriptor.size);
  if (node.platform) object.string("platform", node.platform->str());
  object.string_unless_empty("artifactType", node.descriptor.artifact_type);
  if (node.state == State::missing) object.boolean("missing", true);
  if (node.state == State::damaged) object.string("damaged", node.reason);
  if (node.above) object.boolean("above", true);
  if (node.subject) object.boolean("subject", true);
  std::vector<std::string> children;
  for (std::size_t i = 0; i < node.children; ++i) children.push_back(node_json(graph, at));
  if (!children.empty()) object.text("children", json::print_array(children));
  return std::move(object).finish();
}

}  // namespace

std::string to_json(const Graph& graph) {
  std::size_t at = 0;
  json::Object object;
  object.number("blobs", graph.blobs);
  object.number("size", graph.size);
  object.text("root", node_json(graph, at));
  return json::print_pretty(json::parse(std::move(object).finish(), "the graph"));
}

}  // namespace stave::inspect
