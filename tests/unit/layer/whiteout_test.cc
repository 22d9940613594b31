// Whiteouts: every name that begins with .wh. and what it means.

#include "stave/layer/whiteout.h"

#include "words.h"

namespace stave::layer {
namespace {

std::string meaning(std::string_view path) {
  static const std::map<Meaning, std::string> names = {{Meaning::entry, "entry"},
                                                       {Meaning::whiteout, "removes"},
                                                       {Meaning::opaque, "empties"},
                                                       {Meaning::ignored, "ignored"},
                                                       {Meaning::forbidden, "forbidden"}};
  const Interpreted meant = interpret(path);
  return names.at(meant.meaning) + " " + meant.path;
}

TEST(Whiteout, Table) {
  EXPECT_EQ(meaning(""), "entry ");
  EXPECT_EQ(meaning("a/b"), "entry a/b");
  EXPECT_EQ(meaning("a.wh.b"), "entry a.wh.b");
  EXPECT_EQ(meaning(".wh"), "entry .wh");
  EXPECT_EQ(meaning(".wha"), "entry .wha");
  EXPECT_EQ(meaning(".wh.a"), "removes a");
  EXPECT_EQ(meaning("d/.wh.a"), "removes d/a");
  EXPECT_EQ(meaning("d/.wh..hidden"), "removes d/.hidden");
  EXPECT_EQ(meaning(".wh..wh..opq"), "empties ");
  EXPECT_EQ(meaning("d/.wh..wh..opq"), "empties d");
  EXPECT_EQ(meaning(".wh..wh.plnk/1.2"), "ignored .wh..wh.plnk/1.2");
  EXPECT_EQ(meaning(".wh..wh.aufs"), "ignored .wh..wh.aufs");
}

TEST(Whiteout, OfNothingIsForbidden) {
  EXPECT_EQ(meaning("d/.wh."), "forbidden d/.wh.");
  EXPECT_EQ(meaning("d/.wh.."), "forbidden d/.wh..");
  EXPECT_EQ(meaning("d/.wh..."), "forbidden d/.wh...");
}

TEST(Whiteout, InsideOfOneNothingCanBe) {
  EXPECT_EQ(meaning(".wh.d/a"), "forbidden .wh.d/a");
  EXPECT_EQ(meaning(".wh.d/.wh.a"), "forbidden .wh.d/.wh.a");
}

RC_GTEST_PROP(Whiteout, InterpretIsTheInverse, ()) {
  const std::string path = *any_path();
  RC_ASSERT(meaning(whiteout_of(path)) == "removes " + path);
}

}  // namespace
}  // namespace stave::layer
