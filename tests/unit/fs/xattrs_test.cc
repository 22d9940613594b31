// Extended attributes: all of them, sorted, of the file that is named, whichever way
// the kernel is asked.

#include "stave/fs/xattrs.h"

#include <fmt/format.h>
#include <sys/xattr.h>

#include "unit/fs/scratch.h"

namespace stave::fs {
namespace {

// VFS_CAP_REVISION_2, cap_net_raw permitted and effective, as in linux/capability.h.
const std::string capability(
    "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20);

class XattrsBy : public ::testing::TestWithParam<XattrWay> {
 protected:
  void SetUp() override {
    if (GetParam() == XattrWay::at && xattr_way() != XattrWay::at)
      GTEST_SKIP() << "listxattrat is not to be had here";
    if (GetParam() == XattrWay::proc && !have_proc()) GTEST_SKIP() << "/proc is not to be had here";
    scratch_.file("f");
    if (::setxattr(scratch_.path("f").c_str(), "user.probe", "", 0, 0) != 0)
      GTEST_SKIP() << "no user.* attributes";
    ::removexattr(scratch_.path("f").c_str(), "user.probe");
  }
  void set(const std::string& path, const char* attribute, const std::string& value) const {
    ASSERT_EQ(::lsetxattr(scratch_.path(path).c_str(), attribute, value.data(), value.size(), 0), 0)
        << attribute;
  }
  Xattrs read(const char* file, FileType type = FileType::regular) const {
    const Dir dir = scratch_.dir();
    return XattrReader(GetParam()).read(dir.fd(), file, type, {dir.name(), file});
  }

  Scratch scratch_;
};

TEST_P(XattrsBy, NoneIsNone) { EXPECT_TRUE(read("f").empty()); }

TEST_P(XattrsBy, AreSortedByName) {
  set("f", "user.b", "2");
  set("f", "user.a", std::string("\0binary\xff", 8));
  set("f", "user.c", "");
  EXPECT_EQ(read("f"), (Xattrs{{"user.a", std::string("\0binary\xff", 8)}, {"user.b", "2"}, {"user.c", ""}}));
}

TEST_P(XattrsBy, LongListsAndValuesAreWhole) {
  for (int i = 100; i < 140; ++i) set("f", fmt::format("user.{}{}", std::string(40, 'n'), i).c_str(), "v");
  set("f", "user.long", std::string(1500, 'l'));
  const Xattrs xattrs = read("f");
  ASSERT_EQ(xattrs.size(), 41u);
  EXPECT_EQ(xattrs[0].first, "user.long");
  EXPECT_EQ(xattrs[0].second, std::string(1500, 'l'));
}

TEST_P(XattrsBy, DirectoriesHaveThemToo) {
  scratch_.directory("d");
  set("d", "user.a", "1");
  EXPECT_EQ(read("d", FileType::directory), (Xattrs{{"user.a", "1"}}));
}

TEST_P(XattrsBy, SymlinkDoesNotShowThoseOfItsTarget) {
  set("f", "user.a", "1");
  scratch_.symlink("link", "f");
  EXPECT_TRUE(read("link", FileType::symlink).empty());
}

TEST_P(XattrsBy, FileThatIsGoneIsNotFound) {
  EXPECT_EQ(failure([&] { read("gone"); }), "not_found");
}

TEST_P(XattrsBy, FileSystemWithoutThemHasNone) {
  const Dir proc = Dir::open("/proc");
  EXPECT_TRUE(
      XattrReader(GetParam()).read(proc.fd(), "version", FileType::regular, {"/proc", "version"}).empty());
}

TEST_P(XattrsBy, OneReaderServesManyDirectories) {
  scratch_.directory("d");
  scratch_.file("d/f");
  set("d/f", "user.a", "below");
  set("f", "user.a", "above");
  XattrReader reader(GetParam());
  const Dir above = scratch_.dir();
  const Dir below = above.open_dir("d");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(reader.read(above.fd(), "f", FileType::regular, {"f"})[0].second, "above");
    EXPECT_EQ(reader.read(below.fd(), "f", FileType::regular, {"f"})[0].second, "below");
  }
}

INSTANTIATE_TEST_SUITE_P(Xattrs, XattrsBy, ::testing::Values(XattrWay::at, XattrWay::proc, XattrWay::opening),
                         [](const auto& test) {
                           return test.param == XattrWay::at     ? "at"
                                  : test.param == XattrWay::proc ? "proc"
                                                                 : "opening";
                         });

TEST(Xattrs, ReachThePathBelowADir) {
  const Scratch scratch;
  scratch.directory("d");
  scratch.file("d/f");
  if (::setxattr(scratch.path("d/f").c_str(), "user.a", "1", 1, 0) != 0)
    GTEST_SKIP() << "no user.* attributes";
  ASSERT_EQ(::setxattr(scratch.path("d").c_str(), "user.b", "2", 1, 0), 0);
  EXPECT_EQ(scratch.dir().xattrs("d/f", FileType::regular), (Xattrs{{"user.a", "1"}}));
  EXPECT_EQ(scratch.dir().open_dir("d").xattrs("", FileType::directory), (Xattrs{{"user.b", "2"}}));
}

TEST(Xattrs, SymlinkHasItsOwn) {
  const Scratch scratch;
  scratch.symlink("link", "nowhere");
  if (::lsetxattr(scratch.path("link").c_str(), "trusted.a", "1", 1, 0) != 0)
    GTEST_SKIP() << "trusted.* needs root";
  if (xattr_way() == XattrWay::opening) GTEST_SKIP() << "symlinks have none without /proc";
  EXPECT_EQ(scratch.dir().xattrs("link", FileType::symlink), (Xattrs{{"trusted.a", "1"}}));
}

// What a package manager installs: a program nobody may read, with capabilities that must not be lost.
TEST(Xattrs, CapabilityOfAnUnreadableFile) {
  const Scratch scratch;
  scratch.file("f");
  if (::setxattr(scratch.path("f").c_str(), "security.capability", capability.data(), capability.size(), 0) !=
      0) {
    GTEST_SKIP() << "setting capabilities needs root";
  }
  if (xattr_way() == XattrWay::opening) GTEST_SKIP() << "a file must be opened without /proc";
  ASSERT_EQ(::chmod(scratch.path("f").c_str(), 0), 0);
  STAVE_EXPECT_CHILD(as_nobody([&] {
                       const Xattrs xattrs = scratch.dir().xattrs("f", FileType::regular);
                       return xattrs == Xattrs{{"security.capability", capability}} ? 0 : 1;
                     }),
                     0, "becoming nobody");
}

TEST(Xattrs, UnreadableValueIsNamed) {
  const Scratch scratch;
  scratch.file("f");
  if (::setxattr(scratch.path("f").c_str(), "user.secret", "1", 1, 0) != 0)
    GTEST_SKIP() << "no user.* attributes";
  if (xattr_way() == XattrWay::opening) GTEST_SKIP() << "a file must be opened without /proc";
  ASSERT_EQ(::chmod(scratch.path("f").c_str(), 0), 0);
  STAVE_EXPECT_CHILD(
      as_nobody([&] {
        const auto read = [&] { scratch.dir().xattrs("f", FileType::regular); };
        return failure(read) == "denied" && message(read).find("user.secret") != std::string::npos ? 0 : 1;
      }),
      0, "becoming nobody");
}

TEST(Xattrs, WalkReportsThem) {
  const Scratch scratch;
  scratch.file("f");
  if (::setxattr(scratch.path("f").c_str(), "user.a", "1", 1, 0) != 0) GTEST_SKIP() << "no user.* attributes";
  ASSERT_EQ(::setxattr(scratch.path().c_str(), "user.root", "2", 1, 0), 0);
  std::vector<std::pair<std::string, Xattrs>> seen;
  walk(scratch.dir(), [&](const Found& found) {
    seen.emplace_back(found.path, found.xattrs);
    return true;
  });
  EXPECT_EQ(seen, (std::vector<std::pair<std::string, Xattrs>>{{"", {{"user.root", "2"}}},
                                                               {"f", {{"user.a", "1"}}}}));
}

}  // namespace
}  // namespace stave::fs
