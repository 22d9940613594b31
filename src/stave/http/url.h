// Url: where a request goes. Only http and https exist here: what a server
// sends as a Location is hostile until it has become one of these.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace stave::http {

// RFC 3986 as far as http needs it (RFC 9110, 4.2). User information and fragments are refused and dropped.
struct Url {
  std::string scheme = "https";  // "http" or "https"
  std::string host;              // lower case; an IPv6 address without its brackets
  std::uint16_t port = 443;
  std::string target = "/";  // path and query

  // Kind::invalid for anything else, control characters and blanks among them; the hint says what is
  // expected.
  static Url parse(std::string_view text);
  // A reference as a Location gives it, relative to this one (RFC 3986, 5.2). Fails as `parse` does.
  Url resolve(std::string_view reference) const;

  std::string str() const;     // without the port where it is the scheme's own
  std::string origin() const;  // "https://host:443": what credentials belong to
  std::string shown() const;   // for messages: without the query, which may carry a signature
  bool plain() const { return scheme == "http"; }

  // The same with more in its query: "name=value", encoded.
  Url with(std::string_view name, std::string_view value) const;

  friend bool operator==(const Url&, const Url&) = default;
};

// Percent-encodes everything but the unreserved characters (RFC 3986, 2.3).
std::string encoded(std::string_view text);

}  // namespace stave::http
