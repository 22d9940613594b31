// Planter and Staging: trees made where nobody looks, by name and in order.

#include "stave/fs/plant.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "scratch.h"
#include "stave/fs/staging.h"

namespace stave::fs {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Attributes directory(std::uint32_t mode, std::int64_t mtime) {
  return {.owner = {}, .mode = mode, .mtime = {mtime, 0}, .xattrs = {}};
}

// Two files to be planted, and where.
struct Nursery {
  Nursery() {
    scratch.directory("from");
    scratch.directory("root");
    scratch.file("from/1");
    scratch.file("from/2");
    from = scratch.dir().open_dir("from");
    root = scratch.dir().open_dir("root");
  }
  Scratch scratch;
  Dir from = scratch.dir();
  Dir root = scratch.dir();
};

// What `walk` sees of a planted tree: "path mode mtime" of directories, the path of files.
std::vector<std::string> seen(const Dir& root) {
  std::vector<std::string> out;
  walk(root, [&](const Found& found) {
    std::string text = found.path;
    if (found.stat.type == FileType::directory)
      text += " " + std::to_string(found.stat.mode) + " " + std::to_string(found.stat.mtime.seconds);
    out.push_back(text);
    return true;
  });
  return out;
}

TEST(Planter, DirectoriesKeepTheirTimesWhateverIsPutInThem) {
  const Nursery nursery;
  const Dir& from = nursery.from;
  const Dir& root = nursery.root;
  Planter planter(root, directory(0755, 1));
  planter.directory("a", directory(0711, 2));
  planter.link(from, "1", "a/x");
  planter.directory("a/y", directory(0700, 3));
  planter.move(from, "1", "a/y/z");
  planter.move(from, "2", "b");
  EXPECT_TRUE(planter.finish());
  EXPECT_THAT(seen(root), ElementsAre(" 493 1", "a 457 2", "a/x", "a/y 448 3", "a/y/z", "b"));
  EXPECT_EQ(root.get("a/x").inode, root.get("a/y/z").inode);
  EXPECT_THAT(from.list(), IsEmpty());
}

TEST(Planter, ABranchMayFinishAfterTheTreeItIsIn) {
  const Nursery nursery;
  const Dir& from = nursery.from;
  const Dir& root = nursery.root;
  Planter planter(root, directory(0755, 1));
  planter.directory("a", directory(0500, 2));
  Planter branch = planter.branch("a/b", directory(0711, 3));
  planter.move(from, "1", "c");
  EXPECT_TRUE(planter.finish());
  branch.directory("a/b/d", directory(0700, 4));
  branch.move(from, "2", "a/b/d/e");
  EXPECT_TRUE(branch.finish());
  EXPECT_THAT(seen(root), ElementsAre(" 493 1", "a 320 2", "a/b 457 3", "a/b/d 448 4", "a/b/d/e", "c"));
}

TEST(Planter, ABranchTakesNothingThatIsNotBelowIt) {
  const Scratch scratch;
  scratch.directory("root");
  const Dir root = scratch.dir().open_dir("root");
  Planter planter(root, directory(0755, 1));
  Planter branch = planter.branch("a", directory(0755, 2));
  EXPECT_THROW(branch.directory("ab", directory(0755, 3)), Error);
  EXPECT_EQ(root.list(), std::vector<std::string>{"a"});
}

// Any tree of directories in path order, deeper than what is held open.
RC_GTEST_PROP(Planter, WalkSeesWhatWasPlanted, ()) {
  const auto depth = *rc::gen::element<std::size_t>(1, 5, 250);
  std::map<std::vector<std::string>, Attributes> wanted;
  for (int count = *rc::gen::inRange(1, 6); count > 0; --count) {
    std::vector<std::string> path;
    const auto length = *rc::gen::inRange<std::size_t>(1, depth + 1);
    while (path.size() < length) {
      path.push_back(*rc::gen::element<std::string>("a", "a-b", "b"));
      const std::uint32_t mode = *rc::gen::element<std::uint32_t>(0700, 0755, 01777);
      wanted.emplace(path, directory(mode, static_cast<std::int64_t>(path.size())));
    }
  }
  const Scratch scratch;
  Planter planter(scratch.dir(), directory(0755, 7));
  std::vector<std::string> lines = {" 493 7"};
  for (const auto& [parts, attributes] : wanted) {
    std::string path;
    for (const auto& part : parts) path += (path.empty() ? "" : "/") + part;
    planter.directory(path, attributes);
    lines.push_back(path + " " + std::to_string(attributes.mode) + " " +
                    std::to_string(attributes.mtime.seconds));
  }
  planter.finish();
  RC_ASSERT(seen(scratch.dir()) == lines);
}

TEST(Planter, WhatHasNoParentIsADefect) {
  const Scratch scratch;
  Planter planter(scratch.dir(), directory(0755, 1));
  EXPECT_THROW(planter.directory("a/b", directory(0755, 1)), Error);
  EXPECT_THROW(planter.directory("..", directory(0755, 1)), Error);
  EXPECT_THROW(planter.directory("", directory(0755, 1)), Error);
}

TEST(Planter, ASymlinkThatStandsThereIsNotEntered) {
  const Scratch scratch;
  scratch.directory("root");
  scratch.directory("outside");
  scratch.symlink("root/a", "../outside");
  Planter planter(scratch.dir().open_dir("root"), directory(0755, 1));
  EXPECT_THROW(planter.directory("a", directory(0755, 1)), Error);
  EXPECT_THAT(scratch.dir().list("outside"), IsEmpty());
}

TEST(Staging, IsPrivateAndGoesAway) {
  const Scratch scratch;
  const Dir parent = scratch.dir();
  {
    const Staging staging(parent, "name");
    EXPECT_EQ(stat(staging.dir().handle()).mode, 0700u);
    EXPECT_THAT(parent.list(), ElementsAre(testing::MatchesRegex("\\.stave-tmp-[0-9a-f]{16}-name")));
    staging.dir().make_dir("d", 0);
  }
  EXPECT_THAT(parent.list(), IsEmpty());
}

TEST(Staging, ALongNameIsNoObstacle) {
  const Scratch scratch;
  const Dir parent = scratch.dir();
  const Staging staging(parent, std::string(255, 'n'));
  EXPECT_EQ(parent.list().size(), 1u);
}

TEST(Staging, PublishTakesThePlaceOfAnEmptyDirectoryOnly) {
  const Scratch scratch;
  const Dir parent = scratch.dir();
  scratch.directory("empty");
  scratch.directory("full");
  scratch.file("full/f");
  scratch.file("file");
  {
    const Staging staging(parent, "x");
    staging.dir().make_dir("d", 0700);
    EXPECT_THROW(staging.publish("d", "full"), Error);
    EXPECT_THROW(staging.publish("d", "file"), Error);
    staging.publish("d", "empty");
  }
  EXPECT_THAT(parent.list(), ElementsAre("empty", "file", "full"));
}

TEST(Staging, OneThatIsInUseIsNotLeftOver) {
  const Scratch scratch;
  const Dir parent = scratch.dir();
  const Staging staging(parent, "x");
  EXPECT_EQ(Staging::remove_left_over(parent), 0u);
  EXPECT_EQ(parent.list().size(), 1u);
  scratch.directory(".stave-tmp-0000000000000000-y");
  EXPECT_EQ(Staging::remove_left_over(parent), 0u);
  EXPECT_EQ(parent.list().size(), 1u);
}

}  // namespace
}  // namespace stave::fs
