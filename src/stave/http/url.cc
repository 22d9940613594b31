// Url: the two schemes that exist here, taken apart (RFC 3986, 3) and put
// together again. What curl is handed is always the text of one of these.

#include "stave/http/url.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "stave/base/error.h"
#include "stave/base/text.h"

namespace stave::http {
namespace {

// Signed addresses of object stores have about 2 KiB; curl takes 8 MB.
constexpr std::size_t url_bytes = 32 * 1024;
// A name of the DNS (RFC 1035, 2.3.4).
constexpr std::size_t host_bytes = 253;

bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_unreserved(char c) {
  return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

std::uint16_t usual_port(std::string_view scheme) { return scheme == "http" ? 80 : 443; }

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  throw Error(Kind::invalid, fmt::format("{} is no address: {}", quote(text), why),
              "expected http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH");
}

// "scheme" of "scheme:rest" (RFC 3986, 3.1); empty if the text is a relative reference.
std::string_view scheme_of(std::string_view text) {
  const std::size_t end = std::min(text.find_first_of(":/?#"), text.size());
  if (end == text.size() || text[end] != ':' || end == 0 || !is_alpha(text[0])) return {};
  const std::string_view scheme = text.substr(0, end);
  const bool fine = std::all_of(scheme.begin(), scheme.end(), [](char c) {
    return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
  });
  return fine ? scheme : std::string_view();
}

void check_characters(std::string_view text) {
  if (text.size() > url_bytes) refuse(text, fmt::format("it is longer than {} bytes", url_bytes));
  for (const char c : text) {
    if (c <= ' ' || c == 0x7f)
      refuse(text, "it has a blank, a control character or a byte that is not ASCII");
  }
}

std::string parse_host(std::string_view whole, std::string_view host) {
  if (host.empty()) refuse(whole, "it has no host");
  if (host.front() == '[') {
    const std::string address(host.substr(1, host.size() - 2));
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    if (inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1) {
      refuse(whole, "what is in brackets is no IPv6 address");
    }
    return lower(address);
  }
  if (host.size() > host_bytes || !std::all_of(host.begin(), host.end(), is_unreserved)) {
    refuse(whole, "a host is letters, digits, '-', '.' and '_'");
  }
  return lower(host);
}

std::uint16_t parse_port(std::string_view whole, std::string_view port, std::string_view scheme) {
  if (port.empty()) return usual_port(scheme);
  const std::optional<std::uint64_t> number = parse_number(port);
  if (!number || *number == 0 || *number > 65535) refuse(whole, "a port is a number from 1 to 65535");
  return static_cast<std::uint16_t>(*number);
}

// "host:port" (RFC 3986, 3.2).
void parse_authority(std::string_view whole, std::string_view authority, Url& url) {
  if (authority.find('@') != std::string_view::npos) {
    // Not quoted: it may hold a password.
    throw Error(Kind::invalid, "an address has a user name in it",
                "write it without what is before the @; credentials come from `stave login`");
  }
  std::size_t end = authority.find(':');
  if (!authority.empty() && authority.front() == '[') {
    const std::size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos) refuse(whole, "a bracket is not closed");
    end = bracket + 1;
    if (end < authority.size() && authority[end] != ':') refuse(whole, "something follows the bracket");
  }
  end = std::min(end, authority.size());
  url.host = parse_host(whole, authority.substr(0, end));
  url.port = parse_port(whole, end < authority.size() ? authority.substr(end + 1) : "", url.scheme);
}

std::string_view without_fragment(std::string_view text) { return text.substr(0, text.find('#')); }
std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }
std::string_view query_of(std::string_view target) {
  return target.substr(std::min(target.find('?'), target.size()));
}

// RFC 3986, 5.2.4, of an absolute path.
std::string without_dots(std::string_view path) {
  std::vector<std::string> out;
  const std::vector<std::string> parts = split(path.substr(1), '/');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool dots = parts[i] == "." || parts[i] == "..";
    if (parts[i] == ".." && !out.empty()) out.pop_back();
    if (!dots) out.push_back(parts[i]);
    if (dots && i + 1 == parts.size()) out.emplace_back();  // "/a/.." is the directory "/"
  }
  return "/" + join(out, "/");
}

}  // namespace

Url Url::parse(std::string_view text) {
  check_characters(text);
  Url url;
  url.scheme = lower(scheme_of(text));
  if (url.scheme != "http" && url.scheme != "https") refuse(text, "only http and https are spoken here");
  std::string_view rest = without_fragment(text.substr(url.scheme.size() + 1));
  if (!rest.starts_with("//")) refuse(text, "no // follows the scheme");
  rest.remove_prefix(2);
  const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
  parse_authority(text, rest.substr(0, end), url);
  url.target = rest.substr(end);
  if (!url.target.starts_with('/')) url.target.insert(0, 1, '/');
  return url;
}

Url Url::resolve(std::string_view reference) const {
  check_characters(reference);
  Url url = *this;
  if (!scheme_of(reference).empty()) {
    url = parse(reference);
  } else if (reference.starts_with("//")) {
    url = parse(scheme + ":" + std::string(reference));
  } else {
    const std::string_view relative = without_fragment(reference);
    if (relative.empty()) return url;
    const std::string_view path = path_of(relative);
    if (path.empty()) {
      url.target = std::string(path_of(target)) + std::string(relative);
      return url;
    }
    const std::string_view base = path_of(target);
    url.target = path.front() == '/'
                     ? std::string(relative)
                     : std::string(base.substr(0, base.rfind('/') + 1)) + std::string(relative);
  }
  url.target = without_dots(path_of(url.target)) + std::string(query_of(url.target));
  return url;
}

std::string Url::str() const {
  const bool numeric = host.find(':') != std::string::npos;
  std::string text = fmt::format("{}://{}{}{}", scheme, numeric ? "[" : "", host, numeric ? "]" : "");
  if (port != usual_port(scheme)) text += fmt::format(":{}", port);
  return text + target;
}

std::string Url::origin() const { return fmt::format("{}://{}:{}", scheme, host, port); }

std::string Url::shown() const {
  constexpr std::size_t most = 512;  // as `quote` does
  Url bare = *this;
  bare.target = path_of(target);
  std::string text = printable(bare.str());
  if (text.size() > most) text = text.substr(0, most) + "…";
  return text;
}

Url Url::with(std::string_view name, std::string_view value) const {
  Url url = *this;
  if (target.find('?') == std::string::npos) {
    url.target += '?';
  } else if (!target.ends_with('?') && !target.ends_with('&')) {
    url.target += '&';
  }
  url.target += encoded(name) + "=" + encoded(value);
  return url;
}

std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace stave::http
