// Joined and spooled blobs: each comes from the first place that has it, and from far
// away only once.

#include <gtest/gtest.h>

#include "stave/base/limits.h"
#include "stave/place/joined.h"
#include "unit/content/layout.h"

namespace stave::place {
namespace {

using testing::Memory;
namespace files = std::filesystem;

std::string text_of(std::unique_ptr<Source> source) {
  return source ? read_all(*source, limits::mib, "a blob") : "absent";
}

TEST(Joined, TheFirstThatHasItGivesIt) {
  const auto a = std::make_shared<Memory>(), b = std::make_shared<Memory>();
  const auto in_a = a->put("in a", "x").digest, in_b = b->put("in b", "x").digest;
  b->damage(in_a, "other");
  const Joined joined({a, b});
  EXPECT_EQ(text_of(joined.find(in_a)), "in a");
  EXPECT_EQ(text_of(joined.find(in_b)), "in b");
  EXPECT_EQ(text_of(joined.find_from(in_b, 3)), "b");
  EXPECT_EQ(joined.find_size(in_b), 4u);
  EXPECT_EQ(joined.find(digest_of("nowhere")), nullptr);
}

struct Far {
  std::shared_ptr<Memory> memory = std::make_shared<Memory>();
  Digest digest = memory->put("content", "x").digest;
  Spooled spooled{memory, "/tmp"};
};

TEST(Spooled, FetchesABlobOnce) {
  const Far far;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(text_of(far.spooled.find(far.digest)), "content");
  EXPECT_EQ(text_of(far.spooled.find_from(far.digest, 3)), "tent");
  EXPECT_EQ(far.memory->reads(far.digest), 1);
}

TEST(Spooled, FetchesAgainWhatWasNotReadToItsEnd) {
  const Far far;
  std::array<std::byte, 3> some{};
  far.spooled.find(far.digest)->read(some);
  EXPECT_EQ(text_of(far.spooled.find(far.digest)), "content");
  EXPECT_EQ(far.memory->reads(far.digest), 2);
}

TEST(Spooled, KeepsNothingThatIsDamaged) {
  const Far far;
  far.memory->damage(far.digest, "damaged");
  EXPECT_EQ(text_of(far.spooled.find(far.digest)), "damaged");
  far.memory->damage(far.digest, "content");
  EXPECT_EQ(text_of(far.spooled.find(far.digest)), "content");
}

TEST(Spooled, WhatIsAbsentIsAnAnswer) {
  const Far far;
  EXPECT_EQ(far.spooled.find(digest_of("nowhere")), nullptr);
  EXPECT_EQ(far.spooled.find_size(digest_of("nowhere")), std::nullopt);
}

}  // namespace
}  // namespace stave::place
