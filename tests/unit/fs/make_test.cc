// Making files: what was asked for is on disk, and what exists is not touched.

#include "stave/fs/make.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "scratch.h"

namespace stave::fs {
namespace {

std::string text_of(const Scratch& scratch, const std::string& name) {
  return read_file(scratch.dir().open_file(name), 1 << 24, name);
}

// Pieces of zeros and of anything else, of sizes that end before, on and behind the edges of blocks.
rc::Gen<std::vector<std::string>> any_pieces() {
  return rc::gen::container<std::vector<std::string>>(
      rc::gen::apply([](std::size_t size, char c) { return std::string(size, c); },
                     rc::gen::element<std::size_t>(1, 100, 4095, 4096, 4097, 8192, 12288, 20000),
                     rc::gen::element('\0', 'x')));
}

RC_GTEST_PROP(HoleSink, WhatIsReadIsWhatWasWritten, ()) {
  const Scratch scratch;
  const Fd file = create_file(scratch.dir(), "f");
  HoleSink sink(file);
  std::string all;
  for (const std::string& piece : *any_pieces()) {
    sink.write(as_bytes(piece));
    all += piece;
  }
  const std::uint64_t written = sink.finish();
  RC_ASSERT(text_of(scratch, "f") == all);
  RC_ASSERT(written <= all.size());
  // No byte of a block that holds something else is counted as a hole, and none of one that does not.
  RC_ASSERT(written >= all.size() - static_cast<std::size_t>(std::count(all.begin(), all.end(), '\0')));
  RC_ASSERT((written == 0) == (all.find_first_not_of('\0') == std::string::npos));
}

TEST(HoleSink, WholeBlocksOfZerosAreNotWritten) {
  const Scratch scratch;
  const Fd file = create_file(scratch.dir(), "f");
  HoleSink sink(file);
  sink.write(as_bytes("x" + std::string(4095, '\0') + std::string(8192, '\0') + "y"));
  EXPECT_EQ(sink.finish(), 4097u);
  EXPECT_EQ(stat(file).size, 12289u);
}

TEST(CreateFile, TouchesNothingThatExists) {
  const Scratch scratch;
  scratch.file("f", "mine");
  scratch.symlink("l", "g");
  EXPECT_THROW(create_file(scratch.dir(), "f"), Error);
  EXPECT_THROW(create_file(scratch.dir(), "l"), Error);
  EXPECT_THROW(create_symlink(scratch.dir(), "f", "x"), Error);
  EXPECT_EQ(text_of(scratch, "f"), "mine");
  EXPECT_FALSE(scratch.dir().find("g"));
}

TEST(CreateNode, ADeviceThatTheKernelRefusesIsAnAnswer) {
  const Scratch scratch;
  // More than the 12 bits that Linux has for it, so root is refused as well.
  EXPECT_FALSE(create_node(scratch.dir(), "d", FileType::character, 1 << 20, 3));
  EXPECT_FALSE(scratch.dir().find("d"));
}

TEST(CreateNode, EverybodyMayMakeFifos) {
  const Scratch scratch;
  EXPECT_TRUE(create_node(scratch.dir(), "p", FileType::fifo, 0, 0));
  EXPECT_EQ(scratch.dir().get("p").type, FileType::fifo);
}

TEST(SetAttributes, OfAFile) {
  const Scratch scratch;
  const Fd file = create_file(scratch.dir(), "f");
  EXPECT_TRUE(
      set_attributes(file, {.owner = {}, .mode = 0640, .mtime = {-5, 7}, .xattrs = {{"user.a", "1"}}}));
  const Stat now = scratch.dir().get("f");
  EXPECT_EQ(now.mode, 0640u);
  EXPECT_EQ(now.mtime, (Time{-5, 7}));
  EXPECT_EQ(scratch.dir().xattrs("f", FileType::regular), (Xattrs{{"user.a", "1"}}));
}

TEST(SetAttributes, OfASymlinkAndNotOfWhatItPointsTo) {
  const Scratch scratch;
  scratch.file("f");
  create_symlink(scratch.dir(), "l", "f");
  const Stat before = scratch.dir().get("f");
  // user.* is for regular files and directories only (xattr(7)).
  EXPECT_FALSE(set_attributes(scratch.dir(), "l", FileType::symlink,
                              {.owner = {}, .mode = 0777, .mtime = {42, 0}, .xattrs = {{"user.a", "1"}}}));
  EXPECT_EQ(scratch.dir().get("l").mtime.seconds, 42);
  EXPECT_EQ(scratch.dir().get("f").mtime, before.mtime);
  EXPECT_EQ(scratch.dir().get("f").mode, before.mode);
}

TEST(SetAttributes, AnOwnerThatIsNotOursToGiveIsDenied) {
  if (::geteuid() == 0) GTEST_SKIP() << "skipped: root may give files to anybody";
  const Scratch scratch;
  const Fd file = create_file(scratch.dir(), "f");
  EXPECT_THROW(set_attributes(file, {.owner = Attributes::Owner{0, 0}, .mode = 0, .mtime = {}, .xattrs = {}}),
               Error);
}

TEST(SetAttributes, SetuidSurvivesTheChangeOfOwner) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: giving files away needs root";
  const Scratch scratch;
  const Fd file = create_file(scratch.dir(), "f");
  set_attributes(file, {.owner = Attributes::Owner{12, 34}, .mode = 06755, .mtime = {}, .xattrs = {}});
  EXPECT_EQ(stat(file).mode, 06755u);
  EXPECT_EQ(stat(file).uid, 12u);
  EXPECT_EQ(stat(file).gid, 34u);
}

TEST(TimeAfterNow, IsLaterThanEveryChangeBefore) {
  const Scratch scratch;
  for (int i = 0; i < 20; ++i) {
    const std::string name = std::to_string(i);
    scratch.file(name);
    const Time now = time_after_now(scratch.dir());
    EXPECT_LT(scratch.dir().get(name).ctime, now);
  }
}

TEST(IsMountPoint, TellsDirectoriesFromMounts) {
  const Scratch scratch;
  scratch.directory("d");
  EXPECT_FALSE(is_mount_point(scratch.dir(), "d"));
  EXPECT_FALSE(is_mount_point(scratch.dir(), "nothing"));
  EXPECT_TRUE(is_mount_point(Dir::open("/"), "proc"));
}

}  // namespace
}  // namespace stave::fs
