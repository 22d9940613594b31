// The verbs that are about the program itself: help, completion, and the
// hidden one that writes the manual pages. They need nothing but the table.

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/cli/arguments.h"
#include "stave/cli/command.h"
#include "stave/cli/completion.h"
#include "stave/cli/grounds.h"
#include "stave/cli/help.h"
#include "stave/cli/man.h"
#include "stave/cli/width.h"

namespace stave::cli {
namespace {

unsigned width_of_stdout(const Surroundings& surroundings) {
  return surroundings.stdout_is_terminal ? surroundings.columns : 80;
}

// Each with what it is for, wrapped beside its default.
std::string limits_text(unsigned columns) {
  columns = std::clamp(columns, 60u, 100u);
  std::string text =
      "What comes from outside is read up to these limits. `--limit NAME=VALUE` moves one for one command; "
      "sizes take K, "
      "M, G, T and P.\n";
  text = join(wrap_paragraphs(text, columns), "\n") + "\n\n";
  constexpr std::size_t name_width = 20;
  constexpr std::size_t number_width = 12;
  for (const limits::Limit* limit : limits::all) {
    std::string left = "  " + pad(std::string(limit->name()), name_width) +
                       pad(limit->shown(limit->standard()), number_width);
    for (const std::string& line : wrap(std::string(limit->reason()), columns - left.size())) {
      text += left + line + "\n";
      left.assign(left.size(), ' ');
    }
  }
  return text;
}

int show_help(const Invocation& invocation) {
  const std::vector<std::string>& words = invocation.arguments.positionals();
  if (words == std::vector<std::string>{"limits"}) {
    invocation.print(limits_text(width_of_stdout(invocation.surroundings)));
    return 0;
  }
  // `stave help pack` is `stave pack --help`, with the same errors for a verb that there is not.
  std::vector<std::string> asked = words;
  asked.emplace_back("--help");
  const Parsed parsed = parse_words(*invocation.program, asked);
  if (!parsed.arguments.positionals().empty()) {
    throw Error(Kind::usage, fmt::format("`{}` has no commands of its own", spelled(parsed.path)),
                fmt::format("`stave help {}` is all there is", words.front()));
  }
  invocation.print(help_of(parsed.path, width_of_stdout(invocation.surroundings)));
  return 0;
}

int print_completion(const Invocation& invocation) {
  const std::string& shell = invocation.arguments.positionals().front();
  if (shell == "bash") {
    invocation.print(bash_completion(*invocation.program));
  } else if (shell == "zsh") {
    invocation.print(zsh_completion(*invocation.program));
  } else {
    invocation.print(fish_completion(*invocation.program));
  }
  return 0;
}

int write_man_pages(const Invocation& invocation) {
  const std::string& directory = invocation.arguments.positionals().front();
  for (const auto& [name, page] :
       man_pages(*invocation.program, source_date_epoch(invocation.surroundings))) {
    const std::string path = directory + "/" + name;
    errno = 0;
    std::ofstream file(path, std::ios::binary);
    file << page;
    file.close();
    if (!file) throw_errno(errno == 0 ? EIO : errno, quote(path));
  }
  return 0;
}

Command completion_command() {
  return {
      .name = "completion",
      .summary = "print a completion script for a shell",
      .description =
          "Prints a script that makes a shell complete verbs, options, files and the names of images in the "
          "store. It stands alone: bash needs no bash-completion.",
      .positionals = {{.name = "SHELL", .help = "the shell", .choices = {"bash", "zsh", "fish"}}},
      .examples = {{"source <(stave completion bash)", "use it in this bash; in ~/.bashrc for every one"},
                   {"stave completion zsh > ~/.zfunc/_stave", "for zsh, in a directory of $fpath"},
                   {"stave completion fish > ~/.config/fish/completions/stave.fish", "for fish"}},
      .run = print_completion};
}

Command help_command() {
  return {.name = "help",
          .summary = "print the help of a command",
          .description = "`stave help limits` lists the limits that `--limit` moves.",
          .positionals = {{.name = "COMMAND",
                           .help = "the command; without one, all of them are listed",
                           .least = 0,
                           .most = 0,
                           .completes = Completes::command}},
          .examples = {{"stave help completion", "the same as `stave completion --help`"},
                       {"stave help limits", "the limits, their defaults and reasons"}},
          .run = show_help};
}

Command man_command() {
  return {
      .name = "__man",
      .summary = "write the manual pages into a directory",
      .description = {},
      .positionals = {{.name = "DIR", .help = "an existing directory", .completes = Completes::directory}},
      .run = write_man_pages,
      .hidden = true};
}

}  // namespace

Command with_builtins(Command program) {
  program.subcommands.push_back(completion_command());
  program.subcommands.push_back(help_command());
  program.subcommands.push_back(man_command());
  return program;
}

}  // namespace stave::cli
