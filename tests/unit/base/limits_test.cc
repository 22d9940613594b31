// Limits: what moves them, what refuses to, and that the document says what the table says.

#include "stave/base/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "stave/base/stream.h"
#include "stave/base/text.h"

namespace stave::limits {
namespace {

using testing::HasSubstr;

// Other tests of this process want what is standard.
class Limits : public testing::Test {
 protected:
  void TearDown() override { install({}); }
};

std::string refused(std::string_view text) {
  try {
    parse_setting(text);
  } catch (const Error& error) {
    return std::string(name(error.kind())) + ": " + error.what() + " (" + error.hint() + ")";
  }
  return "taken";
}

TEST_F(Limits, EveryOneMovesAndComesBack) {
  for (const Limit* limit : all) {
    install({parse_setting(std::string(limit->name()) + "=1")});
    EXPECT_EQ(limit->value(), 1u) << limit->name();
    for (const Limit* other : all) {
      if (other == limit) continue;
      EXPECT_EQ(other->value(), other->standard()) << limit->name();
    }
    install({});
    EXPECT_EQ(limit->value(), limit->standard()) << limit->name();
  }
}

TEST_F(Limits, TheLastSettingOfOneHolds) {
  install({parse_setting("layer-bytes=1G"), parse_setting("layer-bytes=2G")});
  EXPECT_EQ(layer_bytes.value(), 2 * gib);
}

TEST_F(Limits, SizesHaveUnitsAndCountsHaveNone) {
  EXPECT_EQ(parse_setting("layer-bytes=3MiB").second, 3 * mib);
  EXPECT_EQ(parse_setting("layer-entries=3").second, 3u);
  EXPECT_THAT(refused("layer-entries=3M"), HasSubstr("write a number"));
}

TEST_F(Limits, NoneIsNothingOrAboveItsBound) {
  for (const Limit* limit : all) {
    const std::string name(limit->name());
    EXPECT_THAT(refused(name + "=0"), HasSubstr("usage: limit " + name)) << name;
    EXPECT_THAT(refused(name + "=" + std::to_string(limit->most() + 1)), HasSubstr("at most")) << name;
    EXPECT_EQ(refused(name + "=" + std::to_string(limit->most())), "taken") << name;
  }
}

TEST_F(Limits, WhatIsNoSetting) {
  EXPECT_THAT(refused("layer-byte=1"), HasSubstr("did you mean `layer-bytes`?"));
  EXPECT_THAT(refused("nonsense=1"), HasSubstr("stave help limits"));
  EXPECT_THAT(refused("layer-bytes"), HasSubstr("write a size"));
  EXPECT_THAT(refused("layer-bytes="), HasSubstr("write a size"));
  EXPECT_THAT(refused("layer-bytes=-1"), HasSubstr("write a size"));
  EXPECT_THAT(refused("a\x1b[2J=1"), HasSubstr("\"a\\x1b[2J\""));
}

TEST_F(Limits, FailureNamesItsOption) {
  install({parse_setting("layer-bytes=1G")});
  const Error error = layer_bytes.exceeded("the layer is too large");
  EXPECT_EQ(error.kind(), Kind::limit);
  EXPECT_STREQ(error.what(), "the layer is too large");
  EXPECT_THAT(error.hint(), HasSubstr("--limit layer-bytes=SIZE"));
  EXPECT_THAT(error.hint(), HasSubstr("1.00 GiB"));
}

TEST_F(Limits, FailureOfOneThatCannotBeHigherProposesNothing) {
  EXPECT_THAT(path_depth.exceeded("too deep").hint(), Not(HasSubstr("--limit")));
}

TEST_F(Limits, CappedSourceEndsWhereItsLimitIs) {
  const std::string text(100, 'x');
  BytesSource whole(text);
  CappedSource enough(whole, 100, "it");
  EXPECT_EQ(read_all(enough, 1000, "it"), text);
  BytesSource again(text);
  CappedSource capped(again, 99, "it");
  EXPECT_THROW(read_all(capped, 1000, "it"), Error);
}

TEST_F(Limits, CappedSourceCountsWhatIsSkipped) {
  const std::string text(100, 'x');
  BytesSource whole(text);
  CappedSource capped(whole, 99, "it");
  EXPECT_EQ(capped.skip(99), 99u);
  EXPECT_THROW(capped.skip(1), Error);
}

TEST_F(Limits, TheDocumentIsTheTable) {
  std::ifstream file(std::string(STAVE_TEST_DATA) + "/../../docs/limits.md");
  std::stringstream document;
  document << file.rdbuf();
  std::string rows;
  for (const Limit* limit : all) {
    const std::string row = "| `" + std::string(limit->name()) + "` | " + limit->shown(limit->standard()) +
                            " | " + limit->shown(limit->most()) + " | " + std::string(limit->reason()) +
                            " |\n";
    EXPECT_THAT(document.str(), HasSubstr(row));
    rows += row;
  }
  EXPECT_THAT(document.str(), HasSubstr(rows)) << "and nothing else between them";
}

TEST(ParseSize, PowersOf1024) {
  EXPECT_EQ(parse_size("0"), 0u);
  EXPECT_EQ(parse_size("12"), 12u);
  EXPECT_EQ(parse_size("12B"), 12u);
  EXPECT_EQ(parse_size("1K"), 1024u);
  EXPECT_EQ(parse_size("1KiB"), 1024u);
  EXPECT_EQ(parse_size("3M"), 3u << 20);
  EXPECT_EQ(parse_size("2P"), 2ull << 50);
  EXPECT_EQ(parse_size("9223372036854775807"), (1ull << 63) - 1);
}

TEST(ParseSize, NothingElse) {
  for (const char* text : {"", "K", "-1", "+1", " 1", "1 K", "1k", "1KB", "1Ki", "1KiBB", "1.5M", "1E",
                           "9223372036854775808", "8192P", "99999999999999999999"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace stave::limits
