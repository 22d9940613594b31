// Descriptors (descriptor.md): type, digest, size, and what may be added.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "stave/base/text.h"
#include "stave/json/position.h"
#include "stave/spec/document.h"
#include "stave/validate/checks.h"

namespace stave::validate {
namespace {

using json::Type;

constexpr Shape shape = {.what = "a descriptor", .absent = "E010", .type = "E011"};

bool is_lower_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_alnum(char c) { return is_lower_alnum(c) || (c >= 'A' && c <= 'Z'); }

// descriptor.md, "Digests": the grammar without what an algorithm adds to it.
bool is_digest_shaped(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon + 1 == text.size()) return false;
  bool in_component = false;
  for (const char c : text.substr(0, colon)) {
    const bool separator = std::string_view("+._-").find(c) != std::string_view::npos;
    if (!is_lower_alnum(c) && !(separator && in_component)) return false;
    in_component = !separator;
  }
  const std::string_view encoded = text.substr(colon + 1);
  return in_component && std::all_of(encoded.begin(), encoded.end(),
                                     [](char c) { return is_alnum(c) || c == '=' || c == '_' || c == '-'; });
}

// How many hex digits an algorithm of descriptor.md, "Registered algorithms", has.
std::optional<std::size_t> hex_digits(std::string_view algorithm) {
  if (algorithm == "sha256" || algorithm == "blake3") return 64;
  if (algorithm == "sha512") return 128;
  return std::nullopt;
}

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::optional<std::uint64_t> check_size(const Item& owner) {
  const auto item = owner.get("size", Type::number, shape, true);
  if (!item) return std::nullopt;
  const std::string_view text = item->text();
  std::int64_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (error != std::errc() || end != text.data() + text.size()) {
    item->report("E011", fmt::format("\"size\" is {}, not an integer of 64 bits", text));
    return std::nullopt;
  }
  if (size < 0) {
    item->report("E018", fmt::format("a size of {}", size));
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(size);
}

// RFC 3986, appendix A, as far as a reader needs it: a scheme, and only characters that a URI can hold.
bool is_uri(std::string_view text) {
  constexpr std::string_view marks = "-._~:/?#[]@!$&'()*+,;=";
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || !is_alnum(text[0]) ||
      (text[0] >= '0' && text[0] <= '9'))
    return false;
  const auto in_scheme = [](char c) { return is_alnum(c) || c == '+' || c == '-' || c == '.'; };
  const std::string_view scheme = text.substr(0, colon);
  if (!std::all_of(scheme.begin(), scheme.end(), in_scheme)) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto hex = [&](std::size_t at) {
      return at < text.size() &&
             ((text[at] >= '0' && text[at] <= '9') || (text[at] >= 'a' && text[at] <= 'f') ||
              (text[at] >= 'A' && text[at] <= 'F'));
    };
    const bool escape = text[i] == '%' && hex(i + 1) && hex(i + 2);
    if (!escape && !is_alnum(text[i]) && marks.find(text[i]) == std::string_view::npos) return false;
  }
  return true;
}

void check_urls(const Item& owner) {
  owner.each_string("urls", shape, [](const Item& item) {
    const std::string url = item.string();
    std::string scheme = url.substr(0, std::min(url.find(':'), url.size()));
    for (char& c : scheme) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (!is_uri(url)) {
      item.report("E021", fmt::format("{} is not a URI", quote(url)));
    } else if (scheme != "http" && scheme != "https") {
      item.report("W022", fmt::format("the scheme of {} is {}", quote(url), quote(scheme)));
    }
  });
}

// RFC 4648, section 4, padding included. What the unused bits of the last digit say is left open there.
std::optional<std::string> base64_decoded(std::string_view text) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  unsigned bits = 0, held = 0;
  for (const char c : text.substr(0, text.size() - padding)) {
    const std::size_t digit = digits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = (bits << 6 | static_cast<unsigned>(digit)) & 0xffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>(bits >> held & 0xff);
  }
  return out;
}

// descriptor.md, "Embedded Content": what is there in advance must be what would be fetched.
std::optional<std::string> check_data(const Item& owner, const std::optional<Digest>& digest,
                                      std::optional<std::uint64_t> size) {
  const auto item = owner.get("data", Type::string, shape, false);
  if (!item) return std::nullopt;
  std::string text = item->string();
  const auto content = base64_decoded(text);
  if (!content) {
    item->report("E023", "text that is not Base 64 with its padding");
    return std::nullopt;
  }
  if (size && content->size() != *size) {
    item->report("E024", fmt::format("{} bytes of data, but a size of {}", content->size(), *size));
  } else if (digest) {
    const Digest is = digest_of(as_bytes(*content), digest->algorithm());
    if (is != *digest) item->report("E024", fmt::format("the data is {}", is.str()));
  }
  return text;
}

Where member_where(const Item& owner, std::string_view name) {
  const auto item = owner.find(name);
  return item ? item->where() : owner.where();
}

}  // namespace

bool is_docker(std::string_view media_type) { return media_type.starts_with("application/vnd.docker."); }

void check_media_type(const Item& item, std::string_view code) {
  const std::string text = item.string();
  if (!spec::is_media_type(text)) item.report(code, fmt::format("{} is not a media type", quote(text)));
}

std::optional<Digest> check_digest(const Item& item) {
  const std::string text = item.string();
  if (!is_digest_shaped(text)) {
    item.report("E013", fmt::format("{} is not a digest", quote(text)));
    return std::nullopt;
  }
  const std::string algorithm = text.substr(0, text.find(':'));
  const std::string encoded = text.substr(algorithm.size() + 1);
  const auto digits = hex_digits(algorithm);
  if (!digits) {
    item.report("W015", fmt::format("the algorithm {}", quote(algorithm)));
    return std::nullopt;
  }
  if (encoded.size() != *digits || !is_lower_hex(encoded)) {
    item.report("E014", fmt::format("{} is not {} lower-case hex digits", quote(encoded), *digits));
    return std::nullopt;
  }
  const auto digest = Digest::find(text);
  if (!digest) {
    item.report("W016", fmt::format("the algorithm {}", quote(algorithm)));
  } else if (digest->algorithm() != Algorithm::sha256) {
    item.report("W017", fmt::format("the algorithm {}", quote(algorithm)));
  }
  return digest;
}

std::optional<Reference> check_descriptor(const Item& item, bool in_layout_index) {
  if (!item.is_object()) {
    item.report("E011", fmt::format("a descriptor is {}, not an object", item.described()));
    return std::nullopt;
  }
  check_lookalikes(
      item, {"mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"});
  const auto media_type = item.get("mediaType", Type::string, shape, true);
  if (media_type) check_media_type(*media_type, "E020");
  const auto digest_item = item.get("digest", Type::string, shape, true);
  const auto digest = digest_item ? check_digest(*digest_item) : std::nullopt;
  const auto size = check_size(item);
  check_urls(item);
  auto data = check_data(item, digest, size);
  const auto artifact_type = item.get("artifactType", Type::string, shape, false);
  if (artifact_type) check_media_type(*artifact_type, "E025");
  check_annotations(item, "annotations", in_layout_index ? Annotated::layout_index : Annotated::descriptor);
  std::optional<spec::Platform> platform;
  if (const auto found = item.get("platform", Type::object, shape, false)) {
    constexpr Shape in_index = {.what = "a platform", .absent = "E203", .type = "E204"};
    platform = check_platform(*found, in_index, {.names = "W210", .variant = "W211", .features = "W212"});
  }
  if (!media_type || !digest || !size) return std::nullopt;
  const bool said_empty = media_type->string() == spec::media::oci_empty;
  if (said_empty && (*size != 2 || *digest != digest_of(as_bytes("{}"), digest->algorithm())))
    item.report("W312", fmt::format("{} of {} bytes", digest->str(), *size));
  spec::Annotations annotations;
  if (const auto map = item.find("annotations"); map && map->is_object()) {
    map->each([&](const Item& each) {
      if (each.type() == Type::string) annotations.emplace(each.name(), each.string());
    });
  }
  return Reference{.where = item.where(),
                   .digest_where = member_where(item, "digest"),
                   .size_where = member_where(item, "size"),
                   .descriptor = {.media_type = media_type->string(),
                                  .digest = *digest,
                                  .size = *size,
                                  .annotations = std::move(annotations),
                                  .data = std::move(data),
                                  .artifact_type = artifact_type ? artifact_type->string() : std::string(),
                                  .platform = std::move(platform)}};
}

}  // namespace stave::validate
