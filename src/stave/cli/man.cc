// Manual pages. The macros are those of man(7) that groff and mandoc share.

#include "stave/cli/man.h"

#include <fmt/format.h>

#include <chrono>

#include "stave/base/text.h"
#include "stave/cli/arguments.h"
#include "stave/cli/facts.h"
#include "stave/cli/help.h"
#include "stave/cli/width.h"

namespace stave::cli {
namespace {

// A character above ASCII by its number, so that a page reads the same whatever encoding the reader's roff
// assumes.
std::string numbered(std::string_view sequence) {
  const auto lead = static_cast<unsigned char>(sequence[0]);
  std::uint32_t value = lead & (0xffu >> (sequence.size() + 1));
  for (const char c : sequence.substr(1)) value = value << 6 | (static_cast<unsigned char>(c) & 0x3fu);
  return fmt::format("\\[u{:04X}]", value);
}

// Text in which roff finds nothing to obey. Hyphens become minus signs: what is pasted from a page has to be
// what was meant.
std::string escape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\'') {
      out += "\\(aq";
    } else if (c == '^') {
      out += "\\(ha";
    } else if (c == '~') {
      out += "\\(ti";
    } else if (c == '`') {
      out += "\\(ga";
    } else if (byte < 0xc0) {
      out += byte < 0x80 ? c : '?';
    } else {
      const std::string_view sequence = text.substr(i, byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2);
      out += is_utf8(sequence) ? numbered(sequence) : "?";
      if (is_utf8(sequence)) i += sequence.size() - 1;
    }
  }
  return out;
}

// A line that does not begin a request.
std::string guard(const std::string& line) { return line.starts_with('.') ? "\\&" + line : line; }

// Prose: what stands between `backquotes` is bold.
std::string prose(std::string_view text) {
  std::string out;
  bool bold = false;
  const std::vector<std::string> parts = split(text, '`');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    // An odd backquote at the end opens nothing.
    if (i != 0 && i + 1 == parts.size() && !bold) {
      out += "\\(ga";
    } else if (i != 0) {
      out += bold ? "\\fR" : "\\fB";
      bold = !bold;
    }
    out += escape(parts[i]);
  }
  return out;
}

std::string bold(std::string_view text) { return "\\fB" + escape(text) + "\\fR"; }

// Placeholders are italic, with the brackets and dots of a usage line upright.
std::string placeholder(std::string_view text) {
  std::string out;
  bool italic = false;
  for (const char c : text) {
    const bool name = std::string_view("[]|.:=@,<>() ").find(c) == std::string_view::npos;
    if (name != italic) out += name ? "\\fI" : "\\fR";
    italic = name;
    out += escape(std::string_view(&c, 1));
  }
  return italic ? out + "\\fR" : out;
}

// Filled text in lines of a length that is easy to read in the source as well.
std::string filled(std::string_view text) {
  std::string out;
  for (const std::string& line : wrap(prose(text), 78)) out += guard(line) + "\n";
  return out;
}

// The paragraphs of a description; lines that begin with a blank are kept as they are.
std::string paragraphs(std::string_view text) {
  std::string out;
  std::string paragraph;
  bool literal = false;
  bool gap = false;
  const auto flush = [&] {
    if (!paragraph.empty()) out += (out.empty() ? "" : ".PP\n") + filled(paragraph);
    paragraph.clear();
  };
  const auto set_literal = [&](bool wanted) {
    if (literal != wanted) out += !wanted ? ".fi\n" : out.empty() ? ".nf\n" : ".PP\n.nf\n";
    if (literal && wanted && gap) out += ".sp\n";
    literal = wanted;
  };
  for (const std::string& line : split(text, '\n')) {
    const bool kept = line.starts_with(' ');
    if (line.empty() || kept) flush();
    if (!line.empty()) set_literal(kept);
    gap = line.empty();
    if (kept) {
      out += guard(escape(line)) + "\n";
    } else if (!line.empty()) {
      paragraph += line + "\n";
    }
  }
  flush();
  set_literal(false);
  return out;
}

std::string tagged(const std::string& term, std::string_view meaning) {
  return fmt::format(".TP\n{}\n{}", guard(term), filled(meaning));
}

std::string page_name(const std::vector<const Command*>& path) {
  std::vector<std::string> names;
  for (const Command* command : path) names.push_back(command->name);
  return join(names, "-");
}

std::string reference_to(const std::vector<const Command*>& path) {
  return fmt::format("\\fB{}\\fR(1)", escape(page_name(path)));
}

std::string header(const std::vector<const Command*>& path, std::optional<std::int64_t> date) {
  std::string day;
  if (date) {
    const std::chrono::year_month_day ymd(
        std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds(std::chrono::seconds(*date))));
    day = fmt::format("{:04}-{:02}-{:02}", static_cast<int>(ymd.year()), static_cast<unsigned>(ymd.month()),
                      static_cast<unsigned>(ymd.day()));
  }
  std::string title = page_name(path);
  for (char& c : title) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return fmt::format(".TH {} 1 \"{}\" \"stave {}\" \"stave manual\"\n.SH NAME\n{} \\- {}\n", escape(title),
                     day, STAVE_VERSION, escape(page_name(path)), prose(path.back()->summary));
}

std::string synopsis(const std::vector<const Command*>& path) {
  std::string usage = usage_of(*path.back());
  constexpr std::string_view options = "[OPTIONS]";
  return fmt::format(".SH SYNOPSIS\n{} [\\fIOPTIONS\\fR]{}\n", bold(spelled(path)),
                     placeholder(usage.substr(options.size())));
}

std::string options(const Command& command) {
  std::string out;
  for (const OptionGroup& group : option_groups(command)) {
    out += group.heading == "Options" ? ".SH OPTIONS\n"
           : out.empty()              ? fmt::format(".SH OPTIONS\n.SS {}\n", escape(group.heading))
                                      : fmt::format(".SS {}\n", escape(group.heading));
    for (const Option* option : group.options) {
      std::string term = option->short_name().empty() ? "" : bold(option->short_name()) + ", ";
      term += bold(option->long_name());
      if (!option->value.empty())
        term += option->optional_value ? "[=" + placeholder(option->value) + "]"
                                       : " " + placeholder(option->value);
      out += tagged(term, full_help(*option));
    }
  }
  return out;
}

std::string subcommands(const std::vector<const Command*>& path) {
  std::string out;
  for (const Command& command : path.back()->subcommands) {
    if (command.hidden) continue;
    auto inner = path;
    inner.push_back(&command);
    out += tagged(reference_to(inner), command.summary);
  }
  return out.empty() ? out : ".SH COMMANDS\n" + out;
}

std::string examples(const Command& command) {
  std::string out;
  for (const Example& example : command.examples) {
    out += fmt::format(".PP\n{}.PP\n.RS 4\n.nf\n{}\n.fi\n.RE\n", filled(example.what + ":"),
                       guard(escape(example.command)));
  }
  // The first paragraph follows its heading directly.
  return out.empty() ? out : ".SH EXAMPLES\n" + out.substr(std::string_view(".PP\n").size());
}

// The page above, the verbs beside and those below.
std::string see_also(const std::vector<const Command*>& path) {
  std::vector<std::string> pages;
  const auto others = [&](std::vector<const Command*> parent) {
    const Command& from = *parent.back();
    for (const Command& command : from.subcommands) {
      if (command.hidden || &command == path.back()) continue;
      parent.push_back(&command);
      pages.push_back(reference_to(parent));
      parent.pop_back();
    }
  };
  if (path.size() > 1) {
    auto parent = path;
    parent.pop_back();
    pages.push_back(reference_to(parent));
    others(parent);
  }
  others(path);
  return pages.empty() ? std::string() : ".SH SEE ALSO\n" + join(pages, ",\n") + "\n";
}

std::string page(const std::vector<const Command*>& path, std::optional<std::int64_t> date) {
  const Command& command = *path.back();
  std::string out = header(path, date) + synopsis(path);
  out += ".SH DESCRIPTION\n" +
         paragraphs(command.description.empty() ? command.summary + "." : command.description);
  out += subcommands(path);
  std::string arguments;
  for (const Positional& positional : command.positionals) {
    arguments += tagged(placeholder(positional.name), full_help(positional));
  }
  if (!arguments.empty()) out += ".SH ARGUMENTS\n" + arguments;
  out += options(command);
  out += ".SH EXIT STATUS\n";
  for (const ExitCode& code : exit_codes()) out += tagged(bold(std::to_string(code.code)), code.meaning);
  out += ".SH ENVIRONMENT\n";
  for (const Variable& variable : variables()) out += tagged(bold(variable.name), variable.meaning);
  return out + examples(command) + see_also(path);
}

void add_pages(std::map<std::string, std::string>& pages, std::vector<const Command*> path,
               std::optional<std::int64_t> date) {
  pages[page_name(path) + ".1"] = page(path, date);
  const Command& command = *path.back();
  for (const Command& inner : command.subcommands) {
    if (inner.hidden) continue;
    path.push_back(&inner);
    add_pages(pages, path, date);
    path.pop_back();
  }
}

}  // namespace

std::map<std::string, std::string> man_pages(const Command& program, std::optional<std::int64_t> date) {
  std::map<std::string, std::string> pages;
  add_pages(pages, {&program}, date);
  return pages;
}

}  // namespace stave::cli
