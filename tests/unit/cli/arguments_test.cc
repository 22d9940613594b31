// The grammar of the command line: order is kept, and no value is touched.

#include "stave/cli/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "sample_program.h"

namespace stave::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Words = std::vector<std::string>;

// The arguments of `pack` followed by `words`.
Arguments pack(Words words) {
  static const Command program = sample_program();
  words.insert(words.begin(), "pack");
  return parse_words(program, words).arguments;
}

// "message | hint" of the usage error that `words` are.
std::string error_of(const Words& words) {
  const Command program = with_builtins(sample_program());
  try {
    parse_words(program, words);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Kind::usage);
    return std::string(error.what()) + " | " + error.hint();
  }
  return "no error";
}

// Values that some parser somewhere splits, unescapes or drops.
const Words strange = {"",      "-",     "--",       "-x",     "--json", R"(["/bin/sh","-c"])",
                       "[a,b]", "[]",    "a,b",      "x=y z",  "%%",     "{}",
                       "'q'",   "\"q\"", "`a`",      "a\nb",   " lead",  "trail ",
                       "\\n",   "a;b",   "true",     "false",  "0",      "-1",
                       "--=",   "---",   "-=x",      "++",     "/W:x",   "--rm=x",
                       "--!x",  "-q-x",  "\xff\xfe", "é",      "=",      "==a",
                       "index", "pack",  "-tx-y",    "--a=b=c"};

RC_GTEST_PROP(Arguments, KeepEveryValueInTheOrderOfTyping, ()) {
  const auto value = rc::gen::oneOf(rc::gen::elementOf(strange),
                                    rc::gen::container<std::string>(rc::gen::inRange<char>(1, 127)));
  const auto given = *rc::gen::container<std::vector<Given>>(rc::gen::apply(
      [](const std::string& option, const std::string& text) {
        return option == "--json" || option == "--extra" ? Given{option, ""} : Given{option, text};
      },
      rc::gen::element<std::string>("--tag", "--add", "--rm", "--json", "--extra", "--platform", "--store"),
      value));
  const auto words = *rc::gen::container<Words>(value);

  Words typed;
  Words positionals;
  std::size_t next = 0;
  // Positionals that cannot be mistaken stand between the options, the others behind "--".
  for (const Given& one : given) {
    const bool flag = one.option == "--json" || one.option == "--extra";
    const int spelling = *rc::gen::inRange(0, 3);
    if (flag) {
      typed.push_back(one.option);
    } else if (spelling == 0) {
      typed.push_back(one.option + "=" + one.value);
    } else if (spelling == 1 && one.option == "--tag" && !one.value.empty()) {
      typed.push_back("-t" + one.value);
    } else {
      typed.push_back(one.option == "--tag" ? "-t" : one.option);
      typed.push_back(one.value);
    }
    if (next < words.size() && (words[next].size() < 2 || words[next][0] != '-')) {
      typed.push_back(words[next]);
      positionals.push_back(words[next++]);
    }
  }
  typed.emplace_back("--");
  for (; next < words.size(); ++next) {
    typed.push_back(words[next]);
    positionals.push_back(words[next]);
  }
  const Arguments arguments = pack(typed);
  RC_ASSERT(arguments.in_order() == given);
  RC_ASSERT(arguments.positionals() == positionals);
}

TEST(Arguments, StrangeValuesArriveInEverySpelling) {
  for (const std::string& value : strange) {
    EXPECT_THAT(pack({"--rm", value}).all("--rm"), ElementsAre(value));
    EXPECT_THAT(pack({"--rm=" + value}).all("--rm"), ElementsAre(value));
    EXPECT_THAT(pack({"--", value}).positionals(), ElementsAre(value));
    EXPECT_THAT(pack({"-xt", value}).all("--tag"), ElementsAre(value));
    if (value.empty()) continue;
    EXPECT_THAT(pack({"-xt" + value}).all("--tag"), ElementsAre(value));
  }
}

TEST(Arguments, EmptyValueDoesNotTakeTheNextWord) {
  const Arguments arguments = pack({"--rm=", "file"});
  EXPECT_THAT(arguments.all("--rm"), ElementsAre(""));
  EXPECT_THAT(arguments.positionals(), ElementsAre("file"));
}

TEST(Arguments, OrderIsThatOfAllOptionsTogether) {
  EXPECT_THAT(pack({"--rm", "b", "--add", "a", "-x", "--rm=c"}).in_order(),
              ElementsAre(Given{"--rm", "b"}, Given{"--add", "a"}, Given{"--extra", ""}, Given{"--rm", "c"}));
}

TEST(Arguments, LastOneWins) { EXPECT_EQ(pack({"-ta", "-t", "b"}).get("--tag"), "b"); }

TEST(Arguments, DashAloneIsAPositional) { EXPECT_THAT(pack({"-"}).positionals(), ElementsAre("-")); }

TEST(Arguments, SecondDoubleDashIsAPositional) {
  EXPECT_THAT(pack({"--", "a", "--", "-x"}).positionals(), ElementsAre("a", "--", "-x"));
}

TEST(Arguments, FlagsAreBundled) {
  const Arguments arguments = pack({"-xqj4", "-xt", "name"});
  EXPECT_TRUE(arguments.has("--quiet"));
  EXPECT_EQ(arguments.get("--jobs"), "4");
  EXPECT_EQ(arguments.get("--tag"), "name");
}

TEST(Arguments, GlobalOptionsStandAnywhere) {
  const Command program = sample_program();
  const Parsed parsed = parse_words(
      program, {"-q", "--store", "create", "index", "-j", "3", "create", "n", "--progress=none", "i"});
  EXPECT_EQ(spelled(parsed.path), "stave index create");
  EXPECT_THAT(parsed.arguments.positionals(), ElementsAre("n", "i"));
  EXPECT_THAT(parsed.arguments.in_order(), ElementsAre(Given{"--quiet", ""}, Given{"--store", "create"},
                                                       Given{"--jobs", "3"}, Given{"--progress", "none"}));
}

TEST(Arguments, AVerbsNameIsAValueOrPositionalBehindTheVerb) {
  EXPECT_THAT(pack({"index", "create"}).positionals(), ElementsAre("index", "create"));
}

TEST(Arguments, VersionOptionIsTheVersionVerb) {
  const Command program = sample_program();
  EXPECT_EQ(spelled(parse_words(program, {"-q", "--version"}).path), "stave version");
  EXPECT_THAT(error_of({"pack", "--version"}), HasSubstr("unknown option \"--version\""));
}

TEST(Arguments, HelpNeedsNoPositionals) {
  const Command program = sample_program();
  EXPECT_TRUE(parse_words(program, {"index", "create", "-h"}).wants_help());
  EXPECT_TRUE(parse_words(program, {"--help"}).wants_help());
}

TEST(Arguments, NoVerbLeavesTheProgram) {
  const Command program = sample_program();
  EXPECT_THAT(parse_words(program, {}).path, ElementsAre(&program));
  EXPECT_EQ(spelled(parse_words(program, {"index"}).path), "stave index");
}

// `run IMAGE ARG...`: the words of the container.
Arguments run_of(Words words) {
  Command program = sample_program();
  Command run = {.name = "run", .summary = "run it", .description = {}};
  run.positionals = {{.name = "IMAGE", .help = "what"},
                     {.name = "ARG", .help = "its words", .least = 0, .most = 0}};
  run.options = {{.names = "-i,--interactive", .value = {}, .help = "input"},
                 {.names = "--env", .value = "K=V", .help = "variables", .repeatable = true}};
  run.passes_on = true;
  program.subcommands.push_back(std::move(run));
  words.insert(words.begin(), "run");
  return parse_words(program, words).arguments;
}

RC_GTEST_PROP(ArgumentsOfAProgram, ArriveAsTheyStandBehindTheImage, ()) {
  const auto value = rc::gen::oneOf(
      rc::gen::elementOf(strange), rc::gen::elementOf(Words{"--env", "--env=x", "-i", "-iq", "--help", "-q"}),
      rc::gen::container<std::string>(rc::gen::inRange<char>(1, 127)));
  Words words = *rc::gen::container<Words>(value);
  words.insert(words.begin(), "image");
  Words typed = {"-i", "--env", "A=1"};
  if (*rc::gen::arbitrary<bool>()) typed.emplace_back("--");
  typed.insert(typed.end(), words.begin(), words.end());
  const Arguments arguments = run_of(typed);
  RC_ASSERT(arguments.positionals() == words);
  RC_ASSERT(arguments.in_order() == (std::vector<Given>{{"--interactive", ""}, {"--env", "A=1"}}));
}

TEST(ArgumentsOfAProgram, UnknownOptionBeforeTheImageIsRefused) {
  EXPECT_THROW(run_of({"--nosuch", "image"}), Error);
  EXPECT_THROW(run_of({"-i", "-x", "image"}), Error);
}

TEST(UsageError, MisspeltVerb) {
  EXPECT_EQ(error_of({"pakc"}), "unknown command \"pakc\" | did you mean `stave pack`?");
  EXPECT_EQ(error_of({"index", "creat"}), "unknown command \"creat\" | did you mean `stave index create`?");
  EXPECT_EQ(error_of({"create"}), "unknown command \"create\" | did you mean `stave index create`?");
  EXPECT_EQ(error_of({"zzzzzz"}), "unknown command \"zzzzzz\" | `stave --help` lists the commands");
}

TEST(UsageError, HiddenVerbsAreNotProposed) {
  EXPECT_THAT(error_of({"__mann"}), HasSubstr("lists the commands"));
}

TEST(UsageError, MisspeltOption) {
  EXPECT_EQ(error_of({"pack", "--tga", "x"}), "unknown option \"--tga\" | did you mean `--tag`?");
  EXPECT_EQ(error_of({"pack", "--tga=x"}), "unknown option \"--tga\" | did you mean `--tag`?");
}

TEST(UsageError, OptionOfAnotherVerb) {
  EXPECT_EQ(error_of({"pack", "--annotate", "a=b"}),
            "unknown option \"--annotate\" | --annotate belongs to `stave index create`; `stave pack --help` "
            "lists what this verb takes");
  EXPECT_THAT(error_of({"--tag", "x", "pack"}), HasSubstr("--tag belongs to `stave pack`"));
}

TEST(UsageError, AbbreviationsAreUnknown) {
  EXPECT_THAT(error_of({"pack", "--plat", "x"}), HasSubstr("unknown option \"--plat\""));
}

TEST(UsageError, NothingBeginningWithADashIsSilentlyAPositional) {
  for (const char* word : {"-5", "--!x", "---x", "-!", "-=x", "--=x", "-x-", "-x-json", "- ", "-\n"}) {
    EXPECT_THAT(error_of({"pack", word}), HasSubstr("unknown option")) << word;
  }
  EXPECT_THAT(error_of({"--", "pack"}), HasSubstr("unknown option \"--\""));
}

TEST(UsageError, MissingValue) {
  EXPECT_EQ(error_of({"pack", "a", "--tag"}), "option --tag needs a value | write `--tag NAME[:TAG]`");
  EXPECT_EQ(error_of({"pack", "-xt"}), "option -t needs a value | write `-t NAME[:TAG]`");
  EXPECT_EQ(error_of({"-j"}), "option -j needs a value | write `-j N`");
}

TEST(UsageError, ValueOfAFlag) {
  for (const char* word : {"--json=", "--json=true", "--json=false", "--json={}"}) {
    EXPECT_EQ(error_of({"pack", word}), "option --json takes no value | write just `--json`");
  }
}

TEST(UsageError, ValueThatIsNoChoice) {
  EXPECT_EQ(error_of({"pack", "--codec", "bzip2"}),
            "option --codec: \"bzip2\" is not one of its values | it takes gzip, zstd, none");
}

TEST(UsageError, NumberOfPositionals) {
  EXPECT_EQ(error_of({"index", "create", "n"}),
            "IMAGE is missing: what goes in | `stave index create --help` shows how it is used");
  EXPECT_THAT(error_of({"diff", "x"}), HasSubstr("\"x\" is one argument too many"));
}

TEST(UsageError, ForeignBytesAreQuoted) {
  EXPECT_THAT(error_of({"\x1b[31m"}), HasSubstr("unknown command \"\\x1b[31m\""));
  EXPECT_THAT(error_of({"pack", "--\x1b]0;x"}), HasSubstr("unknown option \"--\\x1b]0;x\""));
}

}  // namespace
}  // namespace stave::cli
