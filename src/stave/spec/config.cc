// The image config (config.md): what to run, which layers, how they came
// about. Printed as BuildKit prints it, so that an image made of the same
// parts as one on Docker Hub has the same config digest.

#include <fmt/format.h>

#include <map>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/json/json.h"
#include "stave/spec/spec.h"

namespace stave::spec {
namespace {

std::map<std::string, std::string> object_map_or_empty(const json::Node& node, const char* name) {
  const auto found = node.find(name);
  return found ? found->object_map() : std::map<std::string, std::string>();
}

std::optional<std::vector<std::string>> find_strings(const json::Node& node, const char* name) {
  const auto found = node.find(name);
  return found ? std::optional(found->strings()) : std::nullopt;
}

// The "config" object.
void parse_run(const json::Node& run, Config& config) {
  config.user = run.string_or_empty("User");
  config.exposed_ports = object_map_or_empty(run, "ExposedPorts");
  config.env = run.strings_or_empty("Env");
  config.entrypoint = find_strings(run, "Entrypoint");
  config.cmd = find_strings(run, "Cmd");
  config.volumes = object_map_or_empty(run, "Volumes");
  config.working_dir = run.string_or_empty("WorkingDir");
  config.labels = run.string_map_or_empty("Labels");
  config.stop_signal = run.string_or_empty("StopSignal");
  if (const auto escaped = run.find("ArgsEscaped")) config.args_escaped = escaped->boolean();
  config.run_extra = run.others({"User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir",
                                 "Labels", "StopSignal", "ArgsEscaped"});
}

// Docker leaves diff_ids out, and BuildKit wrote null, for an image without layers.
std::vector<Digest> parse_diff_ids(const json::Node& rootfs) {
  const json::Node type = rootfs.get("type");
  if (type.string() != "layers") {
    type.refuse(Kind::invalid, fmt::format("expected \"layers\", found {}", quote(type.string())));
  }
  std::vector<Digest> diff_ids;
  const auto list = rootfs.find("diff_ids");
  if (!list) return diff_ids;
  for (const json::Node& each : list->elements(limits::descriptors)) {
    const std::string text = each.string();
    try {
      diff_ids.push_back(Digest::parse(text));
    } catch (const Error& error) {
      throw error.within(each.place());
    }
  }
  return diff_ids;
}

std::vector<History> parse_history(const json::Node& list) {
  std::vector<History> history;
  for (const json::Node& each : list.elements(limits::descriptors)) {
    const auto empty_layer = each.find("empty_layer");
    history.push_back({.created = each.string_or_empty("created"),
                       .created_by = each.string_or_empty("created_by"),
                       .author = each.string_or_empty("author"),
                       .comment = each.string_or_empty("comment"),
                       .empty_layer = empty_layer && empty_layer->boolean(),
                       .extra = each.others({"created", "created_by", "author", "comment", "empty_layer"})});
  }
  return history;
}

// The order of the fields of the image-spec's Go type v1.ImageConfig.
std::string render_run(const Config& config) {
  json::Object run;
  run.string_unless_empty("User", config.user);
  run.text_map_unless_empty("ExposedPorts", config.exposed_ports);
  run.strings_unless_empty("Env", config.env);
  if (config.entrypoint) run.text("Entrypoint", json::print_strings(*config.entrypoint));
  if (config.cmd) run.text("Cmd", json::print_strings(*config.cmd));
  run.text_map_unless_empty("Volumes", config.volumes);
  run.string_unless_empty("WorkingDir", config.working_dir);
  run.string_map_unless_empty("Labels", config.labels);
  run.string_unless_empty("StopSignal", config.stop_signal);
  if (config.args_escaped) run.boolean("ArgsEscaped", *config.args_escaped);
  run.others(config.run_extra);
  return std::move(run).finish();
}

std::string render_rootfs(const std::vector<Digest>& diff_ids) {
  std::vector<std::string> texts;
  for (const Digest& diff_id : diff_ids) texts.push_back(diff_id.str());
  json::Object rootfs;
  rootfs.string("type", "layers");
  rootfs.text("diff_ids", json::print_strings(texts));
  return std::move(rootfs).finish();
}

std::string render_history(const std::vector<History>& history) {
  std::vector<std::string> texts;
  for (const History& entry : history) {
    json::Object object;
    object.string_unless_empty("created", entry.created);
    object.string_unless_empty("created_by", entry.created_by);
    object.string_unless_empty("author", entry.author);
    object.string_unless_empty("comment", entry.comment);
    if (entry.empty_layer) object.boolean("empty_layer", true);
    object.others(entry.extra);
    texts.push_back(std::move(object).finish());
  }
  return json::print_array(texts);
}

}  // namespace

Config Config::parse(std::string_view text) {
  constexpr std::string_view what = "image config";
  const json::Value value = json::parse(text, what);
  const json::Node document(value, what);
  Config config;
  config.created = document.string_or_empty("created");
  config.author = document.string_or_empty("author");
  config.platform = Platform{.os = document.get("os").string(),
                             .architecture = document.get("architecture").string(),
                             .variant = document.string_or_empty("variant"),
                             .os_version = document.string_or_empty("os.version"),
                             .os_features = document.strings_or_empty("os.features")};
  if (const auto run = document.find("config")) parse_run(*run, config);
  config.diff_ids = parse_diff_ids(document.get("rootfs"));
  if (const auto history = document.find("history")) config.history = parse_history(*history);
  config.extra = document.others({"created", "author", "architecture", "os", "variant", "os.version",
                                  "os.features", "config", "rootfs", "history"});
  return config;
}

std::string Config::render() const {
  // Gathered by name first: BuildKit keeps the top level in a Go map, which prints sorted.
  std::map<std::string, std::string> members;
  const auto add_string = [&](const char* name, const std::string& value) {
    if (!value.empty()) members.emplace(name, json::print_string(value));
  };
  members.emplace("architecture", json::print_string(platform.architecture));
  members.emplace("os", json::print_string(platform.os));
  members.emplace("config", render_run(*this));
  members.emplace("rootfs", render_rootfs(diff_ids));
  add_string("author", author);
  add_string("created", created);
  add_string("os.version", platform.os_version);
  add_string("variant", platform.variant);
  if (!platform.os_features.empty())
    members.emplace("os.features", json::print_strings(platform.os_features));
  if (!history.empty()) members.emplace("history", render_history(history));
  for (const auto& [name, json] : extra) {
    if (!members.emplace(name, json::normalised(json, printable(name))).second) {
      throw Error(Kind::internal, fmt::format("the member {} was to be printed twice", quote(name)));
    }
  }
  json::Object object;
  for (const auto& [name, json] : members) object.text(name, json);
  return std::move(object).finish();
}

}  // namespace stave::spec
