// Blobs: verified reading, and the walk from a root to everything below it.

#include "stave/content/blob.h"

#include <fmt/format.h>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"

namespace stave::content {

std::unique_ptr<Source> open_verified(const BlobSource& blobs, const spec::Descriptor& descriptor) {
  auto source = blobs.find(descriptor.digest);
  if (!source) {
    throw Error(Kind::not_found, fmt::format("{} has no blob {}", blobs.describe(), descriptor.digest.str()),
                "the image is incomplete where it was taken from; copy it again from a complete place");
  }
  return std::make_unique<VerifyingSource>(std::move(source), descriptor.digest, descriptor.size);
}

std::string read_document(const BlobSource& blobs, const spec::Descriptor& descriptor) {
  if (descriptor.size > limits::document_bytes) {
    throw Error(Kind::limit, fmt::format("the document {} claims {} bytes, the limit is {}",
                                         descriptor.digest.str(), descriptor.size, limits::document_bytes));
  }
  const auto source = open_verified(blobs, descriptor);
  return read_all(*source, limits::document_bytes, "the document " + descriptor.digest.str());
}

namespace {

class Walk {
 public:
  Walk(const BlobSource& blobs, bool missing_is_fine) : blobs_(blobs), missing_is_fine_(missing_is_fine) {}

  void visit(const spec::Descriptor& descriptor, int depth) {
    if (!seen_.insert(descriptor.digest).second) return;
    const bool index = spec::media::is_index(descriptor.media_type);
    if (index || spec::media::is_manifest(descriptor.media_type)) {
      if (depth > limits::index_depth) {
        throw Error(Kind::limit, fmt::format("more than {} indexes within each other", limits::index_depth));
      }
      if (missing_is_fine_ && !blobs_.find_size(descriptor.digest)) return;
      const std::string text = read_document(blobs_, descriptor);
      // The bytes decide, not the word of whoever refers to them (CVE-2021-41190).
      if (spec::classify(text, descriptor.media_type) == spec::DocumentKind::index) {
        visit_index(text, depth);
      } else {
        visit_manifest(text, depth);
      }
    }
    nodes_.push_back({descriptor, depth});
  }

  std::vector<Node> take() { return std::move(nodes_); }

 private:
  void visit_index(const std::string& text, int depth) {
    const auto index = spec::Index::parse(text);
    for (const auto& child : index.manifests) visit(child, depth + 1);
    if (index.subject) visit_subject(*index.subject, depth);
  }

  void visit_manifest(const std::string& text, int depth) {
    const auto manifest = spec::Manifest::parse(text);
    visit(manifest.config, depth + 1);
    for (const auto& layer : manifest.layers) visit(layer, depth + 1);
    if (manifest.subject) visit_subject(*manifest.subject, depth);
  }

  // A subject need not exist (manifest.md, "subject"): the referrer is complete without it.
  void visit_subject(const spec::Descriptor& subject, int depth) {
    if (blobs_.find_size(subject.digest)) visit(subject, depth + 1);
  }

  const BlobSource& blobs_;
  bool missing_is_fine_;
  std::set<Digest> seen_;
  std::vector<Node> nodes_;
};

}  // namespace

std::vector<Node> reachable(const BlobSource& blobs, const spec::Descriptor& root, bool missing_is_fine) {
  Walk walk(blobs, missing_is_fine);
  walk.visit(root, 0);
  return walk.take();
}

}  // namespace stave::content
