// The table of the spec's sentences, against what tools/count-sentences found in
// its text, and the page that is printed from it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "stave/validate/page.h"
#include "stave/validate/rules.h"
#include "stave/validate/sentences.h"
#include "unit/validate/shared.h"

namespace stave::validate {
namespace {

// "descriptor.md 18 digests MUST", as the tool prints them.
std::string as_found(const Sentence& sentence) {
  std::string keywords;
  for (const std::string& each : split(sentence.keywords, ',')) {
    std::string keyword = each.substr(each.starts_with(' ') ? 1 : 0);
    for (char& c : keyword) c = c == ' ' ? '-' : c;
    keywords += (keywords.empty() ? "" : ",") + keyword;
  }
  const std::string section(sentence.section.empty() ? "-" : sentence.section);
  return std::string(sentence.file) + " " + std::to_string(sentence.number) + " " + section + " " + keywords;
}

std::set<std::string> codes_of_sentences() {
  std::set<std::string> out;
  for (const Sentence& sentence : sentences()) {
    if (sentence.codes.empty()) continue;
    for (const std::string& code : split(sentence.codes, ' ')) out.insert(code);
  }
  return out;
}

TEST(Sentences, AreThoseOfTheText) {
  std::vector<std::string> found, ours;
  for (const std::string& line : split(testing::read(STAVE_TEST_DATA "/validate/sentences.txt"), '\n')) {
    if (!line.empty() && !line.starts_with("total ")) found.push_back(line);
  }
  for (const Sentence& sentence : sentences()) ours.push_back(as_found(sentence));
  EXPECT_GT(found.size(), 150U);
  EXPECT_EQ(ours, found);
}

TEST(Sentences, AreAsManyOfEachFileAsCounted) {
  std::map<std::string, std::size_t> ours;
  for (const Sentence& sentence : sentences()) {
    ++ours[std::string(sentence.file)];
    ++ours["all"];
  }
  std::map<std::string, std::size_t> found;
  for (const std::string& line : split(testing::read(STAVE_TEST_DATA "/validate/sentences.txt"), '\n')) {
    const std::vector<std::string> words = split(line, ' ');
    if (words[0] == "total") found[words[1]] = static_cast<std::size_t>(parse_number(words[2]).value_or(0));
  }
  EXPECT_EQ(ours, found);
}

TEST(Sentences, AreCheckedOrSayWhyNot) {
  for (const Sentence& sentence : sentences()) {
    EXPECT_NE(sentence.codes.empty(), sentence.reason.empty()) << as_found(sentence);
    EXPECT_FALSE(sentence.asks.empty()) << as_found(sentence);
  }
}

TEST(Sentences, NameRulesThatExist) {
  for (const std::string& code : codes_of_sentences()) {
    const Rule* rule = find_rule(code);
    ASSERT_NE(rule, nullptr) << code;
    EXPECT_EQ(rule->code, code);
  }
}

TEST(Sentences, AskForEachRuleOrItSaysWhyItIsThere) {
  const std::set<std::string> asked = codes_of_sentences();
  std::set<std::string> extra;
  for (const Beyond& each : beyond()) EXPECT_TRUE(extra.emplace(each.code).second) << each.code;
  for (const Rule& rule : rules()) {
    if (rule.profile != Profile::spec) continue;
    const std::string code(rule.code);
    EXPECT_NE(asked.contains(code), extra.contains(code)) << code;
  }
  for (const std::string& code : extra) {
    EXPECT_NE(find_rule(code), nullptr) << code;
  }
}

TEST(Rules, HaveOneNumberEach) {
  std::set<std::string_view> numbers;
  for (const Rule& rule : rules()) {
    EXPECT_TRUE(numbers.insert(rule.code.substr(1)).second) << rule.code;
    EXPECT_TRUE(rule.code.size() == 4 && (rule.code[0] == 'E' || rule.code[0] == 'W')) << rule.code;
  }
}

TEST(Rules, AreTold) {
  for (const Rule& rule : rules()) {
    EXPECT_FALSE(rule.section.empty() || rule.asks.empty() || rule.hint.empty()) << rule.code;
    EXPECT_GT(rule.story.size(), rule.asks.size()) << rule.code;
    EXPECT_FALSE(rule.asks.ends_with('.') || rule.hint.ends_with('.'))
        << rule.code << ": clauses, not sentences";
    EXPECT_TRUE(rule.story.ends_with('.')) << rule.code;
  }
}

TEST(RulesPage, IsThatOfTheTables) {
  const std::string path = STAVE_TEST_DATA "/../../docs/rules.md";
  if (std::getenv("STAVE_UPDATE_DOCS") != nullptr) testing::write(path, rules_page());
  EXPECT_TRUE(testing::read(path) == rules_page())
      << "make it anew with STAVE_UPDATE_DOCS=1 in the environment";
}

}  // namespace
}  // namespace stave::validate
