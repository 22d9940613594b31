// The options that say how an image runs.

#include "stave/cli/config_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/cli/grounds.h"
#include "stave/cli/words.h"

namespace stave::cli {
namespace {

constexpr std::string_view heading = "Config";

[[noreturn]] void refuse(std::string_view option, std::string_view value, std::string_view why,
                         std::string hint = {}) {
  throw Error(Kind::usage, fmt::format("{}: {} {}", option, quote(value), why), std::move(hint));
}

struct Pair {
  std::string name;
  std::optional<std::string> value;  // nullopt: remove
};

// NAME=VALUE sets, NAME- removes.
Pair parse_pair(std::string_view option, std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    if (text.size() > 1 && text.ends_with('-'))
      return {std::string(text.substr(0, text.size() - 1)), std::nullopt};
    refuse(option, text, "has no =VALUE",
           fmt::format("write {0} {1}=VALUE to set it, {0} {1}- to remove it", option, printable(text)));
  }
  if (equals == 0) refuse(option, text, "has no name before the =");
  return {std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

void set_pair(std::string_view option, const std::string& text, std::map<std::string, std::string>& map) {
  const Pair pair = parse_pair(option, text);
  if (!is_utf8(text)) refuse(option, text, "is not UTF-8, which JSON needs");
  if (pair.value) {
    map[pair.name] = *pair.value;
  } else {
    map.erase(pair.name);
  }
}

void set_env(const std::string& text, std::vector<std::string>& env) {
  const Pair pair = parse_pair("--env", text);
  if (!is_utf8(text)) refuse("--env", text, "is not UTF-8, which JSON needs");
  const std::string prefix = pair.name + "=";
  const auto found =
      std::find_if(env.begin(), env.end(), [&](const std::string& each) { return each.starts_with(prefix); });
  if (!pair.value) {
    if (found != env.end()) env.erase(found);
  } else if (found != env.end()) {
    *found = text;
  } else {
    env.push_back(text);
  }
}

// "80", "80/tcp", "8000-8010/udp" as the spec wants them: with a protocol (config.md, "ExposedPorts").
std::string parse_port(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view protocol = slash == std::string_view::npos ? "tcp" : text.substr(slash + 1);
  const std::string_view numbers = text.substr(0, slash);
  bool good = protocol == "tcp" || protocol == "udp" || protocol == "sctp";
  for (const auto& part : split(numbers, '-')) {
    const auto port = parse_number(part);
    good = good && port && *port >= 1 && *port <= 65535;
  }
  if (!good || std::count(numbers.begin(), numbers.end(), '-') > 1) {
    refuse("--port", text, "is not PORT[/tcp|udp|sctp] with a port from 1 to 65535");
  }
  return fmt::format("{}/{}", numbers, protocol);
}

void set_member(std::string_view option, std::string_view text, std::map<std::string, std::string>& map) {
  const bool removes = text.size() > 1 && text.ends_with('-');
  if (removes) text.remove_suffix(1);
  std::string name(text);
  if (option == "--port") name = parse_port(text);
  if (option == "--volume" && !text.starts_with('/'))
    refuse(option, text, "is not an absolute path in the image");
  if (removes) {
    map.erase(name);
  } else {
    map.emplace(name, "{}");
  }
}

std::optional<std::vector<std::string>> command_of(std::string_view option, const std::string& text) {
  try {
    auto words = parse_command(text);
    if (words.empty()) return std::nullopt;
    return words;
  } catch (const Error& e) {
    throw e.within(option);
  }
}

std::string signal_of(const std::string& text) {
  static constexpr std::array names = {"HUP",  "INT",    "QUIT", "ILL",   "TRAP", "ABRT", "BUS",  "FPE",
                                       "KILL", "USR1",   "SEGV", "USR2",  "PIPE", "ALRM", "TERM", "STKFLT",
                                       "CHLD", "CONT",   "STOP", "TSTP",  "TTIN", "TTOU", "URG",  "XCPU",
                                       "XFSZ", "VTALRM", "PROF", "WINCH", "IO",   "PWR",  "SYS"};
  const auto number = parse_number(text);
  if (text.empty() || (number && *number >= 1 && *number <= 64)) return text;
  const std::string_view bare =
      text.starts_with("SIG") ? std::string_view(text).substr(3) : std::string_view(text);
  const bool realtime = bare.starts_with("RTMIN") || bare.starts_with("RTMAX");
  if (realtime || std::find(names.begin(), names.end(), bare) != names.end())
    return "SIG" + std::string(bare);
  refuse("--stop-signal", text, "is no signal", "write SIGTERM, TERM or 15");
}

void set_workdir(const std::string& text, std::string& workdir) {
  if (!text.empty() && !text.starts_with('/')) {
    refuse("--workdir", text, "is not an absolute path in the image");
  }
  workdir = text;
}

}  // namespace

std::vector<Option> config_options() {
  const std::string group(heading);
  return {
      {.names = "--entrypoint",
       .value = "COMMAND",
       .help = "what runs: a JSON array, or words as a shell splits them; clears an inherited --cmd",
       .group = group},
      {.names = "--cmd",
       .value = "COMMAND",
       .help = "its default arguments, in the same forms",
       .group = group},
      {.names = "--env",
       .value = "NAME=VALUE",
       .help = "set an environment variable; NAME- removes it",
       .repeatable = true,
       .group = group},
      {.names = "--workdir", .value = "DIR", .help = "the working directory", .group = group},
      {.names = "--user", .value = "USER[:GROUP]", .help = "the user it runs as", .group = group},
      {.names = "--port",
       .value = "PORT[/tcp|udp]",
       .help = "a port it listens on; PORT- removes it",
       .repeatable = true,
       .group = group},
      {.names = "--volume",
       .value = "DIR",
       .help = "a directory that holds data; DIR- removes it",
       .repeatable = true,
       .group = group},
      {.names = "--label",
       .value = "NAME=VALUE",
       .help = "a label of the config; NAME- removes it",
       .repeatable = true,
       .group = group},
      {.names = "--stop-signal", .value = "SIGNAL", .help = "the signal that stops it", .group = group},
      {.names = "--author", .value = "TEXT", .help = "who is responsible for the image", .group = group},
      {.names = "--created",
       .value = "TIME",
       .help = "when it was made: RFC 3339 or seconds; left out unless given or SOURCE_DATE_EPOCH is set",
       .group = group},
      {.names = "--annotation",
       .value = "NAME=VALUE",
       .help = "an annotation of the manifest; NAME- removes it",
       .repeatable = true,
       .group = group},
  };
}

bool edits_config(const Arguments& arguments) {
  for (const auto& option : config_options()) {
    if (arguments.has(option.long_name())) return true;
  }
  return false;
}

void apply_config_options(const Arguments& arguments, const std::string& created, spec::Config& config,
                          spec::Annotations& annotations) {
  if (arguments.has("--entrypoint") && !arguments.has("--cmd")) config.cmd.reset();
  if (!created.empty()) config.created = created;
  for (const auto& [option, value] : arguments.in_order()) {
    if (option == "--entrypoint") config.entrypoint = command_of(option, value);
    if (option == "--cmd") config.cmd = command_of(option, value);
    if (option == "--env") set_env(value, config.env);
    if (option == "--workdir") set_workdir(value, config.working_dir);
    if (option == "--user") config.user = value;
    if (option == "--port") set_member(option, value, config.exposed_ports);
    if (option == "--volume") set_member(option, value, config.volumes);
    if (option == "--label") set_pair(option, value, config.labels);
    if (option == "--stop-signal") config.stop_signal = signal_of(value);
    if (option == "--author") config.author = value;
    if (option == "--created") config.created = value.empty() ? "" : rfc3339(parse_time(value, option));
    if (option == "--annotation") set_pair(option, value, annotations);
  }
}

}  // namespace stave::cli
