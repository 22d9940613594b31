// Text helpers: what reaches a terminal is harmless, sizes read well.

#include "stave/base/text.h"

#include <gtest/gtest.h>

namespace stave {
namespace {

TEST(Quote, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(quote("plain"), "\"plain\"");
  EXPECT_EQ(quote("a\x1b[31m\n\"\\"), "\"a\\x1b[31m\\n\\\"\\\\\"");
  EXPECT_EQ(quote("\xc2\x9b"
                  "31m"),
            "\"\\xc2\\x9b31m\"");
  EXPECT_EQ(quote("z\xc3\xbcrich"), "\"zürich\"");
  EXPECT_EQ(quote("\xff\xfe"), "\"\\xff\\xfe\"");
}

TEST(Quote, CutsWhatIsEndless) { EXPECT_LT(quote(std::string(100000, 'x')).size(), 600u); }

TEST(HumanSize, ThreeDigitsAtMost) {
  EXPECT_EQ(human_size(0), "0 B");
  EXPECT_EQ(human_size(1023), "1023 B");
  EXPECT_EQ(human_size(1024), "1.00 KiB");
  EXPECT_EQ(human_size(1536 * 1024), "1.50 MiB");
  EXPECT_EQ(human_size(1023ull * 1024), "1.00 MiB");
  EXPECT_EQ(human_size(150ull << 30), "150 GiB");
  EXPECT_EQ(human_size(~0ull), "16.0 EiB");
}

TEST(Utf8, KnowsOverlongAndSurrogates) {
  EXPECT_TRUE(is_utf8("aé€😀"));
  EXPECT_FALSE(is_utf8("\xc0\x80"));
  EXPECT_FALSE(is_utf8("\xed\xa0\x80"));
  EXPECT_FALSE(is_utf8("\xf4\x90\x80\x80"));
  EXPECT_FALSE(is_utf8("a\xe2\x82"));
}

TEST(Nearest, ProposesOnlyWhatIsNear) {
  const std::vector<std::string> verbs = {"pack", "copy", "config", "inspect", "images"};
  EXPECT_EQ(nearest("pakc", verbs), "pack");
  EXPECT_EQ(nearest("inspct", verbs), "inspect");
  EXPECT_EQ(nearest("zzz", verbs), std::nullopt);
}

TEST(ParseNumber, TakesDigitsOnly) {
  EXPECT_EQ(parse_number("18446744073709551615"), ~0ull);
  EXPECT_EQ(parse_number("18446744073709551616"), std::nullopt);
  EXPECT_EQ(parse_number("-1"), std::nullopt);
  EXPECT_EQ(parse_number("+1"), std::nullopt);
  EXPECT_EQ(parse_number(""), std::nullopt);
  EXPECT_EQ(parse_number(" 1"), std::nullopt);
}

}  // namespace
}  // namespace stave
