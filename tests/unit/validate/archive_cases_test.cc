// Every rule about layers and clients on an archive that keeps it and on one that breaks it
// (tests/data/validate, made by make-archives there).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "stave/place/place.h"
#include "stave/validate/graph.h"
#include "stave/validate/layers.h"
#include "stave/validate/profiles.h"
#include "stave/validate/report.h"

namespace stave::validate {
namespace {

std::string path_of(std::string_view code, std::string_view which) {
  return std::string(STAVE_TEST_DATA "/validate/") + std::string(code) + "/" + std::string(which) + ".tar";
}

Report report_on(const std::string& path, Profile profile) {
  const Context context;
  const auto place = place::open_place(
      context, {.transport = place::Transport::oci_archive, .path = path, .reference = {}}, {});
  Report report;
  const Where where{.file = "index.json"};
  for (const auto& offer : place.offers) {
    const auto graph = check_graph(context, *place.blobs, offer.descriptor, where, report);
    check_layers(context, *place.blobs, graph, report);
    check_profile(profile,
                  {.is = Package::Is::archive,
                   .images = place.offers.size(),
                   .docker_manifest = place.archive->find_text("manifest.json", 1 << 20).has_value(),
                   .annotations = offer.descriptor.annotations,
                   .where = where},
                  graph, report);
  }
  return report;
}

std::vector<std::string> codes_of(const Report& report) {
  std::vector<std::string> codes;
  for (const auto& finding : report.findings()) codes.emplace_back(finding.rule->code);
  return codes;
}

class LayerRule : public ::testing::TestWithParam<std::string> {};

TEST_P(LayerRule, IsBrokenByTheBadArchiveAndKeptByTheGoodOne) {
  const std::string code = GetParam();
  ASSERT_NE(find_rule(code), nullptr);
  const Rule& rule = *find_rule(code);
  EXPECT_THAT(codes_of(report_on(path_of(code, "bad"), rule.profile)), ::testing::Contains(code));
  const auto good = report_on(path_of(code, "good"), rule.profile);
  EXPECT_THAT(codes_of(good), ::testing::Not(::testing::Contains(code)));
  EXPECT_EQ(good.errors(), 0u) << ::testing::PrintToString(codes_of(good));
}

std::vector<std::string> rules_of_layers_and_clients() {
  std::vector<std::string> all;
  for (const auto& rule : rules()) {
    if (rule.code[1] == '5' || rule.code[1] == '7') all.emplace_back(rule.code);
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, LayerRule, ::testing::ValuesIn(rules_of_layers_and_clients()),
                         [](const auto& each) { return each.param; });

TEST(Rules, HaveCodesOfTheirOwn) {
  std::vector<std::string> numbers;
  for (const auto& rule : rules()) {
    ASSERT_EQ(rule.code.size(), 4u) << rule.code;
    EXPECT_TRUE(rule.code[0] == 'E' || rule.code[0] == 'W') << rule.code;
    numbers.emplace_back(rule.code.substr(1));
    EXPECT_FALSE(rule.asks.empty() || rule.hint.empty() || rule.section.empty() || rule.story.empty())
        << rule.code;
  }
  EXPECT_EQ(std::adjacent_find(numbers.begin(), numbers.end()), numbers.end());
}

TEST(Rules, AreFoundWithAndWithoutTheirLetter) {
  EXPECT_EQ(find_rule("E504"), find_rule("504"));
  ASSERT_NE(find_rule("e504"), nullptr);
  EXPECT_EQ(find_rule("e504")->code, "E504");
  EXPECT_EQ(find_rule("W999"), nullptr);
  EXPECT_EQ(find_rule(""), nullptr);
}

TEST(Reports, KeepABoundedNumberOfEachFinding) {
  Report report;
  for (int i = 0; i < 1000; ++i) report.add("E504", {.file = "layer"}, "twice");
  report.add("E502", {.file = "layer"}, "other");
  EXPECT_EQ(report.errors(), 1001u);
  EXPECT_EQ(report.findings().size(), 51u);
  EXPECT_EQ(report.left_out(), 950u);
}

}  // namespace
}  // namespace stave::validate
