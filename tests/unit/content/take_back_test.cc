// Taking back: what failed work published goes, as long as nobody can count on it.

#include <gtest/gtest.h>

#include <set>

#include "unit/content/layout.h"

namespace stave::content {
namespace {

using testing::picture;
using testing::Scratch;

struct Layout {
  Scratch scratch;
  std::string path = scratch.path("s");

  Store open() const { return Store::create(path, 0755); }
  std::set<std::string> blobs() const {
    const auto names = fs::Dir::open(path + "/blobs/sha256").list();
    return {names.begin(), names.end()};
  }
};

// Makes a picture in a store that is closed afterwards, and says what that published.
std::vector<Digest> make(const Layout& layout, const std::string& text) {
  const Store store = layout.open();
  picture(store, text);
  return store.made();
}

TEST(TakeBack, RemovesWhatWasPublished) {
  const Layout layout;
  const auto made = make(layout, "a");
  EXPECT_EQ(Store::take_back({}, layout.path, made).blobs, 3u);
  EXPECT_TRUE(layout.blobs().empty());
}

TEST(TakeBack, KeepsWhatWasThereBefore) {
  const Layout layout;
  make(layout, "a");
  const auto before = layout.blobs();
  const auto made = make(layout, "a");
  EXPECT_TRUE(made.empty());
  Store::take_back({}, layout.path, made);
  EXPECT_EQ(layout.blobs(), before);
}

TEST(TakeBack, KeepsWhatGotAName) {
  const Layout layout;
  const auto made = [&] {
    const Store store = layout.open();
    const auto named = picture(store, "a");
    store.tag("a", named.manifest);
    return store.made();
  }();
  EXPECT_EQ(Store::take_back({}, layout.path, made).blobs, 0u);
}

TEST(TakeBack, KeepsWhatSomebodyElseLeft) {
  const Layout layout;
  make(layout, "a");
  const auto others = layout.blobs();
  Store::take_back({}, layout.path, make(layout, "b"));
  EXPECT_EQ(layout.blobs(), others);
}

// Attack on a neighbour: it found our blob present, and names it after we failed.
TEST(TakeBack, DoesNothingWhileSomebodyUsesTheStore) {
  const Layout layout;
  const auto made = make(layout, "a");
  const Store neighbour = layout.open();
  EXPECT_EQ(Store::take_back({}, layout.path, made).blobs, 0u);
  EXPECT_EQ(layout.blobs().size(), 3u);
}

TEST(TakeBack, LeavesTheStoreUsable) {
  const Layout layout;
  Store::take_back({}, layout.path, make(layout, "a"));
  const Store store = layout.open();
  const auto again = picture(store, "a");
  EXPECT_EQ(layout.blobs(), (std::set<std::string>{again.config.digest.hex(), again.layer.digest.hex(),
                                                   again.manifest.digest.hex()}));
}

}  // namespace
}  // namespace stave::content
