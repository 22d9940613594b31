// Where names lead.

#include "stave/registry/registries.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/registry/certificates.h"
#include "stave/registry/named_file.h"
#include "stave/registry/registries_file.h"

namespace stave::registry {

struct Registries::Rules {
  std::vector<Rule> rules;
  std::vector<std::string> search;
  std::vector<std::string> helpers = {"containers-auth.json"};
  std::map<std::string, std::string> aliases;

  // The rule with the longest prefix, and how much of `name` that takes.
  std::pair<const Rule*, std::size_t> find(std::string_view name) const;
};

namespace {

constexpr std::string_view hub = "docker.io";
constexpr std::string_view hub_api = "registry-1.docker.io";

// How much of "host:port/path:tag@digest" a prefix takes; nullopt if it is another's. A port belongs to a
// host: "example.com" is not "example.com:5000" (podman takes it for that, and says not to rely on it), but
// "*.example.com" is on any port.
std::optional<std::size_t> match(std::string_view name, std::string_view prefix) {
  if (prefix.starts_with("*.")) {
    const std::size_t end = std::min(name.find_first_of(":/@"), name.size());
    const auto host = name.substr(0, end);
    const auto domain = prefix.substr(1);
    return host.size() > domain.size() && host.ends_with(domain) ? std::optional(end) : std::nullopt;
  }
  if (!name.starts_with(prefix)) return std::nullopt;
  if (name.size() == prefix.size()) return prefix.size();
  const char next = name[prefix.size()];
  const bool separated = next == '/' || next == '@' || (next == ':' && prefix.find('/') != prefix.npos);
  return separated ? std::optional(prefix.size()) : std::nullopt;
}

void merge(RegistriesFile&& file, std::vector<Rule>& rules, std::map<std::string, std::string>& aliases) {
  for (auto& rule : file.rules) {
    // The last file that speaks of a prefix is the one that counts.
    const auto same = std::find_if(rules.begin(), rules.end(),
                                   [&](const Rule& each) { return each.prefix == rule.prefix; });
    if (same == rules.end()) {
      rules.push_back(std::move(rule));
    } else {
      *same = std::move(rule);
    }
  }
  for (auto& [name, value] : file.aliases) {
    if (value.empty()) {
      aliases.erase(name);
    } else {
      aliases.insert_or_assign(name, std::move(value));
    }
  }
}

std::vector<std::string> files_of(const Settings& settings) {
  std::vector<std::string> files;
  for (const auto& path : settings.registries_files) {
    if (!find_text(path)) continue;
    files.push_back(path);
    break;
  }
  for (const auto& directory : settings.registries_directories) {
    for (const auto& name : names_in(directory, ".conf")) files.push_back(directory + "/" + name);
  }
  return files;
}

// The name that `location` and what is behind the prefix make, without tag and digest.
std::string rewritten(std::string_view location, std::string_view rest, const spec::Reference& reference) {
  std::string name = std::string(location).append(rest);
  if (const auto at = name.find('@'); at != std::string::npos) name.resize(at);
  if (const std::string tag = ":" + reference.tag; !reference.tag.empty() && name.ends_with(tag))
    name.resize(name.size() - tag.size());
  try {
    return normalized(spec::Reference::parse(name)).name();
  } catch (const Error& error) {
    throw error.within(fmt::format("registries.conf leads {} to another name", printable(reference.name())));
  }
}

}  // namespace

std::pair<const Rule*, std::size_t> Registries::Rules::find(std::string_view name) const {
  std::pair<const Rule*, std::size_t> best = {nullptr, 0};
  for (const auto& rule : rules) {
    const auto length = match(name, rule.prefix);
    if (length && (best.first == nullptr || rule.prefix.size() > best.first->prefix.size()))
      best = {&rule, *length};
  }
  return best;
}

http::Url Location::url(bool plain, std::string_view rest) const {
  return http::Url::parse(fmt::format("{}://{}/v2/{}", plain ? "http" : "https", api_host, rest));
}

spec::Reference normalized(spec::Reference reference) {
  if (reference.registry == "index.docker.io") reference.registry = hub;
  if (reference.registry == hub && reference.path.find('/') == std::string::npos)
    reference.path.insert(0, "library/");
  return reference;
}

Registries::Registries(Settings settings, std::shared_ptr<const Rules> rules)
    : settings_(std::move(settings)), rules_(std::move(rules)) {}

Registries Registries::load(const Settings& settings) {
  auto rules = std::make_shared<Rules>();
  for (const auto& path : files_of(settings)) {
    const auto text = find_text(path);
    if (!text) continue;
    auto file = parse_registries_file(*text, path);
    if (file.search) rules->search = *std::move(file.search);
    if (file.helpers && !file.helpers->empty()) rules->helpers = *std::move(file.helpers);
    merge(std::move(file), rules->rules, rules->aliases);
  }
  return {settings, std::move(rules)};
}

Location Registries::location(std::string_view name, bool insecure) const {
  Location location;
  const std::size_t slash = std::min(name.find('/'), name.size());
  location.host = name.substr(0, slash);
  location.path = name.substr(std::min(slash + 1, name.size()));
  location.api_host = location.host == hub ? std::string(hub_api) : location.host;
  location.insecure = settings_.tls_verify ? !*settings_.tls_verify : insecure;
  location.tls = find_certificates(settings_, {location.host, location.api_host});
  location.tls.verify = !location.insecure;
  return location;
}

std::vector<Location> Registries::pull_locations(const spec::Reference& given) const {
  const auto reference = normalized(given);
  const std::string name = reference.str();
  const auto [rule, length] = rules_->find(name);
  if (rule == nullptr) return {location(reference.name(), false)};
  if (rule->blocked)
    throw Error(Kind::denied, fmt::format("{} is blocked by registries.conf (prefix {})", printable(name),
                                          quote(rule->prefix)));
  const std::string_view rest = std::string_view(name).substr(length);
  std::vector<Location> locations;
  for (const auto& mirror : rule->mirrors) {
    auto each = location(rewritten(mirror.location, rest, reference), mirror.insecure);
    each.mirror = true;
    each.digests_only = mirror.pulls == Mirror::For::digests;
    each.tags_only = mirror.pulls == Mirror::For::tags;
    locations.push_back(std::move(each));
  }
  locations.push_back(
      location(rule->location.empty() ? reference.name() : rewritten(rule->location, rest, reference),
               rule->insecure));
  return locations;
}

Location Registries::push_location(const spec::Reference& given) const {
  // Mirrors and other locations are for pulling (containers-registries.conf(5), "Remapping").
  const auto reference = normalized(given);
  const auto* rule = rules_->find(reference.str()).first;
  if (rule != nullptr && rule->blocked)
    throw Error(Kind::denied, fmt::format("{} is blocked by registries.conf (prefix {})",
                                          printable(reference.str()), quote(rule->prefix)));
  return location(reference.name(), rule != nullptr && rule->insecure);
}

Location Registries::registry(std::string_view host) const {
  const std::string_view name = host == "index.docker.io" ? hub : host;
  const auto* rule = rules_->find(name).first;
  if (rule != nullptr && rule->blocked)
    throw Error(Kind::denied, fmt::format("{} is blocked by registries.conf", printable(name)));
  return location(name, rule != nullptr && rule->insecure);
}

std::vector<spec::Reference> Registries::candidates(const spec::Reference& name) const {
  if (!name.registry.empty()) return {normalized(name)};
  const auto completed = [&](const std::string& full, std::string_view said_by) {
    try {
      auto reference = spec::Reference::parse(full);
      if (reference.registry.empty() || !reference.tag.empty() || reference.digest)
        throw Error(Kind::invalid,
                    fmt::format("{} is no name with a registry and without tag and digest", quote(full)));
      reference.tag = name.tag;
      reference.digest = name.digest;
      return normalized(std::move(reference));
    } catch (const Error& error) {
      throw Error(Kind::invalid, fmt::format("registries.conf, {}: {}", said_by, error.what()), error.hint());
    }
  };
  if (const auto alias = rules_->aliases.find(name.path); alias != rules_->aliases.end())
    return {completed(alias->second, "[aliases]")};
  std::vector<spec::Reference> found;
  found.reserve(rules_->search.size() + 1);
  for (const auto& registry : rules_->search)
    found.push_back(completed(registry + "/" + name.path, "unqualified-search-registries"));
  if (found.empty()) found.push_back(completed(std::string(hub).append("/").append(name.path), "docker.io"));
  return found;
}

const std::vector<std::string>& Registries::credential_helpers() const { return rules_->helpers; }

}  // namespace stave::registry
