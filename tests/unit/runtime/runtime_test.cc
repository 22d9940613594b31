// What runtimes say, and what is made of it. The messages are those of runc 1.1.5 and
// crun 1.8.1, as they came.

#include "stave/runtime/runtime.h"

#include <gmock/gmock.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <sys/stat.h>

#include "stave/json/json.h"
#include "unit/fs/scratch.h"

namespace stave::runtime {
namespace {

using testing::ElementsAre;

std::string entry(const std::string& level, const std::string& message) {
  json::Object object;
  object.string("level", level);
  object.string("msg", message);
  object.string("time", "2024-01-01T00:00:00Z");
  return std::move(object).finish() + "\n";
}
int code_of(const std::string& message) {
  const auto refusal = find_refusal(entry("error", message));
  return refusal ? refusal->exit_code() : 0;
}

TEST(RuntimesWord, ProgramThatIsNotThereIs127) {
  EXPECT_EQ(
      code_of("runc run failed: unable to start container process: exec: \"nosuch\": executable file not "
              "found in $PATH"),
      127);
  EXPECT_EQ(
      code_of("runc run failed: unable to start container process: exec: \"/no/such\": stat /no/such: no "
              "such file or directory"),
      127);
  EXPECT_EQ(code_of("executable file `nosuch` not found in $PATH: No such file or directory"), 127);
}
TEST(RuntimesWord, ProgramThatCannotBeExecutedIs126) {
  EXPECT_EQ(code_of("runc run failed: unable to start container process: exec: \"/bin\": permission denied"),
            126);
  EXPECT_EQ(code_of("runc run failed: unable to start container process: exec: \"/d\": is a directory"), 126);
  EXPECT_EQ(code_of("exec /text: exec format error"), 126);
  EXPECT_EQ(code_of("open executable: Permission denied"), 126);
}
TEST(RuntimesWord, EverythingElseIs125) {
  EXPECT_EQ(code_of("runc run failed: unable to start container process: error during container init: error "
                    "mounting \"/a\" to rootfs at \"/exec /x\": no such file or directory"),
            125);
  EXPECT_EQ(code_of("runc create failed: permission denied"), 125);
  EXPECT_EQ(code_of("set propagation for `proc`: No such file or directory"), 125);
  EXPECT_EQ(code_of(""), 125);
}
TEST(RuntimesWord, WarningsAreNoRefusal) {
  EXPECT_FALSE(
      find_refusal(entry("warning", "cgroups in hybrid mode not supported") + entry("info", "exec: \"x\"")));
}
TEST(RuntimesWord, LineAboutTheProgramSaysMoreThanTheLast) {
  const auto refusal =
      find_refusal(entry("error", "exec /text: exec format error") + entry("error", "exit status 1"));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->exit_code(), 126);
}
TEST(RuntimesWord, FormulasAreLeftOff) {
  const auto refusal = find_refusal(entry(
      "error",
      "runc run failed: unable to start container process: error during container init: mkdir /x: no\n"));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->message, "mkdir /x: no");
}
TEST(RuntimesWord, BytesOfAnImageCannotDriveTheTerminal) {
  const auto refusal = find_refusal(entry("error", "exec: \"\x1b[2J\": executable file not found in $PATH"));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->message, "exec: \"\\x1b[2J\": executable file not found in $PATH");
}
TEST(RuntimesWord, LinesThatAreNoEntriesCountForNothing) {
  for (const std::string line : {"", "{}", "[]", "null", "error", "{\"level\":\"error\"}", "{\"msg\":\"x\"}",
                                 "{\"level\":1,\"msg\":\"x\"}", "{\"level\":\"error\",\"msg\":[]}",
                                 "{\"level\":\"error\",\"msg\":\"x\""}) {
    EXPECT_FALSE(find_refusal(line + "\n")) << line;
  }
}
RC_GTEST_PROP(RuntimesWord, AnyLogIsRead, (const std::string& log)) { find_refusal(log); }

class Runtimes : public testing::Test {
 protected:
  void program(const std::string& name) const {
    scratch.file(name);
    ::chmod(scratch.path(name).c_str(), 0755);
  }
  fs::Scratch scratch;
};

TEST_F(Runtimes, RuncComesFirst) {
  program("runc");
  program("crun");
  const auto found = find_runtimes("", scratch.path());
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].path, scratch.path("runc"));
  EXPECT_EQ(found[1].path, scratch.path("crun"));
}
TEST_F(Runtimes, OneThatIsNamedIsTheOnlyOne) {
  program("runc");
  program("my-runtime");
  const auto found = find_runtimes(scratch.path("my-runtime"), scratch.path());
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].name, "my-runtime");
}
TEST_F(Runtimes, OneThatIsNamedAndAbsentIsRefused) {
  EXPECT_EQ(fs::failure([&] { find_runtimes("no-such-runtime", scratch.path()); }), "not_found");
}
TEST(RuntimesWords, RunAndDeleteUseTheSameState) {
  const Job job = {.id = "i", .bundle = "/b", .state = "/s", .log = "/l"};
  EXPECT_THAT(words_to_run({"runc", "/runc"}, job),
              ElementsAre("/runc", "--root", "/s", "--log", "/l", "--log-format", "json", "run", "--bundle",
                          "/b", "i"));
  EXPECT_THAT(words_to_delete({"runc", "/runc"}, job),
              ElementsAre("/runc", "--root", "/s", "delete", "--force", "i"));
}

}  // namespace
}  // namespace stave::runtime
