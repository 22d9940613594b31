// Manifests and indexes (manifest.md, image-index.md), and how to tell one from
// the other when the document itself wants to be taken for both.

#include <fmt/format.h>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/json/json.h"
#include "stave/spec/document.h"
#include "stave/spec/spec.h"

namespace stave::spec {
namespace {

constexpr std::string_view schema_1 = "Docker image manifest version 2, schema 1, which stave does not read";

constexpr std::string_view name(DocumentKind kind) {
  return kind == DocumentKind::index ? "an image index" : "an image manifest";
}

bool is_schema_1(std::string_view media_type) {
  return media_type == "application/vnd.docker.distribution.manifest.v1+json" ||
         media_type == "application/vnd.docker.distribution.manifest.v1+prettyjws";
}

// What a media type says; throws for one that is neither.
DocumentKind kind_of_type(std::string_view media_type, const json::Node& document) {
  if (media::is_index(media_type)) return DocumentKind::index;
  if (media::is_manifest(media_type)) return DocumentKind::manifest;
  if (is_schema_1(media_type)) document.refuse(Kind::unsupported, schema_1);
  document.refuse(Kind::unsupported,
                  fmt::format("the media type {} is neither an image manifest's nor an image index's",
                              quote(media_type)));
}

void refuse_schema_1(const json::Node& document) {
  const auto version = document.find("schemaVersion");
  const bool is_1 = version && version->value().is_number_integer() && version->value() == 1;
  if (is_1 || document.has("fsLayers")) {
    document.refuse(Kind::unsupported, schema_1,
                    "pull a newer tag, or convert the image with a tool that still reads it");
  }
}

}  // namespace

DocumentKind kind_of(const json::Node& document) {
  document.refuse_lookalikes({"schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests",
                              "subject", "annotations", "fsLayers"});
  refuse_schema_1(document);
  // The type inside comes first: it explains a document that has none of our members.
  const std::string media_type = document.string_or_empty("mediaType");
  if (!media_type.empty()) kind_of_type(media_type, document);
  const bool index = document.has("manifests");
  const bool manifest = document.has("layers") || document.has("config");
  if (index && manifest) {
    document.refuse(
        Kind::invalid,
        "ambiguous: it has \"manifests\" and \"layers\" or \"config\", an index and a manifest at once "
        "(CVE-2021-41190)");
  }
  if (!index && !manifest) {
    document.refuse(
        Kind::invalid,
        R"(neither an image index (no "manifests") nor an image manifest (no "config", "layers"))");
  }
  const DocumentKind kind = index ? DocumentKind::index : DocumentKind::manifest;
  if (!media_type.empty() && kind_of_type(media_type, document) != kind) {
    document.refuse(Kind::invalid,
                    fmt::format("ambiguous: the mediaType {} inside is not that of {}, as its members are",
                                quote(media_type), name(kind)));
  }
  return kind;
}

void expect_kind(const json::Node& document, DocumentKind kind) {
  if (const DocumentKind found = kind_of(document); found != kind) {
    document.refuse(Kind::invalid, fmt::format("expected {}, found {}", name(kind), name(found)));
  }
  const json::Node version = document.get("schemaVersion");
  if (version.integer() != 2)
    version.refuse(Kind::invalid, fmt::format("expected 2, found {}", version.integer()));
}

DocumentKind classify(std::string_view text, std::string_view media_type) {
  const json::Value value = json::parse(text, "manifest");
  const json::Node document(value, "manifest");
  const DocumentKind kind = kind_of(document);
  if (media_type.empty()) return kind;
  if (const DocumentKind said = kind_of_type(media_type, document); said != kind) {
    document.refuse(Kind::invalid,
                    fmt::format("ambiguous: it came as {}, but is {}", quote(media_type), name(kind)));
  }
  return kind;
}

Manifest Manifest::parse(std::string_view text) {
  constexpr std::string_view what = "image manifest";
  const json::Value value = json::parse(text, what);
  const json::Node document(value, what);
  expect_kind(document, DocumentKind::manifest);
  const auto subject = document.find("subject");
  return Manifest{.media_type = document.string_or_empty("mediaType"),
                  .artifact_type = parse_artifact_type(document),
                  .config = parse_descriptor(document.get("config")),
                  .layers = parse_descriptors(document.get("layers")),
                  .subject = subject ? std::optional(parse_descriptor(*subject)) : std::nullopt,
                  .annotations = document.string_map_or_empty("annotations"),
                  .extra = document.others({"schemaVersion", "mediaType", "artifactType", "config", "layers",
                                            "subject", "annotations"})};
}

std::string Manifest::render() const {
  json::Object object;
  object.number("schemaVersion", 2);
  object.string_unless_empty("mediaType", media_type);
  object.string_unless_empty("artifactType", artifact_type);
  object.text("config", render_descriptor(config));
  object.text("layers", render_descriptors(layers));
  if (subject) object.text("subject", render_descriptor(*subject));
  object.string_map_unless_empty("annotations", annotations);
  object.others(extra);
  return std::move(object).finish();
}

Index Index::parse(std::string_view text) {
  constexpr std::string_view what = "image index";
  const json::Value value = json::parse(text, what);
  const json::Node document(value, what);
  expect_kind(document, DocumentKind::index);
  const auto subject = document.find("subject");
  return Index{.media_type = document.string_or_empty("mediaType"),
               .artifact_type = parse_artifact_type(document),
               .manifests = parse_descriptors(document.get("manifests")),
               .subject = subject ? std::optional(parse_descriptor(*subject)) : std::nullopt,
               .annotations = document.string_map_or_empty("annotations"),
               .extra = document.others(
                   {"schemaVersion", "mediaType", "artifactType", "manifests", "subject", "annotations"})};
}

std::string Index::render() const {
  json::Object object;
  object.number("schemaVersion", 2);
  object.string_unless_empty("mediaType", media_type);
  object.string_unless_empty("artifactType", artifact_type);
  object.text("manifests", render_descriptors(manifests));
  if (subject) object.text("subject", render_descriptor(*subject));
  object.string_map_unless_empty("annotations", annotations);
  object.others(extra);
  return std::move(object).finish();
}

}  // namespace stave::spec
