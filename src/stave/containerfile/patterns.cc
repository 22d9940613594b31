// Ignore patterns and Go's wildcards, both as tokens of wildcard.h.

#include "stave/containerfile/patterns.h"

#include <fmt/format.h>

#include <algorithm>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/containerfile/wildcard.h"

namespace stave::containerfile {
namespace {

[[noreturn]] void bad_pattern(std::string_view pattern) {
  throw Error(Kind::invalid, fmt::format("{}: syntax error in pattern", quote(pattern)),
              "a [ needs its ], and a \\ something behind it");
}

std::uint32_t code_point(std::string_view pattern, std::size_t& at) {
  const auto lead = static_cast<unsigned char>(pattern[at++]);
  if (lead < 0x80) return lead;
  int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
  std::uint32_t point = lead & (0x3fu >> more);
  for (; more > 0 && at < pattern.size(); --more)
    point = point << 6 | (static_cast<unsigned char>(pattern[at++]) & 0x3fu);
  return point;
}

// Behind "[" of a class, as filepath.Match reads it: at least one range, `\` protects, a bare '-' is none.
Token read_class(std::string_view pattern, std::size_t& at) {
  Token token{.type = Token::Type::one_of};
  if (at < pattern.size() && pattern[at] == '^') {
    token.negated = true;
    ++at;
  }
  const auto one = [&] {
    if (at >= pattern.size() || pattern[at] == '-' || pattern[at] == ']') bad_pattern(pattern);
    if (pattern[at] == '\\') ++at;
    if (at >= pattern.size()) bad_pattern(pattern);
    const auto point = code_point(pattern, at);
    if (at >= pattern.size()) bad_pattern(pattern);
    return point;
  };
  for (;;) {
    if (at < pattern.size() && pattern[at] == ']' && !token.ranges.empty()) {
      ++at;
      return token;
    }
    const auto low = one();
    auto high = low;
    if (pattern[at] == '-') {
      ++at;
      high = one();
    }
    token.ranges.emplace_back(low, high);
  }
}

std::vector<Token> tokens_of_match(std::string_view pattern) {
  std::vector<Token> tokens;
  for (std::size_t at = 0; at < pattern.size();) {
    const char c = pattern[at++];
    if (c == '*') {
      if (tokens.empty() || tokens.back().type != Token::Type::star)
        tokens.push_back({.type = Token::Type::star});
    } else if (c == '?') {
      tokens.push_back({.type = Token::Type::any});
    } else if (c == '[') {
      tokens.push_back(read_class(pattern, at));
      // Go: a class never matches '/'.
    } else {
      if (c == '\\' && at >= pattern.size()) bad_pattern(pattern);
      tokens.push_back({.type = Token::Type::byte, .byte = c == '\\' ? pattern[at++] : c});
    }
  }
  return tokens;
}

// moby/patternmatcher: as above, and "**": at the end everything, elsewhere any number of directories.
std::vector<Token> tokens_of_ignore(std::string_view pattern) {
  std::vector<Token> tokens;
  for (std::size_t at = 0; at < pattern.size();) {
    const char c = pattern[at++];
    if (c == '*' && at < pattern.size() && pattern[at] == '*') {
      ++at;
      if (at < pattern.size() && pattern[at] == '/') ++at;
      tokens.push_back({.type = at == pattern.size() ? Token::Type::everything : Token::Type::directories});
    } else if (c == '*') {
      tokens.push_back({.type = Token::Type::star});
    } else if (c == '?') {
      tokens.push_back({.type = Token::Type::any});
    } else if (c == '[') {
      tokens.push_back(read_class(pattern, at));
    } else {
      tokens.push_back(
          {.type = Token::Type::byte, .byte = c == '\\' && at < pattern.size() ? pattern[at++] : c});
    }
  }
  return tokens;
}

// filepath.Clean.
std::string clean(std::string_view path) {
  const bool rooted = path.starts_with('/');
  std::vector<std::string> parts;
  for (const auto& part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == ".." && !parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else if (part != ".." || !rooted) {
      parts.push_back(part);
    }
  }
  const std::string joined = join(parts, "/");
  if (rooted) return "/" + joined;
  return joined.empty() ? "." : joined;
}

std::string trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return std::string(text);
}

}  // namespace

std::vector<std::string> read_ignore_file(std::string_view text) {
  if (text.size() > limits::ignore_bytes)
    throw Error(Kind::limit, fmt::format("an ignore file of {} bytes is too long", text.size()));
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  std::vector<std::string> patterns;
  for (const auto& line : split(text, '\n')) {
    if (line.starts_with('#')) continue;
    std::string pattern = trimmed(line);
    if (pattern.empty()) continue;
    const bool back = pattern.front() == '!';
    if (back) pattern = trimmed(std::string_view(pattern).substr(1));
    if (!pattern.empty()) {
      pattern = clean(pattern);
      if (pattern.size() > 1 && pattern.front() == '/') pattern.erase(0, 1);
    }
    patterns.push_back(back ? "!" + pattern : pattern);
  }
  return patterns;
}

bool match(std::string_view pattern, std::string_view path) {
  return matches(tokens_of_match(pattern), path);
}

bool has_wildcard(std::string_view text) { return text.find_first_of("*?[\\") != text.npos; }

struct Patterns::Compiled {
  struct One {
    bool back = false;   // "!": what matches is not excluded
    std::string text;    // cleaned
    std::string suffix;  // of "**X" without wildcards in X
    bool by_suffix = false;
    bool literal = false;
    std::vector<Token> tokens = {};

    bool matches(std::string_view path) const {
      if (literal) return path == text;
      if (by_suffix)
        return path.ends_with(suffix) ||
               (suffix.starts_with('/') && path == std::string_view(suffix).substr(1));
      return containerfile::matches(tokens, path);
    }
  };
  std::vector<One> all;
  bool brings_back = false;
};

Patterns::Patterns(const std::vector<std::string>& patterns) {
  auto compiled = std::make_shared<Compiled>();
  for (const auto& given : patterns) {
    std::string text = trimmed(given);
    if (text.empty()) continue;
    text = clean(text);
    Compiled::One one;
    if (text.front() == '!') {
      if (text.size() == 1) throw Error(Kind::invalid, "illegal exclusion pattern: \"!\"");
      one.back = true;
      text.erase(0, 1);
      compiled->brings_back = true;
    }
    static_cast<void>(tokens_of_match(text));  // refuses what is no pattern
    one.text = text;
    one.literal = text.find_first_of("*?[\\") == text.npos;
    if (text.starts_with("**") && text.find_first_of("*?[]\\", 2) == text.npos) {
      one.by_suffix = true;
      one.suffix = text.substr(2);
    }
    one.tokens = tokens_of_ignore(text);
    compiled->all.push_back(std::move(one));
  }
  if (!compiled->all.empty()) compiled_ = std::move(compiled);
}

bool Patterns::empty() const { return !compiled_; }

bool Patterns::excludes(std::string_view path) const {
  if (!compiled_) return false;
  bool excluded = false;
  for (const auto& one : compiled_->all) {
    // A pattern that could not change the answer is not looked at.
    if (one.back != excluded) continue;
    bool hit = one.matches(path);
    for (std::size_t slash = path.find('/'); !hit && slash != path.npos; slash = path.find('/', slash + 1))
      hit = one.matches(path.substr(0, slash));
    if (hit) excluded = !one.back;
  }
  return excluded;
}

bool Patterns::may_include_below(std::string_view directory) const {
  if (!compiled_ || !compiled_->brings_back) return !compiled_;
  const std::string below = std::string(directory) + "/";
  return std::any_of(compiled_->all.begin(), compiled_->all.end(), [&](const Compiled::One& one) {
    if (!one.back) return false;
    // A literal one says where; one with wildcards could be anywhere below what stands before the first of
    // them.
    const std::string_view head = std::string_view(one.text).substr(0, one.text.find_first_of("*?[\\"));
    return one.literal
               ? one.text.starts_with(below) || below.starts_with(one.text + "/") || one.text == directory
               : head.starts_with(below) || below.starts_with(head);
  });
}

}  // namespace stave::containerfile
