// From words to a verb and its arguments. Everything about `stave`'s command
// line that is grammar rather than meaning is decided here.

#pragma once

#include <string>
#include <vector>

#include "stave/cli/command.h"

namespace stave::cli {

// A verb found, and what was typed for it.
struct Parsed {
  std::vector<const Command*>
      path;  // from the program down to the verb; only the program if no verb was typed
  Arguments arguments;

  const Command& command() const { return *path.back(); }
  bool wants_help() const { return arguments.has("--help"); }
};

// Reads `words` against `program`:
//   - options stand before or after positionals, as --name value, --name=value, -n value or -nvalue; flags
//   may be bundled
//     (-qj4); "--" ends them; "-" alone is a positional; names are never abbreviated;
//   - of a verb that passes words on (`run`), everything behind the first positional is one as it stands;
//   - global options stand anywhere else; --version before a verb is the verb `version`;
//   - a value is taken whatever it looks like, as getopt does: `--rm -x` removes "-x".
// Throws Kind::usage with a hint for everything that does not fit. With --help only the words are checked,
// not the number of positionals. A command that has subcommands and is given none is left as the last of
// `path`.
Parsed parse_words(const Command& program, const std::vector<std::string>& words);

// "stave index create": how the verb at the end of `path` is typed.
std::string spelled(const std::vector<const Command*>& path);

// The subcommand called `name`, or nullptr.
const Command* find_command(const Command& command, std::string_view name);

}  // namespace stave::cli
