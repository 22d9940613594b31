// Documents: manifests and indexes as registries serve them, and the few that are
// kept because an image is looked at more than once. Internal.

#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "stave/registry/reach.h"
#include "stave/registry/registry.h"

namespace stave::registry {

// Thread-safe.
class Documents {
 public:
  enum class Sort : std::uint8_t { unknown, document, blob };

  std::optional<Document> find(const Digest& digest) const;
  // Keeps it, and remembers of what it refers to on which endpoint it is found. It was verified.
  void add(const Document& document);
  Sort sort(const Digest& digest) const;

 private:
  void learn(const Document& document);

  mutable std::mutex mutex_;
  std::deque<Document> kept_;  // the oldest first
  std::uint64_t bytes_ = 0;
  std::set<Digest> documents_;
  std::set<Digest> blobs_;
};

// One of a place: verified, its media type settled (distribution-spec, "Pulling manifests"). nullopt: it does
// not exist there.
std::optional<Document> fetch_document(const Reach& reach, const Location& location,
                                       const std::string& tag_or_digest);
// What a HEAD says of it; no descriptor where the registry said too little of it.
struct Head {
  std::optional<spec::Descriptor> descriptor;
};
std::optional<Head> fetch_head(const Reach& reach, const Location& location,
                               const std::string& tag_or_digest);

// Kind::usage unless it is a digest or a tag (distribution-spec, "Pulling manifests").
void check_tag_or_digest(const std::string& text);

}  // namespace stave::registry
