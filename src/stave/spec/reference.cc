// Reference: the grammar of distribution/reference, written out rule by rule so
// that a complaint can name the rule. All tests are on ASCII and know no locale.

#include "stave/spec/reference.h"

#include <fmt/format.h>

#include <algorithm>

#include "stave/base/error.h"
#include "stave/base/text.h"

namespace stave::spec {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_alphanumeric(char c) { return is_digit(c) || is_lower(c) || is_upper(c); }

template <class Test>
bool all(std::string_view text, Test test) {
  return std::all_of(text.begin(), text.end(), test);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (is_upper(c)) c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

[[noreturn]] void refuse(std::string_view text, std::string_view reason, std::string hint = {}) {
  throw Error(Kind::usage, fmt::format("image name {}: {}", quote(text), reason), std::move(hint));
}

// domain-name: components of letters, digits and inner hyphens, joined by dots. An IPv4 address is one too.
bool is_domain_name(std::string_view text) {
  const auto parts = split(text, '.');
  return std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
    return !part.empty() && part.front() != '-' && part.back() != '-' &&
           all(part, [](char c) { return is_alphanumeric(c) || c == '-'; });
  });
}

bool is_ipv6(std::string_view text) {
  if (text.size() < 3 || text.front() != '[' || text.back() != ']') return false;
  return all(text.substr(1, text.size() - 2), [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':';
  });
}

// domain: host [":" port]
void check_registry(std::string_view text, std::string_view registry) {
  std::string_view host = registry;
  const std::size_t bracket = registry.rfind(']');
  if (const std::size_t colon = registry.rfind(':');
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    const std::string_view port = registry.substr(colon + 1);
    if (port.empty() || !all(port, is_digit)) {
      refuse(text, fmt::format("{} is not the port of a registry", quote(port)),
             text.find("://") == std::string_view::npos ? ""
                                                        : "leave out the transport or scheme before \"://\"");
    }
    host = registry.substr(0, colon);
  }
  if (!is_ipv6(host) && !is_domain_name(host))
    refuse(text, fmt::format("{} is not the host of a registry", quote(host)));
}

// path-component: runs of [a-z0-9], joined by '.', '_', '__' or any number of '-'.
bool is_path_component(std::string_view text) {
  const auto in_run = [](char c) { return is_digit(c) || is_lower(c); };
  if (text.empty() || !in_run(text.front()) || !in_run(text.back())) return false;
  while (!text.empty()) {
    text.remove_prefix(
        static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), in_run) - text.begin()));
    const std::string_view separator = text.substr(
        0, static_cast<std::size_t>(std::find_if(text.begin(), text.end(), in_run) - text.begin()));
    const bool fine = separator.empty() || separator == "." || separator == "_" || separator == "__" ||
                      all(separator, [](char c) { return c == '-'; });
    if (!fine) return false;
    text.remove_prefix(separator.size());
  }
  return true;
}

void check_path(std::string_view text, std::string_view path) {
  for (const std::string& part : split(path, '/')) {
    if (is_path_component(part)) continue;
    if (part.empty()) refuse(text, "a part between slashes is empty");
    if (is_path_component(lower(part))) {
      refuse(text, fmt::format("{} has upper-case letters; only a registry may", quote(part)),
             fmt::format("did you mean {}?", quote(lower(part))));
    }
    refuse(text, fmt::format("{} is not lower-case letters and digits, joined by '.', '_', '__' or '-'",
                             quote(part)));
  }
}

// [\w][\w.-]{0,127}
void check_tag(std::string_view text, std::string_view tag) {
  constexpr std::size_t longest = 128;
  const auto is_word = [](char c) { return is_alphanumeric(c) || c == '_'; };
  if (tag.empty()) refuse(text, "the tag after ':' is empty");
  if (tag.size() > longest)
    refuse(text, fmt::format("a tag of {} characters, {} at most", tag.size(), longest));
  if (!is_word(tag.front()) || !all(tag, [&](char c) { return is_word(c) || c == '.' || c == '-'; })) {
    refuse(text, fmt::format("the tag {} is not letters, digits, '_', '.' and '-', the first no '.' nor '-'",
                             quote(tag)));
  }
}

// The first component names a registry if nothing else could look like it.
bool is_registry(std::string_view component) {
  return component == "localhost" || component.find_first_of(".:") != std::string_view::npos;
}

}  // namespace

Reference Reference::parse(std::string_view text) {
  // Clients bound host, port and path together (distribution-spec, "Pulling manifests").
  constexpr std::size_t longest_name = 255;
  Reference reference;
  std::string_view rest = text;
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    try {
      reference.digest = Digest::parse(rest.substr(at + 1));
    } catch (const Error& error) {
      refuse(text, error.what(), error.hint());
    }
    rest = rest.substr(0, at);
  }
  const std::size_t slash = rest.rfind('/');
  const std::size_t colon = rest.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    reference.tag = rest.substr(colon + 1);
    check_tag(text, reference.tag);
    rest = rest.substr(0, colon);
  }
  if (rest.empty()) refuse(text, "there is no name");
  if (rest.size() > longest_name)
    refuse(text, fmt::format("a name of {} characters, {} at most", rest.size(), longest_name));
  if (const std::size_t end = rest.find('/');
      end != std::string_view::npos && is_registry(rest.substr(0, end))) {
    reference.registry = rest.substr(0, end);
    check_registry(text, reference.registry);
    rest = rest.substr(end + 1);
  }
  reference.path = rest;
  check_path(text, rest);
  return reference;
}

std::string Reference::name() const { return registry.empty() ? path : registry + '/' + path; }

std::string Reference::str() const {
  std::string text = name();
  if (!tag.empty()) text += ':' + tag;
  if (digest) text += '@' + digest->str();
  return text;
}

Reference Reference::with_default_tag() const {
  Reference out = *this;
  if (out.tag.empty() && !out.digest) out.tag = "latest";
  return out;
}

}  // namespace stave::spec
