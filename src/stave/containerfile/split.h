// How the rest of a line is split into flags and words: each keyword has its way.
// Internal to containerfile.

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stave::containerfile {

// The flags (--name, --name=value) that stand first, unquoted; `rest` is left with what is behind them.
std::vector<std::string> take_flags(std::string_view& rest);
// Words at blanks, quotes and escapes kept in them.
std::vector<std::string> raw_words(std::string_view text, char escape);
// Words at blanks, whatever is in them.
std::vector<std::string> plain_words(std::string_view text);

}  // namespace stave::containerfile
