// JSON pointers for messages.

#include "stave/json/pointer.h"

#include "stave/base/text.h"

namespace stave::json {

void append_pointer(std::string& pointer, std::string_view name) {
  constexpr std::size_t longest = 128;  // 64 levels of it still fit on a screen
  const bool cut = name.size() > longest;
  pointer += '/';
  for (const char c : printable(name.substr(0, longest))) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
  if (cut) pointer += "…";
}

}  // namespace stave::json
