// Instructions as values, mistakes with their place, and texts of every sort.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

#include "stave/base/error.h"
#include "stave/containerfile/instructions.h"
#include "stave/containerfile/patterns.h"

namespace stave::containerfile {
namespace {

Containerfile read(const std::string& text) { return parse({.name = "Containerfile", .text = text}); }

template <class What>
What one(const std::string& line) {
  const auto file = read("FROM scratch\n" + line + "\n");
  return std::get<What>(file.stages.at(0).instructions.at(0).what);
}

std::string refusal(const std::string& text) {
  try {
    read(text);
  } catch (const Error& error) {
    return std::string(error.what()) + "\n" + error.hint();
  }
  return "taken";
}

Variables set(const std::string& name, const std::string& value) {
  return [=](std::string_view asked) { return asked == name ? std::optional(value) : std::nullopt; };
}

TEST(Instructions, CopyHasItsFlags) {
  const auto copy = one<Transfer>(
      "COPY --from=a --chown=1:2 --chmod=u=rw --link --parents --exclude=*.o --exclude=b a b /c/");
  EXPECT_EQ(copy.from, "a");
  EXPECT_EQ(copy.chown, "1:2");
  EXPECT_EQ(copy.chmod, "u=rw");
  EXPECT_TRUE(copy.link && copy.parents && !copy.add);
  EXPECT_EQ(copy.excludes, (std::vector<std::string>{"*.o", "b"}));
  EXPECT_EQ(copy.sources, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(copy.destination, "/c/");
}

TEST(Instructions, HeredocsAreTakenWithTheirWord) {
  const auto copy = one<Transfer>("COPY <<a <<-\"b\" /x/\none $V\na\n\t\ttwo\n\tb");
  ASSERT_EQ(copy.contents.size(), 2u);
  EXPECT_EQ(copy.contents[0].content, "one $V\n");
  EXPECT_TRUE(copy.contents[0].expand);
  EXPECT_EQ(copy.contents[1].content, "two\n");
  EXPECT_FALSE(copy.contents[1].expand);
}

TEST(Instructions, MountsAreReadWithTheirVariables) {
  const auto file = read(
      "FROM scratch\nRUN --mount=type=cache,target=$D,sharing=locked,mode=0700 "
      "--mount=type=secret,id=s,env=S,required "
      "--mount=from=x,source=/y,target=/z,rw true\n");
  const auto run =
      std::get<containerfile::Run>(expanded(file, file.stages[0].instructions[0], set("D", "/cache")).what);
  ASSERT_EQ(run.mounts.size(), 3u);
  EXPECT_EQ(run.mounts[0].target, "/cache");
  EXPECT_EQ(run.mounts[0].mode, 0700u);
  EXPECT_FALSE(run.mounts[0].read_only);
  EXPECT_TRUE(run.mounts[1].required);
  EXPECT_EQ(run.mounts[1].env, "S");
  EXPECT_EQ(run.mounts[2].from, "x");
  EXPECT_FALSE(run.mounts[2].read_only);
}

TEST(Instructions, HealthcheckHasItsTimes) {
  const auto health = one<Healthcheck>("HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 CMD a b");
  EXPECT_EQ(health.interval, 90'000'000'000);
  EXPECT_EQ(health.timeout, 500'000'000);
  EXPECT_EQ(health.retries, 3);
  EXPECT_EQ(health.test, (std::vector<std::string>{"CMD-SHELL", "a b"}));
}

TEST(Instructions, VariablesAreOfTheWholeInstruction) {
  const auto file = read("FROM scratch\nENV abc=bye def=$abc\n");
  const auto env = std::get<Env>(expanded(file, file.stages[0].instructions[0], set("abc", "hello")).what);
  EXPECT_EQ(env.pairs[0].value, "bye");
  EXPECT_EQ(env.pairs[1].value, "hello");
}

TEST(Instructions, TheShellExpandsForItself) {
  const auto file = read("FROM scratch\nCMD echo $HOME\n");
  EXPECT_EQ(
      std::get<Cmd>(expanded(file, file.stages[0].instructions[0], set("HOME", "/x")).what).command.words,
      std::vector<std::string>{"echo $HOME"});
}

TEST(Mistakes, HaveAPlaceACaretAndAWord) {
  const auto text = refusal("FROM scratch\n  RUNN ls\n");
  EXPECT_NE(text.find("Containerfile:2:3: unknown instruction: RUNN"), std::string::npos) << text;
  EXPECT_NE(text.find("   |   ^~~~"), std::string::npos) << text;
  EXPECT_NE(text.find("did you mean RUN?"), std::string::npos) << text;
}

TEST(Mistakes, AreSaidInBuildKitsWords) {
  EXPECT_NE(refusal("").find("file with no instructions"), std::string::npos);
  EXPECT_NE(refusal("RUN x").find("no build stage in current context"), std::string::npos);
  EXPECT_NE(refusal("FROM a b").find("FROM requires either one or three arguments"), std::string::npos);
  EXPECT_NE(refusal("FROM a AS 1b").find("invalid name for build stage"), std::string::npos);
  EXPECT_NE(refusal("FROM a\nCOPY x").find("COPY requires at least two arguments"), std::string::npos);
  EXPECT_NE(refusal("FROM a\nCOPY <<E /x\nabc").find("unterminated heredoc"), std::string::npos);
  EXPECT_NE(refusal("FROM a\nONBUILD ONBUILD RUN x").find("isn't allowed"), std::string::npos);
  EXPECT_NE(refusal("FROM a\nRUN --mount=type=cahe,target=/x y").find("did you mean cache?"),
            std::string::npos);
  EXPECT_NE(refusal("FROM a\nRUN --mount=type=bind,size=1,target=/x y").find("unexpected key 'size'"),
            std::string::npos);
  EXPECT_NE(refusal("# escape=x\nFROM a").find("invalid escape token"), std::string::npos);
  EXPECT_NE(refusal("# syntax=example.org/mine\nFROM a").find("is a program that stave does not run"),
            std::string::npos);
  EXPECT_NE(refusal("FROM a\nSHELL sh").find("JSON form"), std::string::npos);
  EXPECT_NE(refusal("FROM a\nHEALTHCHECK --interval=x CMD y").find("invalid duration"), std::string::npos);
}

TEST(Mistakes, OfOnbuildOfAnImage) {
  EXPECT_EQ(parse_onbuild("COPY . /", "x").keyword, "COPY");
  EXPECT_THROW(parse_onbuild("FROM x", "x"), Error);
  EXPECT_THROW(parse_onbuild("ONBUILD RUN x", "x"), Error);
  EXPECT_THROW(parse_onbuild("RUN a\nRUN b", "x"), Error);
}

TEST(Hostile, LongLinesAndManyInstructionsAreReadInOneGo) {
  EXPECT_EQ(read("FROM scratch\nLABEL x=" + std::string(10'000'000, 'a')).stages.size(), 1u);
  std::string many = "FROM scratch\n";
  for (int i = 0; i < 99'999; ++i) many += "ENV a=b\n";
  EXPECT_EQ(read(many).stages[0].instructions.size(), 99'999u);
  EXPECT_NE(refusal(many + "ENV a=b\n").find("more than 100000 instructions"), std::string::npos);
  EXPECT_NE(
      refusal("FROM a\nLABEL x=" + std::string(17 << 20, 'a')).find("more than a Containerfile may have"),
      std::string::npos);
}

TEST(Hostile, NestedVariablesHaveABound) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "${a:-";
  const auto file = read("FROM scratch\nUSER " + text);
  EXPECT_THROW(expanded(file, file.stages[0].instructions[0], {}), Error);
}

TEST(Hostile, PatternsTakeTheTimeOfTheirLengths) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  EXPECT_FALSE(match(pattern, std::string(5000, 'a') + "b"));
  std::string deep;
  for (int i = 0; i < 30; ++i) deep += "**/a/";
  EXPECT_FALSE(Patterns({deep + "b"}).excludes(std::string(200, 'a')));
}

TEST(Lint, CanBeSkipped) {
  const auto rules = [](const std::string& text) {
    std::vector<std::string> names;
    for (const auto& warning : read(text).warnings) names.push_back(warning.rule);
    return names;
  };
  EXPECT_EQ(rules("FROM scratch AS Base\n"), std::vector<std::string>{"StageNameCasing"});
  EXPECT_TRUE(rules("# check=skip=StageNameCasing\nFROM scratch AS Base\n").empty());
  EXPECT_TRUE(rules("# check=skip=all\nFROM scratch AS Base\nENV a b\n").empty());
}

RC_GTEST_PROP(Properties, AnyTextIsReadOrRefused, (std::vector<std::string> lines)) {
  static const std::vector<std::string> words = {"FROM", "RUN", "COPY",    "<<E", "E",        "\\",
                                                 "${",   "}",   "\"",      "'",   "--mount=", "[",
                                                 "]",    "#",   "ONBUILD", "=",   " ",        "\t"};
  std::string text = "FROM a\n";
  for (const auto& line : lines) {
    text += *rc::gen::elementOf(words) + " " + *rc::gen::elementOf(words) + line + "\n";
  }
  try {
    const auto file = read(text);
    for (const auto& stage : file.stages) {
      for (const auto& instruction : stage.instructions)
        static_cast<void>(expanded(file, instruction, set("a", "b")));
    }
  } catch (const Error&) {
  }
}

}  // namespace
}  // namespace stave::containerfile
