// Completion for zsh: one function for each verb, in the language of _arguments.

#include <fmt/format.h>

#include "stave/base/text.h"
#include "stave/cli/completion.h"
#include "stave/cli/completion_table.h"

namespace stave::cli {
namespace {

// Text within "[…]" or ":…:" of an _arguments specification.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("[]:\\").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_action(const Command& program, Completes completes, const std::vector<std::string>& choices) {
  const std::vector<std::string> words = offered_words(program, completes, choices);
  if (!words.empty()) return "(" + join(words, " ") + ")";
  switch (completes) {
    case Completes::file:
      return "_files";
    case Completes::directory:
      return "_files -/";
    case Completes::image:
      return "_stave_images";
    default:
      return " ";
  }
}

std::string zsh_option(const Command& program, const Option& option) {
  const std::string shorter = option.short_name();
  const std::string longer = option.long_name();
  const std::string help = fmt::format("[{}]", zsh_text(option.help));
  const std::string value = option.value.empty()
                                ? std::string()
                                : fmt::format(":{}:{}", zsh_text(option.value),
                                              zsh_action(program, option.completes, option.choices));
  // "+": the value of a short option may follow at once; "=": that of a long one behind the sign or in the
  // next word.
  const std::string equals = value.empty() ? "" : "=";
  const std::string plus = value.empty() ? "" : "+";
  const std::string exclusion = option.repeatable ? "*"
                                : shorter.empty() ? ""
                                                  : fmt::format("({} {})", shorter, longer);
  if (shorter.empty()) return "    " + single_quoted(exclusion + longer + equals + help + value) + " \\\n";
  return fmt::format("    {} \\\n    {} \\\n", single_quoted(exclusion + shorter + plus + help + value),
                     single_quoted(exclusion + longer + equals + help + value));
}

std::string zsh_function(const std::string& path) {
  std::string name = "_stave";
  if (!path.empty()) name += "_verb_" + path;
  for (char& c : name) {
    if (c == ' ' || c == '-') c = '_';
  }
  return name;
}

// `case` branches that hand over to the functions of the verbs below.
std::string zsh_dispatch(const Command& command, const std::string& path) {
  std::string out = "  case $state in\n    verb)\n      local -a verbs=(\n";
  for (const Command& inner : command.subcommands) {
    if (inner.hidden) continue;
    out += fmt::format("        {}\n", single_quoted(zsh_text(inner.name) + ":" + inner.summary));
  }
  out += "      )\n      _describe -t commands command verbs ;;\n    rest)\n      case $line[1] in\n";
  for (const Command& inner : command.subcommands) {
    if (inner.hidden) continue;
    out += fmt::format("        {}) {} ;;\n", inner.name,
                       zsh_function(path.empty() ? inner.name : path + " " + inner.name));
  }
  return out + "      esac ;;\n  esac\n";
}

std::string zsh_verb(const Command& program, const Command& command, const std::string& path) {
  std::string out = fmt::format("\n{}() {{\n", zsh_function(path));
  const bool inner = !command.subcommands.empty();
  if (inner) out += "  local context state state_descr line\n  typeset -A opt_args\n";
  out += inner ? "  _arguments -s -S -C \\\n" : "  _arguments -s -S \\\n";
  for (const Option& option : options_of(command)) out += zsh_option(program, option);
  if (path.empty()) out += "    '--version[print the version]' \\\n";
  if (inner) {
    out += "    '1: :->verb' \\\n    '*:: :->rest'\n" + zsh_dispatch(command, path) + "}\n";
    return out;
  }
  std::size_t at = 1;
  for (const Positional& positional : command.positionals) {
    const std::string what = fmt::format("{}:{}", zsh_text(positional.name),
                                         zsh_action(program, positional.completes, positional.choices));
    if (positional.most == 0) {
      out += "    " + single_quoted("*:" + what) + " \\\n";
      break;
    }
    for (std::size_t i = 0; i < positional.most; ++i, ++at) {
      const bool optional = i >= positional.least;
      out += "    " + single_quoted(fmt::format("{}:{}{}", at, optional ? ":" : "", what)) + " \\\n";
    }
  }
  out.erase(out.size() - 3);
  return out + "\n}\n";
}

constexpr std::string_view zsh_head = R"zsh(#compdef stave
# zsh completion for stave. Made by `stave completion zsh`; save it as _stave in a directory of $fpath, or source it.

_stave_images() {
  local -a images transports
  if compset -P '(oci|oci-archive|docker-archive):'; then
    _files
    return
  fi
  images=(${(f)"$(_call_program images $service __complete images 2>/dev/null)"})
  transports=(docker:// oci: oci-archive: docker-archive:)
  _alternative 'images:image:compadd -a images' 'transports:transport:compadd -S "" -a transports'
}
)zsh";

}  // namespace

std::string zsh_completion(const Command& program) {
  std::string out(zsh_head);
  each_command(program, "", [&](const Command& command, const std::string& path) {
    out += zsh_verb(program, command, path);
  });
  // Autoloaded from fpath the file is the body of _stave; sourced it only has to register it.
  return out + "\nif [[ $funcstack[1] == _stave ]]; then _stave \"$@\"; else compdef _stave stave; fi\n";
}

}  // namespace stave::cli
