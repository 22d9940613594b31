// Whole runs: exit codes, what goes where, and what is shown of errors.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <new>
#include <set>
#include <sstream>
#include <stdexcept>

#include "sample_program.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/cli/facts.h"

namespace stave::cli {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// The sample program with one more verb, `do`, that runs `work`.
Command program_that(std::function<int(const Invocation&)> work) {
  Command program = sample_program();
  program.subcommands.push_back({.name = "do",
                                 .summary = "do it",
                                 .description = {},
                                 .options = {{.names = "--json", .value = {}, .help = "print JSON"}},
                                 .run = std::move(work)});
  return with_builtins(std::move(program));
}

Outcome run_failing_with(const Error& error) {
  return run_with(program_that([&](const Invocation&) -> int { throw error; }), {"do"});
}

TEST(Run, ResultGoesToStdout) {
  const Outcome outcome = run_sample({"pack", "-q"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "ok\n");
  EXPECT_EQ(outcome.err, "");
}

TEST(Run, AnswerNoIsOne) { EXPECT_EQ(run_sample({"diff"}).code, 1); }

TEST(Run, ErrorIsOneLineAndAHint) {
  const Outcome outcome = run_sample({"fail"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "stave: image \"x\" is not here\nhint: fetch it\n");
}

TEST(Run, ErrorCannotDriveTheTerminal) {
  EXPECT_EQ(run_failing_with(Error(Kind::invalid, "a\nb\x1b[2J", "c\r")).err, "stave: a?b?[2J\nhint: c?\n");
}

TEST(Run, EveryKindHasItsOwnCode) {
  std::set<int> codes;
  for (int kind = 0; kind <= static_cast<int>(Kind::internal); ++kind) {
    const Outcome outcome = run_failing_with(Error(static_cast<Kind>(kind), "x"));
    EXPECT_EQ(outcome.code, exit_code(static_cast<Kind>(kind)));
    EXPECT_GT(outcome.code, 1);
    codes.insert(outcome.code);
  }
  EXPECT_EQ(codes.size(), static_cast<std::size_t>(Kind::internal) + 1);
}

TEST(Run, DocumentListsEveryCode) {
  std::ifstream file(std::string(STAVE_TEST_DATA) + "/../../docs/exit-codes.md");
  ASSERT_TRUE(file) << "docs/exit-codes.md";
  std::stringstream text;
  text << file.rdbuf();
  std::set<int> listed;
  for (const ExitCode& code : exit_codes()) listed.insert(code.code);
  for (int kind = 0; kind <= static_cast<int>(Kind::internal); ++kind) {
    const int code = exit_code(static_cast<Kind>(kind));
    EXPECT_TRUE(listed.contains(code)) << code;
    const std::string first = code == 130 ? "128 + n" : std::to_string(code);
    EXPECT_THAT(text.str(),
                HasSubstr("| " + first + " | `" + std::string(name(static_cast<Kind>(kind))) + "` |"));
  }
}

TEST(Run, StopBySignalIs128AndItsNumber) {
  const Command program = program_that([](const Invocation& invocation) {
    invocation.context.check();
    return 0;
  });
  std::stop_source source;
  source.request_stop();
  for (const int signal : {0, 1, 2, 15}) {
    const Outcome outcome = run_with(program, {"do"}, [&](Surroundings& surroundings) {
      surroundings.stop = source.get_token();
      surroundings.signal = [signal] { return signal; };
    });
    EXPECT_EQ(outcome.code, signal == 0 ? 130 : 128 + signal);
    EXPECT_EQ(outcome.err, "stave: interrupted\n");
  }
}

TEST(Run, ReaderThatWentAwayIsNotTold) {
  const Command program = program_that([](const Invocation& invocation) {
    invocation.print("x");
    return 0;
  });
  const Outcome outcome = run_with(program, {"do"}, [](Surroundings& surroundings) {
    surroundings.out = [](std::string_view) { throw Error(Kind::cancelled, "standard output was closed"); };
    surroundings.signal = [] { return 13; };
  });
  EXPECT_EQ(outcome.code, 141);
  EXPECT_EQ(outcome.err, "");
}

TEST(Run, ForeignExceptionsAreDefects) {
  const Outcome outcome =
      run_with(program_that([](const Invocation&) -> int { throw std::logic_error("oh"); }), {"do"});
  EXPECT_EQ(outcome.code, 70);
  EXPECT_THAT(outcome.err, HasSubstr("a defect of stave: oh"));
  EXPECT_EQ(run_with(program_that([](const Invocation&) -> int { throw std::bad_alloc(); }), {"do"}).code, 9);
}

TEST(Run, ClosedStderrChangesNoCode) {
  const Outcome outcome = run_with(with_builtins(sample_program()), {"fail"}, [](Surroundings& surroundings) {
    surroundings.err = [](std::string_view) { throw Error(Kind::io, "closed"); };
  });
  EXPECT_EQ(outcome.code, 3);
}

TEST(GlobalOptions, ReachTheVerb) {
  Invocation const* seen = nullptr;
  unsigned jobs = 0;
  bool quiet = false;
  bool json = false;
  const Command program = program_that([&](const Invocation& invocation) {
    seen = &invocation;
    jobs = invocation.context.jobs;
    quiet = invocation.quiet;
    json = invocation.json;
    EXPECT_EQ(invocation.arguments.get("--store"), "there");
    return 0;
  });
  EXPECT_EQ(run_with(program, {"-j3", "do", "-q", "--json", "--store=there"}).code, 0);
  EXPECT_NE(seen, nullptr);
  EXPECT_EQ(jobs, 3u);
  EXPECT_TRUE(quiet);
  EXPECT_TRUE(json);
}

TEST(GlobalOptions, LimitHoldsForOneRun) {
  std::uint64_t seen = 0;
  const Command program = program_that([&](const Invocation&) {
    seen = limits::layer_entries;
    return 0;
  });
  EXPECT_EQ(run_with(program, {"--limit", "layer-bytes=1G", "do", "--limit=layer-entries=7"}).code, 0);
  EXPECT_EQ(seen, 7u);
  EXPECT_EQ(run_with(program, {"do"}).code, 0);
  EXPECT_EQ(seen, limits::layer_entries.standard());
}

TEST(GlobalOptions, LimitThatThereIsNot) {
  const Outcome outcome = run_sample({"pack", "--limit", "layer-byte=1"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("did you mean `layer-bytes`?"));
}

TEST(GlobalOptions, JobsIsANumberOfThreads) {
  for (const char* jobs : {"0", "-1", "x", "", "1025", "99999999999999999999"}) {
    const Outcome outcome = run_sample({"pack", "--jobs", jobs});
    EXPECT_EQ(outcome.code, 2) << jobs;
    EXPECT_THAT(outcome.err, HasSubstr("option --jobs"));
  }
}

// What a verb that warns and works shows on stderr.
std::string shown(std::vector<std::string> words, bool terminal = false) {
  const Command program = program_that([](const Invocation& invocation) {
    invocation.context.progress->warn("odd");
    Task task(invocation.context, "layer", 0);
    task.done("made");
    return 0;
  });
  words.insert(words.begin(), "do");
  return run_with(program, words,
                  [&](Surroundings& surroundings) {
                    surroundings.stderr_is_terminal = terminal;
                    surroundings.environment["TERM"] = "xterm";
                  })
      .err;
}

TEST(ProgressChoice, AutoIsPlainWithoutATerminal) {
  EXPECT_EQ(shown({}), "stave: warning: odd\nlayer: made\n");
}
TEST(ProgressChoice, AutoIsLiveOnATerminal) {
  EXPECT_EQ(shown({}, true), "stave: warning: odd\n+ layer: made\n");
}
TEST(ProgressChoice, QuietStillWarns) { EXPECT_EQ(shown({"-q"}, true), "stave: warning: odd\n"); }
TEST(ProgressChoice, NoneDoesNotWarn) { EXPECT_EQ(shown({"--progress", "none"}, true), ""); }
TEST(ProgressChoice, PlainOnATerminal) {
  EXPECT_EQ(shown({"--progress=plain"}, true), "stave: warning: odd\nlayer: made\n");
}
TEST(ProgressChoice, HoldsBesideQuiet) {
  EXPECT_THAT(shown({"-q", "--progress=json"}), StartsWith("{\"event\":\"warn\""));
}
TEST(ProgressChoice, UnknownIsAUsageError) { EXPECT_EQ(run_sample({"pack", "--progress=fancy"}).code, 2); }

TEST(Color, OnlyOnATerminalThatWantsIt) {
  bool color = false;
  const Command program = program_that([&](const Invocation& invocation) {
    color = invocation.color();
    return 0;
  });
  const auto with = [&](bool terminal, const std::map<std::string, std::string>& environment) {
    run_with(program, {"do"}, [&](Surroundings& surroundings) {
      surroundings.stdout_is_terminal = terminal;
      surroundings.environment = environment;
    });
    return color;
  };
  EXPECT_TRUE(with(true, {{"TERM", "xterm"}}));
  EXPECT_TRUE(with(true, {{"NO_COLOR", ""}}));
  EXPECT_FALSE(with(true, {{"NO_COLOR", "1"}}));
  EXPECT_FALSE(with(true, {{"TERM", "dumb"}}));
  EXPECT_FALSE(with(false, {}));
}

TEST(Help, GoesToStdoutWhenAskedFor) {
  const Outcome outcome = run_sample({"--help"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, StartsWith("stave: build container images\n\nUsage: stave [OPTIONS] COMMAND\n"));
  EXPECT_EQ(outcome.err, "");
}

TEST(Help, GoesToStderrWhenAVerbIsMissing) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{}, {"-q"}, {"index"}}) {
    const Outcome outcome = run_sample(words);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, HasSubstr("Usage: stave"));
  }
}

TEST(Help, VerbAndOptionSayTheSame) {
  EXPECT_EQ(run_sample({"help", "index", "create"}).out, run_sample({"index", "create", "--help"}).out);
  EXPECT_EQ(run_sample({"help"}).out, run_sample({"-h"}).out);
}

TEST(Help, LimitsAreListed) {
  const Outcome outcome = run_sample({"help", "limits"});
  EXPECT_EQ(outcome.code, 0);
  for (const limits::Limit* limit : limits::all)
    EXPECT_THAT(outcome.out, HasSubstr("  " + std::string(limit->name()) + " "));
}

TEST(Help, UnknownVerbOrTooMany) {
  EXPECT_EQ(run_sample({"help", "pakc"}).code, 2);
  EXPECT_THAT(run_sample({"help", "pakc"}).err, HasSubstr("did you mean `stave pack`?"));
  EXPECT_EQ(run_sample({"help", "pack", "more"}).code, 2);
}

TEST(Help, HiddenVerbsAreHidden) { EXPECT_THAT(run_sample({"help"}).out, Not(HasSubstr("__"))); }

TEST(Help, ReadsLikeThis) {
  EXPECT_EQ(run_sample({"pack", "-h"}).out, R"(stave pack: make an image from files

Usage: stave pack [OPTIONS] [SRC...]

Packs files into one layer.

A second paragraph with `--add` in it, long enough to be wrapped on any terminal
that people still use these days.

  kept   as it is

Arguments:
  SRC   a file or directory

Options:
  -t, --tag NAME[:TAG]    name of the image
      --json              print JSON
  -x, --extra             more of it
      --codec CODEC       compression (one of: gzip, zstd, none)
      --platform OS/ARCH  for which machines

Layers:
      --add SRC[:DEST]    add a file (repeatable)
      --rm PATH           remove a path (repeatable)

Global options:
  -j, --jobs N            threads to use; the result never depends on it (all
                          processors)
  -q, --quiet             say nothing but warnings and errors
      --progress auto|plain|json|none
                          how stderr shows what goes on; none leaves out
                          warnings too (auto)
      --limit NAME=VALUE  move a limit: `stave help limits` has them
                          (repeatable)
      --store DIR         the image store to use ($STAVE_STORE, else
                          $XDG_DATA_HOME/stave)
  -h, --help              print this help

Examples:
  # one layer
  stave pack -t hello --add hello --rm .config
)");
}

TEST(Help, FitsTheTerminal) {
  for (const unsigned columns : {1u, 30u, 40u, 60u, 80u, 200u}) {
    const Outcome outcome =
        run_with(with_builtins(sample_program()), {"--help"}, [&](Surroundings& surroundings) {
          surroundings.stdout_is_terminal = true;
          surroundings.columns = columns;
        });
    for (const std::string& line : split(outcome.out, '\n')) {
      // Terms, usage and examples are for pasting, so they are never broken; nor is a single word.
      if (!line.starts_with("        ") || line.find(' ', line.find_first_not_of(' ')) == std::string::npos)
        continue;
      EXPECT_LE(line.size(), std::max(columns, 30u)) << line;
    }
  }
}

TEST(Version, OptionIsTheVerb) { EXPECT_EQ(run_sample({"--version"}).out, run_sample({"version"}).out); }

}  // namespace
}  // namespace stave::cli
