// What verbs have in common: times, owners and modes as people write them.

#include "stave/cli/grounds.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <optional>

#include "stave/base/error.h"

namespace stave::cli {
namespace {

std::optional<Kind> refusal(std::string_view time) {
  try {
    parse_time(time, "--created");
    return std::nullopt;
  } catch (const Error& e) {
    return e.kind();
  }
}

TEST(ParseTime, ZonesEastAndWest) {
  EXPECT_EQ(parse_time("2024-09-06T12:05:36Z", "--created"), 1725624336);
  EXPECT_EQ(parse_time("2024-09-06T14:05:36.25+02:00", "--created"), 1725624336);
  // Minus times an unsigned number was once far in the future.
  EXPECT_EQ(parse_time("2024-09-06T04:35:36-07:30", "--created"), 1725624336);
}

TEST(ParseTime, SecondsAndBefore1970) {
  EXPECT_EQ(parse_time("@12", "--mtime"), 12);
  EXPECT_EQ(parse_time("-12", "--mtime"), -12);
  EXPECT_EQ(parse_time("1969-12-31T23:59:59Z", "--mtime"), -1);
}

TEST(ParseTime, WhatIsNoTime) {
  for (const auto* text :
       {"", "@", "now", "2024-02-30T00:00:00Z", "2024-01-01", "2024-01-01T00:00:00", "2024-01-01T24:00:00Z",
        "2024-01-01T00:00:00+25:00", "2024-01-01T00:00:00.Z", "12x"}) {
    EXPECT_EQ(refusal(text), Kind::usage) << text;
  }
}

TEST(Rfc3339, FourDigitYearsOnly) {
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00Z");
  EXPECT_THROW(rfc3339(253402300800), Error);
}

RC_GTEST_PROP(Rfc3339, ReadsBack, ()) {
  const auto seconds = *rc::gen::inRange<std::int64_t>(-62135596800, 253402300799);
  RC_ASSERT(parse_time(rfc3339(seconds), "--created") == seconds);
}

TEST(AgeText, InTheLargestUnitOfWhichThereAreTwo) {
  EXPECT_EQ(age_text(0), "0 seconds ago");
  EXPECT_EQ(age_text(1), "1 second ago");
  EXPECT_EQ(age_text(119), "119 seconds ago");
  EXPECT_EQ(age_text(120), "2 minutes ago");
  EXPECT_EQ(age_text(3 * 86400 + 5), "3 days ago");
  EXPECT_EQ(age_text(59 * 86400), "59 days ago");
  EXPECT_EQ(age_text(60 * 86400), "2 months ago");
  EXPECT_EQ(age_text(730 * 86400), "2 years ago");
  EXPECT_EQ(age_text(-1), "in the future");
}

TEST(ParseOwner, NumbersOnly) {
  EXPECT_EQ(parse_owner("1000").gid, 1000u);
  EXPECT_EQ(parse_owner("1000:5").gid, 5u);
  EXPECT_THROW(parse_owner("root"), Error);
  EXPECT_THROW(parse_owner("4294967295"), Error);
}

TEST(ParseMode, OctalUpTo07777) {
  EXPECT_EQ(parse_mode("0755"), 0755u);
  EXPECT_EQ(parse_mode("4755"), 04755u);
  EXPECT_THROW(parse_mode("888"), Error);
  EXPECT_THROW(parse_mode("10000"), Error);
  EXPECT_THROW(parse_mode(""), Error);
}

}  // namespace
}  // namespace stave::cli
