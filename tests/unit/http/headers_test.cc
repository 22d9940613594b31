// Headers: names without case, and when to come back.

#include <gtest/gtest.h>

#include <string>

#include "stave/http/dates.h"
#include "stave/http/http.h"

namespace stave::http {
namespace {

using std::chrono::seconds;

Headers headers(std::string_view name, std::string_view value) {
  Headers all;
  all.add(std::string(name), std::string(value));
  return all;
}

TEST(Headers, NamesHaveNoCase) {
  EXPECT_EQ(headers("docker-content-DIGEST", "x").find("Docker-Content-Digest"), "x");
  EXPECT_EQ(headers("Linker", "x").find("Link"), std::nullopt);
}

TEST(Headers, OneNameCanComeOftenAndKeepsItsOrder) {
  Headers all;
  all.add("Link", "1");
  all.add("Other", "x");
  all.add("link", "2");
  EXPECT_EQ(all.find("link"), "1");
  EXPECT_EQ(all.all("LINK"), (std::vector<std::string>{"1", "2"}));
}

TEST(Dates, AllThreeFormsOfTheSpecAreOneMoment) {
  EXPECT_EQ(find_date("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
  EXPECT_EQ(find_date("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777);
  EXPECT_EQ(find_date("Sun Nov  6 08:49:37 1994"), 784111777);
}

TEST(Dates, WhatIsNoneIsNone) {
  for (const char* const text :
       {"", "x", "Sun, 31 Feb 2020 00:00:00 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
        "Sunday, 06-Nov 08:49:37 GMT"}) {
    EXPECT_EQ(find_date(text), std::nullopt) << text;
  }
}

TEST(RetryAfter, IsSeconds) { EXPECT_EQ(find_retry_after(headers("Retry-After", "120"), 0), seconds(120)); }

TEST(RetryAfter, IsADateCountedFromNow) {
  const Headers then = headers("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(find_retry_after(then, 784111777 - 30), seconds(30));
}

TEST(RetryAfter, InThePastIsNow) {
  EXPECT_EQ(find_retry_after(headers("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"), 784111778), seconds(0));
}

TEST(RetryAfter, NonsenseIsNone) {
  EXPECT_EQ(find_retry_after(Headers(), 0), std::nullopt);
  for (const char* const text : {"", "soon", "-1", "1.5", "1 s"}) {
    EXPECT_EQ(find_retry_after(headers("Retry-After", text), 0), std::nullopt) << text;
  }
}

TEST(RetryAfter, AnAgeFitsIntoTheAnswer) {
  const auto wait = find_retry_after(headers("Retry-After", "18446744073709551615"), 0);
  EXPECT_GT(*wait, seconds(3'000'000'000));
  EXPECT_GE(*find_retry_after(headers("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"), INT64_MIN),
            seconds(0));
}

}  // namespace
}  // namespace stave::http
