// Blobs: verified reading, and the walk from a root to everything below it.

#include "stave/content/blob.h"

#include <fmt/format.h>

#include <map>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"

namespace stave::content {

std::unique_ptr<Source> BlobSource::find_from(const Digest& digest, std::uint64_t offset) const {
  auto source = find(digest);
  if (source) source->skip(offset);
  return source;
}

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
    throw limits::document_bytes.exceeded(fmt::format("the document {} claims {} bytes, the limit is {}",
                                                      descriptor.digest.str(), descriptor.size,
                                                      limits::document_bytes.value()));
  }
  const auto source = open_verified(blobs, descriptor);
  return read_all(*source, limits::document_bytes, "the document " + descriptor.digest.str());
}

namespace {

enum class Role : std::uint8_t { leaf, manifest, index };

Role role_of(const spec::Descriptor& descriptor) {
  if (spec::media::is_index(descriptor.media_type)) return Role::index;
  return spec::media::is_manifest(descriptor.media_type) ? Role::manifest : Role::leaf;
}

// One walk from one root.
class Walk {
 public:
  Walk(const BlobSource& blobs, bool missing_is_fine) : blobs_(blobs), missing_is_fine_(missing_is_fine) {}

  void visit(const spec::Descriptor& descriptor, int depth) {
    const Role role = role_of(descriptor);
    if (!is_new(descriptor, role)) return;
    if (role != Role::leaf) {
      check_depth(role, depth);
      if (missing_is_fine_ && !blobs_.find_size(descriptor.digest)) return;
      visit_document(descriptor, role, depth);
    }
    nodes_.push_back({descriptor, depth});
  }

  std::vector<Node> take() { return std::move(nodes_); }

 private:
  struct Said {
    Role role;
    std::uint64_t size;
  };

  // The first mention of a blob decides how it is treated, so no later one may say otherwise: a manifest that
  // was called a layer before would keep what hangs below it out of a copy, and gc would remove it.
  bool is_new(const spec::Descriptor& descriptor, Role role) {
    const auto [found, first] = seen_.try_emplace(descriptor.digest, Said{role, descriptor.size});
    if (!first && found->second.size != descriptor.size) {
      throw Error(Kind::mismatch, fmt::format("{} is said to have {} bytes and {} bytes",
                                              descriptor.digest.str(), found->second.size, descriptor.size));
    }
    if (!first && found->second.role != role) {
      throw Error(Kind::invalid,
                  fmt::format("{} is said to be a manifest, an index or other content in turn, here {}",
                              descriptor.digest.str(), quote(descriptor.media_type)));
    }
    if (seen_.size() > limits::archive_members) {
      throw limits::archive_members.exceeded(
          fmt::format("more than {} blobs below one image", limits::archive_members.value()));
    }
    return first;
  }

  static void check_depth(Role role, int depth) {
    if (depth + (role == Role::index ? 1 : 0) <= limits::index_depth) return;
    throw Error(Kind::limit, fmt::format("more than {} indexes within each other", limits::index_depth));
  }

  void visit_document(const spec::Descriptor& descriptor, Role role, int depth) {
    std::vector<spec::Descriptor> children;
    std::optional<spec::Descriptor> subject;
    {
      const std::string text = read_document(blobs_, descriptor);
      try {
        children = children_of(text, descriptor.media_type, role, subject);
      } catch (const Error& e) {
        throw e.within(descriptor.digest.str());
      }
    }
    for (const auto& child : children) visit(child, depth + 1);
    // A subject need not exist (manifest.md, "subject"): the referrer is complete without it.
    if (subject && blobs_.find_size(subject->digest)) visit(*subject, depth + 1);
  }

  static std::vector<spec::Descriptor> children_of(const std::string& text, const std::string& media_type,
                                                   Role role, std::optional<spec::Descriptor>& subject) {
    // Bytes that are not what they were referred to as are refused here (CVE-2021-41190).
    static_cast<void>(spec::classify(text, media_type));
    if (role == Role::index) {
      auto index = spec::Index::parse(text);
      subject = std::move(index.subject);
      return std::move(index.manifests);
    }
    auto manifest = spec::Manifest::parse(text);
    subject = std::move(manifest.subject);
    std::vector<spec::Descriptor> children = std::move(manifest.layers);
    children.insert(children.begin(), std::move(manifest.config));
    return children;
  }

  const BlobSource& blobs_;
  bool missing_is_fine_;
  std::map<Digest, Said> seen_;
  std::vector<Node> nodes_;
};

}  // namespace

std::vector<Node> reachable(const BlobSource& blobs, const spec::Descriptor& root, bool missing_is_fine) {
  Walk walk(blobs, missing_is_fine);
  walk.visit(root, 0);
  return walk.take();
}

}  // namespace stave::content
