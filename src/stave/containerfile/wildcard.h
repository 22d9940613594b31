// Wildcards, matched in time that is the product of both lengths, whatever the
// pattern: what ${NAME#pattern} takes off, ignore patterns, COPY's sources. Internal to containerfile.

#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stave::containerfile {

// One place of a pattern.
struct Token {
  enum class Type : std::uint8_t {
    byte,          // exactly this one
    any,           // one character but '/'
    any_or_slash,  // one character
    one_of,        // a class
    star,          // any number of characters but '/'
    everything,    // any number of characters
    directories    // nothing, or anything that ends with '/'
  };
  Type type = Type::byte;
  char byte = 0;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges = {};  // of one_of, code points
  bool negated = false;
};

// Does all of `text` match?
bool matches(const std::vector<Token>& pattern, std::string_view text);
// The end of the shortest or longest prefix of `text` from `from` that matches; nullopt: none does.
std::optional<std::size_t> find_end(const std::vector<Token>& pattern, std::string_view text,
                                    std::size_t from, bool longest);

// The rules of ${}: `*` and `?` match '/' as well, `\` protects them. Kind::invalid for another escape.
std::string without_prefix(const std::string& value, const std::string& pattern, bool longest);
std::string without_suffix(const std::string& value, const std::string& pattern, bool longest);
std::string with_replaced(const std::string& value, const std::string& pattern, const std::string& by,
                          bool all);

}  // namespace stave::containerfile
