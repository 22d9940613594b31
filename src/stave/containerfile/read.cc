// Each keyword's words as its instruction.

#include <fmt/format.h>

#include <algorithm>

#include "stave/base/text.h"
#include "stave/containerfile/parts.h"

namespace stave::containerfile {
namespace {

[[noreturn]] void refuse(const std::string& message, std::string hint = {}) {
  throw Error(Kind::invalid, message, std::move(hint));
}

void at_least_one(const Node& node) {
  if (node.words.empty() && !node.inner)
    refuse(fmt::format("{} requires at least one argument", upper(node.keyword)));
}

void exactly_one(const Node& node) {
  if (node.words.size() != 1) refuse(fmt::format("{} requires exactly one argument", upper(node.keyword)));
}

void no_flags(const Node& node) { Flags(node.flags, node.keyword).finish(); }

CommandLine command_of(const std::vector<std::string>& words, bool json) {
  if (json) return {.shell = false, .words = words};
  if (words.empty()) return {.shell = true, .words = {}};
  return {.shell = true, .words = {join(words, " ")}};
}

std::vector<KeyValue> pairs_of(const Node& node) {
  at_least_one(node);
  std::vector<KeyValue> pairs;
  for (std::size_t i = 0; i + 2 < node.words.size(); i += 3) {
    if (node.words[i].empty()) refuse(fmt::format("{} names can not be blank", upper(node.keyword)));
    pairs.push_back(
        {.key = node.words[i], .value = node.words[i + 1], .no_delimiter = node.words[i + 2].empty()});
  }
  return pairs;
}

Arg read_arg(const Node& node) {
  at_least_one(node);
  no_flags(node);
  Arg arg;
  for (const auto& word : node.words) {
    const std::size_t equals = word.find('=');
    if (equals == 0) refuse("ARG names can not be blank");
    arg.all.push_back({.key = word.substr(0, equals),
                       .value = equals == word.npos ? std::nullopt : std::optional(word.substr(equals + 1))});
  }
  return arg;
}

Transfer read_transfer(const Node& node, bool add) {
  const std::string keyword = upper(node.keyword);
  if (node.words.size() < 2)
    refuse(fmt::format("{} requires at least two arguments, but only one was provided. Destination could not "
                       "be determined",
                       keyword),
           fmt::format("{} SOURCE… DESTINATION", keyword));
  Transfer transfer;
  transfer.add = add;
  Flags flags(node.flags, keyword);
  transfer.chown = flags.string("chown");
  transfer.chmod = flags.string("chmod");
  transfer.link = flags.boolean("link").value_or(false);
  transfer.excludes = flags.strings("exclude");
  if (add) {
    transfer.keep_git_dir = flags.boolean("keep-git-dir").value_or(false);
    transfer.checksum = flags.string("checksum");
    transfer.unpack = flags.boolean("unpack");
  } else {
    transfer.from = flags.string("from");
    transfer.parents = flags.boolean("parents").value_or(false);
  }
  flags.finish();
  transfer.destination = node.words.back();
  if (find_heredoc(transfer.destination))
    refuse(fmt::format("{} cannot accept a heredoc as a destination", keyword));
  for (std::size_t i = 0; i + 1 < node.words.size(); ++i) {
    const auto announced = node.json ? std::nullopt : find_heredoc(node.words[i]);
    if (!announced) {
      transfer.sources.push_back(node.words[i]);
      continue;
    }
    const auto found = std::find_if(node.heredocs.begin(), node.heredocs.end(),
                                    [&](const Heredoc& each) { return each.name == announced->name; });
    Heredoc content = *announced;
    if (found != node.heredocs.end())
      content.content = announced->chomp ? without_tabs(found->content) : found->content;
    transfer.contents.push_back(std::move(content));
  }
  return transfer;
}

Run read_run(const Node& node) {
  Run run;
  Flags flags(node.flags, "RUN");
  run.mount_texts = flags.strings("mount");
  run.network = flags.string("network");
  run.security = flags.string("security");
  run.devices = flags.strings("device");
  flags.finish();
  const auto one_of = [](const char* name, const std::string& value,
                         std::initializer_list<const char*> known) {
    if (value.empty() || std::find(known.begin(), known.end(), value) != known.end()) return;
    refuse(fmt::format("{} {} is not valid", name, quote(value)),
           fmt::format("it takes {}", join({known.begin(), known.end()}, ", ")));
  };
  one_of("network mode", run.network, {"default", "none", "host"});
  one_of("security", run.security, {"sandbox", "insecure"});
  for (const auto& text : run.mount_texts)
    static_cast<void>(read_mount(text, [](const std::string& value) {
      // What has a variable in it is looked at when that is known.
      return value;
    }));
  run.command = command_of(node.words, node.json);
  run.files = node.heredocs;
  return run;
}

std::int64_t interval_of(Flags& flags, const char* name) {
  const std::string text = flags.string(name);
  if (text.empty()) return 0;
  const auto duration = find_duration(text);
  if (!duration)
    refuse(fmt::format("--{}: invalid duration {}", name, quote(text)), "write 30s, 1m30s, 500ms");
  if (*duration != 0 && *duration < 1'000'000)
    refuse(fmt::format("Interval {} cannot be less than 1ms", quote(name)));
  return *duration;
}

Healthcheck read_healthcheck(const Node& node) {
  at_least_one(node);
  Healthcheck health;
  const std::string type = upper(node.words.front());
  const std::vector<std::string> rest(node.words.begin() + 1, node.words.end());
  if (type == "NONE") {
    if (!rest.empty()) refuse("HEALTHCHECK NONE takes no arguments");
    health.test = {"NONE"};
    return health;
  }
  Flags flags(node.flags, "HEALTHCHECK");
  health.interval = interval_of(flags, "interval");
  health.timeout = interval_of(flags, "timeout");
  health.start_period = interval_of(flags, "start-period");
  health.start_interval = interval_of(flags, "start-interval");
  const std::string retries = flags.string("retries");
  flags.finish();
  if (type != "CMD") refuse(fmt::format("Unknown type {} in HEALTHCHECK (try CMD)", quote(type)));
  const auto command = command_of(rest, node.json);
  if (command.words.empty()) refuse("Missing command after HEALTHCHECK CMD");
  health.test = {command.shell ? "CMD-SHELL" : "CMD"};
  health.test.insert(health.test.end(), command.words.begin(), command.words.end());
  if (!retries.empty()) {
    if (retries.starts_with('-'))
      refuse(fmt::format("--retries cannot be negative ({})", printable(retries)));
    const auto number = parse_number(retries);
    if (!number || *number > 0x7fffffff) refuse(fmt::format("--retries: {} is no number", quote(retries)));
    health.retries = static_cast<int>(*number);
  }
  return health;
}

OnBuild read_onbuild(const Node& node) {
  at_least_one(node);
  no_flags(node);
  const std::string keyword = node.inner ? upper(node.inner->keyword) : "";
  if (keyword == "ONBUILD") refuse("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (keyword == "FROM" || keyword == "MAINTAINER")
    refuse(fmt::format("{} isn't allowed as an ONBUILD trigger", keyword));
  std::string text = node.original;
  const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  const std::size_t behind = text.find_first_not_of(" \t\v\f\r\n", begin + 7);
  text = behind == text.npos ? "" : text.substr(behind);
  for (const auto& heredoc : node.heredocs) text += "\n" + heredoc.content + heredoc.name;
  return {.expression = text};
}

Volume read_volume(const Node& node) {
  at_least_one(node);
  no_flags(node);
  Volume volume;
  for (const auto& word : node.words) {
    const std::size_t first = word.find_first_not_of(" \t\r\n");
    if (first == word.npos) refuse("VOLUME specified can not be an empty string");
    volume.paths.push_back(word.substr(first, word.find_last_not_of(" \t\r\n") - first + 1));
  }
  return volume;
}

Shell read_shell(const Node& node) {
  no_flags(node);
  if (node.words.empty()) refuse("SHELL requires at least one argument");
  if (!node.json)
    refuse("SHELL requires the arguments to be in JSON form", R"(write SHELL ["/bin/bash", "-c"])");
  return {.words = node.words};
}

Expose read_expose(const Node& node) {
  at_least_one(node);
  no_flags(node);
  Expose expose{.ports = node.words};
  std::sort(expose.ports.begin(), expose.ports.end());
  return expose;
}

// The one word of USER, WORKDIR, STOPSIGNAL, MAINTAINER.
const std::string& only_word(const Node& node) {
  exactly_one(node);
  no_flags(node);
  return node.words.front();
}

}  // namespace

What read_what(const Node& node) {
  const std::string keyword = upper(node.keyword);
  if (keyword == "ENV" || keyword == "LABEL") {
    no_flags(node);
    if (keyword == "ENV") return Env{.pairs = pairs_of(node)};
    return Label{.pairs = pairs_of(node)};
  }
  if (keyword == "ARG") return read_arg(node);
  if (keyword == "ADD" || keyword == "COPY") return read_transfer(node, keyword == "ADD");
  if (keyword == "RUN") return read_run(node);
  if (keyword == "CMD" || keyword == "ENTRYPOINT") {
    no_flags(node);
    auto command = command_of(node.words, node.json);
    if (keyword == "CMD") return Cmd{.command = std::move(command)};
    return Entrypoint{.command = std::move(command)};
  }
  if (keyword == "HEALTHCHECK") return read_healthcheck(node);
  if (keyword == "EXPOSE") return read_expose(node);
  if (keyword == "USER") return User{.user = only_word(node)};
  if (keyword == "WORKDIR") return Workdir{.path = only_word(node)};
  if (keyword == "STOPSIGNAL") return StopSignal{.signal = only_word(node)};
  if (keyword == "MAINTAINER") return Maintainer{.name = only_word(node)};
  if (keyword == "VOLUME") return read_volume(node);
  if (keyword == "SHELL") return read_shell(node);
  if (keyword == "ONBUILD") return read_onbuild(node);
  const std::vector<std::string_view> known = {
      "ADD",   "ARG",        "CMD",     "COPY", "ENTRYPOINT", "ENV",        "EXPOSE", "FROM",   "HEALTHCHECK",
      "LABEL", "MAINTAINER", "ONBUILD", "RUN",  "SHELL",      "STOPSIGNAL", "USER",   "VOLUME", "WORKDIR"};
  const std::string near = suggestion(keyword, known);
  refuse(fmt::format("unknown instruction: {}", printable(node.keyword)),
         near.empty() ? "" : fmt::format("did you mean {}?", near));
}

}  // namespace stave::containerfile
