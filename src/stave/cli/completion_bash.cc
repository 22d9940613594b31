// Completion for bash. A fixed part puts the words together that readline took
// apart and walks along them; two tables say what each verb and each option
// takes. Nothing of bash-completion is needed.

#include <fmt/format.h>

#include "stave/base/text.h"
#include "stave/cli/completion.h"
#include "stave/cli/completion_table.h"

namespace stave::cli {
namespace {

// What may stand for a value: "words a b c", or who is to be asked for it.
std::string kind_of(const Command& program, Completes completes, const std::vector<std::string>& choices) {
  const std::vector<std::string> words = offered_words(program, completes, choices);
  if (!words.empty()) return "words " + join(words, " ");
  switch (completes) {
    case Completes::file:
      return "file";
    case Completes::directory:
      return "directory";
    case Completes::image:
      return "image";
    default:
      return "nothing";
  }
}

constexpr std::string_view bash_head =
    R"bash(# bash completion for stave. Made by `stave completion bash`; source it from ~/.bashrc.

# Readline takes "a:b" and "--x=y" for three words each, because ':' and '=' are in COMP_WORDBREAKS. Puts them together again:
# sets words, cword and cur, and in stripped what readline thinks is not part of the word being completed.
_stave_words() {
  local i word glue=''
  words=() cword=0
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]-}
    # A cursor behind a blank begins a new word.
    if ((i == COMP_CWORD)) && [[ -z $word && ${COMP_LINE:0:${COMP_POINT:-0}} == *[[:space:]] ]]; then glue=; fi
    if ((i > 1)) && [[ -n $glue || ( -n $word && $word != *[!:=]* ) ]]; then
      words[${#words[@]}-1]+=$word
    else
      words+=("$word")
    fi
    if ((i > 0)) && [[ -n $word && $word != *[!:=]* ]]; then glue=1; else glue=; fi
  done
  cword=$((${#words[@]} - 1))
  cur=${words[cword]}
  # In a word of an unclosed quote readline breaks nothing.
  stripped=
  case $cur in
    [\"\']*) cur=${cur:1} ;;
    *[:=]*)
      if [[ $COMP_WORDBREAKS == *:* ]]; then stripped=${cur%"${cur##*[:=]}"}; else stripped=${cur%"${cur##*=}"}; fi ;;
  esac
}

_stave_offer() { # prefix words...: those that begin with cur, each behind prefix
  local prefix=$1 word
  shift
  for word; do
    [[ $prefix$word == "$cur"* ]] && COMPREPLY+=("$prefix$word")
  done
}

_stave_paths() { # -f or -d, prefix
  local path prefix=$2
  local part=${cur#"$prefix"}
  [[ $part == \~/* ]] && part=$HOME${part:1}
  while IFS= read -r path; do
    if [[ -d $path ]]; then path+=/; compopt -o nospace 2>/dev/null; fi
    COMPREPLY+=("$prefix$path")
  done < <(compgen "$1" -- "$part")
  compopt -o filenames 2>/dev/null
}

_stave_images() { # prefix
  local image images=()
  while IFS= read -r image; do images+=("$image"); done < <("${words[0]}" __complete images 2>/dev/null)
  case ${cur#"$1"} in
    oci:* | oci-archive:* | docker-archive:*)
      local rest=${cur#"$1"}
      _stave_paths -f "$1${rest%%:*}:" ;;
    *)
      _stave_offer "$1" "${images[@]}"
      local before=${#COMPREPLY[@]}
      _stave_offer "$1" docker:// oci: oci-archive: docker-archive:
      if ((before == 0 && ${#COMPREPLY[@]} > 0)); then compopt -o nospace 2>/dev/null; fi ;;
  esac
}

_stave_value() { # kind, with prefix in front of every answer
  local list=()
  case $1 in
    'words '*)
      IFS=' ' read -ra list <<<"${1#words }"
      _stave_offer "$prefix" "${list[@]}" ;;
    file) _stave_paths -f "$prefix" ;;
    directory) _stave_paths -d "$prefix" ;;
    image) _stave_images "$prefix" ;;
  esac
}

_stave() {
  local i word cword cur kind count=0 stripped='' path='' prefix='' ended='' taken=''
  local words=() verbs=() options=() kinds=()
  COMPREPLY=()
  _stave_words
  _stave_command "$path"
  for ((i = 1; i < cword; i++)); do
    word=${words[i]}
    if [[ -n $ended || $word != -?* ]]; then
      if ((${#verbs[@]} > 0)); then
        path=${path:+$path }$word
        _stave_command "$path" || return 0
      else
        count=$((count + 1))
      fi
    elif [[ $word == -- ]]; then
      ended=1
    elif [[ $word != *=* ]] && _stave_option "$path" "$word"; then
      # The next word is its value.
      i=$((i + 1))
      ((i == cword)) && taken=$kind
    fi
  done

  if [[ -n $taken ]]; then
    _stave_value "$taken"
  elif [[ -z $ended && $cur == --*=* ]]; then
    prefix=${cur%%=*}=
    _stave_option "$path" "${cur%%=*}" && _stave_value "$kind"
  elif [[ -z $ended && $cur == -* ]]; then
    _stave_offer '' "${options[@]}"
  elif ((${#verbs[@]} > 0)); then
    _stave_offer '' "${verbs[@]}"
  elif ((${#kinds[@]} > 0)); then
    ((count < ${#kinds[@]})) || count=$((${#kinds[@]} - 1))
    _stave_value "${kinds[count]}"
  fi

  # What readline holds for other words must not come twice.
  for i in "${!COMPREPLY[@]}"; do COMPREPLY[i]=${COMPREPLY[i]#"$stripped"}; done
  return 0
}
)bash";

std::string bash_commands(const Command& program) {
  std::string out = "\n_stave_command() { # path: sets verbs, options, kinds\n  case $1 in\n";
  each_command(program, "", [&](const Command& command, const std::string& path) {
    std::vector<std::string> names;
    for (const Option& option : options_of(command)) {
      names.push_back(option.long_name());
      if (!option.short_name().empty()) names.push_back(option.short_name());
    }
    if (path.empty()) names.emplace_back("--version");
    // The n-th positional decides what it offers, the last one also what follows it.
    std::vector<std::string> kinds;
    for (const Positional& one : command.positionals) {
      kinds.push_back(single_quoted(kind_of(program, one.completes, one.choices)));
    }
    out += fmt::format("    {}) verbs=({}) options=({}) kinds=({}) ;;\n", single_quoted(path),
                       join(shown_subcommands(command), " "), join(names, " "), join(kinds, " "));
  });
  return out + "    *) verbs=() options=() kinds=(); return 1 ;;\n  esac\n}\n";
}

std::string bash_case(const Command& program, const std::string& path, const Option& option) {
  std::string pattern = single_quoted(path + " " + option.long_name());
  if (!option.short_name().empty()) pattern += " | " + single_quoted(path + " " + option.short_name());
  return fmt::format("    {}) kind={} ;;\n", pattern,
                     single_quoted(kind_of(program, option.completes, option.choices)));
}

std::string bash_options(const Command& program) {
  std::string out =
      "\n_stave_option() { # path, option: is it followed by a value? Sets kind\n  case \"$1 $2\" in\n";
  each_command(program, "", [&](const Command& command, const std::string& path) {
    for (const Option& option : command.options) {
      if (!option.value.empty()) out += bash_case(program, path, option);
    }
  });
  out += "    *) case \" $2\" in\n";
  for (const Option& option : global_options()) {
    if (!option.value.empty()) out += "  " + bash_case(program, "", option);
  }
  return out + "      *) kind=''; return 1 ;;\n    esac ;;\n  esac\n}\n";
}

}  // namespace

std::string bash_completion(const Command& program) {
  return std::string(bash_head) + bash_commands(program) + bash_options(program) +
         "\ncomplete -F _stave stave\n";
}

}  // namespace stave::cli
