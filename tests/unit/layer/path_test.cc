// Paths inside an image: their clean form and their order.

#include "stave/layer/path.h"

#include "words.h"

namespace stave::layer {
namespace {

TEST(Path, CleanDropsWhatMeansNothing) {
  EXPECT_EQ(clean("./a//b/"), "a/b");
  EXPECT_EQ(clean("/a/b"), "a/b");
  EXPECT_EQ(clean("a/../b"), "b");
  EXPECT_EQ(clean("./"), "");
  EXPECT_EQ(clean(".../..a"), ".../..a");
}

TEST(Path, CleanRefusesToClimbAboveTheRoot) {
  EXPECT_EQ(clean(".."), std::nullopt);
  EXPECT_EQ(clean("/../etc"), std::nullopt);
  EXPECT_EQ(clean("a/../../b"), std::nullopt);
}

RC_GTEST_PROP(Path, OrderIsThatOfComponents, ()) {
  const auto components = [](const std::string& path) {
    std::vector<std::vector<unsigned char>> out(1);
    for (const char c : path) {
      if (c == '/') {
        out.emplace_back();
      } else {
        out.back().push_back(static_cast<unsigned char>(c));
      }
    }
    return out;
  };
  const std::string a = *any_path(), b = *any_path();
  RC_ASSERT((compare(a, b) < 0) == (components(a) < components(b)));
  RC_ASSERT((compare(a, b) == 0) == (a == b));
}

RC_GTEST_PROP(Path, ParentAndBasenameAreJoinedAgain, ()) {
  const std::string path = *any_path();
  RC_ASSERT(join(parent(path), basename(path)) == path);
  RC_ASSERT(is_within(path, parent(path)));
}

TEST(Path, AnEqualBeginningIsNoParent) {
  EXPECT_FALSE(is_within("ab", "a"));
  EXPECT_TRUE(is_within("a/b", "a"));
  EXPECT_TRUE(is_within("a", "a"));
}

}  // namespace
}  // namespace stave::layer
