// What the three completion scripts read from the table of commands.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stave/cli/command.h"

namespace stave::cli {

// Calls visit(command, path) for every command that is not hidden, the program included, with the names that
// lead to it from the program ("index create"; empty for the program).
template <class Visit>
void each_command(const Command& command, const std::string& path, const Visit& visit) {
  visit(command, path);
  for (const Command& inner : command.subcommands) {
    if (!inner.hidden) each_command(inner, path.empty() ? inner.name : path + " " + inner.name, visit);
  }
}

// The options that may follow `command`: its own and the global ones.
std::vector<Option> options_of(const Command& command);

// The values that can be listed for something: its choices, common platforms, the verbs of `program`. Empty
// where only the shell or the store knows what there is.
std::vector<std::string> offered_words(const Command& program, Completes completes,
                                       const std::vector<std::string>& choices);

// The names that may follow `command`.
std::vector<std::string> shown_subcommands(const Command& command);

// `text` as one word of a shell.
std::string single_quoted(std::string_view text);

}  // namespace stave::cli
