// Reports as JSON and as SARIF.

#include "stave/validate/output.h"

#include <fmt/format.h>

#include <map>
#include <vector>

#include "stave/base/text.h"
#include "stave/json/json.h"

namespace stave::validate {
namespace {

constexpr std::string_view spec_url = "https://github.com/opencontainers/image-spec/blob/v1.1.1/";

// JSON is UTF-8; names in layers need not be.
std::string utf8(std::string_view text) { return is_utf8(text) ? std::string(text) : printable(text); }

std::string_view level(const Rule& rule) { return rule.severity() == Severity::error ? "error" : "warning"; }

std::string pretty(json::Object&& object, std::string_view what) {
  return json::print_pretty(json::parse(std::move(object).finish(), what)) + "\n";
}

std::string finding_json(const Finding& finding) {
  const Rule& rule = *finding.rule;
  json::Object object;
  object.string("code", rule.code);
  object.string("severity", level(rule));
  object.string("profile", name(rule.profile));
  object.string("file", utf8(finding.where.file));
  object.string_unless_empty("at", utf8(finding.where.at));
  if (finding.where.line != 0) {
    object.number("line", finding.where.line);
    object.number("column", finding.where.column);
  }
  object.string("found", utf8(finding.found));
  object.string("asks", rule.asks);
  object.string("section", rule.section);
  object.string("hint", rule.hint);
  return std::move(object).finish();
}

std::string text_object(std::string_view text) {
  json::Object object;
  object.string("text", text);
  return std::move(object).finish();
}

std::string sarif_rule(const Rule& rule) {
  json::Object settings;
  settings.string("level", level(rule));
  json::Object object;
  object.string("id", rule.code);
  object.text("shortDescription", text_object(rule.asks));
  object.text("fullDescription", text_object(rule.story));
  object.text("help", text_object(rule.hint));
  object.string_unless_empty("helpUri", url(rule));
  object.text("defaultConfiguration", std::move(settings).finish());
  return std::move(object).finish();
}

// SARIF's URIs: what is neither unreserved nor a slash is escaped (RFC 3986).
std::string uri(std::string_view path) {
  std::string out;
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string sarif_location(const Where& where) {
  json::Object artifact;
  artifact.string("uri", uri(where.file));
  json::Object physical;
  physical.text("artifactLocation", std::move(artifact).finish());
  if (where.line != 0) {
    json::Object region;
    region.number("startLine", where.line);
    region.number("startColumn", where.column);
    physical.text("region", std::move(region).finish());
  }
  json::Object object;
  object.text("physicalLocation", std::move(physical).finish());
  if (!where.at.empty()) {
    json::Object logical;
    logical.string("fullyQualifiedName", utf8(where.at));
    object.text("logicalLocations", json::print_array({std::move(logical).finish()}));
  }
  return std::move(object).finish();
}

}  // namespace

std::string url(const Rule& rule) {
  if (rule.profile != Profile::spec) return {};
  return std::string(spec_url) + std::string(rule.section);
}

std::string to_json(const Report& report, const Subject& subject, bool valid) {
  std::vector<std::string> findings;
  for (const auto& finding : report.findings()) findings.push_back(finding_json(finding));
  json::Object object;
  object.string("name", utf8(subject.name));
  object.boolean("valid", valid);
  object.number("errors", report.errors());
  object.number("warnings", report.warnings());
  object.number("leftOut", report.left_out());
  object.number("images", subject.images);
  object.boolean("fast", subject.fast);
  object.number("layers", subject.read.layers);
  object.number("entries", subject.read.entries);
  object.number("bytes", subject.read.stored);
  object.number("plainBytes", subject.read.plain);
  object.text("findings", json::print_array(findings));
  return pretty(std::move(object), "the report");
}

std::string to_sarif(const Report& report, std::string_view version) {
  std::vector<std::string> rules_used;
  std::map<const Rule*, std::size_t> numbers;
  std::vector<std::string> results;
  for (const auto& finding : report.findings()) {
    const auto [number, is_new] = numbers.emplace(finding.rule, rules_used.size());
    if (is_new) rules_used.push_back(sarif_rule(*finding.rule));
    json::Object result;
    result.string("ruleId", finding.rule->code);
    result.number("ruleIndex", number->second);
    result.string("level", level(*finding.rule));
    result.text("message", text_object(utf8(finding.found)));
    result.text("locations", json::print_array({sarif_location(finding.where)}));
    results.push_back(std::move(result).finish());
  }
  json::Object driver;
  driver.string("name", "stave");
  driver.string("version", version);
  driver.text("rules", json::print_array(rules_used));
  json::Object tool;
  tool.text("driver", std::move(driver).finish());
  json::Object run;
  run.text("tool", std::move(tool).finish());
  run.text("results", json::print_array(results));
  json::Object object;
  object.string("$schema", "https://json.schemastore.org/sarif-2.1.0.json");
  object.string("version", "2.1.0");
  object.text("runs", json::print_array({std::move(run).finish()}));
  return pretty(std::move(object), "the report");
}

std::string rules_json() {
  std::vector<std::string> all;
  for (const Rule& rule : rules()) {
    json::Object object;
    object.string("code", rule.code);
    object.string("severity", level(rule));
    object.string("profile", name(rule.profile));
    object.string("section", rule.section);
    object.string("asks", rule.asks);
    object.string("hint", rule.hint);
    object.string("story", rule.story);
    all.push_back(std::move(object).finish());
  }
  return json::print_pretty(json::parse(json::print_array(all), "the rules")) + "\n";
}

std::string pointer_for_people(std::string_view pointer) {
  if (!pointer.starts_with('/')) return std::string(pointer);
  std::string out;
  for (auto part : split(pointer.substr(1), '/')) {
    if (parse_number(part)) {
      out += "[" + part + "]";
      continue;
    }
    std::string text;
    for (std::size_t i = 0; i < part.size(); ++i) {
      const bool escaped =
          part[i] == '~' && i + 1 < part.size() && (part[i + 1] == '0' || part[i + 1] == '1');
      text += escaped ? (part[++i] == '0' ? '~' : '/') : part[i];
    }
    const bool bare = text.find_first_of("./[] \"") == std::string::npos && !text.empty();
    if (!bare)
      out += "[\"" + text + "\"]";
    else
      out += (out.empty() ? "" : ".") + text;
  }
  return out;
}

}  // namespace stave::validate
