// Repository: what can be asked of it, each in a few lines; how it is asked is in the
// files that they name.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/registry/documents.h"
#include "stave/registry/errors.h"
#include "stave/registry/listing.h"
#include "stave/registry/ranges.h"
#include "stave/registry/reach.h"
#include "stave/registry/registry.h"
#include "stave/registry/upload.h"

namespace stave::registry {

namespace {

// A document as a Source that owns it.
class TextSource final : public Source {
 public:
  TextSource(std::string text, std::uint64_t offset)
      : text_(std::move(text)),
        rest_(std::string_view(text_).substr(
            static_cast<std::size_t>(std::min<std::uint64_t>(offset, text_.size())))) {}
  std::size_t read(MutableBytes out) override { return rest_.read(out); }

 private:
  std::string text_;
  BytesSource rest_;
};

std::optional<std::uint64_t> find_blob_size(const Reach& reach, const Digest& digest) {
  return reach.first<std::uint64_t>(true, [&](const Location& location) -> std::optional<std::uint64_t> {
    Ask ask;
    ask.method = "HEAD";
    ask.rest = "blobs/" + digest.str();
    ask.headers.add("Accept-Encoding", "identity");
    ask.scope.path = location.path;
    http::Reply reply = reach.send(location, ask);
    if (reply.status == 404) return std::nullopt;
    const std::string operation =
        fmt::format("looking for {} in docker://{}/{}", digest.str(), location.host, location.path);
    if (reply.status != 200) throw error_of(read_refusal(reply), operation, location, Doing::pull);
    const auto size = find_length(reply);
    if (!size) {
      throw Error(Kind::invalid, operation + ": the registry does not tell its size",
                  "a Content-Length is missing in its reply; a proxy may have removed it");
    }
    return size;
  });
}

void delete_manifest(const Reach& reach, const std::string& tag_or_digest, bool& refuses) {
  const std::string operation =
      fmt::format("removing {} from {}", printable(tag_or_digest), printable(reach.str()));
  Ask ask;
  ask.method = "DELETE";
  ask.rest = "manifests/" + tag_or_digest;
  ask.scope = Scope{.path = reach.home.path, .actions = "pull,delete", .mount_from = {}};
  http::Reply reply = reach.send(reach.home, ask);
  if (reply.status / 100 == 2) return;
  const Refusal refusal = read_refusal(reply);
  refuses = refusal.status == 400 || refusal.status == 405 || refusal.status == 501;
  if (refuses && !Digest::find(tag_or_digest)) return;
  if (refuses) {
    throw Error(Kind::unsupported,
                fmt::format("{}: {} answered {}", operation, printable(reach.home.host), refusal.text),
                "deleting is off there; docker's registry wants storage.delete.enabled: true");
  }
  throw error_of(refusal, operation, reach.home, Doing::erase);
}

}  // namespace

struct Repository::State {
  std::shared_ptr<const Reach> reach;
  spec::Reference name;
  mutable Documents documents;
};

Repository::Repository(std::shared_ptr<const Network> network, Context context, const spec::Reference& name)
    : state_(std::make_unique<State>()) {
  auto reach = std::make_shared<Reach>();
  reach->locations = network->registries().pull_locations(name);
  reach->home = network->registries().push_location(name);
  reach->network = std::move(network);
  reach->context = std::move(context);
  state_->reach = std::move(reach);
  state_->name = name;
}

Repository::~Repository() = default;

std::string Repository::describe() const { return printable(state_->reach->str()); }

const spec::Reference& Repository::name() const { return state_->name; }

bool Repository::same_registry(const Repository& other) const {
  return state_->reach->home.api_host == other.state_->reach->home.api_host;
}

std::optional<Document> Repository::find_document(const std::string& tag_or_digest) const {
  check_tag_or_digest(tag_or_digest);
  const auto digest = Digest::find(tag_or_digest);
  if (digest) {
    if (auto kept = state_->documents.find(*digest)) return kept;
  }
  const Reach& reach = *state_->reach;
  auto document = reach.first<Document>(digest.has_value(), [&](const Location& location) {
    return fetch_document(reach, location, tag_or_digest);
  });
  if (document) state_->documents.add(*document);
  return document;
}

std::optional<spec::Descriptor> Repository::find_descriptor(const std::string& tag_or_digest) const {
  check_tag_or_digest(tag_or_digest);
  const auto digest = Digest::find(tag_or_digest);
  if (digest) {
    if (const auto kept = state_->documents.find(*digest)) return kept->descriptor;
  }
  const Reach& reach = *state_->reach;
  const auto head = reach.first<Head>(digest.has_value(), [&](const Location& location) {
    return fetch_head(reach, location, tag_or_digest);
  });
  if (!head) return std::nullopt;
  if (head->descriptor) return head->descriptor;
  const auto document = find_document(tag_or_digest);
  return document ? std::optional(document->descriptor) : std::nullopt;
}

std::unique_ptr<Source> Repository::find(const Digest& digest) const { return find_from(digest, 0); }

// Manifests and blobs have endpoints of their own; what was read before tells which it is.
std::unique_ptr<Source> Repository::find_from(const Digest& digest, std::uint64_t offset) const {
  const Documents::Sort sort = state_->documents.sort(digest);
  if (sort != Documents::Sort::document) {
    auto blob = open_blob(state_->reach, digest, offset);
    if (blob || sort == Documents::Sort::blob) return blob;
  }
  auto document = find_document(digest.str());
  if (!document) return nullptr;
  return std::make_unique<TextSource>(std::move(document->text), offset);
}

std::optional<std::uint64_t> Repository::find_size(const Digest& digest) const {
  const Documents::Sort sort = state_->documents.sort(digest);
  if (sort != Documents::Sort::document) {
    const auto size = find_blob_size(*state_->reach, digest);
    if (size || sort == Documents::Sort::blob) return size;
  }
  const auto descriptor = find_descriptor(digest.str());
  return descriptor ? std::optional(descriptor->size) : std::nullopt;
}

std::vector<std::string> Repository::tags() const { return list_tags(*state_->reach); }

std::vector<spec::Descriptor> Repository::referrers(const Digest& subject,
                                                    const std::string& artifact_type) const {
  return list_referrers(*state_->reach, subject, artifact_type);
}

Pushed Repository::push_blob(const content::BlobSource& blobs, const spec::Descriptor& blob,
                             const std::vector<std::string>& from,
                             const std::function<void(std::uint64_t)>& sent) const {
  return upload_blob(*state_->reach, blobs, blob, from, sent);
}

void Repository::put_document(std::string_view text, const spec::Descriptor& descriptor,
                              const std::string& tag) const {
  if (!tag.empty()) check_tag_or_digest(tag);
  const Reach& reach = *state_->reach;
  const http::Reply reply =
      put_manifest(reach, text, descriptor, tag.empty() ? descriptor.digest.str() : tag);
  const auto subject = spec::classify(text, descriptor.media_type) == spec::DocumentKind::index
                           ? spec::Index::parse(text).subject
                           : spec::Manifest::parse(text).subject;
  if (!subject || reply.headers.find("OCI-Subject")) return;
  add_to_fallback(reach, subject->digest, Document{.descriptor = descriptor, .text = std::string(text)});
}

void Repository::erase(const std::string& tag_or_digest, bool whole) const {
  check_tag_or_digest(tag_or_digest);
  const Reach& reach = *state_->reach;
  bool refuses = false;
  delete_manifest(reach, tag_or_digest, refuses);
  if (!refuses) return;
  // A tag, and a registry that deletes by digest at most.
  if (!whole) {
    throw Error(Kind::unsupported,
                fmt::format("{} does not remove a tag alone ({})", printable(reach.home.host),
                            printable(tag_or_digest)),
                "the image can be removed by its digest, and with it every other tag of it");
  }
  const auto head = fetch_head(reach, reach.home, tag_or_digest);
  std::optional<spec::Descriptor> descriptor = head ? head->descriptor : std::nullopt;
  if (head && !descriptor) {
    const auto document = fetch_document(reach, reach.home, tag_or_digest);
    if (document) descriptor = document->descriptor;
  }
  if (!descriptor) {
    throw Error(Kind::not_found,
                fmt::format("{} has no tag {}", printable(reach.str()), quote(tag_or_digest)),
                "see `stave tags` for what is there");
  }
  delete_manifest(reach, descriptor->digest.str(), refuses);
}

}  // namespace stave::registry
