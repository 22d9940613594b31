// Text helpers: what a person reads (sizes, quoted names), and the few string
// operations that every module needs.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stave {

// `text` between double quotes, safe on any terminal: control characters, quotes, backslashes and bytes that
// are not UTF-8 are escaped (\n, \x1b), and what is longer than 512 bytes is cut with "…". For names that
// came from outside.
std::string quote(std::string_view text);

// The same escaping without the quotes and without the cut: for tables.
std::string printable(std::string_view text);

// "1.5 MiB", "512 B": three significant digits at most, binary units.
std::string human_size(std::uint64_t bytes);

std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);

// A decimal number without sign, blanks or leading plus; nullopt if it is none or does not fit.
std::optional<std::uint64_t> parse_number(std::string_view text);

// A size: a decimal number with nothing, B, or K, M, G, T, P (powers of 1024; "KiB" says the same) behind it;
// nullopt if it is none or does not fit into 63 bits.
std::optional<std::uint64_t> parse_size(std::string_view text);

// Well-formed UTF-8 (no surrogates, no overlong forms)?
bool is_utf8(std::string_view text);

// The candidate nearest to `word` by edit distance (insert, remove, replace, swap), if one is near enough to
// be what was meant (a third of its length, at least 1, at most 3).
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace stave
