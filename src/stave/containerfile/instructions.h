// The language of Containerfiles as values: what each instruction says, with its
// flags, before and after variables are put in. Nothing here touches a file
// (docs.docker.com/reference/dockerfile; BuildKit's frontend at 73ed682 is the reference for what it leaves
// open).

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "stave/containerfile/text.h"

namespace stave::containerfile {

// A document that stands in the file itself: <<NAME, <<-NAME (tabs stripped), <<"NAME" (not expanded).
struct Heredoc {
  std::string name;
  std::string content;
  bool expand = true;
  bool chomp = false;
  unsigned descriptor = 0;  // 3<<NAME

  friend bool operator==(const Heredoc&, const Heredoc&) = default;
};

// A command line: words as they are (exec form, a JSON array), or one text for a shell.
struct CommandLine {
  bool shell = true;
  std::vector<std::string> words;  // of the shell form exactly one
  friend bool operator==(const CommandLine&, const CommandLine&) = default;
};

struct KeyValue {
  std::string key;
  std::string value;
  bool no_delimiter = false;  // ENV NAME VALUE, the old form
};

struct Env {
  std::vector<KeyValue> pairs;
};
struct Label {
  std::vector<KeyValue> pairs;
};
struct Arg {
  struct One {
    std::string key;
    std::optional<std::string> value;
  };
  std::vector<One> all;
};
// COPY and ADD.
struct Transfer {
  bool add = false;
  std::vector<std::string> sources;
  std::vector<Heredoc> contents;  // sources that stand in the file: each becomes a file of its name
  std::string destination;
  std::string from;   // COPY: a stage's name or number, an image, a named context; empty: the build context
  std::string chown;  // as written; empty: 0:0
  std::string chmod;  // octal or symbolic; empty: as found
  std::string checksum;  // ADD: "sha256:…" or a commit
  bool link = false;
  bool parents = false;
  std::vector<std::string> excludes;
  std::optional<bool> unpack;
  bool keep_git_dir = false;
};
// One --mount of a RUN, parsed.
struct Mount {
  enum class Type : std::uint8_t { bind, cache, tmpfs, secret, ssh };
  enum class Sharing : std::uint8_t { shared, privately, locked };
  Type type = Type::bind;
  std::string from;    // of bind and cache; empty: the build context, of a cache nothing
  std::string source;  // in it; empty: its root
  std::string
      target;  // as written, may be relative to the working directory. Of a secret and of ssh it may be empty
  bool read_only = true;
  bool required = false;
  std::uint64_t size = 0;  // of a tmpfs, bytes; 0: no limit said
  Sharing sharing = Sharing::shared;
  std::string id;                     // of cache (default: the cleaned target), secret and ssh
  std::optional<std::string> env;     // a secret as a variable
  std::optional<std::uint32_t> mode;  // of cache, secret and ssh
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> gid;
};
struct Run {
  CommandLine command;
  std::vector<Heredoc> files;
  std::vector<std::string>
      mount_texts;  // the values of --mount as written; `expanded` makes `mounts` of them
  std::vector<Mount> mounts;
  std::string network;   // "", "default", "none", "host"
  std::string security;  // "", "sandbox", "insecure"
  std::vector<std::string> devices;
};
struct Cmd {
  CommandLine command;
};
struct Entrypoint {
  CommandLine command;
};
struct Expose {
  std::vector<std::string> ports;
};
struct User {
  std::string user;
};
struct Workdir {
  std::string path;
};
struct Volume {
  std::vector<std::string> paths;
};
struct StopSignal {
  std::string signal;
};
struct Shell {
  std::vector<std::string> words;
};
struct Maintainer {
  std::string name;
};
struct OnBuild {
  std::string expression;
};  // the text of the instruction, as it is kept in a config
struct Healthcheck {
  // As docker keeps it: {"NONE"}, {"CMD", …} or {"CMD-SHELL", text}. Times in nanoseconds, 0: not said.
  std::vector<std::string> test;
  std::int64_t interval = 0;
  std::int64_t timeout = 0;
  std::int64_t start_period = 0;
  std::int64_t start_interval = 0;
  int retries = 0;
};

using What = std::variant<Env, Label, Arg, Transfer, Run, Cmd, Entrypoint, Expose, User, Workdir, Volume,
                          StopSignal, Shell, Maintainer, OnBuild, Healthcheck>;

struct Instruction {
  What what;
  std::string keyword;   // "COPY", upper case
  std::string original;  // the whole instruction in one line, as BuildKit says it in progress: "COPY a b"
  Span where;
};

struct Stage {
  std::string name;      // lower case; empty: FROM had no AS
  std::string base;      // as written in FROM, not expanded
  std::string platform;  // of --platform, not expanded
  std::string comment;   // the line above FROM that says what it is for, if any
  Span where;            // of FROM
  std::string original;  // of FROM
  std::vector<Instruction> instructions;
};

// A warning by one of BuildKit's lint rules.
struct Warning {
  std::string rule;     // "StageNameCasing"
  std::string message;  // in BuildKit's words
  Span where;
};

struct Containerfile {
  Text text;
  char escape = '\\';
  std::string syntax;                    // of `# syntax=`, empty if there is none
  std::vector<std::string> skip_checks;  // of `# check=skip=…`; "all"
  bool checks_are_errors = false;        // of `# check=error=true`
  std::vector<Instruction> global_args;  // ARG before the first FROM
  std::vector<Stage> stages;
  std::vector<Warning> warnings;  // what can be said without building; skipped rules are left out
};

// Reads a Containerfile. Throws an Error of error_at for what BuildKit refuses, in words that say the same;
// Kind::limit for a text above limits::containerfile_bytes or more than limits::containerfile_instructions.
Containerfile parse(Text text);
// The instruction that ONBUILD kept; `name` is for messages ("ONBUILD of alpine"). FROM, MAINTAINER and
// ONBUILD are Kind::invalid there.
Instruction parse_onbuild(const std::string& expression, const std::string& name);

// Looks a variable up; nullopt: not set.
using Variables = std::function<std::optional<std::string>(std::string_view name)>;

// The instruction with variables put in where BuildKit does that, RUN's mounts parsed, and nothing else
// changed. `used`, unless empty, is told each name that was looked up and is not set. Throws as `parse`.
Instruction expanded(const Containerfile& file, const Instruction& instruction, const Variables& variables,
                     const std::function<void(const std::string& name)>& unset = {});
// The same for the words of FROM (base, platform), in which only global arguments are seen.
std::string expanded_word(const Containerfile& file, const std::string& word, const Span& where,
                          const Variables& variables,
                          const std::function<void(const std::string& name)>& unset = {});

}  // namespace stave::containerfile
