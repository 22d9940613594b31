// Walk: from descriptors down to everything below them, each document checked
// once. check_graph starts one from a root, check_layout one from index.json. Internal.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "stave/base/context.h"
#include "stave/content/blob.h"
#include "stave/validate/checks.h"
#include "stave/validate/graph.h"

namespace stave::validate {

class Walk {
 public:
  Walk(const Context& context, const content::BlobSource& blobs, Report& report)
      : context_(context), blobs_(blobs), report_(report) {}

  // What `reference` points to and all below. `depth` is that of the descriptor: 0 for a root.
  void visit(const Reference& reference, int depth);
  // The entries of an index that was checked, and what an index asks of them.
  void visit_index(const IndexFacts& facts, int depth);

  const std::set<Digest>& read() const { return read_; }  // the documents whose digests were looked at
  Graph take() { return std::move(graph_); }

 private:
  enum class Role : std::uint8_t { index, manifest, config, leaf };
  static Role role_of(const spec::Descriptor& descriptor);

  bool is_new(const Reference& reference, Role role);
  std::optional<std::uint64_t> find_size(const Digest& digest) const;
  std::optional<std::uint64_t> check_stored(const Reference& reference);
  void check_size(const Reference& reference);
  std::optional<std::string> read_document(const Reference& reference);
  std::unique_ptr<Document> parse(const Reference& reference, const std::string& text, Report& report);
  void visit_document(const Reference& reference, Role role, int depth);
  void visit_manifest(const Reference& reference, const Item& root, const std::string& text, int depth);
  void visit_layers(const ManifestFacts& facts);
  void add_image(const Reference& reference, const Reference& config_reference, const ManifestFacts& facts,
                 const std::string& text);
  ConfigFacts read_config(const Reference& config, std::size_t layers, ImageUse& image);
  void visit_subject(const std::optional<Reference>& subject, int depth);
  void check_entry_platform(const Reference& entry);

  const Context& context_;
  const content::BlobSource& blobs_;
  Report& report_;
  std::set<std::pair<Digest, Role>> seen_;
  std::set<Digest> missing_;
  std::set<Digest> read_;
  std::set<Digest> wrong_;  // documents that are not what their digest says
  std::map<Digest, std::optional<spec::Platform>> platforms_;  // of manifests that are images
  bool full_ = false;
  Graph graph_;
};

}  // namespace stave::validate
