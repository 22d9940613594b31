// User namespaces: whose ids the files of the host give to whom, and going in.

#include "stave/rootfs/userns.h"

#include <gmock/gmock.h>
#include <grp.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/rootfs/image_root.h"

namespace stave::rootfs {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const Person person = {.uid = 1000, .gid = 100, .name = "me"};

std::string ranges(const std::string& subuid, const std::string& subgid) {
  const auto ids = parse_ranges(person, subuid, subgid);
  return ids ? ids->str() : "none";
}

TEST(SubordinateIds, PersonIsZeroAndTheRangeFollows) {
  EXPECT_EQ(ranges("me:100000:65536\n", "me:200000:65536\n"),
            "0:1000:1,1:100000:65536/0:100:1,1:200000:65536");
}
TEST(Ids, AreReadAsTheyWereWritten) {
  const Ids ids{{{0, 1000, 1}, {1, 100000, 65536}}, {{0, 100, 1}}};
  EXPECT_EQ(Ids::parse(ids.str()), ids);
  for (const char* text :
       {"", "/", "0:1:2", "0:1:2/", "0:1/0:1:2", "0:1:x/0:1:2", "0:1:4294967296/0:1:2", "0:1:2/0:1:2/0:1:2"})
    EXPECT_EQ(Ids::parse(text), std::nullopt) << text;
}

TEST(SubordinateIds, ByNumberAsWell) {
  EXPECT_EQ(ranges("1000:7:3", "1000:9:3"), "0:1000:1,1:7:3/0:100:1,1:9:3");
}
TEST(SubordinateIds, SeveralRangesFollowEachOther) {
  EXPECT_EQ(ranges("me:10:5\nyou:99:9\nme:50:5\n", "me:1:1"), "0:1000:1,1:10:5,6:50:5/0:100:1,1:1:1");
}
TEST(SubordinateIds, OfOthersAreNone) { EXPECT_EQ(ranges("you:10:5\n", "you:10:5\n"), "none"); }
TEST(SubordinateIds, HalfOfThemIsNone) {
  EXPECT_EQ(ranges("me:10:5\n", ""), "none");
  EXPECT_EQ(ranges("", "me:10:5\n"), "none");
}
TEST(SubordinateIds, SomebodyWithoutANameHasThoseOfTheNumber) {
  EXPECT_FALSE(parse_ranges({.uid = 5, .gid = 5, .name = ""}, ":10:5\n", ":10:5\n"));
  EXPECT_TRUE(parse_ranges({.uid = 5, .gid = 5, .name = ""}, "5:10:5\n", "5:10:5\n"));
}
TEST(SubordinateIds, LinesThatAreNoneCountForNothing) {
  for (const std::string line :
       {"me", "me:", "me::", "me:x:5", "me:5:x", "me:-1:5", "me:5:0", "me:4294967295:1", "me:4294967294:2",
        "me:99999999999999999999:1", "me:1:99999999999999999999", "me:5:4294967295", "me:1:2:3", " me:1:2"}) {
    EXPECT_EQ(ranges(line, "me:1:1"), "none") << line;
  }
  EXPECT_NE(ranges("me:4294967294:1", "me:1:1"), "none");
}
TEST(SubordinateIds, MoreLinesThanTheKernelTakesAreLeftOff) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "me:" + std::to_string(1000 + i) + ":1\n";
  const auto ids = parse_ranges(person, text, text);
  ASSERT_TRUE(ids);
  EXPECT_EQ(ids->uids.size(), 340u);
}
TEST(SubordinateIds, WhoHasNoneIsToldHowToGetThem) {
  const Person nobody = {.uid = 3999999999, .gid = 3999999999, .name = "no such user here"};
  try {
    get_ranges(nobody);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Kind::denied);
    EXPECT_THAT(error.what(), StartsWith("\"no such user here\" has no subordinate ids"));
    EXPECT_THAT(error.hint(), HasSubstr("usermod --add-subuids"));
  }
}

// No id inside twice, none left out, and every one comes from a line of the person.
RC_GTEST_PROP(SubordinateIds, InsideIsWithoutGaps, ()) {
  const auto lines = *rc::gen::container<std::vector<std::pair<std::uint32_t, std::uint32_t>>>(
      rc::gen::pair(rc::gen::arbitrary<std::uint32_t>(), rc::gen::arbitrary<std::uint32_t>()));
  std::string text;
  for (const auto& [start, count] : lines)
    text += "me:" + std::to_string(start) + ":" + std::to_string(count) + "\n";
  const auto ids = parse_ranges(person, text, "me:1:1");
  if (!ids) return;
  std::uint64_t next = 0;
  for (const auto& range : ids->uids) {
    RC_ASSERT(range.inside == next);
    RC_ASSERT(range.count > 0u);
    RC_ASSERT(std::uint64_t{range.outside} + range.count <= 0xffffffffull);
    next += range.count;
  }
  RC_ASSERT(next <= 0xffffffffull);
}

// --- going in ---

// Exit code of a child process that drops root (if it has it) and then does `work`.
int as_ordinary_user(const std::function<int()>& work) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setresgid(65534, 65534, 65534) != 0 ||
                             ::setresuid(65534, 65534, 65534) != 0))
      ::_exit(100);
    ::prctl(PR_SET_DUMPABLE, 1);  // or /proc/self would stay root's; exec does this as a rule
    int code = 101;
    try {
      code = work();
    } catch (const Error& error) {
      std::fprintf(stderr, "%s\n", error.what());
      code = error.kind() == Kind::denied ? 102 : 103;
    }
    ::_exit(code);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WEXITSTATUS(status);
}

TEST(UserNamespace, OneIdMakesAnOrdinaryUserRoot) {
  const int code = as_ordinary_user([] {
    enter_user_namespace(one_id(this_person()), "");
    return ::getuid() == 0 && ::geteuid() == 0 && ::getgid() == 0 ? 0 : 1;
  });
  if (code == 102) GTEST_SKIP() << "skipped: this system gives ordinary users no user namespaces";
  EXPECT_EQ(code, 0);
}
TEST(UserNamespace, RangeThatIsNotOnesOwnIsDenied) {
  if (!have_mappers("")) GTEST_SKIP() << "skipped: newuidmap is not installed";
  EXPECT_EQ(as_ordinary_user([] {
              auto ids = one_id(this_person());
              ids.uids.push_back({1, 1, 1000});  // daemon and its like: nobody gave them
              ids.gids.push_back({1, 1, 1000});
              enter_user_namespace(ids, "");
              return 0;
            }),
            102);
}

}  // namespace
}  // namespace stave::rootfs
