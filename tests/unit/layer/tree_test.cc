// Trees: layers on top of each other as clients show them, and edits that come
// out as the layer that makes them.

#include "stave/layer/tree.h"

#include "words.h"

namespace stave::layer {
namespace {

std::shared_ptr<const Tree::Inode> inode(Change change) {
  return std::make_shared<const Tree::Inode>(Tree::Inode{change.entry.meta, {}, change.contents});
}

void put(Tree& tree, const Change& change) { tree.put(change.entry.path, inode(change), {9, 0}); }

Change opaque(const std::string& directory) {
  // header_of would not encode it as anything else than a file of that name.
  return file(join(directory, ".wh..wh..opq"));
}

Change wh(const std::string& path) { return file(join(parent(path), ".wh." + std::string(basename(path)))); }

TEST(TreeApply, AWhiteoutRemovesWhatIsBelow) {
  EXPECT_EQ(show(stacked({{dir("d"), file("d/a"), file("d/b")}, {wh("d/a")}})), "d755 d\nf644 d/b\n");
  EXPECT_EQ(show(stacked({{dir("d"), file("d/a"), file("d/b")}, {wh("d")}})), "");
}

TEST(TreeApply, AWhiteoutOfNothingIsNothing) {
  EXPECT_EQ(show(stacked({{file("a")}, {wh("b"), wh("a/x"), wh("c/d/e")}})), "f644 a\n");
}

TEST(TreeApply, AWhiteoutNeverRemovesWhatItsLayerPut) {
  const std::vector<Change> below = {dir("d"), file("d/old")};
  EXPECT_EQ(show(stacked({below, {file("d/new"), wh("d")}})), "d755 d\nf644 d/new\n");
  EXPECT_EQ(show(stacked({below, {wh("d"), file("d/new")}})), "d755 d\nf644 d/new\n");
  EXPECT_EQ(show(stacked({below, {file("d/old", "", 0600), wh("d/old")}})), "d755 d\nf600 d/old\n");
}

TEST(TreeApply, AWhiteoutBeforeOrAfterGivesTheSameDirectory) {
  const std::vector<Change> below = {dir("d", 0700), file("d/old")};
  EXPECT_EQ(show(stacked({below, {file("d/new"), wh("d")}})),
            show(stacked({below, {wh("d"), file("d/new")}})));
}

TEST(TreeApply, AnOpaqueWhiteoutEmptiesOnlyWhatIsBelow) {
  const std::vector<Change> below = {dir("d", 0700), file("d/a"), dir("d/s"), file("d/s/b")};
  EXPECT_EQ(show(stacked({below, {opaque("d")}})), "d700 d\n");
  EXPECT_EQ(show(stacked({below, {file("d/s/new"), opaque("d")}})), "d700 d\nd755 d/s\nf644 d/s/new\n");
  EXPECT_EQ(show(stacked({below, {opaque("d"), file("d/s/new")}})), "d700 d\nd755 d/s\nf644 d/s/new\n");
}

TEST(TreeApply, AnOpaqueRootLeavesOnlyTheLayerItself) {
  EXPECT_EQ(show(stacked({{file("a"), dir("d"), file("d/b")}, {file("c"), opaque("")}})), "f644 c\n");
}

TEST(TreeApply, AnOpaqueAndAPlainWhiteoutTogetherRemove) {
  EXPECT_EQ(show(stacked({{dir("d"), file("d/a")}, {opaque("d"), wh("d")}})), "");
}

TEST(TreeApply, ADirectoryOverADirectoryKeepsWhatIsInIt) {
  EXPECT_EQ(show(stacked({{dir("d"), file("d/a")}, {dir("d", 0700)}})), "d700 d\nf644 d/a\n");
}

TEST(TreeApply, AFileOverADirectoryReplacesIt) {
  EXPECT_EQ(show(stacked({{dir("d"), file("d/a")}, {file("d")}})), "f644 d\n");
  EXPECT_EQ(show(stacked({{dir("d"), file("d/a")}, {file("d")}, {dir("d")}})), "d755 d\n");
}

TEST(TreeApply, MissingParentsAreInvented) {
  EXPECT_EQ(show(stacked({{file("a/b/c")}})), "d755 a\nd755 a/b\nf644 a/b/c\n");
}

TEST(TreeApply, AHardlinkMayPointIntoTheLayersBelow) {
  EXPECT_EQ(show(stacked({{file("b")}, {hardlink("a", "b")}})), "f644 a\nf644 b = a\n");
}

TEST(TreeApply, AHardlinkIsFollowedThroughSymlinksOnTheWay) {
  EXPECT_EQ(show(stacked({{dir("usr"), dir("usr/bin"), file("usr/bin/x"), symlink("bin", "usr/bin")},
                          {hardlink("y", "bin/x")}})),
            "l bin -> usr/bin\nd755 usr\nd755 usr/bin\nf644 usr/bin/x\nf644 y = usr/bin/x\n");
}

TEST(TreeApply, AHardlinkToNowhereIsRefused) {
  EXPECT_EQ(outcome([] { stacked({{hardlink("a", "b")}}); }),
            "invalid: \"a\" is a hardlink to \"b\", which does not exist");
  EXPECT_EQ(outcome([] { stacked({{dir("b"), hardlink("a", "b")}}); }),
            "invalid: \"a\" is a hardlink to \"b\", which is a directory");
}

TEST(TreeApply, BelowASymlinkOfTheLayersBelowADirectoryReplacesIt) {
  EXPECT_EQ(show(stacked({{dir("usr"), dir("usr/bin"), symlink("bin", "usr/bin")}, {file("bin/x")}})),
            "d755 bin\nf644 bin/x\nd755 usr\nd755 usr/bin\n");
}

TEST(TreeApply, BelowASymlinkOfTheSameLayerItIsFollowed) {
  EXPECT_EQ(show(stacked({{dir("usr"), dir("usr/lib"), symlink("lib", "usr/lib"), file("lib/x")}})),
            "l lib -> usr/lib\nd755 usr\nd755 usr/lib\nf644 usr/lib/x\n");
  EXPECT_EQ(show(stacked({{symlink("lib", "/../../usr/lib"), file("lib/s/x")}})),
            "l lib -> /../../usr/lib\nd755 usr\nd755 usr/lib\nd755 usr/lib/s\nf644 usr/lib/s/x\n");
}

TEST(TreeApply, ASymlinkLoopInsideALayerIsRefused) {
  EXPECT_TRUE(
      outcome([] { stacked({{symlink("a", "b"), symlink("b", "a"), file("a/x")}}); }).starts_with("limit: "));
}

TEST(TreeApply, ALayerThatFailsLeavesNothing) {
  Tree tree = stacked({{dir("d"), file("d/a")}});
  const std::string before = show(tree);
  EXPECT_TRUE(outcome([&] {
                apply_tar(tree, raw_tar({file("x"), wh("d"), hardlink("y", "nowhere")}));
              }).starts_with("invalid: "));
  EXPECT_EQ(show(tree), before);
  EXPECT_EQ(show(tree.take_changes()), "");
}

TEST(TreeApply, CopiesDoNotSeeEachOther) {
  const Tree below = stacked({{dir("d"), dir("d/s"), file("d/s/a")}});
  Tree one = below, other = below;
  apply_tar(one, raw_tar({wh("d/s/a"), file("d/s/b")}));
  apply_tar(other, raw_tar({opaque("d")}));
  EXPECT_EQ(show(below), "d755 d\nd755 d/s\nf644 d/s/a\n");
  EXPECT_EQ(show(one), "d755 d\nd755 d/s\nf644 d/s/b\n");
  EXPECT_EQ(show(other), "d755 d\n");
}

// Edits

Tree merged_usr() {
  return stacked(
      {{symlink("bin", "usr/bin"), dir("root", 0700), dir("usr"), dir("usr/bin", 0711), file("usr/bin/sh")}});
}

TEST(TreeEdit, ParentsAreWrittenAsTheyAre) {
  Tree tree = merged_usr();
  put(tree, file("root/x"));
  const Changeset changes = tree.take_changes();
  EXPECT_EQ(show(changes), "+ root\n+ root/x\n");
  EXPECT_EQ(changes[0].entry.meta.mode, 0700u);
}

TEST(TreeEdit, MissingParentsAre0755WithTheTimeAskedFor) {
  Tree tree = merged_usr();
  put(tree, file("opt/app/x"));
  const Changeset changes = tree.take_changes();
  EXPECT_EQ(show(changes), "+ opt\n+ opt/app\n+ opt/app/x\n");
  Metadata expected;
  expected.mtime = {9, 0};
  EXPECT_EQ(changes[0].entry.meta, expected);
}

TEST(TreeEdit, WhatIsRevertedIsNoChange) {
  Tree tree = merged_usr();
  put(tree, file("usr/bin/new"));
  tree.remove("usr/bin/new");
  put(tree, dir("usr/bin", 0711));
  put(tree, symlink("bin", "usr/bin"));
  EXPECT_EQ(show(tree.take_changes()), "");
}

TEST(TreeEdit, WhatWasTakenIsNotTakenAgain) {
  Tree tree = merged_usr();
  put(tree, file("a"));
  EXPECT_EQ(show(tree.take_changes()), "+ a\n");
  EXPECT_EQ(show(tree.take_changes()), "");
  tree.remove("a");
  EXPECT_EQ(show(tree.take_changes()), "- a\n");
}

TEST(TreeEdit, RemovingASymlinkRemovesTheLink) {
  Tree tree = merged_usr();
  tree.remove(tree.resolve("/bin", Tree::Follow::parents));
  EXPECT_EQ(show(tree.take_changes()), "- bin\n");
}

TEST(TreeEdit, ASlashAfterTheLastComponentDoesNotFollowIt) {
  EXPECT_EQ(merged_usr().resolve("/bin/", Tree::Follow::parents), "bin");
  EXPECT_EQ(merged_usr().resolve("/bin/", Tree::Follow::all), "usr/bin");
}

TEST(TreeEdit, AReplacedDirectoryHasWhiteoutsForWhatVanishedOnly) {
  Tree tree = stacked({{dir("d"), file("d/a"), file("d/b"), dir("d/s"), file("d/s/x")}});
  tree.remove("d");
  put(tree, file("d/b"));
  EXPECT_EQ(show(tree.take_changes()), "+ d\n- d/a\n- d/s\n+ d/b\n");
}

TEST(TreeEdit, ADirectoryOverAFileHasNoWhiteout) {
  Tree tree = stacked({{file("d")}});
  tree.remove("d");
  put(tree, file("d/b"));
  EXPECT_EQ(show(tree.take_changes()), "+ d\n+ d/b\n");
}

TEST(TreeEdit, NamesOfOneFileAreLinksToTheFirst) {
  Tree tree;
  const auto shared = inode(file("", "text"));
  tree.put("z", shared, {});
  tree.put("b/c", shared, {});
  tree.put("a", shared, {});
  const Changeset changes = tree.take_changes();
  EXPECT_EQ(show(changes), "+ a\n+ b\n+ b/c = a\n+ z = a\n");
  EXPECT_TRUE(changes[0].contents);
  EXPECT_FALSE(changes[2].contents);
}

TEST(TreeEdit, ANewNameOfAnOldFileWritesTheWholeGroup) {
  Tree tree;
  const auto shared = inode(file("", "text"));
  tree.put("m", shared, {});
  tree.put("n", shared, {});
  tree.take_changes();
  tree.put("o", shared, {});
  EXPECT_EQ(show(tree.take_changes()), "+ m\n+ n = m\n+ o = m\n");
}

TEST(TreeEdit, APutTwiceIsTheLast) {
  Tree tree;
  put(tree, file("a", "one"));
  put(tree, file("a", "three"));
  const Changeset changes = tree.take_changes();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].entry.meta.size, 5u);
}

TEST(TreeEdit, TheRootStays) {
  Tree tree;
  EXPECT_TRUE(outcome([&] { tree.remove(""); }).starts_with("usage: "));
  EXPECT_TRUE(outcome([&] { put(tree, file("")); }).starts_with("usage: "));
  EXPECT_EQ(outcome([&] { tree.remove("x"); }), "not_found: \"/x\" does not exist in the image");
}

// The circle: what edits make of a tree is what their changes make of the tree below.

void check_changes(const Tree& below, const Changeset& changes) {
  std::map<std::string, bool> put;
  for (const Change& change : changes) {
    const std::string& path = change.entry.path;
    RC_ASSERT(parent(path).empty() || put.contains(std::string(parent(path))));
    if (change.removal) {
      RC_ASSERT(below.find(path) != nullptr);
    } else {
      put[path] = true;
    }
    // Where something was put, the path below may lead through a file. (RC_ASSERT evaluates both sides of a
    // ||.)
    if (!put.contains(std::string(parent(path)))) {
      RC_ASSERT(below.resolve(parent(path), Tree::Follow::parents) == parent(path));
    }
    if (!change.removal && change.entry.meta.type == Type::hardlink)
      RC_ASSERT(put.contains(change.entry.meta.link));
  }
}

RC_GTEST_PROP(TreeEdit, ChangesMakeTheEditedTree, ()) {
  Tree tree = any_tree(15);
  tree.take_changes();
  const Tree below = tree;
  for (int i = *rc::gen::inRange(1, 12); i > 0; --i) edit_somehow(tree);
  const Tree edited = tree;
  const Changeset changes = tree.take_changes();
  check_changes(below, changes);

  Tree again = below;
  again.apply(changes);
  RC_ASSERT(facts(again) == facts(edited));
  Tree through_tar = below;
  apply_tar(through_tar, tar_of(changes));
  RC_ASSERT(facts(through_tar) == facts(edited));
}

RC_GTEST_PROP(TreeEdit, TheWholeTreeIsTheChangeFromNothing, ()) {
  Tree tree = any_tree(25);
  Tree again;
  const Tree before = tree;
  again.apply(tree.take_changes());
  RC_ASSERT(facts(again) == facts(before));
}

}  // namespace
}  // namespace stave::layer
