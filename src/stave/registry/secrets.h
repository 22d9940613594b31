// What is done to secrets: base64 as `auth` and Basic have it (RFC 4648, 4), and
// documents that hold some, whose errors must not show them. Internal to registry.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/base/error.h"
#include "stave/registry/settings.h"

namespace stave::registry {

std::string base64(std::string_view bytes);
// nullopt for what is none. Padding may be missing; line ends are passed over, as Go does.
std::optional<std::string> find_base64(std::string_view text);

// The failure to parse a document that holds secrets, without a word of its text: "what: line 3, column 5:
// not JSON".
Error without_text(const Error& error, std::string_view what);
// What `parse` gives (json::parse of such a document); its failure without text.
template <class Parse>
auto parse_secret(std::string_view what, Parse parse) {
  try {
    return parse();
  } catch (const Error& error) {
    throw without_text(error, what);
  }
}

// Other people's words with every secret of ours taken out, on one line and not long.
std::string without_secrets(std::string_view words, const Credentials& credentials);

}  // namespace stave::registry
