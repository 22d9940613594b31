// Mistakes, shown where they are.

#include "stave/containerfile/text.h"

#include <fmt/format.h>

#include <algorithm>

#include "stave/base/text.h"

namespace stave::containerfile {
namespace {

constexpr std::size_t shown_columns = 100;

std::string_view line_of(std::string_view text, unsigned number) {
  std::size_t begin = 0;
  for (unsigned line = 1; line < number; ++line) {
    const std::size_t end = text.find('\n', begin);
    if (end == text.npos) return {};
    begin = end + 1;
  }
  std::string_view line = text.substr(begin, text.find('\n', begin) - begin);
  while (line.ends_with('\r') || line.ends_with('\n')) line.remove_suffix(1);
  return line;
}

// The line and a caret below the place, of a long line what is near.
std::string excerpt(const Text& text, const Span& where) {
  if (where.line == 0) return {};
  const std::string_view line = line_of(text.text, where.line);
  if (line.empty()) return {};
  const std::size_t at = where.column == 0 ? 0 : std::min<std::size_t>(where.column - 1, line.size());
  std::size_t from = at > shown_columns / 2 && line.size() > shown_columns ? at - shown_columns / 2 : 0;
  // Not in the middle of a character.
  while (from > 0 && (static_cast<unsigned char>(line[from]) & 0xc0) == 0x80) --from;
  std::size_t to = std::min(line.size(), from + shown_columns);
  while (to < line.size() && (static_cast<unsigned char>(line[to]) & 0xc0) == 0x80) ++to;
  const auto clean = [](std::string_view part) {
    std::string out = printable(part);
    return out;
  };
  const std::string before = (from > 0 ? "…" : "") + clean(line.substr(from, at - from));
  const std::string number = std::to_string(where.line);
  std::string out = fmt::format("\n {} | {}{}{}", number, before, clean(line.substr(at, to - at)),
                                to < line.size() ? "…" : "");
  if (where.column == 0) return out;
  std::size_t width = from > 0 ? 1 : 0;
  for (const char c : clean(line.substr(from, at - from)))
    width += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  const std::size_t length = std::clamp<std::size_t>(where.length, 1, std::max<std::size_t>(to - at, 1));
  return out + fmt::format("\n {} | {}^{}", std::string(number.size(), ' '), std::string(width, ' '),
                           std::string(length - 1, '~'));
}

}  // namespace

std::string show(const Text& text, const Span& where, std::string_view message) {
  std::string place = printable(text.name);
  if (where.line > 0) place += fmt::format(":{}", where.line);
  if (where.line > 0 && where.column > 0) place += fmt::format(":{}", where.column);
  return fmt::format("{}: {}{}", place, message, excerpt(text, where));
}

Error error_at(const Text& text, const Span& where, std::string_view message, std::string hint) {
  return Error(Kind::invalid, show(text, where, message), std::move(hint));
}

std::string suggestion(std::string_view word, const std::vector<std::string_view>& known) {
  const auto lower = [](std::string_view text) {
    std::string out(text);
    for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    return out;
  };
  std::vector<std::string> candidates;
  for (const auto each : known) candidates.push_back(lower(each));
  const auto near = nearest(lower(word), candidates);
  if (!near) return {};
  return std::string(known[static_cast<std::size_t>(std::find(candidates.begin(), candidates.end(), *near) -
                                                    candidates.begin())]);
}

}  // namespace stave::containerfile
