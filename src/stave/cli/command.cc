// Commands as data: the small questions that everybody asks the table, and the
// options that every verb takes.

#include "stave/cli/command.h"

#include <algorithm>

#include "stave/base/text.h"

namespace stave::cli {

std::string Option::long_name() const { return split(names, ',').back(); }

std::string Option::short_name() const {
  const std::size_t comma = names.find(',');
  return comma == std::string::npos ? std::string() : names.substr(0, comma);
}

bool Arguments::has(std::string_view option) const {
  return std::any_of(given_.begin(), given_.end(),
                     [&](const Given& given) { return given.option == option; });
}

std::optional<std::string> Arguments::get(std::string_view option) const {
  const auto last = std::find_if(given_.rbegin(), given_.rend(),
                                 [&](const Given& given) { return given.option == option; });
  if (last == given_.rend()) return std::nullopt;
  return last->value;
}

std::vector<std::string> Arguments::all(std::string_view option) const {
  std::vector<std::string> values;
  for (const Given& given : given_) {
    if (given.option == option) values.push_back(given.value);
  }
  return values;
}

std::optional<std::string> Surroundings::env(std::string_view name) const {
  const auto found = environment.find(std::string(name));
  if (found == environment.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

void Invocation::print(std::string_view text) const { surroundings.out(text); }

bool Invocation::color() const {
  // https://no-color.org: set and not empty. A terminal that calls itself dumb prints escapes as text.
  return surroundings.stdout_is_terminal && !surroundings.env("NO_COLOR") &&
         surroundings.env("TERM") != "dumb";
}

const std::vector<Option>& global_options() {
  static const std::vector<Option> options = {
      {.names = "-j,--jobs",
       .value = "N",
       .help = "threads to use; the result never depends on it (all processors)"},
      {.names = "-q,--quiet", .value = {}, .help = "say nothing but warnings and errors"},
      {.names = "--progress",
       .value = "auto|plain|json|none",
       .help = "how stderr shows what goes on; none leaves out warnings too (auto)",
       .choices = {"auto", "plain", "json", "none"}},
      {.names = "--limit",
       .value = "NAME=VALUE",
       .help = "move a limit: `stave help limits` has them",
       .repeatable = true},
      {.names = "--store",
       .value = "DIR",
       .help = "the image store to use ($STAVE_STORE, else $XDG_DATA_HOME/stave)",
       .completes = Completes::directory},
      {.names = "-h,--help", .value = {}, .help = "print this help"},
  };
  return options;
}

}  // namespace stave::cli
