// Resolving by hand is resolving by the kernel: the same file, or the same refusal,
// for any tree of directories and symlinks and any path through it.

#include "stave/fs/resolve.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include "stave/base/text.h"
#include "unit/fs/scratch.h"

namespace stave::fs {
namespace {

// What came out of a resolution, comparable: an inode or an errno.
std::pair<std::uint64_t, int> outcome(const Opened& opened) {
  return {opened.fd ? stat(opened.fd).inode : 0, opened.error};
}

rc::Gen<std::string> component() {
  return rc::gen::element<std::string>("a", "b", "c", "d", "a", "b", ".", "..", "");
}

rc::Gen<std::string> any_path() {
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(component()),
                      [](const std::vector<std::string>& parts) { return join(parts, "/"); });
}

// Puts directories, files and symlinks with any targets under the names a to d, two levels deep.
void grow(const Scratch& scratch, const std::string& under, int level) {
  for (const char* name : {"a", "b", "c", "d"}) {
    const std::string path = under + name;
    switch (*rc::gen::inRange(0, 6)) {
      case 0:
        break;
      case 1:
        scratch.file(path, path);
        break;
      case 2:
      case 3: {
        const std::string target = *any_path();
        scratch.symlink(path, target.empty() ? "/" : target);
        break;
      }
      default:
        scratch.directory(path);
        if (level < 2) grow(scratch, path + "/", level + 1);
    }
  }
}

bool skip_without_kernel() { return resolver() == Resolver::by_hand; }

RC_GTEST_PROP(Resolve, InRootByHandIsByKernel, ()) {
  if (skip_without_kernel()) return;
  const Scratch scratch;
  scratch.directory("root");
  scratch.file("a", "outside");
  grow(scratch, "root/", 0);
  const Dir root = Dir::open(scratch.path("root"));
  for (int i = 0; i < 20; ++i) {
    const std::string path = *any_path();
    const int flags = O_RDONLY | O_NONBLOCK;
    const auto by_kernel = outcome(open_in_root(root.fd(), path, flags, Resolver::kernel));
    RC_ASSERT(outcome(open_in_root(root.fd(), path, flags, Resolver::by_hand)) == by_kernel);
    RC_ASSERT(by_kernel.first != scratch.dir().get("a").inode);
    RC_ASSERT(by_kernel.first != scratch.dir().get("").inode);
  }
}

RC_GTEST_PROP(Resolve, BeneathByHandIsByKernel, ()) {
  if (skip_without_kernel()) return;
  const Scratch scratch;
  grow(scratch, "", 0);
  const Dir root = scratch.dir();
  for (int i = 0; i < 20; ++i) {
    std::vector<std::string> parts = *rc::gen::container<std::vector<std::string>>(
        rc::gen::element<std::string>("a", "b", "c", "d", ".", ""));
    parts.insert(parts.begin(), ".");
    const std::string path = join(parts, "/");
    RC_ASSERT(outcome(open_beneath(root.fd(), path, Resolver::by_hand)) ==
              outcome(open_beneath(root.fd(), path, Resolver::kernel)));
  }
}

class EitherWay : public ::testing::TestWithParam<Resolver> {
 protected:
  void SetUp() override {
    if (GetParam() == Resolver::kernel && skip_without_kernel())
      GTEST_SKIP() << "openat2 is not to be had here";
  }
  int in_root(std::string_view path) { return open_in_root(root_.fd(), path, O_RDONLY, GetParam()).error; }

  Scratch scratch_;
  Dir root_ = scratch_.dir();
};

// A chain of symlinks as long as the kernel allows ends at a file; one more does not.
TEST_P(EitherWay, FollowsFortySymlinks) {
  scratch_.file("0");
  for (int i = 1; i <= 41; ++i) scratch_.symlink(std::to_string(i), std::to_string(i - 1));
  EXPECT_EQ(in_root("40"), 0);
  EXPECT_EQ(in_root("41"), ELOOP);
}

TEST_P(EitherWay, FileIsNoDirectory) {
  scratch_.file("f");
  EXPECT_EQ(in_root("f/"), ENOTDIR);
  EXPECT_EQ(in_root("f/."), ENOTDIR);
  EXPECT_EQ(in_root("f/.."), ENOTDIR);
  EXPECT_EQ(open_beneath(root_.fd(), "f", GetParam()).error, ENOTDIR);
}

TEST_P(EitherWay, BeneathRefusesSymlinks) {
  scratch_.directory("d");
  scratch_.symlink("link", "d");
  EXPECT_EQ(open_beneath(root_.fd(), "d", GetParam()).error, 0);
  EXPECT_EQ(open_beneath(root_.fd(), "link", GetParam()).error, ELOOP);
  EXPECT_EQ(open_beneath(root_.fd(), "link/.", GetParam()).error, ELOOP);
}

TEST_P(EitherWay, BeneathGoesDeeperThanPathMax) {
  const std::string deep = make_chain(root_, 300);
  const Opened opened = open_beneath(root_.fd(), deep, GetParam());
  ASSERT_EQ(opened.error, 0);
  EXPECT_EQ(::faccessat(opened.fd.get(), "f", F_OK, 0), 0);
}

TEST_P(EitherWay, NameLongerThanPathMaxIsNone) {
  EXPECT_EQ(open_beneath(root_.fd(), std::string(10000, 'x'), GetParam()).error, ENAMETOOLONG);
  EXPECT_EQ(in_root(std::string(10000, 'x')), ENAMETOOLONG);
}

INSTANTIATE_TEST_SUITE_P(Resolve, EitherWay, ::testing::Values(Resolver::kernel, Resolver::by_hand),
                         [](const auto& test) {
                           return test.param == Resolver::kernel ? "kernel" : "by_hand";
                         });

}  // namespace
}  // namespace stave::fs
