// Manifests and indexes (manifest.md, image-index.md): their own members, and
// what they ask of the descriptors that they hold.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "stave/base/text.h"
#include "stave/json/position.h"
#include "stave/validate/checks.h"

namespace stave::validate {
namespace {

using json::Type;
namespace media = spec::media;

constexpr Shape index_shape = {.what = "an index", .absent = "E201", .type = "E202"};
constexpr Shape manifest_shape = {.what = "a manifest", .absent = "E301", .type = "E302"};

// What a manifest and an index call differently.
struct Head {
  const Shape& shape;
  std::string_view version;
  std::string_view no_type;
  std::string_view wrong_type;
  std::string_view media_type;
  bool (*is_own)(std::string_view media_type);
  bool (*is_other)(std::string_view media_type);
};
constexpr Head index_head = {.shape = index_shape,
                             .version = "E205",
                             .no_type = "W206",
                             .wrong_type = "E207",
                             .media_type = media::oci_index,
                             .is_own = media::is_index,
                             .is_other = media::is_manifest};
constexpr Head manifest_head = {.shape = manifest_shape,
                                .version = "E303",
                                .no_type = "W304",
                                .wrong_type = "E305",
                                .media_type = media::oci_manifest,
                                .is_own = media::is_manifest,
                                .is_other = media::is_index};

// schemaVersion, mediaType and artifactType. True for a document that calls itself Docker's.
bool check_head(const Item& root, const Head& head) {
  const auto version = root.find("schemaVersion");
  if (!version) {
    root.report(head.version, fmt::format("{} without \"schemaVersion\"", head.shape.what));
  } else if (version->text() != "2") {
    version->report(head.version, fmt::format("schemaVersion is {}", version->described()));
  }
  if (const auto type = root.get("artifactType", Type::string, head.shape, false))
    check_media_type(*type, "E025");

  const auto item = root.get("mediaType", Type::string, head.shape, false);
  if (!item) {
    if (!root.find("mediaType"))
      root.report(head.no_type, fmt::format("{} without \"mediaType\"", head.shape.what));
    return false;
  }
  const std::string type = item->string();
  if (is_docker(type) && head.is_own(type)) {
    item->report("W026", fmt::format("it is {}", quote(type)));
    return true;
  }
  // The other kind's type is E008 already.
  if (type != head.media_type && !head.is_other(type))
    item->report(head.wrong_type, fmt::format("it is {}", quote(type)));
  return false;
}

std::optional<Reference> check_subject(const Item& root, const Shape& shape) {
  const auto item = root.get("subject", Type::object, shape, false);
  return item ? check_descriptor(*item) : std::nullopt;
}

// What a client compares when it looks for its platform (image-index.md, "platform").
std::string key_of(const spec::Platform& platform) {
  return fmt::format("{} {} {}", platform.str(), platform.os_version, join(platform.os_features, ","));
}

// image-index.md: the first of several entries that match is used, so the others are never seen.
void check_platforms_differ(const std::vector<Reference>& manifests, const Item& list) {
  std::map<std::string, std::size_t> first;
  std::size_t at = 0;
  std::map<std::size_t, std::string> again;
  for (const Reference& each : manifests) {
    const auto& platform = each.descriptor.platform;
    if (!platform || platform->os == "unknown" || !media::is_manifest(each.descriptor.media_type)) continue;
    const auto [found, is_first] =
        first.try_emplace(key_of(*platform) + " " + each.descriptor.artifact_type, each.number);
    if (!is_first)
      again.emplace(each.number - 1,
                    fmt::format("{} again, after manifests[{}]", quote(platform->str()), found->second - 1));
  }
  if (again.empty()) return;
  list.each([&](const Item& item) {
    if (const auto found = again.find(at++); found != again.end()) item.report("W214", found->second);
  });
}

// image-layout.md gives names no meaning, but who looks for one takes the first or the last.
void check_names_differ(const std::vector<Reference>& manifests, const Item& list) {
  std::map<std::string, std::size_t> first;
  std::map<std::size_t, std::string> again;
  for (const Reference& each : manifests) {
    const auto found = each.descriptor.annotations.find(std::string(spec::annotation::ref_name));
    if (found == each.descriptor.annotations.end()) continue;
    const auto [before, is_first] = first.try_emplace(found->second, each.number);
    if (!is_first)
      again.emplace(each.number - 1,
                    fmt::format("{} again, after manifests[{}]", quote(found->second), before->second - 1));
  }
  std::size_t at = 0;
  list.each([&](const Item& item) {
    if (const auto found = again.find(at++); found != again.end()) item.report("W110", found->second);
  });
}

bool is_listed_layer(std::string_view type) {
  constexpr std::array<std::string_view, 4> listed = {
      media::oci_layer, media::oci_layer_gzip, "application/vnd.oci.image.layer.nondistributable.v1.tar",
      "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"};
  return std::find(listed.begin(), listed.end(), type) != listed.end();
}

std::string media_type_of(const Item& descriptor) {
  const auto type = descriptor.find("mediaType");
  return type ? type->string() : std::string();
}

struct Layers {
  bool image = false;   // the config is an image's
  bool docker = false;  // the manifest is Docker's, with types of its own
  bool all_tar = true;  // each is of a layer's media type
};

void check_layer(const Item& item, Layers& layers) {
  const std::string type = media_type_of(item);
  if (type.empty()) return;
  layers.all_tar = layers.all_tar && media::is_layer(type);
  const Item at = item.find("mediaType").value_or(item);
  if (layers.image && !layers.docker && !is_listed_layer(type))
    at.report("W308", fmt::format("the type {}", quote(type)));
  if (type.find(".nondistributable.") != std::string::npos)
    at.report("W309", fmt::format("the type {}", quote(type)));
}

// manifest.md, "Guidelines for Artifact Usage".
void check_artifact(const Item& root, const Item& config, const ManifestFacts& facts) {
  const std::string type = media_type_of(config);
  const auto artifact_type = root.find("artifactType");
  if (type == media::oci_empty && (!artifact_type || artifact_type->string().empty()))
    config.report("E310", "an empty config, and no \"artifactType\"");
  if (media::is_config(type) || facts.layer_count != 1 || facts.layers.empty()) return;
  if (facts.layers[0].descriptor.size != 0) return;
  if (const auto list = root.find("layers")) {
    list->each([](const Item& layer) { layer.report("W311", "its only layer has 0 bytes"); });
  }
}

}  // namespace

IndexFacts check_index(const Item& root, bool layout_index) {
  check_lookalikes(root,
                   {"schemaVersion", "mediaType", "artifactType", "manifests", "subject", "annotations"});
  const bool docker = check_head(root, index_head);
  IndexFacts facts;
  check_annotations(root, "annotations", Annotated::document);
  facts.subject = check_subject(root, index_shape);
  const auto list = root.get("manifests", Type::array, index_shape, true);
  if (!list) return facts;
  std::size_t number = 0;
  list->each([&](const Item& item) {
    ++number;
    auto reference = check_descriptor(item, layout_index);
    const std::string type = media_type_of(item);
    if (!docker && !type.empty() && type != media::oci_manifest && type != media::oci_index)
      item.find("mediaType").value_or(item).report("W213", fmt::format("the type {}", quote(type)));
    if (!reference) return;
    reference->number = number;
    facts.manifests.push_back(std::move(*reference));
  });
  if (layout_index) {
    check_names_differ(facts.manifests, *list);
  } else {
    check_platforms_differ(facts.manifests, *list);
  }
  return facts;
}

ManifestFacts check_manifest(const Item& root) {
  check_lookalikes(
      root, {"schemaVersion", "mediaType", "artifactType", "config", "layers", "subject", "annotations"});
  Layers kinds = {.docker = check_head(root, manifest_head)};
  ManifestFacts facts;
  check_annotations(root, "annotations", Annotated::document);
  facts.subject = check_subject(root, manifest_shape);
  const auto config = root.get("config", Type::object, manifest_shape, true);
  if (config) facts.config = check_descriptor(*config);
  const std::string config_type = config ? media_type_of(*config) : std::string();
  kinds.image = config_type == media::oci_config;
  const auto list = root.get("layers", Type::array, manifest_shape, true);
  if (!list) return facts;
  list->each([&](const Item& item) {
    ++facts.layer_count;
    check_layer(item, kinds);
    auto reference = check_descriptor(item);
    if (!reference) return;
    reference->number = facts.layer_count;
    facts.layers.push_back(std::move(*reference));
  });
  if (facts.layer_count == 0) list->report("W306", "no layer");
  if (!config || config_type.empty()) return facts;
  const bool looks_like_image = is_docker(config_type) || (facts.layer_count > 0 && kinds.all_tar);
  if (!kinds.docker && !kinds.image && config_type != media::oci_empty && looks_like_image)
    config->find("mediaType")
        .value_or(*config)
        .report("W307", fmt::format("the type {}", quote(config_type)));
  check_artifact(root, *config, facts);
  return facts;
}

}  // namespace stave::validate
