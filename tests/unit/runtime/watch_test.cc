// Watching over a child: codes, signals, and what other processes must not notice.

#include "stave/runtime/watch.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace stave::runtime {
namespace {

Watch::Program shell(const std::string& script) {
  return {.words = {"/bin/sh", "-c", script}, .environment = {}};
}

// Exit code of `script`, to which `signals` are sent beforehand: they wait until there is a child.
Watch::Ended watched(const std::string& script, const std::vector<int>& signals = {},
                     bool impatient = false) {
  const Watch watch;
  const pid_t child = watch.start(shell(script));
  for (const int number : signals) ::kill(::getpid(), number);
  return watch.wait(child, {.impatient = impatient});
}

TEST(WatchTest, ExitCodeIsTheChilds) {
  EXPECT_EQ(watched("exit 0").code, 0);
  EXPECT_EQ(watched("exit 42").code, 42);
}
TEST(WatchTest, SignalThatEndedItIsAddedTo128) { EXPECT_EQ(watched("kill -KILL $$").code, 137); }
TEST(WatchTest, ProgramThatCannotBeStartedIs127) {
  const Watch watch;
  EXPECT_EQ(watch.wait(watch.start({.words = {"/no/such/program"}, .environment = {}}), {}).code, 127);
}
TEST(WatchTest, SignalsArePassedOn) {
  // A trap of the shell runs when the sleep is over; without one the signal ends the shell at once.
  for (const int number : {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM})
    EXPECT_EQ(watched("sleep 20", {number}).code, 128 + number);
}
TEST(WatchTest, FirstInterruptIsTheChilds) {
  const auto ended = watched("trap '' INT; sleep 0.2; exit 5", {SIGINT}, true);
  EXPECT_EQ(ended.impatiently, false);
}
TEST(WatchTest, SecondInterruptKills) {
  const Watch watch;
  const pid_t child =
      watch.start(shell("trap '' INT; kill -INT $PPID; sleep 0.2; kill -INT $PPID; sleep 20"));
  const auto ended = watch.wait(child, {.impatient = true});
  EXPECT_TRUE(ended.impatiently);
  EXPECT_EQ(ended.code, 137);
}
TEST(WatchTest, OtherChildrenAreReaped) {
  const Watch watch;
  const pid_t other = watch.start(shell("exit 1"));
  const pid_t child = watch.start(shell("sleep 0.3; exit 2"));
  EXPECT_EQ(watch.wait(child, {}).code, 2);
  EXPECT_EQ(::waitpid(other, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}
TEST(WatchTest, ChildHasTheSignalsAsTheyWere) {
  // Blocked signals are inherited through exec.
  EXPECT_EQ(watched("grep -q '^SigBlk:.0000000000000000$' /proc/self/status").code, 0);
}
TEST(WatchTest, InputOnlyWhenAsked) {
  const Watch watch;
  auto program = shell("read -r line && exit 1; exit 0");
  program.with_input = false;
  EXPECT_EQ(watch.wait(watch.start(program), {}).code, 0);
}
TEST(WatchTest, ChildrenThatWereIgnoredAreStillWaitedFor) {
  struct sigaction before = {};
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGCHLD, &ignore, &before);
  EXPECT_EQ(watched("exit 6").code, 6);
  ::sigaction(SIGCHLD, &before, nullptr);
}
TEST(WatchTest, WhatWasIgnoredIsNotPassedOn) {
  struct sigaction before = {};
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGHUP, &ignore, &before);
  EXPECT_EQ(watched("sleep 0.3; exit 7", {SIGHUP}).code, 7);
  ::sigaction(SIGHUP, &before, nullptr);
}
TEST(WatchTest, SignalsAreAsTheyWereAfterwards) {
  sigset_t before;
  sigset_t after;
  ::sigprocmask(SIG_SETMASK, nullptr, &before);
  watched("exit 0");
  ::sigprocmask(SIG_SETMASK, nullptr, &after);
  for (int number = 1; number < NSIG; ++number)
    EXPECT_EQ(sigismember(&before, number), sigismember(&after, number));
}

}  // namespace
}  // namespace stave::runtime
