// BuildKit's words.

#include "stave/build/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <set>

#include "stave/base/text.h"
#include "stave/json/json.h"

namespace stave::build {
namespace {

// Go's %q.
std::string go_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\v':
        out += "\\v";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\a':
        out += "\\a";
        break;
      case '\b':
        out += "\\b";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f
                   ? fmt::format("\\x{:02x}", static_cast<unsigned char>(c))
                   : std::string(1, c);
    }
  }
  return out + "\"";
}

// Go's time.Duration.String.
std::string duration_text(std::int64_t nanoseconds) {
  if (nanoseconds == 0) return "0s";
  const auto fraction = [](std::int64_t value, std::int64_t unit) {
    std::string text = std::to_string(value / unit);
    std::int64_t rest = value % unit;
    if (rest == 0) return text;
    std::string digits;
    for (std::int64_t place = unit / 10; place > 0 && rest > 0; place /= 10) {
      digits += static_cast<char>('0' + rest / place);
      rest %= place;
    }
    return text + "." + digits;
  };
  const std::string sign = nanoseconds < 0 ? "-" : "";
  const std::int64_t value = nanoseconds < 0 ? -nanoseconds : nanoseconds;
  if (value < 1'000) return sign + fraction(value, 1) + "ns";
  if (value < 1'000'000) return sign + fraction(value, 1'000) + "µs";
  if (value < 1'000'000'000) return sign + fraction(value, 1'000'000) + "ms";
  constexpr std::int64_t minute = 60'000'000'000;
  std::string text = fraction(value % minute, 1'000'000'000) + "s";
  if (value >= minute) text = std::to_string(value / minute % 60) + "m" + text;
  if (value >= 60 * minute) text = std::to_string(value / (60 * minute)) + "h" + text;
  return sign + text;
}

[[noreturn]] void bad_port(const std::string& text) {
  throw Error(Kind::invalid, fmt::format("invalid containerPort: {}", printable(text)),
              "write PORT, FIRST-LAST or PORT/udp");
}

std::uint64_t port_number(const std::string& text, const std::string& all) {
  const auto number = parse_number(text);
  if (!number || *number > 65535) bad_port(all);
  return *number;
}

}  // namespace

std::string time_text(std::int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  // config.md wants RFC 3339, section 5.6, which has four digits for the year.
  if (::gmtime_r(&time, &parts) == nullptr || parts.tm_year < -1899 || parts.tm_year > 8099)
    throw Error(Kind::usage,
                fmt::format("{} seconds since 1970 are outside of the years 1 to 9999", seconds));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string quoted_list(const std::vector<std::string>& words) {
  std::vector<std::string> quoted;
  for (const auto& word : words) quoted.push_back(go_quoted(word));
  return "[" + join(quoted, " ") + "]";
}

std::string plain_list(const std::vector<std::string>& words) { return "[" + join(words, " ") + "]"; }

std::string healthcheck_words(const containerfile::Healthcheck& health) {
  const auto time = [](std::int64_t value) { return go_quoted(duration_text(value)); };
  // %q of a number is the character that it stands for.
  const std::string retries = health.retries < 0x20   ? fmt::format("'\\x{:02x}'", health.retries)
                              : health.retries < 0x7f ? fmt::format("'{}'", static_cast<char>(health.retries))
                                                      : fmt::format("'\\u{:04x}'", health.retries);
  static constexpr std::array<std::pair<int, const char*>, 7> named = {
      {{7, "'\\a'"}, {8, "'\\b'"}, {9, "'\\t'"}, {10, "'\\n'"}, {11, "'\\v'"}, {12, "'\\f'"}, {13, "'\\r'"}}};
  const auto special = std::find_if(named.begin(), named.end(),
                                    [&](const auto& each) { return each.first == health.retries; });
  return fmt::format("HEALTHCHECK &{{{} {} {} {} {} {}}}", quoted_list(health.test), time(health.interval),
                     time(health.timeout), time(health.start_period), time(health.start_interval),
                     special == named.end() ? retries : special->second);
}

std::string transfer_words(const containerfile::Transfer& transfer) {
  std::string text = transfer.add ? "ADD" : "COPY";
  if (!transfer.checksum.empty()) text += " --checksum=" + transfer.checksum;
  if (!transfer.chown.empty()) text += " --chown=" + transfer.chown;
  if (!transfer.chmod.empty()) text += " --chmod=" + transfer.chmod;
  if (transfer.keep_git_dir) text += " --keep-git-dir=true";
  for (const auto& content : transfer.contents) text += " <<" + content.name;
  for (const auto& source : transfer.sources) text += " " + source;
  return text + " " + transfer.destination + " # buildkit";
}

std::vector<std::string> ports_of(const std::vector<std::string>& texts) {
  std::set<std::string> ports;
  for (const auto& text : texts) {
    const std::size_t slash = text.rfind('/');
    std::string protocol = slash == text.npos ? "tcp" : text.substr(slash + 1);
    for (char& c : protocol) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    if (protocol.empty()) protocol = "tcp";
    if (protocol != "tcp" && protocol != "udp" && protocol != "sctp")
      throw Error(Kind::invalid, fmt::format("invalid proto: {}", printable(protocol)),
                  "there are tcp, udp and sctp");
    std::string range = text.substr(0, slash);
    range = range.substr(range.rfind(':') == range.npos ? 0 : range.rfind(':') + 1);
    const std::size_t dash = range.find('-');
    const auto first = port_number(range.substr(0, dash), text);
    const auto last = dash == range.npos ? first : port_number(range.substr(dash + 1), text);
    if (last < first) bad_port(text);
    for (auto port = first; port <= last; ++port) ports.insert(fmt::format("{}/{}", port, protocol));
  }
  return {ports.begin(), ports.end()};
}

ModeChange ModeChange::parse(const std::string& text) {
  ModeChange change;
  const auto refuse = [&] {
    throw Error(Kind::invalid, fmt::format("invalid chmod parameter: {}", quote(text)),
                "it is an octal number up to 7777, or symbolic: u=rwX,go=rX");
  };
  if (!text.empty() && text.find_first_not_of("01234567") == text.npos) {
    if (text.size() > 5) refuse();
    std::uint32_t mode = 0;
    for (const char c : text) mode = mode * 8 + static_cast<std::uint32_t>(c - '0');
    if (mode > 07777) refuse();
    change.octal_ = mode;
    return change;
  }
  for (const auto& part : split(text, ',')) {
    std::size_t at = 0;
    unsigned who = 0;
    for (; at < part.size() && std::string_view("ugoa").find(part[at]) != std::string_view::npos; ++at)
      who |= part[at] == 'u' ? 4u : part[at] == 'g' ? 2u : part[at] == 'o' ? 1u : 7u;
    if (who == 0) who = 7;
    if (at == part.size()) refuse();
    while (at < part.size()) {
      Clause clause{.who = who, .operation = part[at], .bits = {}};
      if (clause.operation != '=' && clause.operation != '+' && clause.operation != '-') refuse();
      for (++at; at < part.size() && std::string_view("=+-").find(part[at]) == std::string_view::npos; ++at) {
        if (std::string_view("rwxXstugo").find(part[at]) == std::string_view::npos) refuse();
        clause.bits += part[at];
      }
      change.clauses_.push_back(std::move(clause));
    }
  }
  return change;
}

std::uint32_t ModeChange::apply(std::uint32_t mode, bool directory) const {
  if (octal_) return *octal_;
  for (const auto& clause : clauses_) {
    std::uint32_t bits = 0;
    std::uint32_t special = 0;
    for (const char c : clause.bits) {
      switch (c) {
        case 'r':
          bits |= 4;
          break;
        case 'w':
          bits |= 2;
          break;
        case 'x':
          bits |= 1;
          break;
        case 'X':
          bits |= directory || (mode & 0111) != 0 ? 1u : 0u;
          break;
        case 's':
          special |= (clause.who & 4 ? 04000u : 0u) | (clause.who & 2 ? 02000u : 0u);
          break;
        case 't':
          special |= 01000;
          break;
        case 'u':
          bits |= mode >> 6 & 7;
          break;
        case 'g':
          bits |= mode >> 3 & 7;
          break;
        case 'o':
          bits |= mode & 7;
          break;
        default:
          break;
      }
    }
    std::uint32_t wanted = special;
    std::uint32_t mask = 0;
    for (const auto& [who, shift] : {std::pair(4u, 6), std::pair(2u, 3), std::pair(1u, 0)}) {
      if ((clause.who & who) == 0) continue;
      wanted |= bits << shift;
      mask |= 7u << shift;
    }
    if (clause.who & 4) mask |= 04000;
    if (clause.who & 2) mask |= 02000;
    if (clause.operation == '=') mode = (mode & ~(directory ? mask & 0777u : mask)) | wanted;
    if (clause.operation == '+') mode |= wanted;
    if (clause.operation == '-') mode &= ~wanted;
  }
  return mode;
}

std::optional<std::vector<std::string>> find_strings(const spec::Config& config, std::string_view member) {
  for (const auto& [name, text] : config.run_extra) {
    if (name != member) continue;
    const auto value = json::parse(text, "the config's " + name);
    if (value.is_null()) return std::nullopt;
    return json::Node(value, "the image's config").strings();
  }
  return std::nullopt;
}

namespace {

// Members in the order in which docker's own type has them: Healthcheck, OnBuild, Shell.
void set_member(spec::Config& config, const std::string& member, const std::string& text) {
  static const std::array<std::string, 3> order = {"Healthcheck", "OnBuild", "Shell"};
  auto& extra = config.run_extra;
  extra.erase(
      std::remove_if(extra.begin(), extra.end(), [&](const auto& each) { return each.first == member; }),
      extra.end());
  if (text.empty()) return;
  const auto rank = [&](const std::string& name) {
    return std::find(order.begin(), order.end(), name) - order.begin();
  };
  auto place = extra.begin();
  while (place != extra.end() && rank(place->first) < rank(member)) ++place;
  extra.insert(place, {member, text});
}

}  // namespace

void set_strings(spec::Config& config, const std::string& member,
                 const std::optional<std::vector<std::string>>& values) {
  set_member(config, member, values ? json::print_strings(*values) : "");
}

void set_healthcheck(spec::Config& config, const containerfile::Healthcheck& health) {
  json::Object object;
  object.text("Test", json::print_strings(health.test));
  const auto number = [&](const char* name, std::int64_t value) {
    if (value > 0) object.number(name, static_cast<std::uint64_t>(value));
  };
  number("Interval", health.interval);
  number("Timeout", health.timeout);
  number("StartPeriod", health.start_period);
  number("StartInterval", health.start_interval);
  number("Retries", health.retries);
  set_member(config, "Healthcheck", std::move(object).finish());
}

std::optional<std::string> find_env(const std::vector<std::string>& env, std::string_view name) {
  for (const auto& each : env) {
    if (each.size() > name.size() && each[name.size()] == '=' && each.starts_with(name))
      return each.substr(name.size() + 1);
    if (each == name) return "";
  }
  return std::nullopt;
}

void set_env(std::vector<std::string>& env, const std::string& name, const std::string& value) {
  for (auto& each : env) {
    if (each.substr(0, each.find('=')) != name) continue;
    each = name + "=" + value;
    return;
  }
  env.push_back(name + "=" + value);
}

void check_signal(const std::string& signal) {
  static const std::set<std::string, std::less<>> names = {
      "ABRT", "ALRM", "BUS",  "CHLD", "CLD",  "CONT", "FPE",    "HUP",    "ILL",  "INT",  "IO",    "IOT",
      "KILL", "PIPE", "POLL", "PROF", "PWR",  "QUIT", "SEGV",   "STKFLT", "STOP", "SYS",  "TERM",  "TRAP",
      "TSTP", "TTIN", "TTOU", "URG",  "USR1", "USR2", "VTALRM", "WINCH",  "XCPU", "XFSZ", "RTMIN", "RTMAX"};
  if (const auto number = parse_number(signal)) {
    if (*number >= 1 && *number <= 64) return;
  } else {
    std::string name = signal;
    for (char& c : name) c = static_cast<char>(c >= 'a' && c <= 'z' ? c & ~0x20 : c);
    if (name.starts_with("SIG")) name.erase(0, 3);
    const auto realtime = [&](std::string_view base) {
      const auto offset = name.size() > 6 ? parse_number(std::string_view(name).substr(6)) : std::nullopt;
      return name.starts_with(base) && offset && *offset <= 30;
    };
    if (names.contains(name) || realtime("RTMIN+") || realtime("RTMAX-")) return;
  }
  throw Error(Kind::invalid, fmt::format("invalid signal: {}", printable(signal)),
              "write SIGTERM, or a number from 1 to 64");
}

}  // namespace stave::build
