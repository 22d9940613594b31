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

namespace stave::cli {

// What a shell should offer for a value.
enum class Completes : std::uint8_t { nothing, file, directory, image, platform };

struct Option {
  std::string names;       // "-t,--tag" or "--json"
  std::string value;       // placeholder of its value: "NAME[:TAG]"; empty: a flag
  std::string help;        // one line, lower case, no full stop
  bool repeatable = false;
  std::vector<std::string> choices = {};  // the values that exist, if they can be listed
  Completes completes = Completes::nothing;
  std::string group = {};  // heading under which help shows it ("Layers", "Config"); empty: "Options"

  std::string long_name() const;  // "--tag"; the key under which Arguments knows it
};

struct Positional {
  std::string name;  // "SRC"
  std::string help;
  std::size_t least = 1;
  std::size_t most = 1;  // 0: no bound
  Completes completes = Completes::nothing;
};

struct Example {
  std::string command;  // "stave pack -t hello --add hello --entrypoint ./hello"
  std::string what;     // one line: what it does
};

// One use of an option, for verbs in which the order of options has a meaning.
struct Given {
  std::string option;  // long name
  std::string value;   // empty for a flag
};

// What was typed, checked against the Command's description: no unknown option, every value present, choices kept, numbers of positionals right.
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

// Everything a program is told by its surroundings, read once in main. Nothing below `cli` asks for any of it.
struct Surroundings {
  std::map<std::string, std::string> environment;
  bool stdin_is_terminal = false;
  bool stdout_is_terminal = false;
  bool stderr_is_terminal = false;
  unsigned columns = 80;  // of the terminal, if there is one
  unsigned processors = 1;
  std::int64_t now = 0;   // seconds since the epoch
  std::stop_token stop;

  std::optional<std::string> env(std::string_view name) const;  // an empty variable counts as unset
};

// What a verb runs with.
struct Invocation {
  const Arguments& arguments;
  const Surroundings& surroundings;
  Context context;       // jobs, progress and stop token from the global options
  bool quiet = false;    // -q
  bool json = false;     // --json, for the verbs that have it

  void print(std::string_view text) const;  // to stdout; throws Kind::io when it cannot be written
  bool color() const;                       // of stdout: a terminal, and NO_COLOR not set
};

struct Command {
  std::string name;         // "pack"; nested ones are "create" under "index"
  std::string summary;      // one line for the list of commands
  std::string description;  // paragraphs separated by blank lines, for --help and the man page
  std::vector<Positional> positionals = {};
  std::vector<Option> options = {};
  std::vector<Example> examples = {};
  std::vector<Command> subcommands = {};  // if not empty, `run` is not used
  std::function<int(const Invocation&)> run = {};
  bool hidden = false;
};

// Options that every verb takes: -j/--jobs N, -q/--quiet, --progress auto|plain|json|none, --store DIR, -h/--help.
const std::vector<Option>& global_options();

// The whole program: every verb in the order that help lists them. Defined in commands.cc.
Command program();

// Runs `words` (argv without argv[0]) against `program`; prints errors on stderr as one "stave: …" line and a "hint: …" line; gives the exit code
// (docs/exit-codes.md).
int run(const Command& program, const std::vector<std::string>& words, const Surroundings& surroundings);

// The exit code of an Error of this kind.
int exit_code(int kind);

}  // namespace stave::cli
