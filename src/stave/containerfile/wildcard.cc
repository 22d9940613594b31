// A pattern is a machine without branches: which of its places can be reached is a set that moves over the
// text once.

#include "stave/containerfile/wildcard.h"

#include <fmt/format.h>

#include <algorithm>

#include "stave/base/error.h"
#include "stave/base/text.h"

namespace stave::containerfile {
namespace {

// The character at the front, and its length; a byte that is no UTF-8 is one by itself, as in Go.
std::pair<std::uint32_t, std::size_t> decode(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xc2 ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf5 ? 4
                                           : 0;
  if (length < 2 || text.size() < length) return {lead < 0x80 ? lead : 0xfffd, 1};
  std::uint32_t point = lead & (0xffu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0) != 0x80) return {0xfffd, 1};
    point = point << 6 | (byte & 0x3fu);
  }
  return {point, length};
}

bool in_class(const Token& token, std::uint32_t point) {
  const bool found = std::any_of(token.ranges.begin(), token.ranges.end(), [&](const auto& range) {
    return range.first <= point && point <= range.second;
  });
  return found != token.negated;
}

// Which places of a pattern are reached. Place i is before token i; the last one is the end.
class Reached {
 public:
  explicit Reached(const std::vector<Token>& pattern)
      : pattern_(pattern), now_(pattern.size() + 1), after_(pattern.size() + 1) {
    now_[0] = true;
    skip(now_);
  }

  bool at_end() const { return now_.back(); }
  bool none() const { return std::find(now_.begin(), now_.end(), true) == now_.end(); }

  // Takes one character, of `length` bytes.
  void take(std::string_view character, std::uint32_t point) {
    std::fill(after_.begin(), after_.end(), false);
    for (std::size_t i = 0; i < pattern_.size(); ++i) {
      if (now_[i]) step(i, character, point);
    }
    now_.swap(after_);
    skip(now_);
  }

 private:
  void step(std::size_t i, std::string_view character, std::uint32_t point) {
    const Token& token = pattern_[i];
    const bool slash = character == "/";
    switch (token.type) {
      case Token::Type::byte:
        break;  // bytes are taken one by one, in `take_bytes`
      case Token::Type::any:
        after_[i + 1] = after_[i + 1] || !slash;
        break;
      case Token::Type::any_or_slash:
        after_[i + 1] = true;
        break;
      case Token::Type::one_of:
        after_[i + 1] = after_[i + 1] || in_class(token, point);
        break;
      case Token::Type::star:
        after_[i] = after_[i] || !slash;
        break;
      case Token::Type::everything:
        after_[i] = true;
        break;
      case Token::Type::directories:
        break;  // never here: matches_from tries what is behind it
    }
    if (token.type == Token::Type::byte) take_bytes(i, character);
  }

  // A character of several bytes is several tokens in the pattern: all of them must follow.
  void take_bytes(std::size_t i, std::string_view character) {
    for (const char c : character) {
      if (i >= pattern_.size() || pattern_[i].type != Token::Type::byte || pattern_[i].byte != c) return;
      ++i;
    }
    after_[i] = true;
  }

  // Tokens that may match nothing.
  void skip(std::vector<bool>& places) {
    for (std::size_t i = 0; i < pattern_.size(); ++i) {
      if (!places[i]) continue;
      const auto type = pattern_[i].type;
      if (type == Token::Type::star || type == Token::Type::everything) places[i + 1] = true;
    }
  }

  const std::vector<Token>& pattern_;
  std::vector<bool> now_;
  std::vector<bool> after_;
};

// `directories` is `everything` that must end behind a '/', or nothing. It is matched by trying each place
// behind a '/'.
bool matches_from(const std::vector<Token>& pattern, std::size_t first, std::string_view text,
                  std::size_t from, std::vector<std::vector<signed char>>& known) {
  auto& answer = known[first][from];
  if (answer >= 0) return answer == 1;
  // Up to the next `directories` the machine runs; there it goes on with each place that is possible.
  std::size_t end = first;
  while (end < pattern.size() && pattern[end].type != Token::Type::directories) ++end;
  const std::vector<Token> head(pattern.begin() + static_cast<std::ptrdiff_t>(first),
                                pattern.begin() + static_cast<std::ptrdiff_t>(end));
  Reached reached(head);
  bool found = false;
  std::size_t at = from;
  for (;;) {
    if (reached.at_end()) {
      if (end == pattern.size()) {
        found = found || at == text.size();
      } else {
        found = matches_from(pattern, end + 1, text, at, known);
        for (std::size_t slash = text.find('/', at); !found && slash != text.npos;
             slash = text.find('/', slash + 1))
          found = matches_from(pattern, end + 1, text, slash + 1, known);
      }
    }
    if (found || at == text.size() || reached.none()) break;
    const auto [point, length] = decode(text.substr(at));
    reached.take(text.substr(at, length), point);
    at += length;
  }
  answer = found ? 1 : 0;
  return found;
}

std::vector<Token> tokens_of_expansion(std::string_view pattern) {
  std::vector<Token> tokens;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '*') {
      tokens.push_back({.type = Token::Type::everything});
    } else if (c == '?') {
      tokens.push_back({.type = Token::Type::any_or_slash});
    } else if (c == '\\') {
      const char after = i + 1 < pattern.size() ? pattern[i + 1] : '\0';
      if (after == '}' || after == '/') continue;
      if (after != '*' && after != '?' && after != '\\')
        throw Error(Kind::invalid, fmt::format("invalid pattern ({}) in substitution: invalid escape '\\{}'",
                                               pattern, after == '\0' ? "" : std::string(1, after)));
      tokens.push_back({.type = Token::Type::byte, .byte = after});
      ++i;
    } else {
      tokens.push_back({.type = Token::Type::byte, .byte = c});
    }
  }
  return tokens;
}

}  // namespace

bool matches(const std::vector<Token>& pattern, std::string_view text) {
  std::vector<std::vector<signed char>> known(pattern.size() + 2,
                                              std::vector<signed char>(text.size() + 1, -1));
  return matches_from(pattern, 0, text, 0, known);
}

std::optional<std::size_t> find_end(const std::vector<Token>& pattern, std::string_view text,
                                    std::size_t from, bool longest) {
  Reached reached(pattern);
  std::optional<std::size_t> end;
  for (std::size_t at = from;;) {
    if (reached.at_end()) {
      end = at;
      if (!longest) return end;
    }
    if (at == text.size() || reached.none()) return end;
    const auto [point, length] = decode(text.substr(at));
    reached.take(text.substr(at, length), point);
    at += length;
  }
}

std::string without_prefix(const std::string& value, const std::string& pattern, bool longest) {
  const auto end = find_end(tokens_of_expansion(pattern), value, 0, longest);
  return end ? value.substr(*end) : value;
}

std::string without_suffix(const std::string& value, const std::string& pattern, bool longest) {
  const auto tokens = tokens_of_expansion(pattern);
  const auto fits = [&](std::size_t from) {
    const auto end = find_end(tokens, value, from, true);
    return end && *end == value.size();
  };
  for (std::size_t i = 0; i <= value.size(); ++i) {
    const std::size_t from = longest ? i : value.size() - i;
    const bool inside = from < value.size() && (static_cast<unsigned char>(value[from]) & 0xc0) == 0x80;
    if (!inside && fits(from)) return value.substr(0, from);
  }
  return value;
}

std::string with_replaced(const std::string& value, const std::string& pattern, const std::string& by,
                          bool all) {
  const auto tokens = tokens_of_expansion(pattern);
  std::string out;
  std::size_t at = 0;
  while (at <= value.size()) {
    const auto end = find_end(tokens, value, at, true);
    if (end && (*end > at || tokens.empty() || *end == at)) {
      out += by;
      if (!all) return out + value.substr(*end);
      if (*end == at) {
        if (at < value.size()) out += value[at];
        ++at;
      } else {
        at = *end;
        if (at == value.size()) break;
      }
      continue;
    }
    if (at < value.size()) out += value[at];
    ++at;
  }
  return out;
}

}  // namespace stave::containerfile
