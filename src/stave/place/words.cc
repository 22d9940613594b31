// Words: the grammar of places.

#include "stave/place/words.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/registry/registries.h"
#include "stave/spec/reference.h"

namespace stave::place {
namespace {

constexpr std::array<std::pair<std::string_view, Transport>, 3> with_path = {{
    {"oci", Transport::layout},
    {"oci-archive", Transport::oci_archive},
    {"docker-archive", Transport::docker_archive},
}};

constexpr std::array<std::string_view, 7> foreign = {
    "docker-daemon", "containers-storage", "dir", "ostree", "tarball", "sif", "atomic"};

constexpr std::string_view known =
    "NAME[:TAG], docker://NAME[:TAG], oci:PATH[:REF], oci-archive:FILE[:REF], docker-archive:FILE[:REF] or -";

constexpr std::string_view registry_prefix = "docker://";

std::string_view prefix_of(Transport transport) {
  for (const auto& [prefix, each] : with_path) {
    if (each == transport) return prefix;
  }
  return {};
}

Words parse_path(Transport transport, std::string_view rest) {
  Words words;
  words.transport = transport;
  const std::size_t colon = rest.find(':');
  words.path = rest.substr(0, colon);
  if (colon != std::string_view::npos) words.reference = rest.substr(colon + 1);
  if (words.path.empty()) {
    throw Error(Kind::usage, fmt::format("{}: has no path", prefix_of(transport)),
                fmt::format("write {}:PATH", prefix_of(transport)));
  }
  if (colon != std::string_view::npos && words.reference.empty()) {
    throw Error(Kind::usage,
                fmt::format("{} ends in a colon with nothing behind it",
                            quote(std::string(prefix_of(transport)) + ":" + std::string(rest))),
                "leave the colon away, or name a reference");
  }
  return words;
}

// "docker://alpine" is docker.io/library/alpine, as every client has it.
Words parse_registry(std::string_view text) {
  try {
    auto reference = spec::Reference::parse(text.substr(registry_prefix.size()));
    if (reference.registry.empty()) reference.registry = "docker.io";
    return {.transport = Transport::registry,
            .path = {},
            .reference = registry::normalized(std::move(reference)).str()};
  } catch (const Error& e) {
    throw Error(Kind::usage, fmt::format("{}: {}", quote(text), e.what()),
                e.hint().empty() ? "write docker://HOST/PATH[:TAG][@DIGEST]" : e.hint());
  }
}

// What a word that is no reference was probably meant to be.
std::string guess(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos) {
    const auto near = nearest(text.substr(0, colon), {"oci", "oci-archive", "docker-archive", "docker"});
    if (near) return fmt::format("did you mean {}?", printable(*near + std::string(text.substr(colon))));
  }
  if (text.starts_with('/') || text.starts_with('.')) {
    return fmt::format("for a file write oci-archive:{0} or docker-archive:{0}, for a directory oci:{0}",
                       printable(text));
  }
  return fmt::format("an image is {}", known);
}

}  // namespace

Words Words::parse(std::string_view text) {
  if (text.empty())
    throw Error(Kind::usage, "the name of an image is empty", fmt::format("an image is {}", known));
  if (text == "-") return Words{.transport = Transport::stream, .path = {}, .reference = {}};
  if (text.starts_with(registry_prefix)) return parse_registry(text);
  const std::string_view prefix = text.substr(0, text.find(':'));
  for (const auto& [name, transport] : with_path) {
    if (prefix == name && prefix.size() < text.size())
      return parse_path(transport, text.substr(prefix.size() + 1));
  }
  for (const auto name : foreign) {
    if (prefix == name && prefix.size() < text.size()) {
      throw Error(Kind::unsupported,
                  fmt::format("{}: the transport {}: is not known here", quote(text), name),
                  fmt::format("an image is {}", known));
    }
  }
  try {
    return Words{.transport = Transport::store, .path = {}, .reference = stored_name(text)};
  } catch (const Error& e) {
    throw Error(Kind::usage, e.what(), e.hint().empty() ? guess(text) : e.hint());
  }
}

std::string Words::str() const {
  switch (transport) {
    case Transport::store:
      return reference;
    case Transport::stream:
      return "-";
    case Transport::registry:
      return std::string(registry_prefix) + reference;
    default:
      break;
  }
  std::string out = std::string(prefix_of(transport)) + ":" + path;
  if (!reference.empty()) out += ":" + reference;
  return out;
}

spec::Reference remote_reference(const Words& words) {
  return spec::Reference::parse(words.reference).with_default_tag();
}

std::string stored_name(std::string_view name) {
  return spec::Reference::parse(name).with_default_tag().str();
}

}  // namespace stave::place
