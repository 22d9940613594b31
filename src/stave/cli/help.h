// Help as text, made from the table of commands.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stave/cli/command.h"

namespace stave::cli {

// Options under one heading.
struct OptionGroup {
  std::string heading;  // "Options"
  std::vector<const Option*> options;
};

// The options of a verb as help and man pages show them: "Options" first, other groups in the order of their
// first option, the global ones last.
std::vector<OptionGroup> option_groups(const Command& command);

// "[OPTIONS] SRC [DEST...]" or "COMMAND" for a command with subcommands.
std::string usage_of(const Command& command);

// What --help prints for the verb at the end of `path`, fitted to `columns`.
std::string help_of(const std::vector<const Command*>& path, unsigned columns);

// The help text of an option with what the table knows besides: its choices, and whether it can be given
// again.
std::string full_help(const Option& option);
std::string full_help(const Positional& positional);

}  // namespace stave::cli
