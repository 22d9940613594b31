// Pulling manifests: what is accepted, what is believed, and what is kept.

#include "stave/registry/documents.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/registry/errors.h"

namespace stave::registry {

namespace {

// What is understood here. No "*/*": a registry that has the image in another form as well (schema 1) would
// be free to give that.
std::string accepted() {
  return fmt::format("{}, {}, {}, {}", spec::media::oci_index, spec::media::oci_manifest,
                     spec::media::docker_list, spec::media::docker_manifest);
}

// Media types compare without case and without parameters (distribution-spec, "Pulling manifests").
std::string media_type_of(const http::Reply& reply) {
  std::string type = reply.headers.find("Content-Type").value_or("");
  type.resize(std::min(type.find(';'), type.size()));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.pop_back();
  std::transform(type.begin(), type.end(), type.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return type;
}

bool says_nothing(const std::string& type) {
  return type.empty() || type == "application/json" || type == "application/octet-stream";
}

void refuse_schema_1(const std::string& type, const std::string& what) {
  if (!type.starts_with("application/vnd.docker.distribution.manifest.v1+")) return;
  throw Error(Kind::unsupported, what + " is a Docker manifest of schema version 1",
              "it is out of use since 2017; push the image again with a current client");
}

std::string operation(const Location& location, const std::string& tag_or_digest) {
  return fmt::format("reading the manifest {} of docker://{}/{}", printable(tag_or_digest),
                     printable(location.host), printable(location.path));
}

// The media type that a document names itself; else what its members make it.
std::string own_media_type(const std::string& text) {
  if (spec::classify(text, {}) == spec::DocumentKind::index) {
    std::string own = spec::Index::parse(text).media_type;
    return own.empty() ? std::string(spec::media::oci_index) : own;
  }
  std::string own = spec::Manifest::parse(text).media_type;
  return own.empty() ? std::string(spec::media::oci_manifest) : own;
}

// The Content-Type against what the document says of itself.
std::string settled_media_type(const std::string& type, const std::string& text, const std::string& what) {
  if (type == "text/html") {
    throw Error(Kind::invalid, what + ": a web page came instead of a manifest", "is this a registry?");
  }
  try {
    if (says_nothing(type)) return own_media_type(text);
    const std::string own = spec::classify(text, {}) == spec::DocumentKind::index
                                ? spec::Index::parse(text).media_type
                                : spec::Manifest::parse(text).media_type;
    if (own.empty()) {
      static_cast<void>(spec::classify(text, type));
    } else if (own != type) {
      throw Error(Kind::invalid, fmt::format("it came as {}, and calls itself {}", quote(type), quote(own)),
                  "the registry, or a proxy before it, changes the Content-Type");
    }
    return type;
  } catch (const Error& e) {
    throw e.within(what);
  }
}

Ask ask_for(const char* method, const Location& location, const std::string& tag_or_digest) {
  static_cast<void>(location);
  Ask ask;
  ask.method = method;
  ask.rest = "manifests/" + tag_or_digest;
  ask.headers.add("Accept", accepted());
  ask.scope.path = location.path;
  return ask;
}

bool is_absent(int status, const std::string& code) {
  return status == 404 && (code.empty() || code == "MANIFEST_UNKNOWN" || code == "NAME_UNKNOWN" ||
                           code == "NOT_FOUND" || code == "BLOB_UNKNOWN");
}

// What the text has to hash to, as far as anybody said.
std::optional<Digest> said_digest(const http::Reply& reply, const std::string& tag_or_digest) {
  if (auto asked = Digest::find(tag_or_digest)) return asked;
  const auto field = reply.headers.find("Docker-Content-Digest");
  return field ? Digest::find(*field) : std::nullopt;
}

}  // namespace

void check_tag_or_digest(const std::string& text) {
  if (Digest::find(text)) return;
  const auto word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  const bool good =
      !text.empty() && text.size() <= 128 && word(text.front()) &&
      std::all_of(text.begin(), text.end(), [&](char c) { return word(c) || c == '.' || c == '-'; });
  if (!good) {
    throw Error(Kind::usage, quote(text) + " is neither a tag nor a digest",
                "a tag has at most 128 letters, digits, '_', '.' and '-'");
  }
}

std::optional<Document> fetch_document(const Reach& reach, const Location& location,
                                       const std::string& tag_or_digest) {
  const std::string what = operation(location, tag_or_digest);
  http::Reply reply = reach.send(location, ask_for("GET", location, tag_or_digest));
  if (reply.status != 200) {
    const Refusal refusal = read_refusal(reply);
    if (is_absent(refusal.status, refusal.code) && !refusal.web_page) return std::nullopt;
    throw error_of(refusal, what, location, Doing::pull);
  }
  const std::string type = media_type_of(reply);
  refuse_schema_1(type, what);
  std::string text = http::read_body(reply, limits::document_bytes, what + ": the answer");
  const auto want = said_digest(reply, tag_or_digest);
  const Digest got = digest_of(as_bytes(text), want ? want->algorithm() : Algorithm::sha256);
  if (want && *want != got) {
    throw Error(Kind::mismatch,
                fmt::format("{}: the registry gave bytes of {} as {}", what, got.str(), want->str()),
                "the registry, or a proxy before it, is broken or lies");
  }
  std::string settled = settled_media_type(type, text, what);
  const std::uint64_t size = text.size();
  return Document{.descriptor = {.media_type = std::move(settled), .digest = got, .size = size},
                  .text = std::move(text)};
}

std::optional<Head> fetch_head(const Reach& reach, const Location& location,
                               const std::string& tag_or_digest) {
  const std::string what = operation(location, tag_or_digest);
  http::Reply reply = reach.send(location, ask_for("HEAD", location, tag_or_digest));
  if (reply.status == 404) return std::nullopt;
  // Some do not know HEAD; a GET tells.
  if (reply.status == 405 || reply.status == 501) return Head{};
  if (reply.status != 200) throw error_of(read_refusal(reply), what, location, Doing::pull);
  const std::string type = media_type_of(reply);
  refuse_schema_1(type, what);
  const auto digest = said_digest(reply, tag_or_digest);
  const auto size = find_length(reply);
  const bool known = spec::media::is_index(type) || spec::media::is_manifest(type);
  if (!known || !digest || !size || *size == 0) return Head{};
  return Head{.descriptor = spec::Descriptor{.media_type = type, .digest = *digest, .size = *size}};
}

std::optional<Document> Documents::find(const Digest& digest) const {
  const std::lock_guard lock(mutex_);
  for (const Document& document : kept_) {
    if (document.descriptor.digest == digest) return document;
  }
  return std::nullopt;
}

void Documents::add(const Document& document) {
  const std::lock_guard lock(mutex_);
  const auto same = [&](const Document& other) {
    return other.descriptor.digest == document.descriptor.digest;
  };
  if (std::any_of(kept_.begin(), kept_.end(), same)) return;
  learn(document);
  bytes_ += document.text.size();
  kept_.push_back(document);
  while (bytes_ > limits::document_bytes && kept_.size() > 1) {
    bytes_ -= kept_.front().text.size();
    kept_.pop_front();
  }
}

void Documents::learn(const Document& document) {
  if (documents_.size() + blobs_.size() > 2 * limits::descriptors) {
    documents_.clear();
    blobs_.clear();
  }
  documents_.insert(document.descriptor.digest);
  if (spec::media::is_manifest(document.descriptor.media_type)) {
    const spec::Manifest manifest = spec::Manifest::parse(document.text);
    blobs_.insert(manifest.config.digest);
    for (const spec::Descriptor& layer : manifest.layers) blobs_.insert(layer.digest);
    if (manifest.subject) documents_.insert(manifest.subject->digest);
    return;
  }
  const spec::Index index = spec::Index::parse(document.text);
  for (const spec::Descriptor& child : index.manifests) {
    const bool is_document =
        spec::media::is_index(child.media_type) || spec::media::is_manifest(child.media_type);
    (is_document ? documents_ : blobs_).insert(child.digest);
  }
  if (index.subject) documents_.insert(index.subject->digest);
}

Documents::Sort Documents::sort(const Digest& digest) const {
  const std::lock_guard lock(mutex_);
  // Something can be both, where somebody pushed it so: unknown then.
  const bool document = documents_.contains(digest);
  const bool blob = blobs_.contains(digest);
  if (document == blob) return Sort::unknown;
  return document ? Sort::document : Sort::blob;
}

}  // namespace stave::registry
