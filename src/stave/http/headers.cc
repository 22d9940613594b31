// Headers: what a reply says about itself, and the one field that http acts upon: when
// to come back.

#include <algorithm>
#include <array>

#include "stave/base/text.h"
#include "stave/http/dates.h"
#include "stave/http/http.h"

namespace stave::http {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// The parts of a date that all three forms share, as text.
struct Parts {
  std::string day, month, year, time;
};

// "08:49:37": seconds of the day.
std::optional<std::int64_t> find_seconds(const std::string& time) {
  const std::vector<std::string> parts = split(time, ':');
  if (parts.size() != 3) return {};
  constexpr std::array<std::uint64_t, 3> most = {23, 59, 60};
  std::int64_t seconds = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::optional<std::uint64_t> number = parse_number(parts[i]);
    if (!number || *number > most.at(i)) return {};
    seconds = seconds * 60 + static_cast<std::int64_t>(*number);
  }
  return seconds;
}

std::optional<std::int64_t> find_time(const Parts& parts) {
  const auto* const month = std::find(months.begin(), months.end(), parts.month);
  const std::optional<std::uint64_t> day = parse_number(parts.day);
  const std::optional<std::uint64_t> year = parse_number(parts.year);
  const std::optional<std::int64_t> seconds = find_seconds(parts.time);
  if (month == months.end() || !day || !year || !seconds || *day > 31 || *year > 9999) return {};
  const std::chrono::year_month_day date(
      std::chrono::year(static_cast<int>(*year)),
      std::chrono::month(static_cast<unsigned>(month - months.begin()) + 1),
      std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return {};
  return std::chrono::sys_seconds(std::chrono::sys_days(date)).time_since_epoch().count() + *seconds;
}

}  // namespace

std::optional<std::string> Headers::find(std::string_view name) const {
  for (const auto& [key, value] : fields_) {
    if (same_name(key, name)) return value;
  }
  return {};
}

std::vector<std::string> Headers::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : fields_) {
    if (same_name(key, name)) values.push_back(value);
  }
  return values;
}

std::optional<std::int64_t> find_date(std::string_view text) {
  std::vector<std::string> words;
  for (std::string& word : split(text, ' ')) {
    if (!word.empty()) words.push_back(std::move(word));
  }
  if (words.size() == 6 && words[5] == "GMT") {  // Sun, 06 Nov 1994 08:49:37 GMT
    return find_time({words[1], words[2], words[3], words[4]});
  }
  if (words.size() == 5) return find_time({words[2], words[1], words[4], words[3]});  // asctime
  if (words.size() != 4 || words[3] != "GMT") return {};
  std::vector<std::string> date = split(words[1], '-');  // Sunday, 06-Nov-94 08:49:37 GMT
  if (date.size() != 3 || date[2].size() != 2) return {};
  // RFC 850 had two digits; none of its writers is older than HTTP.
  date[2].insert(0, date[2] >= "70" ? "19" : "20");
  return find_time({date[0], date[1], date[2], words[2]});
}

std::optional<std::chrono::milliseconds> find_retry_after(const Headers& headers, std::int64_t now) {
  const std::optional<std::string> text = headers.find("Retry-After");
  if (!text) return {};
  // A hundred years are as good as any longer time, and fit.
  constexpr std::int64_t most = 100LL * 366 * 24 * 3600;
  std::int64_t seconds = 0;
  if (const std::optional<std::uint64_t> number = parse_number(*text)) {
    seconds = static_cast<std::int64_t>(std::min<std::uint64_t>(*number, most));
  } else if (const std::optional<std::int64_t> date = find_date(*text)) {
    seconds =
        std::clamp<std::int64_t>(*date - std::clamp<std::int64_t>(now, -most * 100, most * 100), 0, most);
  } else {
    return {};
  }
  return std::chrono::seconds(seconds);
}

std::string read_body(Reply& reply, limits::Cap limit, std::string_view what) {
  return read_all(*reply.body, limit, what);
}

}  // namespace stave::http
