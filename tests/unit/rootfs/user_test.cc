// Config.User: every form of it, against passwd and group files of images, also of
// those that were made to hurt.

#include "stave/rootfs/user.h"

#include <gmock/gmock.h>

#include "unit/rootfs/image_root.h"

namespace stave::rootfs {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class UserTest : public testing::Test {
 protected:
  UserTest() {
    root.passwd(
        "root:x:0:0:root:/root:/bin/sh\n"
        "app:x:1000:100:the app:/srv/app:/bin/sh\n"
        "1234:x:5:6::/five:\n"
        "relative:x:7:7::home:\n");
    root.group(
        "root:x:0:root\n"
        "users:x:100:\n"
        "wheel:x:10:root,app\n"
        "audio:x:9:app\n"
        "again:x:9:app\n"
        "self:x:100:app\n");
  }
  User find(std::string_view text) const { return find_user(text, root.dir()); }
  std::string refusal(std::string_view text) const {
    return failure([&] { find(text); });
  }

  ImageRoot root;
};

TEST_F(UserTest, NobodyNamedIsRoot) { EXPECT_EQ(find(""), (User{0, 0, {10}, "/root"})); }
TEST_F(UserTest, NameGivesIdsHomeAndGroups) {
  EXPECT_EQ(find("app"), (User{1000, 100, {9, 10}, "/srv/app"}));
}
TEST_F(UserTest, NumberWithAnEntryIsThatUser) { EXPECT_EQ(find("1000"), find("app")); }
TEST_F(UserTest, NumberWithoutAnEntryStandsForItself) { EXPECT_EQ(find("4000"), (User{4000, 0, {}, "/"})); }
TEST_F(UserTest, NameOfDigitsComesBeforeTheNumber) { EXPECT_EQ(find("1234"), (User{5, 6, {}, "/five"})); }
TEST_F(UserTest, GroupGivenLeavesOffTheOthers) {
  EXPECT_EQ(find("app:wheel"), (User{1000, 10, {}, "/srv/app"}));
}
TEST_F(UserTest, GroupMayBeANumberOfNobody) {
  EXPECT_EQ(find("app:4000"), (User{1000, 4000, {}, "/srv/app"}));
}
TEST_F(UserTest, BothMayBeNumbers) { EXPECT_EQ(find("3:4"), (User{3, 4, {}, "/"})); }
TEST_F(UserTest, GroupAloneIsOfRoot) { EXPECT_EQ(find(":users"), (User{0, 100, {}, "/root"})); }
TEST_F(UserTest, HomeThatIsNotAbsoluteIsTheRoot) { EXPECT_EQ(find("relative").home, "/"); }

TEST_F(UserTest, UnknownUserIsRefused) {
  EXPECT_EQ(refusal("nobody"), "invalid: the image has no user \"nobody\"");
}
TEST_F(UserTest, UnknownGroupIsRefused) {
  EXPECT_EQ(refusal("app:none"), "invalid: the image has no group \"none\"");
}
TEST_F(UserTest, NothingBehindTheColonIsRefused) { EXPECT_THAT(refusal("app:"), StartsWith("invalid: ")); }
TEST_F(UserTest, LargestIdIsTaken) { EXPECT_EQ(find("2147483647").uid, 2147483647u); }
TEST_F(UserTest, IdsThatRuntimesCannotTakeAreRefused) {
  for (const std::string id : {"2147483648", "4294967295", "4294967296", "99999999999999999"}) {
    EXPECT_THAT(refusal(id), HasSubstr("larger than 2147483647")) << id;
    EXPECT_THAT(refusal("0:" + id), HasSubstr("larger than 2147483647")) << id;
  }
  EXPECT_THAT(refusal("-1"), StartsWith("invalid: the image has no user"));
}

TEST(UserOfABareRoot, NumbersWork) {
  const fs::Scratch scratch;
  EXPECT_EQ(find_user("", scratch.dir()), (User{0, 0, {}, "/"}));
  EXPECT_EQ(find_user("1:2", scratch.dir()), (User{1, 2, {}, "/"}));
}

// --- an image that means harm ---

TEST(UserOfAHostileRoot, PasswdThatLinksOutsideStaysInside) {
  const fs::Scratch scratch;
  scratch.directory("in");
  scratch.directory("in/etc");
  scratch.file("secret", "spy:x:666:666::/spy:\n");
  scratch.symlink("in/etc/passwd", "../../secret");
  const fs::Dir root = scratch.dir().open_dir("in");
  EXPECT_THAT(failure([&] { find_user("spy", root); }), StartsWith("invalid: the image has no user"));
}
TEST(UserOfAHostileRoot, AbsoluteLinksStartAtTheRoot) {
  const ImageRoot root;
  root.scratch.file("users", "app:x:3:4::/a:\n");
  root.scratch.symlink("etc/passwd", "/users");
  EXPECT_EQ(find_user("app", root.dir()).uid, 3u);
}
TEST(UserOfAHostileRoot, FifoDoesNotBlock) {
  const ImageRoot root;
  root.scratch.fifo("etc/passwd");
  EXPECT_THAT(failure([&] { find_user("app", root.dir()); }), StartsWith("invalid: "));
}
TEST(UserOfAHostileRoot, EndlessPasswdIsALimit) {
  const ImageRoot root;
  root.passwd(std::string(2 * 1024 * 1024, 'x'));
  EXPECT_THAT(failure([&] { find_user("app", root.dir()); }), StartsWith("limit: "));
}
TEST(UserOfAHostileRoot, LinesThatAreNoneCountForNothing) {
  const ImageRoot root;
  root.passwd(
      "\n:::::\n:x:0:0::/:\napp:x:-1:0::/:\napp:x:99999999999:0::/:\napp\napp:x:1\n#app:x:1:1::/:\n"
      "app:x:8:9::/right:\napp:x:1:1::/second:\n");
  root.group("\n::\nx:x:zero:app\n:x:3:app\n");
  EXPECT_EQ(find_user("app", root.dir()), (User{8, 9, {}, "/right"}));
}
TEST(UserOfAHostileRoot, ManyGroupsAreALimit) {
  const ImageRoot root;
  root.passwd("a:x:1:1::/:\n");
  std::string groups;
  for (int gid = 2; gid < 65540; ++gid) groups += "g::" + std::to_string(gid) + ":a\n";
  ASSERT_LT(groups.size(), 1024u * 1024u);
  root.group(groups);
  EXPECT_THAT(failure([&] { find_user("a", root.dir()); }), StartsWith("limit: "));
}

}  // namespace
}  // namespace stave::rootfs
