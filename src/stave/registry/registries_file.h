// One registries.conf or drop-in as it stands (containers-registries.conf(5)): TOML
// stays behind this door. Internal to registry.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stave::registry {

struct Mirror {
  enum class For : std::uint8_t { all, digests, tags };

  std::string location;
  bool insecure = false;
  For pulls = For::all;
};

// One [[registry]].
struct Rule {
  std::string prefix;
  std::string location;  // empty only behind a wildcard: names stay as they are
  bool insecure = false;
  bool blocked = false;
  std::vector<Mirror> mirrors;
};

struct RegistriesFile {
  std::vector<Rule> rules;
  std::optional<std::vector<std::string>> search;   // unqualified-search-registries
  std::optional<std::vector<std::string>> helpers;  // credential-helpers
  std::map<std::string, std::string> aliases;       // an empty value takes back what another file said
};

// Kind::invalid: "NAME:LINE:COLUMN: why"; Kind::unsupported for version 1. Keys that are not known are passed
// over, as podman does.
RegistriesFile parse_registries_file(std::string_view text, std::string_view name);

}  // namespace stave::registry
