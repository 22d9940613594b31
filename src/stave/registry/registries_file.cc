// registries.conf, version 2, from TOML. The only source that sees toml++, which
// takes long to compile.

#include "stave/registry/registries_file.h"

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <fmt/format.h>
#include <toml++/toml.h>

#include <utility>

#include "stave/base/error.h"
#include "stave/base/text.h"

namespace stave::registry {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view name) : name_(name) {}

  RegistriesFile read(const toml::table& root) const {
    if (const auto* old = root.get("registries")) {
      throw Error(
          Kind::unsupported, place(old->source()) + "this is version 1 of the format",
          "write [[registry]] tables and unqualified-search-registries: containers-registries.conf(5)");
    }
    RegistriesFile file;
    file.search = find_strings(root, "unqualified-search-registries");
    file.helpers = find_strings(root, "credential-helpers");
    string(root, "short-name-mode");  // nobody is asked, whatever it says; but it must be text
    if (const auto* tables = find_tables(root, "registry")) {
      for (const auto& node : *tables) file.rules.push_back(rule(table(node)));
    }
    if (const auto* node = root.get("aliases")) {
      for (const auto& [key, value] : table(*node)) {
        const auto text = value.value_exact<std::string>();
        if (!text) refuse(value.source(), fmt::format("the alias {} is not a string", quote(key.str())));
        file.aliases.emplace(key.str(), *text);
      }
    }
    return file;
  }

 private:
  std::string place(const toml::source_region& at) const {
    return fmt::format("{}:{}:{}: ", printable(name_), at.begin.line, at.begin.column);
  }
  [[noreturn]] void refuse(const toml::source_region& at, std::string_view why) const {
    throw Error(Kind::invalid, place(at) + std::string(why),
                "containers-registries.conf(5) describes this file");
  }

  const toml::table& table(const toml::node& node) const {
    const auto* found = node.as_table();
    if (found == nullptr) refuse(node.source(), "expected a table");
    return *found;
  }
  const toml::array* find_tables(const toml::table& in, std::string_view key) const {
    const auto* node = in.get(key);
    if (node == nullptr) return nullptr;
    const auto* found = node->as_array();
    if (found == nullptr) refuse(node->source(), fmt::format("{} is not an array of tables", key));
    return found;
  }
  bool boolean(const toml::table& in, std::string_view key) const {
    const auto* node = in.get(key);
    if (node == nullptr) return false;
    const auto value = node->value_exact<bool>();
    if (!value) refuse(node->source(), fmt::format("{} is neither true nor false", key));
    return *value;
  }
  std::string string(const toml::table& in, std::string_view key) const {
    const auto* node = in.get(key);
    if (node == nullptr) return {};
    auto value = node->value_exact<std::string>();
    if (!value) refuse(node->source(), fmt::format("{} is not a string", key));
    return *std::move(value);
  }
  std::optional<std::vector<std::string>> find_strings(const toml::table& in, std::string_view key) const {
    const auto* node = in.get(key);
    if (node == nullptr) return std::nullopt;
    const auto* array = node->as_array();
    if (array == nullptr) refuse(node->source(), fmt::format("{} is not an array of strings", key));
    std::vector<std::string> values;
    for (const auto& each : *array) {
      auto value = each.value_exact<std::string>();
      if (!value) refuse(each.source(), fmt::format("{} is not an array of strings", key));
      values.push_back(*std::move(value));
    }
    return values;
  }

  // "host[:port][/path]". Without slashes at its end, which mean nothing.
  std::string location(const toml::table& in, std::string_view key) const {
    std::string text = string(in, key);
    if (text.find("://") != std::string::npos)
      refuse(in.get(key)->source(),
             fmt::format("{} {} has a scheme; leave out what is before \"//\"", key, quote(text)));
    while (text.ends_with('/')) text.pop_back();
    return text;
  }

  Mirror mirror(const toml::table& in, bool digests_only) const {
    Mirror result;
    result.location = location(in, "location");
    if (result.location.empty()) refuse(in.source(), "a mirror without location");
    result.insecure = boolean(in, "insecure");
    const std::string pulls = string(in, "pull-from-mirror");
    if (pulls.empty()) {
      result.pulls = digests_only ? Mirror::For::digests : Mirror::For::all;
      return result;
    }
    const auto& at = in.get("pull-from-mirror")->source();
    if (digests_only) refuse(at, "pull-from-mirror and mirror-by-digest-only exclude each other");
    if (pulls == "digest-only") {
      result.pulls = Mirror::For::digests;
    } else if (pulls == "tag-only") {
      result.pulls = Mirror::For::tags;
    } else if (pulls != "all") {
      refuse(at, fmt::format("pull-from-mirror is {}, not all, digest-only or tag-only", quote(pulls)));
    }
    return result;
  }

  Rule rule(const toml::table& in) const {
    Rule result;
    result.prefix = location(in, "prefix");
    result.location = location(in, "location");
    if (result.prefix.empty()) result.prefix = result.location;
    if (result.prefix.empty()) refuse(in.source(), "a registry with neither prefix nor location");
    check_wildcards(in, result);
    result.insecure = boolean(in, "insecure");
    result.blocked = boolean(in, "blocked");
    const bool digests_only = boolean(in, "mirror-by-digest-only");
    if (const auto* mirrors = find_tables(in, "mirror")) {
      for (const auto& node : *mirrors) result.mirrors.push_back(mirror(table(node), digests_only));
    }
    return result;
  }

  void check_wildcards(const toml::table& in, const Rule& rule) const {
    const bool wild = rule.prefix.starts_with("*.");
    const auto rest = std::string_view(rule.prefix).substr(wild ? 2 : 0);
    if (rest.find('*') != std::string_view::npos || (wild && rest.find_first_of("/:@") != rest.npos))
      refuse(in.source(),
             fmt::format("the prefix {}: a wildcard stands before a host and nothing else, as in "
                         "\"*.example.com\"",
                         quote(rule.prefix)));
    if (rule.location.find('*') != std::string::npos)
      refuse(in.source(), fmt::format("the location {} has a wildcard", quote(rule.location)));
    if (rule.location.empty() && !wild)
      refuse(in.source(), fmt::format("the prefix {} has no location", quote(rule.prefix)));
  }

  std::string_view name_;
};

}  // namespace

RegistriesFile parse_registries_file(std::string_view text, std::string_view name) {
  const toml::parse_result result = toml::parse(text);
  if (!result) {
    const auto& error = result.error();
    throw Error(Kind::invalid,
                fmt::format("{}:{}:{}: {}", printable(name), error.source().begin.line,
                            error.source().begin.column, printable(error.description())),
                "containers-registries.conf(5) describes this file");
  }
  return Reader(name).read(result.table());
}

}  // namespace stave::registry
