// Where programs of the host are.

#include "stave/runtime/program.h"

#include <sys/stat.h>

#include "unit/fs/scratch.h"

namespace stave::runtime {
namespace {

class Programs : public testing::Test {
 protected:
  Programs() {
    for (const std::string directory : {"a", "b"}) scratch.directory(directory);
  }
  void program(const std::string& path, mode_t mode = 0755) const {
    scratch.file(path);
    ::chmod(scratch.path(path).c_str(), mode);
  }
  std::string path() const { return scratch.path("a") + ":" + scratch.path("b"); }

  fs::Scratch scratch;
};

TEST_F(Programs, FirstDirectoryWins) {
  program("b/run-x");
  EXPECT_EQ(find_program("run-x", path()), scratch.path("b/run-x"));
  program("a/run-x");
  EXPECT_EQ(find_program("run-x", path()), scratch.path("a/run-x"));
}
TEST_F(Programs, WhatIsNotExecutableIsPassedOver) {
  program("a/run-x", 0644);
  scratch.directory("b/run-x");
  EXPECT_EQ(find_program("run-x", path()), std::nullopt);
}
TEST_F(Programs, PathIsTakenAsItIs) {
  program("a/run-x");
  EXPECT_EQ(find_program(scratch.path("a/run-x"), ""), scratch.path("a/run-x"));
  EXPECT_EQ(find_program(scratch.path("a/none"), path()), std::nullopt);
}
TEST_F(Programs, UsualPlacesAreLookedAtWithoutAPath) { EXPECT_TRUE(find_program("sh", "")); }
TEST_F(Programs, RelativeDirectoriesAreNotLookedAt) {
  program("a/run-x");
  ASSERT_EQ(::chdir(scratch.path("a").c_str()), 0);
  EXPECT_EQ(find_program("run-x", ".:"), std::nullopt);
  ASSERT_EQ(::chdir("/"), 0);
}
TEST_F(Programs, NoNameIsNoProgram) { EXPECT_EQ(find_program("", path()), std::nullopt); }

}  // namespace
}  // namespace stave::runtime
