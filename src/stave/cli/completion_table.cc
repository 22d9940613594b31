// What the completion scripts read from the table.

#include "stave/cli/completion_table.h"

namespace stave::cli {

std::vector<Option> options_of(const Command& command) {
  std::vector<Option> options = command.options;
  options.insert(options.end(), global_options().begin(), global_options().end());
  return options;
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
