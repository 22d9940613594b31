// Flags and small values.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "stave/base/text.h"
#include "stave/containerfile/parts.h"

namespace stave::containerfile {

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'a' && c <= 'z' ? c & ~0x20 : c);
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  return out;
}

std::optional<bool> find_bool(std::string_view text) {
  for (const auto yes : {"1", "t", "T", "true", "TRUE", "True"})
    if (text == yes) return true;
  for (const auto no : {"0", "f", "F", "false", "FALSE", "False"})
    if (text == no) return false;
  return std::nullopt;
}

std::optional<std::int64_t> find_duration(std::string_view text) {
  static constexpr std::pair<std::string_view, double> units[] = {
      {"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
  bool negative = false;
  if (text.starts_with('-') || text.starts_with('+')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    std::size_t fraction = 0;
    if (digits < text.size() && text[digits] == '.')
      fraction = std::min(text.find_first_not_of("0123456789", digits + 1), text.size()) - digits;
    if (digits + fraction == 0 || (digits == 0 && fraction == 1) || digits > 18) return std::nullopt;
    double value = 0;
    for (const char c : text.substr(0, digits)) value = value * 10 + (c - '0');
    double place = 1;
    for (std::size_t i = 1; i < fraction; ++i) {
      place /= 10;
      value += (text[digits + i] - '0') * place;
    }
    text.remove_prefix(digits + fraction);
    const std::size_t letters = std::min(text.find_first_of("0123456789."), text.size());
    const auto unit = std::find_if(std::begin(units), std::end(units),
                                   [&](const auto& each) { return each.first == text.substr(0, letters); });
    if (unit == std::end(units)) return std::nullopt;
    total += value * unit->second;
    text.remove_prefix(letters);
  }
  if (total > 9.2e18) return std::nullopt;
  const auto nanoseconds = static_cast<std::int64_t>(std::llround(total));
  return negative ? -nanoseconds : nanoseconds;
}

std::optional<std::string> Flags::take(const char* name, bool needs_value) {
  known_.emplace_back(name);
  std::optional<std::string> found;
  for (const auto& flag : given_) {
    const std::string_view body = std::string_view(flag).substr(std::min<std::size_t>(2, flag.size()));
    const std::size_t equals = body.find('=');
    if (body.substr(0, equals) != name) continue;
    if (found) throw Error(Kind::invalid, fmt::format("duplicate flag specified: {}", name));
    if (needs_value && equals == body.npos)
      throw Error(Kind::invalid, fmt::format("missing a value on flag: {}", name),
                  fmt::format("write --{}=VALUE", name));
    found = equals == body.npos ? "" : std::string(body.substr(equals + 1));
  }
  return found;
}

std::string Flags::string(const char* name) { return take(name, true).value_or(""); }

std::vector<std::string> Flags::strings(const char* name) {
  known_.emplace_back(name);
  std::vector<std::string> values;
  const std::string head = fmt::format("--{}", name);
  for (const auto& flag : given_) {
    if (flag == head) throw Error(Kind::invalid, fmt::format("missing a value on flag: {}", name));
    if (flag.starts_with(head + "=")) values.push_back(flag.substr(head.size() + 1));
  }
  return values;
}

std::optional<bool> Flags::boolean(const char* name) {
  const auto value = take(name, false);
  if (!value) return std::nullopt;
  if (value->empty()) return true;
  const std::string text = lower(*value);
  if (text != "true" && text != "false")
    throw Error(Kind::invalid,
                fmt::format("expecting boolean value for flag {}, not: {}", name, quote(*value)));
  return text == "true";
}

void Flags::finish() const {
  for (const auto& flag : given_) {
    if (!flag.starts_with("--"))
      throw Error(Kind::invalid, fmt::format("arg should start with -- : {}", quote(flag)));
    const std::string name = flag.substr(2, flag.find('=') - 2);
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    const std::string near = suggestion(name, known_);
    std::string hint = known_.empty() ? fmt::format("{} takes no flags", keyword_) : "";
    if (!near.empty()) hint = fmt::format("did you mean --{}?", near);
    if (hint.empty()) {
      std::vector<std::string> all;
      for (const auto each : known_) all.push_back("--" + std::string(each));
      hint = fmt::format("{} takes {}", keyword_, join(all, ", "));
    }
    throw Error(Kind::invalid, fmt::format("unknown flag: --{}", printable(name)), hint);
  }
}

}  // namespace stave::containerfile
