// JSON pointers (RFC 6901) for messages: made of names that came from outside,
// so they are bounded and safe to show. Internal.

#pragma once

#include <string>
#include <string_view>

namespace stave::json {

// Appends "/name", with '~' and '/' escaped, control characters shown as `printable` shows them and long
// names cut.
void append_pointer(std::string& pointer, std::string_view name);

}  // namespace stave::json
