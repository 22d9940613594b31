// Descriptors: type, digest and size of a blob (descriptor.md). What they
// promise is checked here as far as it can be without the blob.

#include "stave/spec/spec.h"

#include <fmt/format.h>

#include <algorithm>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/json/json.h"
#include "stave/spec/document.h"

namespace stave::spec {
namespace {

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// The bytes that `text` stands for in the base64 of RFC 4648, section 4, padding included; nullopt if it is
// none.
std::optional<std::uint64_t> base64_size(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  const std::string_view digits = text.substr(0, text.size() - padding);
  const auto digit = [](char c) { return is_alphanumeric(c) || c == '+' || c == '/'; };
  if (!std::all_of(digits.begin(), digits.end(), digit)) return std::nullopt;
  return text.size() / 4 * 3 - padding;
}

// Enough of RFC 3986 to know a URI from anything else: a scheme, and no character that a URI cannot hold.
bool is_uri(std::string_view text) {
  constexpr std::string_view marks = "-._~:/?#[]@!$&'()*+,;=%";
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || !is_alphanumeric(text[0]) ||
      (text[0] >= '0' && text[0] <= '9')) {
    return false;
  }
  const auto in_scheme = [](char c) { return is_alphanumeric(c) || c == '+' || c == '-' || c == '.'; };
  const auto in_uri = [&](char c) { return is_alphanumeric(c) || marks.find(c) != std::string_view::npos; };
  return std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon), in_scheme) &&
         std::all_of(text.begin(), text.end(), in_uri);
}

std::string parse_media_type(const json::Node& node) {
  std::string text = node.string();
  if (!is_media_type(text)) {
    node.refuse(Kind::invalid, fmt::format("{} is not a media type (RFC 6838, section 4.2)", quote(text)));
  }
  return text;
}

Digest parse_digest(const json::Node& node) {
  const std::string text = node.string();
  try {
    return Digest::parse(text);
  } catch (const Error& error) {
    throw error.within(node.place());
  }
}

std::vector<std::string> parse_urls(const json::Node& node) {
  std::vector<std::string> urls = node.strings_or_empty("urls");
  for (const std::string& url : urls) {
    if (!is_uri(url))
      node.refuse(Kind::invalid, fmt::format("the url {} is not a URI (RFC 3986)", quote(url)));
  }
  return urls;
}

// Embedded content must be the content. Its length is held against `size` here; its digest is for whoever
// uses it.
std::optional<std::string> parse_data(const json::Node& node, std::uint64_t size) {
  const auto data = node.find("data");
  if (!data) return std::nullopt;
  std::string text = data->string();
  const auto length = base64_size(text);
  if (!length) data->refuse(Kind::invalid, "not base64 with padding (RFC 4648, section 4)");
  if (*length != size) {
    data->refuse(Kind::mismatch, fmt::format("{} bytes of data, but a size of {}", *length, size));
  }
  return text;
}

std::string render_platform(const Platform& platform) {
  json::Object object;
  object.string("architecture", platform.architecture);
  object.string("os", platform.os);
  object.string_unless_empty("os.version", platform.os_version);
  object.strings_unless_empty("os.features", platform.os_features);
  object.string_unless_empty("variant", platform.variant);
  return std::move(object).finish();
}

}  // namespace

std::string parse_artifact_type(const json::Node& node) {
  const auto type = node.find("artifactType");
  if (!type || type->string().empty()) return {};
  return parse_media_type(*type);
}

Descriptor parse_descriptor(const json::Node& node) {
  static constexpr std::initializer_list<const char*> known = {
      "mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"};
  node.refuse_lookalikes(known);
  const std::uint64_t size = node.get("size").size();
  const auto platform = node.find("platform");
  return Descriptor{.media_type = parse_media_type(node.get("mediaType")),
                    .digest = parse_digest(node.get("digest")),
                    .size = size,
                    .urls = parse_urls(node),
                    .annotations = node.string_map_or_empty("annotations"),
                    .data = parse_data(node, size),
                    .artifact_type = parse_artifact_type(node),
                    .platform = platform ? std::optional(parse_platform(*platform)) : std::nullopt,
                    .extra = node.others(known)};
}

std::vector<Descriptor> parse_descriptors(const json::Node& node) {
  std::vector<Descriptor> descriptors;
  const std::vector<json::Node> elements = node.elements(limits::descriptors);
  descriptors.reserve(elements.size());
  for (const json::Node& element : elements) descriptors.push_back(parse_descriptor(element));
  return descriptors;
}

// The order of the fields of the image-spec's Go type v1.Descriptor.
std::string render_descriptor(const Descriptor& descriptor) {
  json::Object object;
  object.string("mediaType", descriptor.media_type);
  object.string("digest", descriptor.digest.str());
  object.number("size", descriptor.size);
  object.strings_unless_empty("urls", descriptor.urls);
  object.string_map_unless_empty("annotations", descriptor.annotations);
  if (descriptor.data) object.string("data", *descriptor.data);
  if (descriptor.platform) object.text("platform", render_platform(*descriptor.platform));
  object.string_unless_empty("artifactType", descriptor.artifact_type);
  object.others(descriptor.extra);
  return std::move(object).finish();
}

std::string render_descriptors(const std::vector<Descriptor>& descriptors) {
  std::vector<std::string> texts;
  texts.reserve(descriptors.size());
  for (const Descriptor& descriptor : descriptors) texts.push_back(render_descriptor(descriptor));
  return json::print_array(texts);
}

}  // namespace stave::spec
