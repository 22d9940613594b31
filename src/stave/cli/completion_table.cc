// What the completion scripts read from the table.

#include "stave/cli/completion_table.h"

namespace stave::cli {

std::vector<Option> options_of(const Command& command) {
  std::vector<Option> options = command.options;
  options.insert(options.end(), global_options().begin(), global_options().end());
  return options;
}

std::vector<std::string> offered_words(const Command& program, Completes completes,
                                       const std::vector<std::string>& choices) {
  if (completes == Completes::command) return shown_subcommands(program);
  if (completes != Completes::platform) return choices;
  return {"linux/amd64",   "linux/arm64",   "linux/arm/v7", "linux/386",
          "linux/ppc64le", "linux/riscv64", "linux/s390x"};
}

std::vector<std::string> shown_subcommands(const Command& command) {
  std::vector<std::string> names;
  for (const Command& inner : command.subcommands) {
    if (!inner.hidden) names.push_back(inner.name);
  }
  return names;
}

std::string single_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace stave::cli
