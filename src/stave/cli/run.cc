// One run of the program: from words to an exit code. Whatever goes wrong
// anywhere below ends here as one line that says what and one that says what to do.

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <new>

#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/cli/arguments.h"
#include "stave/cli/command.h"
#include "stave/cli/help.h"
#include "stave/cli/progress.h"
#include "stave/cli/width.h"

namespace stave::cli {
namespace {

// More threads than this gain nothing on any machine there is, and each of them holds a block in memory.
constexpr std::uint64_t most_jobs = 1024;

unsigned jobs_of(const Arguments& arguments, const Surroundings& surroundings) {
  const auto given = arguments.get("--jobs");
  if (!given) return std::max(surroundings.processors, 1u);
  const auto jobs = parse_number(*given);
  if (!jobs || *jobs == 0 || *jobs > most_jobs) {
    throw Error(Kind::usage, fmt::format("option --jobs: {} is not a number of threads", quote(*given)),
                fmt::format("it takes 1 to {}; leave it out to use all processors", most_jobs));
  }
  return static_cast<unsigned>(*jobs);
}

// A choice that was made with --progress holds; -q only decides when none was. nullptr: not even warnings. A
// live display shares its terminal with what verbs print, so it puts itself into the outputs of
// `surroundings`.
std::unique_ptr<Progress> progress_of(const Arguments& arguments, Surroundings& surroundings) {
  const std::string choice = arguments.get("--progress").value_or("auto");
  Screen screen = {surroundings.err, surroundings.milliseconds, surroundings.columns_now, surroundings.utf8};
  if (choice == "none") return nullptr;
  if (choice == "json") return json_progress(std::move(screen));
  if (choice == "plain") return plain_progress(std::move(screen));
  if (arguments.has("--quiet")) return quiet_progress(std::move(screen));
  const bool able = surroundings.stderr_is_terminal && surroundings.env("TERM").value_or("dumb") != "dumb";
  if (!able) return plain_progress(std::move(screen));
  auto live = std::make_unique<LiveProgress>(std::move(screen));
  for (Output* output : {&surroundings.out, &surroundings.err}) {
    *output = [&display = *live, print = *output](std::string_view text) {
      display.aside([&] { print(text); });
    };
  }
  return live;
}

// `stave` works in one process with one set of limits, and no thread of it is there yet that would read them.
void install_limits(const Arguments& arguments) {
  std::vector<limits::Setting> settings;
  for (const std::string& given : arguments.all("--limit")) settings.push_back(limits::parse_setting(given));
  limits::install(settings);
}

int run_verb(const Command& program, const Parsed& parsed, Surroundings surroundings) {
  const Arguments& arguments = parsed.arguments;
  const unsigned jobs = jobs_of(arguments, surroundings);
  install_limits(arguments);
  // Ends before an error is printed: the display is gone from the terminal by then.
  const std::unique_ptr<Progress> progress = progress_of(arguments, surroundings);
  const Invocation invocation = {.arguments = arguments,
                                 .surroundings = surroundings,
                                 .context = {.stop = surroundings.stop,
                                             .progress = progress ? progress.get() : &no_progress(),
                                             .jobs = jobs},
                                 .quiet = arguments.has("--quiet"),
                                 .json = arguments.has("--json"),
                                 .program = &program};
  return parsed.command().run(invocation);
}

int dispatch(const Command& program, const std::vector<std::string>& words,
             const Surroundings& surroundings) {
  const Parsed parsed = parse_words(program, words);
  if (parsed.wants_help()) {
    surroundings.out(help_of(parsed.path, surroundings.stdout_is_terminal ? surroundings.columns : 80));
    return 0;
  }
  if (!parsed.command().subcommands.empty()) {
    surroundings.err(help_of(parsed.path, surroundings.stderr_is_terminal ? surroundings.columns : 80));
    return exit_code(Kind::usage);
  }
  return run_verb(program, parsed, surroundings);
}

// Prints what is left to say; a stderr that cannot be written has nobody who could be told.
void complain(const Surroundings& surroundings, std::string_view what, std::string_view hint) {
  try {
    // A mistake in a Containerfile brings the line it is in, and a caret below: " 3 | RUN …". Any other line
    // feed is a control character like the rest.
    std::string text = "stave: ";
    std::string line;
    const auto lines = split(what, '\n');
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const bool excerpt = i > 0 && lines[i].starts_with(' ') && lines[i].find(" | ") != std::string::npos;
      if (excerpt) {
        text += one_line(line) + "\n";
        line = lines[i];
      } else {
        line += (i > 0 ? "\n" : "") + lines[i];
      }
    }
    text += one_line(line) + "\n";
    if (!hint.empty()) text += fmt::format("hint: {}\n", one_line(hint));
    surroundings.err(text);
  } catch (const std::exception&) {
  }
}

}  // namespace

int report(const Surroundings& surroundings, const Error& error) {
  const int signal = surroundings.signal ? surroundings.signal() : 0;
  // As after `head -1`: who stops reading knows that something is missing, and need not be told.
  constexpr int broken_pipe = 13;
  if (error.kind() == Kind::cancelled && signal == broken_pipe) return 128 + signal;
  complain(surroundings, error.what(), error.hint());
  return error.kind() == Kind::cancelled && signal != 0 ? 128 + signal : exit_code(error.kind());
}

int run(const Command& program, const std::vector<std::string>& words, const Surroundings& surroundings) {
  try {
    return dispatch(program, words, surroundings);
  } catch (const Error& error) {
    return report(surroundings, error);
  } catch (const std::bad_alloc&) {
    return report(surroundings, Error(Kind::limit, "out of memory", "fewer --jobs need less of it"));
  } catch (const std::exception& error) {
    return report(surroundings, Error(Kind::internal, fmt::format("a defect of stave: {}", error.what()),
                                      "please report it, with the command that led to it"));
  }
}

}  // namespace stave::cli
