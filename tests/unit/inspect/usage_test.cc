// Usage: every byte is in one row, and what was shipped in vain is known.

#include "stave/inspect/usage.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "unit/inspect/layers.h"

namespace stave::inspect {
namespace {

using namespace layer;

Usage usage(const std::vector<Entries>& layers, const std::string& below = "", std::size_t levels = 1) {
  return usage_of(layered(layers), below, levels);
}

// "a 2/10, b 1/3": files and bytes of each directory, the root as ".".
std::string directories(const Usage& usage) {
  std::string text;
  for (const auto& each : usage.directories) {
    if (!text.empty()) text += ", ";
    text +=
        fmt::format("{} {}/{}", each.path.empty() ? "." : each.path, each.visible.files, each.visible.bytes);
  }
  return text;
}

// "1 a, 2 b (mode)" for each content, one after the other.
std::string repeated(const Usage& usage) {
  std::string text;
  for (const auto& each : usage.repeated) {
    text += fmt::format("{}:", each.waste());
    for (const auto& place : each.places)
      text += fmt::format(" {} {}{}", place.layer + 1, place.path,
                          place.why.empty() ? "" : " (" + place.why + ")");
    text += "\n";
  }
  return text;
}

Amount amount(std::uint64_t files, std::uint64_t bytes) { return {.files = files, .bytes = bytes}; }

TEST(Usage, TheBiggestDirectoryIsFirst) {
  EXPECT_EQ(directories(usage({{file("a/x", "1"), file("b/x", "1234"), file("y", "12")}})),
            "b 1/4, . 1/2, a 1/1");
}

TEST(Usage, WhatIsDeeperCountsForTheDirectoryThatIsShown) {
  const std::vector<Entries> layers = {{file("a/b/c/x", "1"), file("a/b/y", "12"), file("a/z", "123")}};
  EXPECT_EQ(directories(usage(layers)), "a 3/6");
  EXPECT_EQ(directories(usage(layers, "", 2)), "a 1/3, a/b 2/3");
  EXPECT_EQ(directories(usage(layers, "", 0)), ". 3/6");
  EXPECT_EQ(directories(usage(layers, "a")), "a 1/3, a/b 2/3");
}

TEST(Usage, ADirectoryWhoseNameBeginsAlikeIsAnother) {
  EXPECT_EQ(directories(usage({{file("a/x", "1"), file("ab/x", "12")}}, "a")), "a 1/1");
}

TEST(Usage, AFileIsItsOwnUsage) {
  EXPECT_EQ(usage({{file("a/x", "123"), file("a/y", "1")}}, "a/x").total.visible, amount(1, 3));
}

TEST(Usage, NamesOfOneFileCountOnce) {
  const auto both = usage({{file("a/x", "1234"), hardlink("b", "a/x")}});
  EXPECT_EQ(both.total.visible, amount(1, 4));
  EXPECT_EQ(both.repeated.size(), 0u);
}

TEST(Usage, WhatALaterLayerReplacesIsHidden) {
  const auto both = usage({{file("f", "1234")}, {file("f", "12")}});
  EXPECT_EQ(both.layers[0].hidden, amount(1, 4));
  EXPECT_EQ(both.layers[0].visible, amount(0, 0));
  EXPECT_EQ(both.layers[1].visible, amount(1, 2));
}

TEST(Usage, WhatALaterLayerRemovesIsHidden) {
  EXPECT_EQ(usage({{file("d/f", "1234")}, {removed("d")}}).layers[0].hidden, amount(1, 4));
}

TEST(Usage, AFileWithAnotherNameLeftIsNotHidden) {
  EXPECT_EQ(usage({{file("f", "1234"), hardlink("g", "f")}, {removed("f")}}).total.hidden, amount(0, 0));
}

TEST(Usage, AChmodShipsTheContentAgain) {
  const auto both = usage({{file("f", "1234")}, {file("f", "1234", 0600)}});
  EXPECT_EQ(repeated(both), "4: 1 f 2 f (mode)\n");
  EXPECT_EQ(both.layers[1].repeated, amount(1, 4));
}

TEST(Usage, AMoveShipsTheContentAgain) {
  EXPECT_EQ(repeated(usage({{file("f", "1234")}, {removed("f"), file("g", "1234")}})), "4: 1 f 2 g\n");
}

TEST(Usage, TheSameFileAgainIsSaidToBeThat) {
  EXPECT_EQ(repeated(usage({{file("f", "12")}, {file("f", "12")}})), "2: 1 f 2 f (again)\n");
}

TEST(Usage, WhatWastesMostIsFirst) {
  EXPECT_EQ(repeated(usage(
                {{file("a", "1"), file("b", "1"), file("c", "1"), file("x", "1234"), file("y", "1234")}})),
            "4: 1 x 1 y\n2: 1 a 1 b 1 c\n");
}

TEST(Usage, EmptyFilesAreNotRepeated) { EXPECT_EQ(repeated(usage({{file("a"), file("b")}})), ""); }

TEST(Usage, OnlyWhatIsBelowThePathCounts) {
  const auto below = usage({{file("a/f", "1234"), file("b", "1234")}, {removed("a/f"), removed("b")}}, "a");
  EXPECT_EQ(below.total.hidden, amount(1, 4));
  EXPECT_EQ(below.repeated.size(), 0u);
}

RC_GTEST_PROP(UsageProperty, TheTotalsAddUp, ()) {
  const auto layers = any_layers(*numbers_of_layers());
  const auto levels = *rc::gen::inRange<std::size_t>(0, 4);
  const auto all = usage(layers, "", levels);
  Amount in_directories;
  for (const auto& each : all.directories) in_directories.add(each.visible);
  RC_ASSERT(in_directories == all.total.visible);

  Amount in_tree;
  layered(layers).tree().visit([&](const std::string&, const Tree::Inode& inode) {
    if (inode.meta.type != Type::directory) in_tree.add(inode.meta.size);
  });
  RC_ASSERT(in_tree == all.total.visible);

  LayerUsage in_layers;
  for (const auto& each : all.layers) {
    in_layers.visible.add(each.visible);
    in_layers.hidden.add(each.hidden);
    in_layers.repeated.add(each.repeated);
  }
  RC_ASSERT(in_layers.visible == all.total.visible && in_layers.hidden == all.total.hidden);
  std::uint64_t wasted = 0;
  for (const auto& each : all.repeated) wasted += each.waste();
  RC_ASSERT(wasted == all.total.repeated.bytes && in_layers.repeated == all.total.repeated);
}

}  // namespace
}  // namespace stave::inspect
