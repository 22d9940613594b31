// Commands as data. One table describes every verb: what parses the arguments,
// prints the help, completes in a shell and writes the man pages reads the same
// description, so none of them can lag behind.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "stave/base/context.h"
#include "stave/base/error.h"

namespace stave::cli {

// What a shell should offer for a value.
enum class Completes : std::uint8_t { nothing, file, directory, image, platform, command };

struct Option {
  std::string
      names;  // "-t,--tag" or "--json": at most one short and exactly one long name, the long one last
  std::string value;                      // placeholder of its value: "NAME[:TAG]"; empty: a flag
  std::string help;                       // one line, lower case, no full stop
  bool repeatable = false;                // more than one has a meaning; otherwise the last one wins
  std::vector<std::string> choices = {};  // the values that exist, if they can be listed
  Completes completes = Completes::nothing;
  std::string group = {};       // heading under which help shows it ("Layers", "Config"); empty: "Options"
  bool optional_value = false;  // without "=VALUE" behind its name it has an empty one

  std::string long_name() const;   // "--tag"; the key under which Arguments knows it
  std::string short_name() const;  // "-t", or empty
};

struct Positional {
  std::string name;  // "SRC"
  std::string help;
  std::size_t least = 1;
  std::size_t most = 1;  // 0: no bound
  Completes completes = Completes::nothing;
  std::vector<std::string> choices = {};  // the values that exist, if they can be listed
};

struct Example {
  std::string command;  // "stave pack -t hello --add hello --entrypoint ./hello"
  std::string what;     // one line: what it does
};

// One use of an option, for verbs in which the order of options has a meaning.
struct Given {
  std::string option;  // long name
  std::string value;   // empty for a flag

  bool operator==(const Given&) const = default;
};

// What was typed, checked against the Command's description: no unknown option, every value present, choices
// kept, numbers of positionals right. Values are the bytes that were typed: nothing is split, trimmed or
// unescaped.
class Arguments {
 public:
  bool has(std::string_view option) const;
  std::optional<std::string> get(std::string_view option) const;  // the last one given
  std::vector<std::string> all(std::string_view option) const;
  const std::vector<Given>& in_order() const { return given_; }
  const std::vector<std::string>& positionals() const { return positionals_; }

  std::vector<Given> given_;
  std::vector<std::string> positionals_;
};

// Where text goes. Takes all of it or throws.
using Output = std::function<void(std::string_view)>;

// Everything a program is told by its surroundings, read once in main. Nothing below `cli` asks for any of
// it.
struct Surroundings {
  std::map<std::string, std::string> environment;
  bool stdin_is_terminal = false;
  bool stdout_is_terminal = false;
  bool stderr_is_terminal = false;
  unsigned columns = 80;  // of the terminal, if there is one
  unsigned processors = 1;
  std::int64_t now = 0;  // seconds since the epoch
  std::stop_token stop;

  Output out = {};  // standard output
  Output err = {};  // standard error
  std::function<unsigned()> columns_now =
      {};  // of the terminal on stderr, as wide as it is by now; 0: unknown
  std::function<std::uint64_t()> milliseconds =
      {};                            // a clock that only goes forward, for rates and elapsed times
  std::function<int()> signal = {};  // the signal that requested the stop, or 0
  bool utf8 = false;                 // may the terminal be sent more than ASCII?

  std::vector<std::string> words = {};  // what was typed
  // Becomes the program anew, with these words and this environment, in place of this process. Returns only
  // to throw.
  std::function<void(std::vector<std::string> words, std::map<std::string, std::string> environment)>
      restart = {};

  std::optional<std::string> env(std::string_view name) const;  // an empty variable counts as unset
};

struct Command;

// What a verb runs with.
struct Invocation {
  const Arguments& arguments;
  const Surroundings& surroundings;
  Context context;                   // jobs, progress and stop token from the global options
  bool quiet = false;                // -q
  bool json = false;                 // --json, for the verbs that have it
  const Command* program = nullptr;  // the whole table, for the verbs that are about it

  void print(std::string_view text) const;  // to stdout; throws Kind::io when it cannot be written
  bool color() const;                       // of stdout: a terminal, and NO_COLOR not set
};

struct Command {
  std::string name;     // "pack"; nested ones are "create" under "index"
  std::string summary;  // one line for the list of commands
  // For --help and the man page: paragraphs separated by blank lines, refilled to the width there is. Lines
  // that begin with a blank are kept as they are. `Backquotes` mark what is typed.
  std::string description;
  std::vector<Positional> positionals = {};
  std::vector<Option> options = {};
  std::vector<Example> examples = {};
  std::vector<Command> subcommands = {};  // if not empty, `run` is not used
  std::function<int(const Invocation&)> run = {};
  bool hidden = false;
  bool passes_on =
      false;  // what follows the first positional is another program's: nothing of it is an option
};

// Options that every verb takes, before or after its name: -j/--jobs N, -q/--quiet, --progress
// auto|plain|json|none, --limit NAME=VALUE, --store DIR, -h/--help.
const std::vector<Option>& global_options();

// The whole program: every verb in the order that help lists them. Defined in commands.cc.
Command program();

// `program` and behind its verbs those that are about the table itself: completion, help and the hidden
// __man.
Command with_builtins(Command program);

// Runs `words` (argv without argv[0]) against `program`; prints errors on stderr as one "stave: …" line and a
// "hint: …" line; gives the exit code (docs/exit-codes.md).
int run(const Command& program, const std::vector<std::string>& words, const Surroundings& surroundings);

// Prints `error` as `run` does, and gives the exit code that goes with it.
int report(const Surroundings& surroundings, const Error& error);

// The exit code of an Error of this kind; Kind::cancelled is 130, as after SIGINT.
int exit_code(Kind kind);

}  // namespace stave::cli
