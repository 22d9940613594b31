// Registry: the client of the distribution-spec 1.1. A repository at a registry,
// what can be asked of it, and its blobs as a BlobSource.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/base/context.h"
#include "stave/content/blob.h"
#include "stave/registry/auth.h"
#include "stave/registry/registries.h"
#include "stave/registry/settings.h"
#include "stave/spec/reference.h"
#include "stave/spec/spec.h"

namespace stave::registry {

// What all repositories of one process share: connections, tokens, configuration. Loads libcurl. Thread-safe.
class Network {
 public:
  explicit Network(Settings settings);
  ~Network();

  // Asks a registry whether it lets these credentials in (GET /v2/); Kind::denied, with its words, if not.
  void check_login(const Context& context, std::string_view host, const Credentials& credentials) const;

  const Settings& settings() const;
  const Registries& registries() const;
  const CredentialFiles& files() const;

  class Parts;
  const Parts& parts() const { return *parts_; }

 private:
  std::unique_ptr<Parts> parts_;
};

// A manifest or index with its bytes, which are what its digest says.
struct Document {
  spec::Descriptor descriptor;
  std::string text;
};

// What became of a blob that was pushed.
enum class Pushed : std::uint8_t { there_already, mounted, sent };

// A repository, for reading from wherever its name may be pulled from. The BlobSource of an image that is
// there.
//
// Documents that it read are kept (up to limits::document_bytes in all, the oldest go first): an image is
// looked at more than once. `find` of a large blob goes on where it was when a connection breaks, and reads
// it in several ranges at once where settings.ranges and the server allow it. Errors carry the registry's own
// words, the operation and a hint. Thread-safe.
class Repository : public content::BlobSource {
 public:
  // `name` has a registry; tag and digest are not looked at. Talks to nobody yet.
  Repository(std::shared_ptr<const Network> network, Context context, const spec::Reference& name);
  ~Repository() override;

  // The manifest or index of a tag or digest, verified: against the digest asked for, else against
  // Docker-Content-Digest if there is one. nullopt: it does not exist. (distribution-spec, "Pulling
  // manifests")
  std::optional<Document> find_document(const std::string& tag_or_digest) const;
  // The same without its bytes (HEAD).
  std::optional<spec::Descriptor> find_descriptor(const std::string& tag_or_digest) const;

  std::unique_ptr<Source> find(const Digest& digest) const override;
  std::unique_ptr<Source> find_from(const Digest& digest, std::uint64_t offset) const override;
  std::optional<std::uint64_t> find_size(const Digest& digest) const override;
  std::string describe() const override;  // "docker://host/path"

  // Every tag, in the order that the registry gives them, page after page (at most limits::descriptors).
  std::vector<std::string> tags() const;
  // What refers to a manifest as its subject; by the API, else by the fallback tag. `artifact_type` filters.
  std::vector<spec::Descriptor> referrers(const Digest& subject, const std::string& artifact_type = {}) const;

  // --- What changes it ---

  // Sends a blob unless it is there: mounted from `from` (another repository of the same registry) if that is
  // said and works, else uploaded from `blobs`, in chunks, going on with an upload that was interrupted if
  // the registry still knows it. `sent` is told of each piece that went (and what it need not send).
  Pushed push_blob(const content::BlobSource& blobs, const spec::Descriptor& blob,
                   const std::vector<std::string>& from,
                   const std::function<void(std::uint64_t)>& sent) const;
  // Puts a manifest or index under its digest, or under `tag`. A registry that answers with another digest is
  // Kind::mismatch. With a subject, and a registry that does not know referrers, the fallback tag is brought
  // up to date.
  void put_document(std::string_view text, const spec::Descriptor& descriptor, const std::string& tag) const;
  // Removes a tag, or a manifest by digest; Kind::not_found, and Kind::unsupported where the registry does
  // not delete (a registry that only deletes by digest is told so only if `whole`: every other tag of it
  // goes, too).
  void erase(const std::string& tag_or_digest, bool whole) const;

  // Two of the same registry can mount each other's blobs.
  bool same_registry(const Repository& other) const;
  const spec::Reference& name() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stave::registry
