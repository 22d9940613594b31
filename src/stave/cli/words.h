// Words. `--entrypoint` and `--cmd` take a command as a person would type it,
// and an image needs it as a list of words.

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stave::cli {

// `text` in words as a POSIX shell splits them (XCU 2.2 quoting): blanks separate, quotes and backslashes
// protect. Nothing is expanded, so what only a shell could do is refused as Kind::usage with a hint that
// names the shell form: an active "$" or
// "`", and unquoted operators | & ; < > ( ). Globs and tildes are plain characters: there is nothing to match
// them against.
std::vector<std::string> split_words(std::string_view text);

// A command given as JSON array of strings when it begins with "[", else as split_words understands it.
// Throws Kind::usage when it is neither.
std::vector<std::string> parse_command(std::string_view text);

}  // namespace stave::cli
