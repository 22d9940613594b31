// Platforms: many spellings of one thing, and which image runs where.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "stave/spec/spec.h"
#include "unit/json/failure.h"

namespace stave::spec {
namespace {

using testing::kind_of_failure;

std::string normal(std::string_view text) { return Platform::parse(text).str(); }

Platform of(std::string os, std::string architecture, std::string variant = {}) {
  return Platform{.os = std::move(os),
                  .architecture = std::move(architecture),
                  .variant = std::move(variant),
                  .os_version = {},
                  .os_features = {}};
}

std::vector<Platform> all(std::initializer_list<std::string_view> texts) {
  std::vector<Platform> out;
  for (const auto text : texts) out.push_back(Platform::parse(text));
  return out;
}

std::optional<std::size_t> best(std::initializer_list<std::string_view> offered, std::string_view wanted) {
  return best_match(all(offered), Platform::parse(wanted));
}

RC_GTEST_PROP(Platform, ReadsBackAsPrinted, ()) {
  const auto word = [](auto... words) { return rc::gen::element<std::string>(words...); };
  const std::string os = *word("linux", "Windows", "darwin", "macos", "freebsd");
  const std::string architecture =
      *word("amd64", "x86_64", "arm64", "aarch64", "arm", "armhf", "ARMEL", "i386", "riscv64", "new");
  const std::string variant = *word("", "/v6", "/7", "/v8", "/v8.2", "/V9", "/v1");
  const Platform platform = Platform::parse(os + '/' + architecture + variant);
  RC_ASSERT(Platform::parse(platform.str()) == platform);
  RC_ASSERT(runs_on(platform, platform));
}

TEST(Platform, SpellingsAreOne) {
  EXPECT_EQ(normal("linux/amd64"), "linux/amd64");
  EXPECT_EQ(normal("Linux/x86_64"), "linux/amd64");
  EXPECT_EQ(normal("linux/x86-64/v1"), "linux/amd64");
  EXPECT_EQ(normal("linux/amd64/v3"), "linux/amd64/v3");
  EXPECT_EQ(normal("linux/i386"), "linux/386");
  EXPECT_EQ(normal("linux/arm64"), "linux/arm64/v8");
  EXPECT_EQ(normal("linux/aarch64/8"), "linux/arm64/v8");
  EXPECT_EQ(normal("linux/arm64/v9.0"), "linux/arm64/v9");
  EXPECT_EQ(normal("linux/arm"), "linux/arm/v7");
  EXPECT_EQ(normal("linux/arm/6"), "linux/arm/v6");
  EXPECT_EQ(normal("linux/armhf"), "linux/arm/v7");
  EXPECT_EQ(normal("linux/armel"), "linux/arm/v6");
  EXPECT_EQ(normal("macos/arm64"), "darwin/arm64/v8");
}

TEST(Platform, ArchitectureAloneMeansLinux) {
  EXPECT_EQ(normal("arm64"), "linux/arm64/v8");
  EXPECT_EQ(normal("x86_64"), "linux/amd64");
  EXPECT_EQ(normal("arm/v6"), "linux/arm/v6");
  EXPECT_EQ(normal("wasi/wasm"), "wasi/wasm");
}

TEST(Platform, RefusesWhatIsNone) {
  for (const std::string_view text :
       {"", "/", "linux", "linux/", "/amd64", "linux/amd64/", "linux/arm/v7/x", "linux/amd 64",
        "linux/\x1b[0m", "nonsense", "linux//v7", "../amd64/\xc3\xa9"}) {
    EXPECT_EQ(kind_of_failure([&] { Platform::parse(text); }), Kind::usage) << text;
  }
}

TEST(RunsOn, SamePlatformInAnotherSpelling) {
  EXPECT_TRUE(runs_on(of("linux", "arm64"), of("linux", "aarch64", "v8")));
  EXPECT_TRUE(runs_on(of("Linux", "x86_64"), of("linux", "amd64")));
  EXPECT_FALSE(runs_on(of("linux", "amd64"), of("linux", "arm64")));
  EXPECT_FALSE(runs_on(of("windows", "amd64"), of("linux", "amd64")));
  EXPECT_FALSE(runs_on(of("linux", "386"), of("linux", "amd64")));
}

TEST(RunsOn, LowerVersionsRunOnHigherOnes) {
  const auto runs = [](std::string_view offered, std::string_view wanted) {
    return runs_on(Platform::parse(offered), Platform::parse(wanted));
  };
  EXPECT_TRUE(runs("linux/arm/v6", "linux/arm/v7"));
  EXPECT_FALSE(runs("linux/arm/v7", "linux/arm/v6"));
  EXPECT_TRUE(runs("linux/amd64", "linux/amd64/v3"));
  EXPECT_FALSE(runs("linux/amd64/v2", "linux/amd64"));
  EXPECT_TRUE(runs("linux/arm64", "linux/arm64/v8.2"));
  EXPECT_TRUE(runs("linux/arm64", "linux/arm64/v9"));
  EXPECT_FALSE(runs("linux/arm64/v8.9", "linux/arm64/v9"));
  EXPECT_FALSE(runs("linux/ppc64le/power8", "linux/ppc64le/power9"));
}

TEST(RunsOn, OsVersionAndFeaturesCountOnlyWhenAskedFor) {
  Platform offered = of("windows", "amd64");
  offered.os_version = "10.0.17763.1234";
  offered.os_features = {"win32k"};
  Platform wanted = of("windows", "amd64");
  EXPECT_TRUE(runs_on(offered, wanted));
  wanted.os_version = "10.0.17763";
  EXPECT_TRUE(runs_on(offered, wanted));
  wanted.os_version = "10.0.1776";
  EXPECT_FALSE(runs_on(offered, wanted));
  wanted.os_version.clear();
  wanted.os_features = {"other"};
  EXPECT_FALSE(runs_on(offered, wanted));
  wanted.os_features = {"other", "win32k"};
  EXPECT_TRUE(runs_on(offered, wanted));
}

TEST(BestMatch, ExactVariantThenHighestLowerThenFirst) {
  EXPECT_EQ(best({"linux/arm/v5", "linux/arm/v7", "linux/arm/v6"}, "linux/arm/v7"), 1u);
  EXPECT_EQ(best({"linux/arm/v5", "linux/arm/v6", "linux/arm64"}, "linux/arm/v7"), 1u);
  EXPECT_EQ(best({"linux/arm/v7", "linux/arm/v5"}, "linux/arm/v6"), 1u);
  EXPECT_EQ(best({"linux/amd64/v2", "linux/amd64", "linux/amd64/v3"}, "linux/amd64"), 1u);
  EXPECT_EQ(best({"linux/amd64", "linux/amd64/v2", "linux/amd64/v4"}, "linux/amd64/v3"), 1u);
  EXPECT_EQ(best({"linux/386", "linux/amd64", "linux/amd64"}, "linux/amd64"), 1u);
  EXPECT_EQ(best({"linux/arm/v7"}, "linux/arm/v6"), std::nullopt);
  EXPECT_EQ(best({}, "linux/amd64"), std::nullopt);
}

TEST(BestMatch, ListedWithoutVariantIsTheDefaultOne) {
  EXPECT_EQ(best_match({of("linux", "arm", "v6"), of("linux", "arm")}, of("linux", "arm", "v7")), 1u);
  EXPECT_EQ(best_match({of("linux", "arm64")}, of("linux", "arm64", "v8")), 0u);
}

}  // namespace
}  // namespace stave::spec
