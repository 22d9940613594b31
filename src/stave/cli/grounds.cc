// What verbs have in common.

#include "stave/cli/grounds.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <ctime>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/cli/network.h"

namespace stave::cli {

place::Grounds grounds_of(const Invocation& invocation) {
  const auto& surroundings = invocation.surroundings;
  place::Grounds grounds;
  const auto umask = ::umask(0);  // there is no other way to ask
  ::umask(umask);
  grounds.output_mode = 0666 & ~umask;
  // Made once, and only for who talks to a registry.
  grounds.network = [&invocation, network = std::make_shared<std::shared_ptr<const registry::Network>>()] {
    if (!*network) *network = std::make_shared<const registry::Network>(network_settings(invocation));
    return *network;
  };
  grounds.spool = surroundings.env("TMPDIR").value_or("/tmp");
  const auto data_home = surroundings.env("XDG_DATA_HOME");
  if (const auto given = invocation.arguments.get("--store")) {
    grounds.store = *given;
  } else if (const auto variable = surroundings.env("STAVE_STORE")) {
    grounds.store = *variable;
  } else if (data_home &&
             data_home->starts_with('/')) {  // the XDG specification: relative paths are to be ignored
    grounds.store = *data_home + "/stave";
  } else if (const auto home = surroundings.env("HOME")) {
    grounds.store = *home + "/.local/share/stave";
  } else {
    return grounds;  // only who needs the store misses it
  }
  if (grounds.store.empty()) throw Error(Kind::usage, "--store: the path is empty");
  return grounds;
}

std::optional<std::string> find_cache(const Surroundings& surroundings) {
  // The XDG specification: relative paths are to be ignored.
  const auto cache_home = surroundings.env("XDG_CACHE_HOME");
  if (cache_home && cache_home->starts_with('/')) return *cache_home + "/stave";
  if (const auto home = surroundings.env("HOME"); home && home->starts_with('/'))
    return *home + "/.cache/stave";
  return std::nullopt;
}

std::vector<spec::Platform> platforms_of(const Arguments& arguments) {
  std::vector<spec::Platform> platforms;
  for (const auto& given : arguments.all("--platform")) {
    for (const auto& each : split(given, ',')) {
      const auto platform = spec::Platform::parse(each);
      if (std::find(platforms.begin(), platforms.end(), platform) == platforms.end())
        platforms.push_back(platform);
    }
  }
  return platforms;
}

spec::Platform this_platform() {
  utsname names{};
  if (::uname(&names) != 0) throw_errno(errno, "uname");
  const std::string machine = static_cast<const char*>(names.machine);
  return spec::Platform::parse("linux/" + machine);
}

std::optional<std::int64_t> source_date_epoch(const Surroundings& surroundings) {
  const auto text = surroundings.env("SOURCE_DATE_EPOCH");
  if (!text) return std::nullopt;
  const auto seconds = parse_number(*text);
  if (!seconds || *seconds > 253402300799) {  // 9999-12-31, the last day of RFC 3339
    throw Error(Kind::usage,
                fmt::format("SOURCE_DATE_EPOCH is {}, not a number of seconds since 1970", quote(*text)),
                "set it as `date +%s` prints it, or unset it");
  }
  return static_cast<std::int64_t>(*seconds);
}

std::string rfc3339(std::int64_t seconds) {
  constexpr std::int64_t year_1 = -62135596800, end_of_9999 = 253402300799;  // four digits (RFC 3339, 5.6)
  if (seconds < year_1 || seconds > end_of_9999) {
    throw Error(Kind::usage, fmt::format("the time {} is not between the years 1 and 9999", seconds));
  }
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

std::optional<std::int64_t> find_rfc3339(std::string_view text) {
  const auto number = [&](std::size_t at, std::size_t length) -> std::optional<std::int64_t> {
    if (at + length > text.size()) return std::nullopt;
    const auto value = parse_number(text.substr(at, length));
    return value ? std::optional(static_cast<std::int64_t>(*value)) : std::nullopt;
  };
  const auto year = number(0, 4), month = number(5, 2), day = number(8, 2), hour = number(11, 2),
             minute = number(14, 2), second = number(17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  if (text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't') || text[13] != ':' ||
      text[16] != ':')
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  std::size_t at = 19;
  if (at < text.size() && text[at] == '.') {
    const std::size_t digits = text.find_first_not_of("0123456789", at + 1);
    if (digits == at + 1 || digits == std::string_view::npos) return std::nullopt;
    at = digits;
  }
  std::int64_t offset = 0;
  const std::string_view zone = text.substr(at);
  if (zone != "Z" && zone != "z") {
    const auto hours = number(at + 1, 2), minutes = number(at + 4, 2);
    if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':' || !hours || !minutes ||
        *hours > 23 || *minutes > 59)
      return std::nullopt;
    offset = (*hours * 3600 + *minutes * 60) * (zone[0] == '-' ? -1 : 1);
  }
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return static_cast<std::int64_t>(days) * 86400 + *hour * 3600 + *minute * 60 + *second - offset;
}

std::string age_text(std::int64_t seconds) {
  if (seconds < 0) return "in the future";
  struct Unit {
    std::int64_t seconds;
    const char* noun;
  };
  static constexpr std::array<Unit, 5> units = {
      {{365 * 86400, "year"}, {30 * 86400, "month"}, {86400, "day"}, {3600, "hour"}, {60, "minute"}}};
  for (const auto& unit : units) {
    if (const auto count = seconds / unit.seconds; count >= 2)
      return fmt::format("{} ago", plural(static_cast<std::size_t>(count), unit.noun));
  }
  return fmt::format("{} ago", plural(static_cast<std::size_t>(seconds), "second"));
}

std::int64_t parse_time(std::string_view text, std::string_view option) {
  const std::string_view digits = text.starts_with('@') ? text.substr(1) : text;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
  if (error == std::errc() && end == digits.data() + digits.size() && !digits.empty()) return seconds;
  if (const auto time = find_rfc3339(text)) return *time;
  throw Error(Kind::usage, fmt::format("{}: {} is not a time", option, quote(text)),
              "write 2024-09-06T12:05:36Z, or seconds since 1970");
}

OwnerWords parse_owner(std::string_view text) {
  const std::size_t colon = text.find(':');
  const auto uid = parse_number(text.substr(0, colon));
  const auto gid = colon == std::string_view::npos ? uid : parse_number(text.substr(colon + 1));
  if (!uid || !gid || *uid >= 0xffffffff || *gid >= 0xffffffff) {
    throw Error(Kind::usage, fmt::format("--owner: {} is not UID or UID:GID", quote(text)),
                "names belong to the image; give numbers, such as 1000:1000");
  }
  return {static_cast<std::uint32_t>(*uid), static_cast<std::uint32_t>(*gid)};
}

std::uint32_t parse_mode(std::string_view text) {
  std::uint32_t mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc() || end != text.data() + text.size() || text.empty() || mode > 07777) {
    throw Error(Kind::usage, fmt::format("--mode: {} is not an octal mode", quote(text)),
                "write it as chmod takes it: 0755");
  }
  return mode;
}

void tell_moved(const Invocation& invocation, const std::string& name,
                const std::optional<spec::Descriptor>& before, const Digest& now) {
  if (!before || before->digest == now || invocation.quiet) return;
  invocation.surroundings.err(fmt::format("{} was {}\n", printable(name), before->digest.str()));
}

std::string plural(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace stave::cli
