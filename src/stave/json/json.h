// JSON: one bounded strict parse and one print. Internal: this header includes
// nlohmann-json, so no public header may include it; src/stave/*/*.cc do.

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace stave::json {

// Objects keep the order of the document.
using Value = nlohmann::ordered_json;

// Parses a whole document. Refused, as Kind::invalid (or Kind::limit for depth) with line, column and JSON pointer, prefixed by `what`: everything that RFC 8259
// refuses, duplicate member names, more than limits::json_depth levels, invalid UTF-8 and unpaired surrogates (RFC 7493), a byte order mark, integers outside of int64/uint64.
// Size is the caller's to bound before reading.
Value parse(std::string_view text, std::string_view what);

// Prints as Go's encoding/json does without indent: no spaces; '<', '>', '&', U+2028, U+2029 as \u003c…; \b \f \n \r \t short (Go 1.22 and later; earlier Go wrote \u0008 and \u000c), other
// control characters \u00XX; '/' and 0x7f as they are. Members in the order that `value` has them.
std::string print(const Value& value);
// The same for people: two spaces of indent.
std::string print_pretty(const Value& value);

// Typed access with errors that carry a JSON pointer. `where` is the pointer so far ("/config").
// Each throws Kind::invalid: "what: /config/Env: expected an array of strings, found a number".
// `find_*` gives nullptr / nullopt when the member is absent or null.
const Value* find(const Value& object, const char* key);

}  // namespace stave::json
