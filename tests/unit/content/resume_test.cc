// Blobs that take several attempts: what one left the next goes on behind, whatever
// killed it, and nothing that is not wanted is ever published.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <csignal>

#include "stave/content/fsck.h"
#include "unit/content/layout.h"

namespace stave::content {
namespace {

using testing::failure;
using testing::Scratch;
using testing::start;
using testing::wait_for;
namespace files = std::filesystem;

constexpr std::size_t large = Store::least_resumed + 12345;

// Bytes that are nowhere alike.
std::string bytes_of(std::size_t size, std::uint32_t seed = 1) {
  std::string out(size, '\0');
  for (auto& c : out) {
    seed = seed * 1664525 + 1013904223;
    c = static_cast<char>(seed >> 24);
  }
  return out;
}

struct Layout {
  Scratch scratch;
  std::string path = scratch.path("s");
  Store store = Store::create(path, 0755);
  std::string text = bytes_of(large);
  Digest digest = digest_of(text);

  std::string partial() const { return path + "/blobs/sha256/.stave-partial-" + digest.hex(); }
  BlobWriter resume() const { return store.resume(digest, text.size()); }
  void write_part(std::size_t size) const {
    auto writer = resume();
    writer.write(as_bytes(text.substr(static_cast<std::size_t>(writer.written()), size)));
  }
  void complete() const {
    auto writer = resume();
    writer.write(as_bytes(text).subspan(static_cast<std::size_t>(writer.written())));
    std::move(writer).commit_as(digest, text.size());
  }
};

TEST(Resume, GoesOnBehindWhatIsThere) {
  const Layout layout;
  layout.write_part(1000);
  layout.write_part(500);
  EXPECT_EQ(layout.resume().written(), 1500u);
  layout.complete();
  EXPECT_EQ(testing::read(layout.path + "/blobs/sha256/" + layout.digest.hex()), layout.text);
  EXPECT_FALSE(files::exists(layout.partial()));
}

TEST(Resume, NothingIsSeenBeforeItIsWhole) {
  const Layout layout;
  layout.write_part(1000);
  EXPECT_EQ(layout.store.find(layout.digest), nullptr);
  EXPECT_EQ(layout.store.find_size(layout.digest), std::nullopt);
}

TEST(Resume, OtherBytesAreRefusedAndForgotten) {
  const Layout layout;
  layout.write_part(1000);
  testing::write(layout.partial(), std::string(1000, 'x'));
  EXPECT_EQ(failure([&] { layout.complete(); }), "mismatch");
  EXPECT_EQ(layout.store.find_size(layout.digest), std::nullopt);
  EXPECT_EQ(layout.resume().written(), 0u);
  layout.complete();
  EXPECT_EQ(layout.store.find_size(layout.digest), large);
}

TEST(Resume, AFileLongerThanTheBlobIsNoPartOfIt) {
  const Layout layout;
  testing::write(layout.partial(), std::string(large + 1, 'x'));
  EXPECT_EQ(layout.resume().written(), 0u);
}

TEST(Resume, WhoComesSecondBeginsAnew) {
  const Layout layout;
  layout.write_part(1000);
  const auto first = layout.resume();
  auto second = layout.resume();
  EXPECT_EQ(second.written(), 0u);
  second.write(as_bytes(layout.text));
  std::move(second).commit_as(layout.digest, large);
  EXPECT_EQ(layout.store.find_size(layout.digest), large);
}

TEST(Resume, OfTwoThatFinishBothAreContent) {
  const Layout layout;
  auto first = layout.resume();
  auto second = layout.resume();
  for (auto* each : {&first, &second}) each->write(as_bytes(layout.text));
  std::move(first).commit_as(layout.digest, large);
  std::move(second).commit_as(layout.digest, large);
  EXPECT_EQ(fs::Dir::open(layout.path + "/blobs/sha256").list(),
            std::vector<std::string>{layout.digest.hex()});
}

TEST(Resume, SmallBlobsLeaveNothing) {
  const Layout layout;
  {
    auto writer = layout.store.resume(digest_of("x"), Store::least_resumed - 1);
    writer.write(as_bytes("x"));
  }
  EXPECT_TRUE(fs::Dir::open(layout.path + "/blobs/sha256").list().empty());
}

TEST(Resume, AWriterWithoutAByteLeavesNothing) {
  const Layout layout;
  static_cast<void>(layout.resume());
  EXPECT_FALSE(files::exists(layout.partial()));
}

TEST(Resume, WhatIsDiscardedIsGone) {
  const Layout layout;
  layout.write_part(1000);
  layout.resume().discard();
  EXPECT_FALSE(files::exists(layout.partial()));
}

TEST(Resume, SymlinkInTheWayIsNotFollowed) {
  const Layout layout;
  testing::write(layout.scratch.path("victim"), "precious");
  files::create_symlink("../../../victim", layout.partial());
  layout.complete();
  EXPECT_EQ(testing::read(layout.scratch.path("victim")), "precious");
  EXPECT_EQ(layout.store.find_size(layout.digest), large);
}

TEST(Resume, FsckFindsNothingWrong) {
  Layout layout;
  layout.write_part(1000);
  layout.store = Store::open(layout.path);
  EXPECT_TRUE(fsck({}, layout.path, false).findings.empty());
}

TEST(Resume, GarbageIsAPartThatNobodyCameBackFor) {
  Layout layout;
  layout.write_part(1000);
  const auto touched = testing::stat_of(layout.partial()).st_mtime;
  const std::string path = layout.path;
  layout.store = Store::create(layout.scratch.path("other"), 0755);
  const auto store = Store::open(path, Store::Access::exclusive);
  EXPECT_EQ(store.find_garbage({}, {}, {}, touched).blobs, 0u);
  EXPECT_EQ(store.find_garbage({}, {}, {}, touched + 60).blobs, 1u);
  EXPECT_EQ(store.collect_garbage({}, {}, false).bytes, 1000u);
  EXPECT_FALSE(files::exists(layout.partial()));
}

TEST(Resume, GarbageIsNoPartThatIsBeingWrittenTo) {
  const Layout layout;
  const auto writer = layout.resume();
  // Whoever writes has the store open, so that gc waits.
  EXPECT_FALSE(fs::Lock::try_take(fs::Dir::open(layout.path).handle(), fs::Lock::Mode::exclusive));
}

// Whatever the moment, the next attempt takes up a prefix, and in the end the bytes are right.
RC_GTEST_PROP(Resume, ComesThroughWhereverItIsKilled, ()) {
  const Layout layout;
  const auto kills = *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, large));
  std::size_t least = 0;
  for (const std::size_t at : kills) {
    const auto child = start([&] {
      const auto store = Store::open(layout.path);
      auto writer = store.resume(layout.digest, large);
      if (writer.written() < least) return 1;
      const auto from = static_cast<std::size_t>(writer.written());
      if (at > from) writer.write(as_bytes(layout.text).subspan(from, at - from));
      ::raise(SIGKILL);
      return 0;
    });
    RC_ASSERT(wait_for(child) == 1000 + SIGKILL);
    least = std::max(least, at);
    RC_ASSERT(layout.store.find_size(layout.digest) == std::nullopt);
  }
  RC_ASSERT(layout.resume().written() == least);
  layout.complete();
  RC_ASSERT(testing::read(layout.path + "/blobs/sha256/" + layout.digest.hex()) == layout.text);
}

}  // namespace
}  // namespace stave::content
