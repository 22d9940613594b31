// Layers made to cost more than they weigh. Each runs in well under a second;
// a quadratic tree takes minutes, or overflows the stack.

#include <chrono>

#include "stave/base/limits.h"
#include "stave/layer/tree.h"
#include "words.h"

namespace stave::layer {
namespace {

Change wh(const std::string& path) { return file(join(parent(path), ".wh." + std::string(basename(path)))); }

class Hostile : public testing::Test {
 protected:
  // Far above what is needed, even under sanitizers on a busy machine, and far below what the attack wants.
  void TearDown() override {
    const auto taken = std::chrono::steady_clock::now() - begin_;
    EXPECT_LT(std::chrono::duration_cast<std::chrono::seconds>(taken).count(), 60);
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

std::string deep(std::size_t depth) {
  std::string path = "d";
  for (std::size_t i = 1; i < depth; ++i) path += "/d";
  return path;
}

TEST_F(Hostile, DeepestPathIsTakenAndADeeperOneRefused) {
  Tree tree = stacked({{file(deep(limits::path_depth))}});
  std::size_t entries = 0;
  tree.visit([&](const std::string&, const Tree::Inode&) { ++entries; });
  EXPECT_EQ(entries, limits::path_depth);
  tree.remove("d");
  EXPECT_EQ(show(tree.take_changes()), "- d\n");
  EXPECT_TRUE(outcome([] { stacked({{file(deep(limits::path_depth + 1))}}); }).starts_with("limit: "));
}

TEST_F(Hostile, DeepTreeIsChangedAtItsEnd) {
  const std::string path = deep(limits::path_depth - 1);
  Tree tree = stacked({{file(path + "/x")}});
  apply_tar(tree, raw_tar({wh(path + "/x"), wh("d")}));
  EXPECT_EQ(show(tree), "");
}

TEST_F(Hostile, DeepEditComesOutWithItsParents) {
  Tree tree;
  tree.put(deep(limits::path_depth), std::make_shared<const Tree::Inode>(), {});
  EXPECT_EQ(tree.take_changes().size(), limits::path_depth);
}

TEST_F(Hostile, SymlinksThatMakePathsDeeperAreBounded) {
  const std::string half = deep(3000);
  EXPECT_TRUE(outcome([&] { stacked({{symlink("l", half), file("l/" + half)}}); }).starts_with("limit: "));
}

TEST_F(Hostile, ManyEntriesInOneDirectory) {
  std::string tar;
  for (int i = 0; i < 50000; ++i) tar += raw(file("d/" + std::to_string(i)));
  Tree tree;
  apply_tar(tree, tar);
  // A whiteout of the directory again and again, around what the layer itself puts there.
  std::string again;
  for (int i = 0; i < 10000; ++i) again += raw(file("d/own" + std::to_string(i))) + raw(wh("d"));
  apply_tar(tree, again);
  std::size_t entries = 0;
  tree.visit([&](const std::string&, const Tree::Inode&) { ++entries; });
  EXPECT_EQ(entries, 10001u);
}

TEST_F(Hostile, WhiteoutsUpAlongADeepPath) {
  std::string tar;
  const std::string path = deep(500);
  for (int i = 0; i < 20000; ++i) tar += raw(file("d/d/" + std::to_string(i)));
  Tree tree;
  apply_tar(tree, tar);
  apply_tar(tree, raw_tar({file(path)}));
  std::string up;
  for (std::string_view at = path; !at.empty(); at = parent(at)) up += raw(wh(std::string(at)));
  apply_tar(tree, raw(file("d/d/own")) + up);
  EXPECT_EQ(show(tree), "d755 d\nd755 d/d\nf644 d/d/own\n");
}

// 40 symlinks of 64 KiB, gone through for each entry: a tar of a few megabytes that would take days.
TEST_F(Hostile, EndlessSymlinksForEachEntry) {
  std::string text;
  while (text.size() < 60000) text += "./././";
  std::string tar;
  for (int i = 0; i < 39; ++i)
    tar += raw(symlink("l" + std::to_string(i), text + "l" + std::to_string(i + 1)));
  tar += raw(dir("l39"));
  for (int i = 0; i < 3000; ++i) tar += raw(file("l0/" + std::to_string(i)));
  Tree tree;
  EXPECT_TRUE(outcome([&] { apply_tar(tree, tar); }).starts_with("limit: "));
}

TEST_F(Hostile, DotDotInASymlinkOfManyComponents) {
  std::string text;
  while (text.size() < 60000) text += "x/../";
  const Tree tree = stacked({{symlink("l", text + "l2"), symlink("l2", text + "end")}});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(tree.resolve("l/f", Tree::Follow::all), "end/f");
}

}  // namespace
}  // namespace stave::layer
