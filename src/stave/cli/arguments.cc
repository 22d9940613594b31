// From words to a verb and its arguments, with CLI11 as the scanner of options.
// It is told the options of one verb only (building all of them costs a
// millisecond at every start) and never any positionals: what it does not
// recognise comes back in order and is judged here, because CLI11 2.1.2 takes
// "--!x" for a positional, splits "[a,b]" in lists and eats "%%".

#include "stave/cli/arguments.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "stave/base/text.h"

namespace stave::cli {
namespace {

// What one scan found: options in the order given, and the words that are none, still with their "--".
struct Scanned {
  std::vector<Given> given;
  std::vector<std::string> rest;
};

// CLI11 2.1.2 sees no difference between "--rm=" and "--rm" and takes the next word for the value of both;
// and after the flag of "-q-x" it goes on with "--x". A NUL, which no argument of a process can hold, keeps
// such words apart.
std::string guard(const std::string& word) {
  if (word.size() > 2 && word.starts_with("--")) return word.find('=') == word.npos ? word : word + '\0';
  if (word.size() < 3 || word[0] != '-') return word;
  std::string guarded = word.substr(0, 2);
  for (const char c : word.substr(2)) {
    if (c == '-') guarded += '\0';
    guarded += c;
  }
  return guarded;
}

std::string unguard(std::string word) {
  std::erase(word, '\0');
  return word;
}

// Why CLI11 gave up. It does so for two reasons only, and both can be told better from the words themselves.
[[noreturn]] void complain(const std::vector<const Option*>& options, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    const std::string name = word.substr(0, word.find('='));
    for (const Option* option : options) {
      if (option->value.empty() && name.size() < word.size() && name == option->long_name()) {
        throw Error(Kind::usage, fmt::format("option {} takes no value", name),
                    fmt::format("write just `{}`", name));
      }
    }
  }
  const std::string last = words.empty() ? std::string() : words.back();
  for (const Option* option : options) {
    // The last of bundled short options is the one that waits for a value: -qt.
    const bool is_short =
        !last.starts_with("--") && !last.empty() && option->short_name() == std::string{'-', last.back()};
    if (option->value.empty() || (!is_short && last != option->long_name())) continue;
    const std::string& name = is_short ? option->short_name() : last;
    throw Error(Kind::usage, fmt::format("option {} needs a value", name),
                fmt::format("write `{} {}`", name, option->value));
  }
  throw Error(Kind::internal, fmt::format("the words after {} were not understood", quote(last)));
}

// Is it the bare name of an option whose value may be left out? CLI11 would take the next word for it.
bool known_without_value(const std::vector<const Option*>& options, const std::string& word) {
  return std::any_of(options.begin(), options.end(), [&](const Option* option) {
    return option->optional_value && option->long_name() == word;
  });
}

// Takes `options` out of `words`. With `stop_early` it leaves everything from the first other word on alone.
Scanned scan(const std::vector<const Option*>& options, const std::vector<std::string>& words,
             bool stop_early) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  app.prefix_command(stop_early);
  std::map<const CLI::Option*, const Option*> known;
  for (const Option* option : options) {
    CLI::Option* added = option->value.empty()
                             ? app.add_flag(option->names)->disable_flag_override()
                             : app.add_option(option->names)->expected(1)->allow_extra_args(false);
    known[added->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)] = option;
  }

  std::vector<std::string> reversed;
  const auto end_of_options = std::find(words.begin(), words.end(), "--");
  for (auto word = words.rbegin(); word != words.rend(); ++word) {
    const bool bare = word.base() <= end_of_options && known_without_value(options, *word);
    reversed.push_back(guard(bare ? *word + "=" : *word));
  }
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::ParseError&) {
    complain(options, words);
  }

  Scanned scanned;
  std::map<const CLI::Option*, std::size_t> taken;
  for (const CLI::Option* parsed : app.parse_order()) {
    const Option& option = *known.at(parsed);
    const std::string& value = parsed->results().at(taken[parsed]++);
    scanned.given.push_back({option.long_name(), option.value.empty() ? std::string() : unguard(value)});
  }
  for (const std::string& word : app.remaining()) {
    // What is left of "-q-x" behind its flag must not turn into "--x", nor that of "-q-" into the end of
    // options.
    const bool bundled = word.size() > 1 && word[1] == '\0';
    scanned.rest.push_back(bundled ? std::string("-\0-", 3) : unguard(word));
  }
  return scanned;
}

bool looks_like_option(std::string_view word) { return word.size() > 1 && word[0] == '-'; }

// Calls `visit(path)` for every verb below `path` that help would list.
template <class Visit>
void each_verb(std::vector<const Command*> path, const Visit& visit) {
  for (const Command& command : path.back()->subcommands) {
    if (command.hidden) continue;
    path.push_back(&command);
    visit(path);
    each_verb(path, visit);
    path.pop_back();
  }
}

bool has_option(const Command& command, std::string_view name) {
  return std::any_of(command.options.begin(), command.options.end(), [&](const Option& option) {
    return option.long_name() == name || (!name.empty() && option.short_name() == name);
  });
}

// What to do about an unknown option: the name that was nearly typed, else the verbs that have it, else the
// list.
std::string hint_for_option(const Parsed& parsed, const std::vector<const Option*>& options,
                            const std::string& name) {
  std::vector<std::string> names;
  for (const Option* option : options) names.push_back(option->long_name());
  std::vector<std::string> elsewhere;
  each_verb({parsed.path.front()}, [&](const std::vector<const Command*>& path) {
    if (has_option(*path.back(), name)) elsewhere.push_back(fmt::format("`{}`", spelled(path)));
  });
  if (!elsewhere.empty()) {
    if (elsewhere.size() > 3) elsewhere.resize(3);
    return fmt::format("{} belongs to {}; `{} --help` lists what this verb takes", name,
                       join(elsewhere, ", "), spelled(parsed.path));
  }
  if (name.starts_with("--")) {
    if (const auto near = nearest(name, names)) return fmt::format("did you mean `{}`?", *near);
  }
  return fmt::format("`{} --help` lists the options; a name that begins with a dash goes behind `--`",
                     spelled(parsed.path));
}

[[noreturn]] void throw_unknown_option(const Parsed& parsed, const std::vector<const Option*>& options,
                                       const std::string& word) {
  const std::string name =
      word.starts_with("--") ? word.substr(0, word.find('=')) : unguard(word.substr(0, 3)).substr(0, 2);
  throw Error(Kind::usage, fmt::format("unknown option {}", quote(name)),
              hint_for_option(parsed, options, name));
}

[[noreturn]] void throw_unknown_command(const Parsed& parsed, const std::string& word) {
  std::vector<std::string> names;
  std::string nested;
  each_verb(parsed.path, [&](const std::vector<const Command*>& path) {
    if (path.size() == parsed.path.size() + 1)
      names.push_back(path.back()->name);
    else if (path.back()->name == word && nested.empty())
      nested = spelled(path);
  });
  const std::string here = spelled(parsed.path);
  std::string hint = fmt::format("`{} --help` lists the commands", here);
  if (!nested.empty()) {
    hint = fmt::format("did you mean `{}`?", nested);
  } else if (const auto near = nearest(word, names)) {
    hint = fmt::format("did you mean `{} {}`?", here, *near);
  }
  throw Error(Kind::usage, fmt::format("unknown command {}", quote(word)), hint);
}

void check_choice(const std::vector<std::string>& choices, std::string_view what, const std::string& value) {
  if (choices.empty() || std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  throw Error(Kind::usage, fmt::format("{}: {} is not one of its values", what, quote(value)),
              fmt::format("it takes {}", join(choices, ", ")));
}

void check_choices(const std::vector<const Option*>& options, const std::vector<Given>& given) {
  for (const Given& one : given) {
    const auto option = std::find_if(options.begin(), options.end(), [&](const Option* candidate) {
      return candidate->long_name() == one.option;
    });
    check_choice((*option)->choices, "option " + one.option, one.value);
  }
}

void check_positionals(const Parsed& parsed) {
  const std::vector<Positional>& wanted = parsed.command().positionals;
  const std::vector<std::string>& given = parsed.arguments.positionals();
  std::size_t least = 0;
  std::size_t most = 0;
  bool bounded = true;
  for (const Positional& positional : wanted) {
    least += positional.least;
    most += positional.most;
    bounded = bounded && positional.most != 0;
    if (given.size() < least) {
      throw Error(Kind::usage, fmt::format("{} is missing: {}", positional.name, positional.help),
                  fmt::format("`{} --help` shows how it is used", spelled(parsed.path)));
    }
  }
  if (bounded && given.size() > most) {
    throw Error(Kind::usage, fmt::format("{} is one argument too many", quote(given[most])),
                fmt::format("`{} --help` shows how it is used", spelled(parsed.path)));
  }
  std::size_t next = 0;
  for (const Positional& positional : wanted) {
    const std::size_t end =
        positional.most == 0 ? given.size() : std::min(given.size(), next + positional.most);
    for (; next < end; ++next) check_choice(positional.choices, positional.name, given[next]);
  }
}

// The words of a verb without subcommands: positionals wherever they stand, and after "--" nothing else.
void take_positionals(Parsed& parsed, const std::vector<const Option*>& options,
                      const std::vector<std::string>& rest) {
  bool only_positionals = false;
  for (const std::string& word : rest) {
    if (parsed.command().passes_on && !parsed.arguments.positionals().empty()) only_positionals = true;
    if (!only_positionals && word == "--") {
      only_positionals = true;
    } else if (!only_positionals && looks_like_option(word)) {
      throw_unknown_option(parsed, options, word);
    } else {
      parsed.arguments.positionals_.push_back(word);
    }
  }
}

const Option& version_option() {
  static const Option option = {.names = "--version", .value = {}, .help = "print the version"};
  return option;
}

std::vector<const Option*> options_of(const Parsed& parsed) {
  std::vector<const Option*> options;
  for (const Option& option : global_options()) options.push_back(&option);
  for (const Option& option : parsed.command().options) options.push_back(&option);
  if (parsed.path.size() == 1) options.push_back(&version_option());
  return options;
}

}  // namespace

std::string spelled(const std::vector<const Command*>& path) {
  std::vector<std::string> names;
  for (const Command* command : path) names.push_back(command->name);
  return join(names, " ");
}

const Command* find_command(const Command& command, std::string_view name) {
  for (const Command& candidate : command.subcommands) {
    if (candidate.name == name) return &candidate;
  }
  return nullptr;
}

Parsed parse_words(const Command& program, const std::vector<std::string>& words) {
  Parsed parsed;
  parsed.path = {&program};
  std::vector<std::string> rest = words;
  for (;;) {
    const bool inner = !parsed.command().subcommands.empty();
    const std::vector<const Option*> options = options_of(parsed);
    Scanned scanned = scan(options, rest, inner || parsed.command().passes_on);
    check_choices(options, scanned.given);
    std::vector<Given>& given = parsed.arguments.given_;
    const bool version =
        std::erase_if(scanned.given, [](const Given& one) { return one.option == "--version"; }) != 0;
    given.insert(given.end(), scanned.given.begin(), scanned.given.end());
    rest = std::move(scanned.rest);
    if (!inner) {
      take_positionals(parsed, options, rest);
      break;
    }
    if (version) rest.insert(rest.begin(), "version");
    if (rest.empty()) return parsed;
    if (looks_like_option(rest.front())) throw_unknown_option(parsed, options, rest.front());
    const Command* next = find_command(parsed.command(), rest.front());
    if (next == nullptr) throw_unknown_command(parsed, rest.front());
    parsed.path.push_back(next);
    rest.erase(rest.begin());
  }
  if (!parsed.wants_help()) check_positionals(parsed);
  return parsed;
}

}  // namespace stave::cli
