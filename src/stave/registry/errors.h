// What a registry says when it does not do what it was asked (distribution-spec,
// "Error Codes"), and what that means for a person. Internal.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "stave/base/error.h"
#include "stave/http/http.h"
#include "stave/registry/registries.h"

namespace stave::registry {

// What a right is needed for.
enum class Doing : std::uint8_t { pull, push, erase };

// A reply that was not the one hoped for.
struct Refusal {
  int status = 0;
  std::string code;       // of the first error: "DENIED"; empty if it gave none
  std::string text;       // for people, safe to print: "403 DENIED: \"no such right\""
  bool web_page = false;  // HTML: something that is no registry
};

// Reads at most 64 KiB of the body, whatever there is of it.
Refusal read_refusal(http::Reply& reply);

// "operation: text", with the kind and the hint that status and code stand for.
Error error_of(const Refusal& refusal, std::string_view operation, const Location& location, Doing doing);

}  // namespace stave::registry
