// Profiles of podman, docker and containerd.

#include "stave/validate/profiles.h"

#include <fmt/format.h>

#include <array>
#include <utility>
#include <vector>

#include "stave/base/limits.h"
#include "stave/base/text.h"

namespace stave::validate {
namespace {

// What is legal, and fails in a client: the finding of the one rule is one of the other as well.
struct Promotion {
  Profile profile;
  std::string_view from;
  std::string_view to;
};
constexpr std::array promotions = {
    Promotion{Profile::podman, "W523", "E704"},     Promotion{Profile::podman, "W517", "E705"},
    Promotion{Profile::podman, "W507", "E706"},     Promotion{Profile::containerd, "W523", "E741"},
    Promotion{Profile::containerd, "W517", "E742"}, Promotion{Profile::containerd, "W507", "E743"},
    Promotion{Profile::containerd, "W513", "W744"},
};

constexpr std::size_t dockers_layers = 125;  // maxLayerDepth of its layer store

void promote(Profile profile, Report& report) {
  std::vector<std::pair<std::string_view, Finding>> found;
  for (const auto& finding : report.findings()) {
    for (const auto& each : promotions) {
      if (each.profile == profile && each.from == finding.rule->code) found.emplace_back(each.to, finding);
    }
  }
  for (auto& [code, finding] : found) report.add(code, std::move(finding.where), std::move(finding.found));
}

// Of an index other platforms may be absent, of an image nothing.
void check_complete(std::string_view code, Report& report) {
  std::vector<Finding> absent;
  for (const auto& finding : report.findings()) {
    const auto& at = finding.where.at;
    if (finding.rule->code == "W109" && (at.starts_with("/layers/") || at.starts_with("/config")))
      absent.push_back(finding);
  }
  for (auto& finding : absent) report.add(code, std::move(finding.where), std::move(finding.found));
}

void check_layer_count(const Graph& graph, std::size_t most, std::string_view code, Report& report) {
  for (const auto& image : graph.images) {
    if (image.layers.size() > most)
      report.add(code, {.file = image.where.file, .at = "/layers"},
                 fmt::format("it has {} layers", image.layers.size()));
  }
}

const std::string* find_annotation(const spec::Annotations& annotations, std::string_view key) {
  const auto found = annotations.find(std::string(key));
  return found == annotations.end() ? nullptr : &found->second;
}

void check_podman(const Package& package, Report& report) {
  if (package.is == Package::Is::archive && package.images > 1 && !package.docker_manifest)
    report.add("E701", {.file = package.where.file},
               fmt::format("the archive holds {} images", package.images));
  const auto* containerd = find_annotation(package.annotations, spec::annotation::containerd_name);
  const auto* reference = find_annotation(package.annotations, spec::annotation::ref_name);
  if (containerd == nullptr || reference == nullptr) return;
  // A ref.name may be the tag alone.
  if (*containerd != *reference && !containerd->ends_with(":" + *reference) &&
      !containerd->ends_with("/" + *reference))
    report.add("W707", package.where,
               fmt::format("podman will call it {}, not {}", quote(*containerd), quote(*reference)));
}

void check_docker(const Package& package, const Graph& graph, Report& report) {
  if (package.is == Package::Is::archive) {
    if (!package.docker_manifest)
      report.add("W721", {.file = package.where.file}, "the archive has no manifest.json");
    if (find_annotation(package.annotations, spec::annotation::containerd_name) == nullptr)
      report.add("W722", package.where, "it has no annotation io.containerd.image.name");
  }
  for (const auto& image : graph.images) {
    for (const auto& layer : image.layers) {
      if (layer.descriptor.media_type.ends_with("zstd"))
        report.add("W724", layer.where, "the layer is compressed with zstd");
    }
  }
}

void check_containerd(const Graph& graph, Report& report) {
  for (const auto& image : graph.images) {
    if (image.manifest && image.manifest->media_type.empty())
      report.add("W745", image.where, "the manifest has no mediaType");
  }
}

}  // namespace

void check_profile(Profile profile, const Package& package, const Graph& graph, Report& report) {
  promote(profile, report);
  switch (profile) {
    case Profile::spec:
      return;
    case Profile::podman:
      check_complete("E708", report);
      check_layer_count(graph, limits::image_layers, "W702", report);
      return check_podman(package, report);
    case Profile::docker:
      check_complete("E725", report);
      check_layer_count(graph, dockers_layers, "E723", report);
      return check_docker(package, graph, report);
    case Profile::containerd:
      check_complete("E746", report);
      return check_containerd(graph, report);
  }
}

}  // namespace stave::validate
