// Configs (config.md): what an image is made for, what to run, and the layers
// it is made of.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "stave/base/text.h"
#include "stave/json/position.h"
#include "stave/validate/checks.h"

namespace stave::validate {
namespace {

using json::Type;

constexpr Shape shape = {.what = "a config", .absent = "E401", .type = "E402"};
constexpr Shape rootfs_shape = {.what = "a rootfs", .absent = "E401", .type = "E402"};
constexpr Shape history_shape = {.what = "a history entry", .absent = "E401", .type = "E402"};

std::optional<unsigned> digits(std::string_view text, std::size_t at, std::size_t count) {
  if (text.size() < at + count) return std::nullopt;
  unsigned value = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value;
}

unsigned days_of(unsigned year, unsigned month) {
  constexpr std::array<unsigned, 12> days = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return days.at(month - 1) + (leap && month == 2 ? 1 : 0);
}

bool is_offset(std::string_view text) {
  if (text == "Z" || text == "z") return true;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return false;
  const auto hours = digits(text, 1, 2), minutes = digits(text, 4, 2);
  return hours && minutes && *hours < 24 && *minutes < 60;
}

void check_created(const Item& owner, const Shape& of) {
  const auto item = owner.get("created", Type::string, of, false);
  if (item && !is_rfc3339(item->string()))
    item->report("E406", fmt::format("{} is no date and time", quote(item->string())));
}

// "port/tcp", "port/udp", "port"
bool is_port(std::string_view text) {
  constexpr std::uint64_t highest = 65535;
  const std::size_t slash = text.find('/');
  const std::string_view protocol = slash == std::string_view::npos ? "tcp" : text.substr(slash + 1);
  const auto port = parse_number(text.substr(0, slash));
  return port && *port > 0 && *port <= highest && (protocol == "tcp" || protocol == "udp");
}

void check_set(const Item& run, std::string_view name) {
  const auto set = run.get(name, Type::object, shape, false);
  if (!set) return;
  set->each([&](const Item& each) {
    if (name == "ExposedPorts" && !is_port(each.name()))
      each.report("W408", fmt::format("the port {}", quote(each.name())));
    if (!each.is_object() || each.count() != 0)
      each.report("W409", fmt::format("{} is {}", quote(each.name()),
                                      each.is_object() ? "not empty" : each.described()));
  });
}

bool is_signal(std::string_view text) {
  if (parse_number(text)) return true;
  return text.starts_with("SIG") && text.size() > 3 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '-';
         });
}

// The "config" object.
void check_run(const Item& run) {
  for (const std::string_view name : {"User", "WorkingDir"})
    static_cast<void>(run.get_string(name, shape, false));
  for (const std::string_view name : {"Entrypoint", "Cmd"}) run.each_string(name, shape, [](const Item&) {});
  for (const std::string_view name : {"ExposedPorts", "Volumes"}) check_set(run, name);
  run.each_string("Env", shape, [](const Item& each) {
    const std::string entry = each.string();
    if (const std::size_t equals = entry.find('='); equals == std::string::npos || equals == 0)
      each.report("E407", fmt::format("{}", quote(entry)));
  });
  check_annotations(run, "Labels", Annotated::labels);
  const auto signal = run.get("StopSignal", Type::string, shape, false);
  if (signal && !signal->string().empty() && !is_signal(signal->string()))
    signal->report("W413", fmt::format("{}", quote(signal->string())));
  if (const auto escaped = run.get("ArgsEscaped", Type::boolean, shape, false))
    escaped->report("W414", fmt::format("it is {}", escaped->text()));
}

void check_rootfs(const Item& rootfs, ConfigFacts& facts) {
  const auto type = rootfs.get("type", Type::string, rootfs_shape, true);
  if (type && type->string() != "layers")
    type->report("E403", fmt::format("it is {}", quote(type->string())));
  const auto list = rootfs.get("diff_ids", Type::array, rootfs_shape, true);
  if (!list) return;
  facts.diff_ids_where = list->where();
  list->each([&](const Item& each) {
    if (each.type() != Type::string)
      each.report("E402", fmt::format("a diff_id is {}, not a string", each.described()));
    facts.diff_ids.push_back(each.type() == Type::string ? check_digest(each) : std::nullopt);
  });
}

void check_history(const Item& root, const ConfigFacts& facts) {
  const auto list = root.get("history", Type::array, shape, false);
  if (!list) return;
  std::size_t entries = 0, layers = 0;
  list->each([&](const Item& each) {
    ++entries;
    if (!each.is_object())
      return each.report("E402", fmt::format("a history entry is {}, not an object", each.described()));
    check_created(each, history_shape);
    for (const std::string_view name : {"author", "created_by", "comment"})
      static_cast<void>(each.get_string(name, history_shape, false));
    const auto empty = each.get("empty_layer", Type::boolean, history_shape, false);
    if (!empty || !empty->is_true()) ++layers;
  });
  if (entries > 0 && facts.diff_ids_where && layers != facts.diff_ids.size())
    list->report("W405", fmt::format("{} entries made a layer, and there are {} diff_ids", layers,
                                     facts.diff_ids.size()));
}

}  // namespace

// RFC 3339, section 5.6: "date-time".
bool is_rfc3339(std::string_view text) {
  constexpr std::size_t seconds_end = 19;
  if (text.size() <= seconds_end || text[4] != '-' || text[7] != '-' ||
      (text[10] != 'T' && text[10] != 't') || text[13] != ':' || text[16] != ':') {
    return false;
  }
  const auto year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
  const auto hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return false;
  if (*month < 1 || *month > 12 || *day < 1 || *day > days_of(*year, *month)) return false;
  if (*hour > 23 || *minute > 59 || *second > 60) return false;  // 60: a leap second
  std::string_view rest = text.substr(seconds_end);
  if (rest[0] == '.') {
    const std::size_t end = std::min(rest.find_first_not_of("0123456789", 1), rest.size());
    if (end == 1) return false;
    rest.remove_prefix(end);
  }
  return is_offset(rest);
}

ConfigFacts check_config(const Item& root) {
  ConfigFacts facts;
  facts.platform = check_platform(root, shape, {.names = "W410", .variant = "W411", .features = "W412"});
  check_lookalikes(root, {"created", "author", "config", "rootfs", "history"});
  check_created(root, shape);
  static_cast<void>(root.get_string("author", shape, false));
  if (const auto run = root.get("config", Type::object, shape, false)) check_run(*run);
  if (const auto rootfs = root.get("rootfs", Type::object, shape, true)) check_rootfs(*rootfs, facts);
  check_history(root, facts);
  return facts;
}

}  // namespace stave::validate
