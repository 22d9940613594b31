// Sorts: what a document is, told by its members, and one that stands on its
// own checked as that.

#include <fmt/format.h>

#include "stave/base/text.h"
#include "stave/json/position.h"
#include "stave/validate/checks.h"

namespace stave::validate {
namespace {

namespace media = spec::media;

std::string_view described(Sort sort) {
  switch (sort) {
    case Sort::index:
      return "an image index";
    case Sort::manifest:
      return "an image manifest";
    case Sort::config:
      return "an image config";
    case Sort::descriptor:
      return "a descriptor";
    case Sort::layout:
      return "an oci-layout file";
  }
  return "";
}

std::string_view code_for_no_object(std::optional<Sort> sort) {
  if (!sort) return "E027";
  switch (*sort) {
    case Sort::index:
      return "E202";
    case Sort::manifest:
      return "E302";
    case Sort::config:
      return "E402";
    case Sort::descriptor:
      return "E011";
    case Sort::layout:
      return "E102";
  }
  return "E027";
}

std::optional<Sort> guessed(const Item& root) {
  const bool versioned = root.has("schemaVersion");
  if (root.has("imageLayoutVersion")) return Sort::layout;
  if (!versioned && root.has("rootfs")) return Sort::config;
  if (!versioned && root.has("os") && root.has("architecture")) return Sort::config;
  if (root.has("manifests")) return Sort::index;
  if (root.has("layers") || root.has("config")) return Sort::manifest;
  if (!versioned && root.has("digest") && (root.has("mediaType") || root.has("size")))
    return Sort::descriptor;
  return std::nullopt;
}

void report_unknown(const Item& root) {
  const auto version = root.find("schemaVersion");
  const bool schema_1 = root.has("fsLayers") || (version && version->text() == "1");
  root.report("E027", schema_1 ? "a Docker image manifest version 2, schema 1"
                               : "none of the members that documents of images are told by");
}

// CVE-2021-41190: bytes that one client takes for an index and another for a manifest. True if they are.
bool check_ambiguous(const Item& root) {
  const bool index = root.has("manifests");
  const bool manifest = root.has("layers") || root.has("config");
  if (index && manifest) {
    root.report("E008", "\"manifests\" and \"layers\" or \"config\", an index and a manifest at once");
    return true;
  }
  const auto type = root.find("mediaType");
  if (!type) return false;
  const std::string said = type->string();
  if ((index && media::is_manifest(said)) || (manifest && media::is_index(said))) {
    type->report("E008", fmt::format("it calls itself {}, and has the members of {}", quote(said),
                                     described(index ? Sort::index : Sort::manifest)));
    return true;
  }
  return false;
}

}  // namespace

std::optional<Sort> sort_of(const Item& root, std::optional<Sort> expected) {
  if (!root.is_object()) {
    root.report(code_for_no_object(expected), fmt::format("{} instead of {}", root.described(),
                                                          expected ? described(*expected) : "an object"));
    return std::nullopt;
  }
  const auto told = guessed(root);
  const auto sort = expected ? expected : told;
  if (!sort) {
    report_unknown(root);
    return std::nullopt;
  }
  if (*sort != Sort::index && *sort != Sort::manifest) return sort;
  if (told != Sort::index && told != Sort::manifest) {
    if (told || root.has("fsLayers")) {
      root.report("E009", fmt::format("{} instead of {}", told ? described(*told) : "Docker's schema 1",
                                      described(*sort)));
      return std::nullopt;
    }
    return sort;
  }
  if (!check_ambiguous(root) && told != sort)
    root.report("E009", fmt::format("{} instead of {}", described(*told), described(*sort)));
  return root.has("manifests") && root.has("layers") ? sort : told;
}

void check_layout_header(const Item& root) {
  constexpr Shape shape = {.what = "an oci-layout file", .absent = "E102", .type = "E102"};
  const auto version = root.get("imageLayoutVersion", json::Type::string, shape, true);
  if (version && version->string() != "1.0.0")
    version->report("W103", fmt::format("it is {}", quote(version->string())));
}

void check_document(std::string_view text, std::string_view file, std::optional<Sort> sort, Report& report) {
  const auto document = Document::read(text, file, report);
  if (!document) return;
  const Item root = document->root();
  sort = sort_of(root, sort);
  if (!sort) return;
  const std::string_view name = file.substr(file.rfind('/') + 1);  // npos + 1 is 0
  switch (*sort) {
    case Sort::index:
      static_cast<void>(check_index(root, name == "index.json"));
      break;
    case Sort::manifest:
      static_cast<void>(check_manifest(root));
      break;
    case Sort::config:
      static_cast<void>(check_config(root));
      break;
    case Sort::descriptor:
      static_cast<void>(check_descriptor(root));
      break;
    case Sort::layout:
      check_layout_header(root);
      break;
  }
}

}  // namespace stave::validate
