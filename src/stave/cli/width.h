// How much room text takes on a terminal. Bytes are not columns: CJK and most
// emoji take two, combining marks none. The same on every machine: no locale
// is asked.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace stave::cli {

// Columns that `text` takes: Unicode 14, East Asian wide and fullwidth count 2, combining and format
// characters 0, everything else 1; so does each byte that is not UTF-8 (a terminal shows U+FFFD for it).
std::size_t display_width(std::string_view text);

// `text` cut so that it takes at most `columns`; what was cut ends with "…", or with "~" if `utf8` is false.
std::string fit(std::string_view text, std::size_t columns, bool utf8);

// `text` and as many blanks as make it `columns` wide, before it if `right`. Wider text stays as it is.
std::string pad(std::string_view text, std::size_t columns, bool right = false);

// One harmless line: control characters and bytes that are not UTF-8 become "?", and if `utf8` is false every
// other character above ASCII, too.
std::string one_line(std::string_view text, bool utf8 = true);

// The words of `text` in lines of at most `columns`; a word that is longer gets a line of its own.
std::vector<std::string> wrap(std::string_view text, std::size_t columns);

// The paragraphs of `text`, which blank lines separate, and each as lines of at most `columns`; an empty line
// stands between two. Lines that begin with a blank are kept as they are.
std::vector<std::string> wrap_paragraphs(std::string_view text, std::size_t columns);

}  // namespace stave::cli
