// Outline: one pass over a text that is known to be JSON, and look-ups in what
// it noted.

#include "stave/json/position.h"

#include <algorithm>
#include <limits>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/json/json.h"

namespace stave::json {
namespace {

constexpr std::uint32_t no_name = std::numeric_limits<std::uint32_t>::max();

constexpr bool ends_word(char c) {
  return c == ',' || c == ']' || c == '}' || c == ':' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// One token of a pointer: "~1" is '/', "~0" is '~' (RFC 6901, section 4).
std::string unescaped(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const bool escape =
        token[i] == '~' && i + 1 < token.size() && (token[i + 1] == '0' || token[i + 1] == '1');
    out += escape ? (token[i + 1] == '0' ? '~' : '/') : token[i];
    if (escape) ++i;
  }
  return out;
}

}  // namespace

std::string_view name(Type type) {
  switch (type) {
    case Type::object:
      return "an object";
    case Type::array:
      return "an array";
    case Type::string:
      return "a string";
    case Type::number:
      return "a number";
    case Type::boolean:
      return "a boolean";
    case Type::null:
      return "null";
  }
  return "";
}

Outline::Outline(std::string_view text) : text_(text) {
  if (text.size() >= no_name) throw Error(Kind::limit, "a JSON text of 4 GiB or more");
  scan();
}

void Outline::scan() {
  struct Open {
    std::uint32_t value;
    bool object;
  };
  std::vector<Open> open;
  std::uint32_t member = no_name;
  const auto add = [&](std::size_t offset) {
    const auto number = static_cast<std::uint32_t>(entries_.size());
    entries_.push_back({static_cast<std::uint32_t>(offset), member, number + 1});
    member = no_name;
    return number;
  };
  std::size_t at = 0;
  while (at < text_.size()) {
    const char c = text_[at];
    if (c == '{' || c == '[') {
      const auto number = add(at++);
      open.push_back({number, c == '{'});
    } else if (c == '}' || c == ']') {
      if (!open.empty()) {
        entries_[open.back().value].end = static_cast<std::uint32_t>(entries_.size());
        open.pop_back();
      }
      ++at;
    } else if (c == '"') {
      if (!open.empty() && open.back().object && member == no_name) {
        member = static_cast<std::uint32_t>(at);
      } else {
        add(at);
      }
      at = past_string(at);
    } else if (ends_word(c)) {
      if (c == '\n') lines_.push_back(at + 1);
      ++at;
    } else {
      add(at);
      at = past_word(at);
    }
  }
}

// A string of valid JSON holds no raw line feed, so none is missed here.
std::size_t Outline::past_string(std::size_t offset) const {
  for (std::size_t at = offset + 1; at < text_.size(); ++at) {
    if (text_[at] == '\\') {
      ++at;
    } else if (text_[at] == '"') {
      return at + 1;
    }
  }
  return text_.size();
}

std::size_t Outline::past_word(std::size_t offset) const {
  while (offset < text_.size() && !ends_word(text_[offset])) ++offset;
  return offset;
}

Type Outline::type(std::size_t value) const {
  switch (text_[entries_[value].offset]) {
    case '{':
      return Type::object;
    case '[':
      return Type::array;
    case '"':
      return Type::string;
    case 't':
    case 'f':
      return Type::boolean;
    case 'n':
      return Type::null;
    default:
      return Type::number;
  }
}

std::string Outline::decoded(std::size_t offset) const {
  const std::string_view quoted = text_.substr(offset, past_string(offset) - offset);
  if (quoted.size() < 2 || quoted[0] != '"') return {};
  if (quoted.find('\\') == std::string_view::npos) return std::string(quoted.substr(1, quoted.size() - 2));
  const Value value = parse(quoted, "a string");
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::string Outline::member_name(std::size_t value) const {
  return entries_[value].name == no_name ? std::string() : decoded(entries_[value].name);
}

std::string Outline::string(std::size_t value) const { return decoded(entries_[value].offset); }

std::string_view Outline::text(std::size_t value) const {
  const std::size_t offset = entries_[value].offset;
  return text_.substr(offset, past_word(offset) - offset);
}

Position Outline::position(std::size_t value) const {
  const std::size_t offset = entries_[value].offset;
  const auto after = std::upper_bound(lines_.begin(), lines_.end(), offset);
  return {static_cast<std::size_t>(after - lines_.begin()), offset - *(after - 1) + 1};
}

std::optional<std::size_t> Outline::child(std::size_t parent, std::string_view token) const {
  const Type kind = type(parent);
  if (kind != Type::object && kind != Type::array) return std::nullopt;
  const std::string wanted = unescaped(token);
  const auto index = parse_number(token);
  std::uint64_t number = 0;
  for (std::size_t each = parent + 1; each < end(parent); each = end(each), ++number) {
    if (kind == Type::array ? index == number : member_name(each) == wanted) return each;
  }
  return std::nullopt;
}

std::optional<std::size_t> Outline::find(std::string_view pointer) const {
  if (entries_.empty()) return std::nullopt;
  std::size_t value = 0;
  while (!pointer.empty()) {
    if (pointer[0] != '/') return std::nullopt;
    pointer.remove_prefix(1);
    const std::size_t length = std::min(pointer.find('/'), pointer.size());
    const auto next = child(value, pointer.substr(0, length));
    if (!next) return std::nullopt;
    value = *next;
    pointer.remove_prefix(length);
  }
  return value;
}

Position position_of(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1;
  return {line, before.size() - (before.rfind('\n') + 1) + 1};  // npos + 1 is 0
}

}  // namespace stave::json
