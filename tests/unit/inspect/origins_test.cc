// Origins: what each layer did to each path, and what is said of a path that is
// not there.

#include "stave/inspect/origins.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "unit/inspect/layers.h"

namespace stave::inspect {
namespace {

using namespace layer;

// "1 added, 2 changed (content)"
std::string story(const std::vector<Entries>& layers, const std::string& path) {
  const Layered trees = layered(layers);
  std::string text;
  const Origins origins(trees);
  for (const Event& event : origins.of(path)) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", event.layer + 1, name(event.what));
    if (!event.aspects.empty()) text += fmt::format(" ({})", words(event.aspects));
  }
  return text;
}

std::vector<std::string> gone(const std::vector<Entries>& layers, const std::string& below = "",
                              std::size_t levels = 9) {
  const Layered trees = layered(layers);
  std::vector<std::string> paths;
  for (const auto& each : Origins(trees).gone_below(below, levels)) paths.push_back(each.path);
  return paths;
}

Change owned(Change change, std::uint32_t uid) {
  change.entry.meta.uid = uid;
  return change;
}

using Paths = std::vector<std::string>;

TEST(Origins, AFileIsAdded) { EXPECT_EQ(story({{}, {file("f")}}, "f"), "2 added"); }

TEST(Origins, OtherContentOfTheSameSizeIsAChange) {
  EXPECT_EQ(story({{file("f", "one")}, {file("f", "two")}}, "f"), "1 added, 2 changed (content)");
}

TEST(Origins, AnotherModeAloneIsAChangeOfTheMode) {
  EXPECT_EQ(story({{file("f", "one")}, {file("f", "one", 0600)}}, "f"), "1 added, 2 changed (mode)");
}

TEST(Origins, AFileShippedAsItWasIsThereAgain) {
  EXPECT_EQ(story({{file("f", "one")}, {file("f", "one")}}, "f"), "1 added, 2 again");
}

TEST(Origins, AnEmptyFileShippedAsItWasIsThereAgain) {
  EXPECT_EQ(story({{file("f")}, {file("f")}}, "f"), "1 added, 2 again");
}

TEST(Origins, ADirectoryNamedAsAParentIsNoEvent) {
  EXPECT_EQ(story({{dir("d")}, {dir("d"), file("d/f")}}, "d"), "1 added");
}

TEST(Origins, ADirectoryThatNoLayerNamesWasAddedByTheOneThatNeededIt) {
  EXPECT_EQ(story({{}, {file("d/f")}}, "d"), "2 added");
}

TEST(Origins, ADirectoryWithAnotherOwnerIsAChange) {
  EXPECT_EQ(story({{dir("d")}, {owned(dir("d"), 7)}}, "d"), "1 added, 2 changed (owner)");
}

TEST(Origins, AWhiteoutRemoves) {
  EXPECT_EQ(story({{file("f")}, {removed("f")}}, "f"), "1 added, 2 removed");
}

TEST(Origins, WhatWasBelowARemovedDirectoryIsRemoved) {
  EXPECT_EQ(story({{file("d/f")}, {removed("d")}}, "d/f"), "1 added, 2 removed");
}

TEST(Origins, WhatAnOpaqueDirectoryHidesIsRemoved) {
  const Entries opaque = {dir("d"), file("d/.wh..wh..opq"), file("d/new")};
  EXPECT_EQ(story({{file("d/old")}, opaque}, "d/old"), "1 added, 2 removed");
  EXPECT_EQ(story({{file("d/old")}, opaque}, "d/new"), "2 added");
}

TEST(Origins, WhatAFileReplacesIsRemoved) {
  EXPECT_EQ(story({{file("d/f")}, {file("d")}}, "d/f"), "1 added, 2 removed");
  EXPECT_EQ(story({{dir("d")}, {file("d", "", 0755)}}, "d"), "1 added, 2 changed (type)");
}

TEST(Origins, AFileCanComeBack) {
  EXPECT_EQ(story({{file("f")}, {removed("f")}, {file("f")}}, "f"), "1 added, 2 removed, 3 added");
}

TEST(Origins, AWhiteoutOfNothingIsNoEvent) { EXPECT_EQ(story({{file("f")}, {removed("g")}}, "g"), ""); }

TEST(Origins, GoneIsWhatTheLastLayerDoesNotHave) {
  EXPECT_EQ(gone({{file("a"), file("b"), file("c")}, {removed("a"), removed("b")}, {file("b")}}), Paths{"a"});
}

TEST(Origins, GoneIsBelowTheDirectoryThatWasAskedFor) {
  const std::vector<Entries> layers = {{file("d"), file("d-/f"), file("dd/f"), file("e/f/g")},
                                       {removed("d"), removed("d-"), removed("dd"), removed("e/f")}};
  EXPECT_EQ(gone(layers, "d-"), Paths{"d-/f"});
  EXPECT_EQ(gone(layers, "e"), (Paths{"e/f", "e/f/g"}));
  EXPECT_EQ(gone(layers, "e", 1), Paths{"e/f"});
}

TEST(Origins, GoneRemembersWhatItWas) {
  const Layered trees = layered({{file("f", "12345", 0640)}, {removed("f")}});
  const auto all = Origins(trees).gone_below("", 1);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].was.mode, 0640u);
  EXPECT_EQ(all[0].was.size, 5u);
}

TEST(Layered, LeadsThroughSymlinksInsideOfTheRoot) {
  const Layered trees = layered({{file("bin/sh"), symlink("s", "../../bin")}});
  EXPECT_EQ(trees.get("/s/../s/sh", Tree::Follow::all), "bin/sh");
}

TEST(Layered, APathThatNeverWasNamesTheNearestParent) {
  const Layered trees = layered({{dir("a"), dir("a/b")}});
  EXPECT_EQ(outcome([&] { trees.get("/a/b/c/d", Tree::Follow::all); }),
            "not_found: \"/a/b/c/d\" does not exist; \"/a/b\" does");
}

TEST(Layered, APathThatWasRemovedNamesTheLayer) {
  const Layered trees = layered({{file("a/f")}, {removed("a/f")}, {}});
  EXPECT_EQ(outcome([&] { trees.get("/a/f", Tree::Follow::all); }),
            "not_found: \"/a/f\" does not exist; \"/a\" does; layer 2 removed it");
}

TEST(Layered, ASymlinkToNowhereIsNamed) {
  const Layered trees = layered({{symlink("s", "/gone")}});
  EXPECT_EQ(outcome([&] { trees.get("/s", Tree::Follow::all); }),
            "not_found: \"/gone\" does not exist (\"/s\" leads there); \"/\" does");
}

TEST(Layered, AHostileNameIsEscaped) {
  const Layered trees = layered({{}});
  EXPECT_EQ(outcome([&] { trees.get("\x1b[2J", Tree::Follow::all); }),
            "not_found: \"/\\x1b[2J\" does not exist; \"/\" does");
}

RC_GTEST_PROP(OriginsProperty, WhatIsThereWasNotRemovedLastAndWhatIsGoneWas, ()) {
  const auto layers = any_layers(*numbers_of_layers());
  const Layered trees = layered(layers);
  const Origins origins(trees);
  trees.tree().visit([&](const std::string& path, const Tree::Inode&) {
    const auto& events = origins.of(path);
    RC_ASSERT(!events.empty());
    RC_ASSERT(events.front().what == Event::What::added);
    RC_ASSERT(events.back().what != Event::What::removed);
  });
  for (const auto& gone : origins.gone_below("", 9)) RC_ASSERT(trees.tree().find(gone.path) == nullptr);
  // One tree for each layer, as if the layers had been stacked in one go.
  RC_ASSERT(show(trees.tree()) == show(read_stack(Context{}, stack_of(layers), Digests::no)));
}

}  // namespace
}  // namespace stave::inspect
