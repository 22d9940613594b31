// Annotations (annotations.md): the map itself, who may use which key, and the
// values of the keys that the spec gives a meaning.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/json/position.h"
#include "stave/spec/reference.h"
#include "stave/validate/checks.h"

namespace stave::validate {
namespace {

using json::Type;

// annotations.md, "Pre-Defined Annotation Keys", and those that conversion.md fills ("Annotation Fields"),
// without "org.opencontainers.image.".
constexpr std::array<std::string_view, 22> image_keys = {
    "created",     "authors",   "url",        "documentation", "source",  "version",
    "revision",    "vendor",    "licenses",   "ref.name",      "title",   "description",
    "base.digest", "base.name", "os",         "architecture",  "variant", "os.version",
    "os.features", "author",    "stopSignal", "exposedPorts"};

bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

// At least two labels, none of them empty: "com.example.key". What stands behind a '/' is the owner's.
bool is_reverse_domain(std::string_view key) {
  const std::vector<std::string> labels = split(key.substr(0, key.find('/')), '.');
  return (labels.size() > 1 || key.find('/') != std::string_view::npos) &&
         std::none_of(labels.begin(), labels.end(), [](const std::string& label) { return label.empty(); });
}

// annotations.md, the grammar of org.opencontainers.image.ref.name.
bool is_component(std::string_view text) {
  bool after_alnum = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_alnum(text[i])) {
      after_alnum = true;
      continue;
    }
    if (!after_alnum || std::string_view("-._:@+").find(text[i]) == std::string_view::npos) return false;
    if (text.substr(i).starts_with("--")) ++i;
    after_alnum = false;
  }
  return after_alnum;
}

bool is_ref_name(std::string_view text) {
  const std::vector<std::string> components = split(text, '/');
  return std::all_of(components.begin(), components.end(),
                     [](const std::string& each) { return is_component(each); });
}

// annotations.md, org.opencontainers.image.base.name: a registry, a repository, and a tag or a digest. The
// first part names a registry as it does for Docker: by a dot, a port or being localhost.
bool is_full_reference(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == text.size()) return false;
  const std::string_view first = text.substr(0, slash);
  const bool registry = first == "localhost" || first.find_first_of(".:") != std::string_view::npos;
  const std::string_view rest = text.substr(slash + 1);
  return registry && std::all_of(rest.begin(), rest.end(), [](char c) {
           return is_alnum(c) || std::string_view("-._:@+/").find(c) != std::string_view::npos;
         });
}

void check_key(const Item& item) {
  constexpr std::string_view reserved = "org.opencontainers.";
  constexpr std::string_view image = "org.opencontainers.image.";
  // Named by the distribution-spec and the runtime-spec.
  constexpr std::array<std::string_view, 2> others = {"org.opencontainers.referrers.",
                                                      "org.opencontainers.runtime-spec."};
  const std::string& key = item.name();
  if (!is_reverse_domain(key)) {
    item.report("W603", fmt::format("the key {}", quote(key)));
  } else if (key.starts_with(image)) {
    const std::string_view rest = std::string_view(key).substr(image.size());
    if (std::find(image_keys.begin(), image_keys.end(), rest) == image_keys.end())
      item.report("W604", fmt::format("the key {}", quote(key)));
  } else if (key.starts_with(reserved) &&
             std::none_of(others.begin(), others.end(),
                          [&](std::string_view each) { return key.starts_with(each); })) {
    item.report("W604", fmt::format("the key {}", quote(key)));
  }
}

void check_value(const Item& item, Annotated on) {
  const std::string& key = item.name();
  const std::string value = item.string();
  const auto wrong = [&](std::string_view code) {
    item.report(code, fmt::format("{} is {}", key, quote(value)));
  };
  if (key == "org.opencontainers.image.created" && !is_rfc3339(value)) wrong("W605");
  if (key == "org.opencontainers.image.base.digest" && !Digest::find(value)) wrong("W608");
  if (key == "org.opencontainers.image.base.name" && !is_full_reference(value)) wrong("W609");
  if (key != "org.opencontainers.image.ref.name") return;
  if (!is_ref_name(value)) wrong("W606");
  // A label is not an annotation of a descriptor, and Docker's images carry their name there.
  if (on == Annotated::document || on == Annotated::descriptor) wrong("W607");
}

}  // namespace

void check_annotations(const Item& owner, std::string_view name, Annotated on) {
  const auto map = owner.find(name);
  if (!map) {
    // config.md lets every OPTIONAL member be null; annotations.md knows absent and empty only.
    if (on != Annotated::labels && owner.has(name))
      owner.report("E602", fmt::format("{} is null", quote(name)));
    return;
  }
  if (!map->is_object()) {
    map->report("E601", fmt::format("{} is {}, not an object", quote(name), map->described()));
    return;
  }
  map->each([&](const Item& item) {
    check_key(item);
    if (item.type() != Type::string) {
      item.report("E601",
                  fmt::format("the value of {} is {}, not a string", quote(item.name()), item.described()));
    } else {
      check_value(item, on);
    }
  });
  if (map->has("org.opencontainers.image.base.name") && !map->has("org.opencontainers.image.base.digest"))
    map->report("W610", "org.opencontainers.image.base.name without org.opencontainers.image.base.digest");
}

}  // namespace stave::validate
