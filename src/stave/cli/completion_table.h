// What the three completion scripts read from the table of commands.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stave/cli/command.h"

namespace stave::cli {

// The platforms that are offered; any other can be typed.
inline constexpr std::string_view offered_platforms =
    "linux/amd64 linux/arm64 linux/arm/v7 linux/386 linux/ppc64le linux/riscv64 linux/s390x";

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

// The names that may follow `command`.
std::vector<std::string> shown_subcommands(const Command& command);

// `text` as one word of a shell.
std::string single_quoted(std::string_view text);

}  // namespace stave::cli
