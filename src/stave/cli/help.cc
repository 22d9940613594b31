// Help as text.

#include "stave/cli/help.h"

#include <fmt/format.h>

#include <algorithm>

#include "stave/base/text.h"
#include "stave/cli/arguments.h"
#include "stave/cli/width.h"

namespace stave::cli {
namespace {

constexpr std::size_t indent = 2;

// What stands on the left, and what it means.
struct Entry {
  std::string term;
  std::string meaning;
};

// Where meanings begin beside these terms. Long terms do not count: theirs go to the next line.
std::size_t column_of(const std::vector<Entry>& entries, unsigned columns) {
  const std::size_t widest = std::clamp<std::size_t>(columns / 3, 8, 30);
  std::size_t column = 4;
  for (const Entry& entry : entries) {
    const std::size_t width = display_width(entry.term);
    if (width <= widest) column = std::max(column, width);
  }
  return indent + column + 2;
}

// Terms, and from the column `left` on their meanings.
std::string render_entries(const std::vector<Entry>& entries, std::size_t left, unsigned columns) {
  const std::size_t room = columns > left + 10 ? columns - left : 10;
  std::string text;
  for (const Entry& entry : entries) {
    std::string line(indent, ' ');
    line += entry.term;
    bool first = true;
    for (const std::string& part : wrap(entry.meaning, room)) {
      if (first && display_width(line) + 2 > left) {
        text += line + "\n";
        line.clear();
      }
      first = false;
      text += pad(line, left) + part + "\n";
      line.clear();
    }
    if (first) text += line + "\n";
  }
  return text;
}

std::string section(const std::string& heading, const std::string& body) {
  return body.empty() ? std::string() : fmt::format("\n{}:\n{}", heading, body);
}

// "-t, --tag NAME[:TAG]"; long names line up whether there is a short one or not.
std::string term_of(const Option& option) {
  const std::string shorter = option.short_name();
  std::string term = shorter.empty() ? "    " : shorter + ", ";
  term += option.long_name();
  if (!option.value.empty()) term += option.optional_value ? "[=" + option.value + "]" : " " + option.value;
  return term;
}

std::string command_list(const Command& command, unsigned columns) {
  std::vector<Entry> entries;
  for (const Command& one : command.subcommands) {
    if (!one.hidden) entries.push_back({one.name, one.summary});
  }
  return render_entries(entries, column_of(entries, columns), columns);
}

std::string positional_list(const Command& command, unsigned columns) {
  std::vector<Entry> entries;
  for (const Positional& one : command.positionals) entries.push_back({one.name, full_help(one)});
  return render_entries(entries, column_of(entries, columns), columns);
}

// All groups share one column, so that the eye can run down it.
std::string option_lists(const Command& command, unsigned columns) {
  const std::vector<OptionGroup> groups = option_groups(command);
  std::vector<Entry> all;
  for (const OptionGroup& group : groups) {
    for (const Option* option : group.options) all.push_back({term_of(*option), full_help(*option)});
  }
  const std::size_t left = column_of(all, columns);
  std::string text;
  auto next = all.begin();
  for (const OptionGroup& group : groups) {
    const std::vector<Entry> entries(next, next + static_cast<std::ptrdiff_t>(group.options.size()));
    next += static_cast<std::ptrdiff_t>(entries.size());
    text += section(group.heading, render_entries(entries, left, columns));
  }
  return text;
}

std::string example_list(const Command& command, unsigned columns) {
  std::string text;
  for (const Example& example : command.examples) {
    if (!text.empty()) text += "\n";
    // A command is for pasting: it is never broken.
    for (const std::string& line : wrap(example.what, columns - 4)) text += "  # " + line + "\n";
    text += "  " + example.command + "\n";
  }
  return text;
}

}  // namespace

std::string full_help(const Positional& positional) {
  if (positional.choices.empty()) return positional.help;
  return fmt::format("{} (one of: {})", positional.help, join(positional.choices, ", "));
}

std::string full_help(const Option& option) {
  std::string help = option.help;
  // A placeholder that lists the choices has said so already.
  if (!option.choices.empty() && option.value.find('|') == std::string::npos) {
    help += fmt::format(" (one of: {})", join(option.choices, ", "));
  }
  if (option.repeatable) help += " (repeatable)";
  return help;
}

std::vector<OptionGroup> option_groups(const Command& command) {
  std::vector<OptionGroup> groups = {{"Options", {}}};
  for (const Option& option : command.options) {
    const std::string& heading = option.group.empty() ? groups.front().heading : option.group;
    auto group = std::find_if(groups.begin(), groups.end(),
                              [&](const OptionGroup& candidate) { return candidate.heading == heading; });
    if (group == groups.end()) group = groups.insert(group, OptionGroup{heading, {}});
    group->options.push_back(&option);
  }
  if (groups.front().options.empty()) groups.erase(groups.begin());
  OptionGroup global = {"Global options", {}};
  for (const Option& option : global_options()) global.options.push_back(&option);
  groups.push_back(std::move(global));
  return groups;
}

std::string usage_of(const Command& command) {
  if (!command.subcommands.empty()) return "[OPTIONS] COMMAND";
  std::string usage = "[OPTIONS]";
  for (const Positional& positional : command.positionals) {
    const std::string many = positional.most == 1 ? "" : "...";
    usage += positional.least == 0 ? fmt::format(" [{}{}]", positional.name, many)
                                   : fmt::format(" {}{}", positional.name, many);
  }
  return usage;
}

std::string help_of(const std::vector<const Command*>& path, unsigned columns) {
  // Wider than this, lines are hard to follow; narrower, there is nothing left to fit.
  columns = std::clamp(columns, 30u, 100u);
  const Command& command = *path.back();
  std::string text = fmt::format("{}: {}\n\nUsage: {} {}\n", spelled(path), command.summary, spelled(path),
                                 usage_of(command));
  if (!command.description.empty()) {
    text += "\n" + join(wrap_paragraphs(command.description, columns), "\n") + "\n";
  }
  text += section("Commands", command_list(command, columns));
  text += section("Arguments", positional_list(command, columns));
  text += option_lists(command, columns);
  text += section("Examples", example_list(command, columns));
  if (!command.subcommands.empty())
    text += fmt::format("\n`{} COMMAND --help` says more about each.\n", spelled(path));
  return text;
}

}  // namespace stave::cli
