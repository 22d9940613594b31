// BuildKit's words, and modes.

#include "stave/build/words.h"

#include <gtest/gtest.h>

#include "stave/base/error.h"

namespace stave::build {
namespace {

TEST(Words, PortsAreRangesOfNumbers) {
  EXPECT_EQ(ports_of({"80", "9000-9001/UDP", "1.2.3.4:8080:80"}),
            (std::vector<std::string>{"80/tcp", "9000/udp", "9001/udp"}));
  for (const char* bad : {"", "x", "70000", "5-4", "80/icmp", "-"})
    EXPECT_THROW(ports_of({bad}), Error) << bad;
}

TEST(Words, ModesAreOctalOrSymbolic) {
  EXPECT_EQ(ModeChange::parse("0755").apply(0, false), 0755u);
  EXPECT_EQ(ModeChange::parse("u=rwX,go=rX").apply(0600, false), 0644u);
  EXPECT_EQ(ModeChange::parse("u=rwX,go=rX").apply(0700, true), 0755u);
  EXPECT_EQ(ModeChange::parse("a+x").apply(0644, false), 0755u);
  EXPECT_EQ(ModeChange::parse("g-w,o=").apply(0777, false), 0750u);
  for (const char* bad : {"", "888", "u", "u~r", "77777", "=q"})
    EXPECT_THROW(ModeChange::parse(bad), Error) << bad;
}

TEST(Words, HealthcheckIsPrintedAsGoPrintsIt) {
  containerfile::Healthcheck health;
  health.test = {"CMD-SHELL", "curl \"x\""};
  health.interval = 5'000'000'000;
  health.timeout = 1'500'000'000;
  health.retries = 3;
  EXPECT_EQ(healthcheck_words(health),
            R"(HEALTHCHECK &{["CMD-SHELL" "curl \"x\""] "5s" "1.5s" "0s" "0s" '\x03'})");
}

TEST(Words, TimesAndSignals) {
  EXPECT_EQ(time_text(1725624336), "2024-09-06T12:05:36Z");
  EXPECT_NO_THROW(check_signal("SIGTERM"));
  EXPECT_NO_THROW(check_signal("9"));
  EXPECT_NO_THROW(check_signal("RTMIN+3"));
  for (const char* bad : {"", "SIGNOTHING", "0", "65"}) EXPECT_THROW(check_signal(bad), Error) << bad;
}

}  // namespace
}  // namespace stave::build
