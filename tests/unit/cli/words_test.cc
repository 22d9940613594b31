// Words as a shell splits them, and what is refused because only a shell could do it.

#include "stave/cli/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <cstdio>
#include <memory>

#include "stave/base/error.h"
#include "stave/json/json.h"

namespace stave::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Words = std::vector<std::string>;

std::string error_of(const std::string& text) {
  try {
    parse_command(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Kind::usage) << text;
    return std::string(error.what()) + " | " + error.hint();
  }
  return "no error";
}

std::string single_quoted(const std::string& word) {
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string backslashed(const std::string& word) {
  std::string out;
  for (const char c : word) out += c == '\n' ? std::string("'\n'") : std::string("\\") + c;
  return out.empty() ? "''" : out;
}

std::string double_quoted(const std::string& word) {
  std::string out = "\"";
  for (const char c : word) {
    if (std::string("$`\"\\").find(c) != std::string::npos) out += '\\';
    out += c;
  }
  return out + "\"";
}

RC_GTEST_PROP(SplitWords, GivesBackWhatWasQuoted, ()) {
  const auto byte = rc::gen::oneOf(rc::gen::inRange<char>(1, 127),
                                   rc::gen::elementOf(std::string(" '\"\\$`|&;<>()*?[#~\n\t\xff")));
  const auto words = *rc::gen::container<Words>(rc::gen::container<std::string>(byte));
  std::string text;
  for (const std::string& word : words) {
    const int how = *rc::gen::inRange(0, 3);
    text += how == 0 ? single_quoted(word) : how == 1 ? double_quoted(word) : backslashed(word);
    text += *rc::gen::element<std::string>(" ", "\t", "  \n ");
  }
  RC_ASSERT(split_words(text) == words);
}

// What /bin/sh makes of `text`.
Words shell_words(const std::string& text) {
  const std::string command =
      "/bin/sh -c " + single_quoted("set -f; for w in " + text + "\ndo printf '%s\\001' \"$w\"; done");
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string out;
  std::array<char, 4096> buffer{};
  while (const std::size_t count = fread(buffer.data(), 1, buffer.size(), pipe.get()))
    out.append(buffer.data(), count);
  Words words;
  for (std::size_t end = 0; (end = out.find('\1')) != std::string::npos; out.erase(0, end + 1))
    words.push_back(out.substr(0, end));
  return words;
}

TEST(SplitWords, AgreesWithTheShell) {
  for (const std::string text : {"a b",
                                 "  a\t b  ",
                                 "'a b'c\"d e\"",
                                 "\"\"",
                                 "'' x",
                                 "a\\ b",
                                 "\"a\\b\\$c\\\\\"",
                                 "\"'\" '\"'",
                                 "a#b",
                                 "'#'",
                                 "x=1 y",
                                 "a\\\nb",
                                 "\"a\\\nb\"",
                                 "a$ b",
                                 "\"5$\"",
                                 "a*b ?",
                                 "{a,b}",
                                 "\"$ \"",
                                 "!x",
                                 "[a-z]",
                                 "\\#x",
                                 "a\"b\"'c'\\d",
                                 "\"a\nb\"",
                                 "$",
                                 "\"$'\""}) {
    EXPECT_EQ(split_words(text), shell_words(text)) << text;
  }
}

TEST(SplitWords, NothingIsNoWords) {
  EXPECT_THAT(split_words(""), IsEmpty());
  EXPECT_THAT(split_words(" \t\n"), IsEmpty());
}

TEST(SplitWords, GlobsAndTildesArePlain) {
  EXPECT_THAT(split_words("ls *.c ~/x a?[b]"), ElementsAre("ls", "*.c", "~/x", "a?[b]"));
}

TEST(ShellWork, IsRefusedWithTheShellForm) {
  EXPECT_EQ(error_of("echo $HOME"),
            "\"echo $HOME\": a $ needs a shell | put single quotes around it if it is meant literally, or "
            "run a shell: "
            "[\"/bin/sh\",\"-c\",\"echo $HOME\"]");
  for (const char* text : {"a | b",  "a && b",   "a; b", "a > b",    "a < b", "(a)",     "a `b`", "\"`b`\"",
                           "\"$x\"", "\"${x}\"", "$(x)", "\"$(x)\"", "$1",    "$?",      "$$",    "$'x'",
                           "$\"x\"", "$!",       "$@",   "a|b",      "a>b",   "x # rest"}) {
    EXPECT_THAT(error_of(text), HasSubstr(" | put single quotes")) << text;
  }
}

TEST(ShellWork, HintIsTheJsonThatWouldDoIt) {
  const std::string text = "echo \"a b\" é > 'x'";
  const std::string message = error_of(text);
  const auto array = json::parse(message.substr(message.find("[\"/bin")), "hint");
  EXPECT_EQ(array, json::Value::array({"/bin/sh", "-c", text}));
}

TEST(ShellWork, QuotedOperatorsAreText) {
  EXPECT_THAT(split_words("'a | $b' \"a;b\" a\\&b"), ElementsAre("a | $b", "a;b", "a&b"));
}

TEST(SplitWords, OpenQuotesAreErrors) {
  EXPECT_THAT(error_of("echo 'a"), HasSubstr("the quote ' is never closed"));
  EXPECT_THAT(error_of("echo \"a"), HasSubstr("the quote \" is never closed"));
  EXPECT_THAT(error_of("echo \"a\\"), HasSubstr("never closed"));
  EXPECT_THAT(error_of("echo a\\"), HasSubstr("ends in a backslash"));
}

TEST(ParseCommand, TakesAJsonArray) {
  EXPECT_THAT(parse_command(R"(["/bin/sh","-c","a $b \u00e9"])"), ElementsAre("/bin/sh", "-c", "a $b é"));
  EXPECT_THAT(parse_command("[]"), IsEmpty());
  EXPECT_THAT(parse_command("a b"), ElementsAre("a", "b"));
}

TEST(ParseCommand, JsonThatIsNoArrayOfStrings) {
  EXPECT_THAT(error_of("[1]"), HasSubstr("element 0 is not a string but number"));
  EXPECT_THAT(error_of(R"(["a",["b"]])"), HasSubstr("element 1 is not a string but array"));
  EXPECT_THAT(error_of("[a]"), HasSubstr("a JSON array of strings looks like"));
  EXPECT_THAT(error_of(R"(["a)"), HasSubstr("a JSON array of strings looks like"));
  EXPECT_THAT(error_of(R"(["a"] x)"), HasSubstr("a JSON array of strings looks like"));
  EXPECT_THAT(error_of("[ -f x ]"), HasSubstr("a JSON array of strings looks like"));
}

}  // namespace
}  // namespace stave::cli
