// Runtimes: what they are told, and their words sorted.

#include "stave/runtime/runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/json/json.h"
#include "stave/runtime/program.h"

namespace stave::runtime {
namespace {

constexpr std::string_view hint = "Debian: `apt install runc`; STAVE_RUNTIME names another one";

bool has_any(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return text.find(part) != std::string_view::npos; });
}

// By the words of runc 1.0 to 1.2 and crun 0.17 to 1.16 about the program, which stand nowhere else: errors
// of mounts say "no such file or directory" and "permission denied" as well.
Refusal::Why why_of(std::string_view message) {
  std::string low(message);
  std::transform(low.begin(), low.end(), low.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const bool about_program = has_any(low, {"exec: \"", "exec /", "executable file", "open executable"}) &&
                             !has_any(low, {"error mounting"});
  if (!about_program) return Refusal::Why::other;
  if (has_any(low, {"not found in $path", "no such file or directory"})) return Refusal::Why::no_program;
  if (has_any(low, {"permission denied", "exec format error", "is a directory"}))
    return Refusal::Why::not_executable;
  return Refusal::Why::other;
}

// A message without what runc says in front of every one, and with quotation marks as they are.
std::string tidy(std::string_view message) {
  for (const std::string_view prefix :
       {"runc run failed: ", "unable to start container process: ", "error during container init: "}) {
    if (message.starts_with(prefix)) message.remove_prefix(prefix.size());
  }
  while (message.ends_with('\n')) message.remove_suffix(1);
  std::vector<std::string> parts;
  for (const auto& part : split(message, '"')) parts.push_back(printable(part));
  return join(parts, "\"");
}

// The message of a line of the log if its level is error.
std::optional<std::string> find_error(const std::string& line) {
  try {
    const json::Value entry = json::parse(line, "the runtime's log");
    const json::Value* level = json::find(entry, "level");
    const json::Value* message = json::find(entry, "msg");
    if (level == nullptr || message == nullptr || !level->is_string() || !message->is_string())
      return std::nullopt;
    const auto& word = level->get_ref<const std::string&>();
    if (word != "error" && word != "fatal" && word != "panic") return std::nullopt;
    return message->get<std::string>();
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

std::vector<Runtime> find_runtimes(const std::string& wanted, std::string_view search_path) {
  const std::vector<std::string> names =
      wanted.empty() ? std::vector<std::string>{"runc", "crun"} : std::vector<std::string>{wanted};
  std::vector<Runtime> found;
  for (const auto& name : names) {
    if (auto path = find_program(name, search_path)) {
      found.push_back({name.substr(name.rfind('/') + 1), std::move(*path)});
    }
  }
  if (!found.empty()) return found;
  if (!wanted.empty()) {
    throw Error(Kind::not_found, fmt::format("there is no runtime {}", quote(wanted)), std::string(hint));
  }
  throw Error(Kind::not_found, "neither runc nor crun is installed", std::string(hint));
}

std::vector<std::string> words_to_run(const Runtime& runtime, const Job& job) {
  return {runtime.path, "--root", job.state,  "--log",    job.log, "--log-format",
          "json",       "run",    "--bundle", job.bundle, job.id};
}

std::vector<std::string> words_to_delete(const Runtime& runtime, const Job& job) {
  return {runtime.path, "--root", job.state, "delete", "--force", job.id};
}

int Refusal::exit_code() const {
  switch (why) {
    case Why::no_program:
      return 127;
    case Why::not_executable:
      return 126;
    case Why::other:
      return 125;
  }
  return 125;
}

std::string Refusal::hint() const {
  switch (why) {
    case Why::no_program:
      return "name one that the image has; `--entrypoint` replaces the image's own";
    case Why::not_executable:
      return "it lacks execute permission, is a directory, or is made for another machine";
    case Why::other:
      return {};
  }
  return {};
}

std::optional<Refusal> find_refusal(std::string_view log) {
  std::optional<Refusal> refusal;
  for (const std::string& line : split(log, '\n')) {
    auto message = find_error(line);
    if (!message) continue;
    const auto why = why_of(*message);
    // The last line sums up; one that names the program says more than any other.
    if (!refusal || refusal->why == Refusal::Why::other) refusal = Refusal{why, tidy(*message)};
  }
  return refusal;
}

}  // namespace stave::runtime
