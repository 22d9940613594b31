// What servers and other tools say to the client of registries: Locations, challenges,
// Retry-After and auth.json. The first byte chooses which. registries.conf is left out: toml++ 3.3 ends the
// program by an assertion of its debug build for some broken files.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "stave/base/error.h"
#include "stave/http/http.h"
#include "stave/registry/auth.h"
#include "stave/registry/credentials_document.h"

namespace {

using namespace stave;

// Whatever a Location says: http or https, with a host, and nothing in it that begins a line of its own.
void check(const http::Url& url) {
  if (url.scheme != "http" && url.scheme != "https") std::abort();
  if (url.host.empty() || !url.target.starts_with('/')) std::abort();
  for (const char c : url.str()) {
    if (c <= ' ' || c == 0x7f) std::abort();
  }
  if (!(http::Url::parse(url.str()) == url)) std::abort();
}

void read_url(std::string_view text) {
  try {
    check(http::Url::parse("https://registry.example:5000/v2/a/b?c=d").resolve(text));
    check(http::Url::parse(text));
  } catch (const Error& error) {
    if (error.kind() != Kind::invalid) std::abort();
  }
}

void read_head(std::string_view text) {
  http::Headers headers;
  headers.add("WWW-Authenticate", std::string(text));
  headers.add("Retry-After", std::string(text));
  for (const auto& challenge : registry::parse_challenges(headers)) {
    if (challenge.scheme.empty()) std::abort();
  }
  static_cast<void>(http::find_retry_after(headers, 0));
}

// What it holds can be found, printed, read again and removed.
void read_credentials(std::string_view text) {
  try {
    registry::CredentialsDocument document(text, "auth.json");
    static_cast<void>(document.find("registry.example", "a/b"));
    document.put("registry.example", {.user = "ann", .password = "p@ss:word", .identity_token = {}});
    registry::CredentialsDocument again(document.text(), "auth.json");
    const auto found = again.find("registry.example", "");
    if (!found || found->user != "ann" || found->password != "p@ss:word") std::abort();
    if (!again.erase("registry.example")) std::abort();
  } catch (const Error& error) {
    if (error.kind() != Kind::invalid && error.kind() != Kind::limit) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      read_url(text);
      break;
    case 1:
      read_head(text);
      break;
    default:
      read_credentials(text);
      break;
  }
  return 0;
}
