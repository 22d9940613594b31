// Completion for fish: one `complete` line for each option and verb, and a few
// functions that say which verb the words typed so far have reached.

#include <fmt/format.h>

#include "stave/base/text.h"
#include "stave/cli/completion.h"
#include "stave/cli/completion_table.h"

namespace stave::cli {
namespace {

constexpr std::string_view fish_head =
    R"fish(# fish completion for stave. Made by `stave completion fish`; save it as ~/.config/fish/completions/stave.fish.

# The verb typed so far ("index create"), skipping options and their values; then one line for each positional.
function __stave_typed
    set -l path
    set -l positionals
    set -l skip 0
    set -l ended 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
        else if test $ended = 0; and test "$word" = --
            set ended 1
        else if test $ended = 0; and string match -qr '^-.' -- "$word"
            __stave_takes_value "$path" "$word"; and set skip 1
        else if __stave_has_verb "$path" "$word"
            set path (string trim "$path $word")
        else
            set -a positionals "$word"
        end
    end
    echo "$path"
    for word in $positionals
        echo "$word"
    end
end

function __stave_at # path
    set -l typed (__stave_typed)
    test "$typed[1]" = "$argv[1]"
end

function __stave_argument # path first last: is a positional with a number in that range (0: no end) to be completed?
    set -l typed (__stave_typed)
    set -l number (count $typed)
    test "$typed[1]" = "$argv[1]"; and test $number -ge $argv[2]; and begin
        test $argv[3] = 0; or test $number -le $argv[3]
    end
end

function __stave_images
    stave __complete images 2>/dev/null
    printf '%s\n' docker:// oci: oci-archive: docker-archive:
    set -l word (commandline -ct)
    set -l found (string match -r '^(?:oci|oci-archive|docker-archive):' -- $word)
    if test -n "$found"
        for path in (complete -C "'' "(string replace -- "$found" '' $word))
            printf '%s%s\n' $found (string split -f1 \t -- $path)
        end
    end
end
)fish";

std::string fish_word(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string fish_values(const Command& program, Completes completes,
                        const std::vector<std::string>& choices) {
  const std::vector<std::string> words = offered_words(program, completes, choices);
  if (!words.empty()) return "-x -a " + fish_word(join(words, " "));
  switch (completes) {
    case Completes::file:
      return "-r -F";
    case Completes::directory:
      return "-x -a '(__fish_complete_directories)'";
    case Completes::image:
      return "-x -a '(__stave_images)'";
    default:
      return "-x";
  }
}

std::string fish_option(const Command& program, const Option& option, const std::string& condition) {
  std::string line = "complete -c stave" + condition;
  if (!option.short_name().empty()) line += " -s " + option.short_name().substr(1);
  line += " -l " + option.long_name().substr(2);
  if (!option.value.empty()) line += " " + fish_values(program, option.completes, option.choices);
  return line + " -d " + fish_word(option.help) + "\n";
}

std::string fish_tables(const Command& program) {
  std::string verbs = "\nfunction __stave_has_verb # path word\n    switch \"$argv[1] $argv[2]\"\n";
  std::string valued = "\nfunction __stave_takes_value # path option\n    switch \"$argv[1] $argv[2]\"\n";
  each_command(program, "", [&](const Command& command, const std::string& path) {
    for (const std::string& name : shown_subcommands(command)) {
      verbs += fmt::format("        case {}\n            return 0\n", fish_word(path + " " + name));
    }
    std::string patterns;
    for (const Option& option : options_of(command)) {
      if (option.value.empty()) continue;
      patterns += " " + fish_word(path + " " + option.long_name());
      if (!option.short_name().empty()) patterns += " " + fish_word(path + " " + option.short_name());
    }
    if (!patterns.empty()) valued += fmt::format("        case{}\n            return 0\n", patterns);
  });
  const std::string end = "    end\n    return 1\nend\n";
  return verbs + end + valued + end;
}

std::string fish_verb(const Command& program, const Command& command, const std::string& path) {
  const std::string condition = fmt::format(" -n {}", fish_word("__stave_at " + fish_word(path)));
  std::string out = "\n";
  for (const Command& inner : command.subcommands) {
    if (inner.hidden) continue;
    out += fmt::format("complete -c stave{} -a {} -d {}\n", condition, fish_word(inner.name),
                       fish_word(inner.summary));
  }
  std::size_t first = 1;
  for (const Positional& positional : command.positionals) {
    if (!command.subcommands.empty()) break;
    const std::size_t last = positional.most == 0 ? 0 : first + positional.most - 1;
    if (positional.completes != Completes::nothing || !positional.choices.empty()) {
      const std::string where = fmt::format("__stave_argument {} {} {}", fish_word(path), first, last);
      std::string values = fish_values(program, positional.completes, positional.choices);
      if (positional.completes == Completes::file) values = "-F";
      out += fmt::format("complete -c stave -n {} {}\n", fish_word(where), values);
    }
    if (last == 0) break;
    first = last + 1;
  }
  for (const Option& option : command.options) out += fish_option(program, option, condition);
  return out;
}

}  // namespace

std::string fish_completion(const Command& program) {
  std::string out = std::string(fish_head) + fish_tables(program) + "\ncomplete -c stave -f\n";
  for (const Option& option : global_options()) out += fish_option(program, option, "");
  out += "complete -c stave -n '__stave_at \\'\\'' -l version -d 'print the version'\n";
  each_command(program, "", [&](const Command& command, const std::string& path) {
    out += fish_verb(program, command, path);
  });
  return out;
}

}  // namespace stave::cli
