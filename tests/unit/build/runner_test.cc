// Steps, run for real over Alpine, where this host can do that. The program that is
// started anew is this test itself.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <thread>

#include "stave/base/error.h"
#include "stave/build/runner.h"
#include "stave/build/step_order.h"
#include "stave/fs/fs.h"
#include "stave/layer/disk.h"
#include "stave/layer/path.h"
#include "stave/runtime/runtime.h"

namespace stave::build {
namespace {

using layer::Changeset;
using layer::Type;

constexpr const char* step_word = "--as-a-step";

std::string content_of(const layer::Change& change) {
  std::string content(change.entry.meta.size, '\0');
  if (change.contents)
    change.contents->read(change, 0, std::as_writable_bytes(std::span(content.data(), content.size())));
  return content;
}

std::vector<std::string> words(const Changeset& changes) {
  std::vector<std::string> all;
  for (const auto& change : changes) {
    std::string word = change.removal ? "-" : change.entry.meta.type == Type::directory ? "" : "+";
    if (!change.removal && change.entry.meta.type == Type::directory) {
      all.push_back(change.entry.path + "/");
      continue;
    }
    all.push_back(word + change.entry.path);
  }
  return all;
}

class RunnerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    tar_ = std::string(STAVE_SHARED_DATA) + "/images/alpine/x86_64/alpine-minirootfs-3.20.3-x86_64.tar.gz";
    if (!std::filesystem::exists(tar_)) GTEST_SKIP() << "there is no Alpine in the shared data";
    if (::geteuid() != 0) GTEST_SKIP() << "only root runs steps without a user namespace";
    const char* found = std::getenv("PATH");
    ground_.search_path = found == nullptr ? "" : found;
    try {
      if (runtime::find_runtimes("", ground_.search_path).front().name != "runc")
        GTEST_SKIP() << "there is no runc";
    } catch (const Error& e) {
      GTEST_SKIP() << e.what();
    }
    std::string name = "/tmp/stave-runner-XXXXXX";
    directory_ = ::mkdtemp(name.data());
    ground_.cache = directory_ + "/cache";
    const char* home = std::getenv("STAVE_TEST_CACHE");
    if (home != nullptr) ground_.cache = home;
    ground_.words = {std::filesystem::read_symlink("/proc/self/exe").string(), step_word};
    const char* inside =
        std::getenv("STAVE_TEST_INSIDE");  // "range" or "one": this is root of such a namespace
    if (inside != nullptr) {
      ground_.in_user_namespace = true;
      ground_.one_id = std::string(inside) == "one";
      ground_.ids = inside;
    }
    runner_ = make_runner(ground_, Context{});
    open_alpine();
    try {
      run("true");
    } catch (const Error& e) {
      if (e.kind() == Kind::denied) GTEST_SKIP() << e.what();
      throw;
    }
  }
  void TearDown() override {
    runner_.reset();
    if (directory_.empty()) return;
    // Nothing is left of any step.
    const auto runs = fs::Dir::open(ground_.cache + "/build/run");
    EXPECT_THAT(runs.list(), ::testing::IsEmpty());
    fs::Dir::open("/tmp").remove_tree(directory_.substr(5));
  }

  void open_alpine() {
    const std::string path = tar_;
    auto piece = layer::piece_of_tar("alpine", 0, [path]() -> std::unique_ptr<Source> {
      auto fd = std::make_shared<const fs::Fd>(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      const auto size = fs::stat(*fd).size;
      return std::make_unique<fs::FileSource>(fd, 0, size, path);
    });
    piece.diff_id = digest_of(as_bytes("alpine"));
    stack_.pieces.push_back(piece);
    tree_ = layer::read_stack(Context{}, stack_, layer::Digests::yes);
    tree_.visit([&](const std::string& name, const layer::Tree::Inode& inode) {
      everything_.emplace_back().entry = {name, inode.meta};
    });
  }

  StepOrder order(const std::string& script) {
    StepOrder order;
    order.stack = &stack_;
    order.base_layers = 1;
    order.tree = &tree_;
    order.platform.os = "linux";
    order.platform.architecture = "amd64";
    order.arguments = {"/bin/sh", "-c", script};
    order.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
    order.working_directory = "/";
    order.output = [this](std::string_view text) { output_ += text; };
    return order;
  }
  StepDone run(const std::string& script) { return runner_->run(Context{}, order(script)); }

  RunnerGround ground_;
  std::string tar_;
  std::string directory_;
  std::unique_ptr<Runner> runner_;
  layer::Stack stack_;
  layer::Tree tree_;
  layer::Changeset everything_;  // a tree is for one thread
  std::string output_;
};

TEST_F(RunnerTest, AFileIsAllThatChanges) {
  const auto done = run("echo hi > /x");
  EXPECT_EQ(done.exit_code, 0) << output_;
  ASSERT_THAT(words(done.changes), ::testing::ElementsAre("+x"));
  EXPECT_EQ(content_of(done.changes.front()), "hi\n");
}

TEST_F(RunnerTest, NothingIsNoChange) { EXPECT_THAT(run("true").changes, ::testing::IsEmpty()); }

TEST_F(RunnerTest, AnExitCodeIsAnAnswer) {
  EXPECT_EQ(run("echo out; echo err >&2; exit 7").exit_code, 7);
  // Which comes first is up to the runtime, which has a pipe for each.
  EXPECT_THAT(output_, ::testing::AnyOf("out\nerr\n", "err\nout\n"));
}

TEST_F(RunnerTest, WhatIsWrittenAndRemoved) {
  const auto done =
      run("rm /etc/motd; rm -r /media; mkdir -p /d/e; echo 1 > /d/e/f; ln /d/e/f /d/g; ln -s e /d/s; "
          "touch -d @5 /d/e /d /d/e/f; mkfifo /p; chown 3:4 /p; rm -r /etc/apk/keys; mkdir /etc/apk/keys; "
          "echo k > /etc/apk/keys/k; rm -r /opt; echo file > /opt");
  EXPECT_EQ(done.exit_code, 0) << output_;
  const auto all = words(done.changes);
  for (const char* word :
       {"-etc/motd", "-media", "+d/e/f", "+d/g", "+d/s", "+p", "+etc/apk/keys/k", "+opt", "d/e/", "etc/"})
    EXPECT_THAT(all, ::testing::Contains(word));
  auto tree = tree_;
  tree.apply(done.changes);
  EXPECT_EQ(tree.find("d/e/f"), tree.find("d/g"));
  EXPECT_EQ(tree.find("d/e")->meta.mtime.seconds, 5);
  EXPECT_EQ(tree.find("p")->meta.uid, ground_.one_id ? 0u : 3u) << output_;
  EXPECT_EQ(tree.find("etc/motd"), nullptr);
  std::vector<std::string> keys;
  tree.visit_below("etc/apk/keys", 1, [&](const std::string& path, const auto&) { keys.push_back(path); });
  EXPECT_THAT(keys, ::testing::ElementsAre("etc/apk/keys/k"));
}

TEST_F(RunnerTest, WhatWasOnlyOpenedIsNoChange) {
  const auto done =
      run("exec 3<>/etc/passwd; exec 3>&-; chmod 755 /bin/busybox; chown 0:0 /etc/shadow; chown 0:42 "
          "/etc/shadow; "
          "chmod 640 /etc/shadow; touch /tmp/x; rm /tmp/x; touch -r /etc/motd /tmp");
  EXPECT_EQ(done.exit_code, 0) << output_;
  EXPECT_THAT(words(done.changes), ::testing::AnyOf(::testing::IsEmpty(), ::testing::ElementsAre("tmp/")))
      << output_;
}

TEST_F(RunnerTest, MountsLeaveNothingAndSecretsAreRead) {
  auto order = this->order(
      "cat /run/secrets/tok /deep/er/file; stat -c %a /run/secrets/tok; echo w > /rw/new; cat /rw/old; "
      "echo c > /var/cache/made; grep -o ' /mem tmpfs' /proc/mounts; ! touch /deep/er/no 2>/dev/null; "
      "grep extra /etc/hosts; hostname");
  const std::string source = directory_ + "/source";
  const std::string cache = directory_ + "/kept";
  for (const auto& each : {source, cache}) std::filesystem::create_directories(each);
  std::ofstream(source + "/file") << "file\n";
  std::ofstream(source + "/old") << "old\n";
  StepMount secret;
  secret.kind = StepMount::Kind::file;
  secret.target = "/run/secrets/tok";
  secret.content = std::string(
      "s3cret\xff"
      "\n");
  StepMount read_only;
  read_only.source = source;
  read_only.target = "/deep/er";
  StepMount thrown;
  thrown.source = source;
  thrown.target = "/rw";
  thrown.read_only = false;
  StepMount kept;
  kept.kind = StepMount::Kind::cache;
  kept.source = cache;
  kept.target = "/var/cache";
  kept.read_only = false;
  StepMount memory;
  memory.kind = StepMount::Kind::tmpfs;
  memory.target = "/mem";
  memory.size = 1 << 20;
  order.mounts = {secret, read_only, thrown, kept, memory};
  order.hosts = {"1.2.3.4 extra"};
  const auto done = runner_->run(Context{}, order);
  EXPECT_EQ(done.exit_code, 0);
  EXPECT_EQ(output_,
            "s3cret\xff"
            "\nfile\n400\nold\n /mem tmpfs\n1.2.3.4 extra\nbuildkitsandbox\n");
  EXPECT_THAT(words(done.changes), ::testing::IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(source + "/new"));
  EXPECT_TRUE(std::filesystem::exists(cache + "/made"));
}

TEST_F(RunnerTest, NoNetworkIsALoopback) {
  auto order = this->order("cat /proc/net/dev | tail -n +3 | cut -d: -f1");
  order.host_network = false;
  EXPECT_EQ(runner_->run(Context{}, order).exit_code, 0);
  EXPECT_THAT(output_, ::testing::HasSubstr("lo"));
  EXPECT_THAT(output_, ::testing::Not(::testing::HasSubstr("eth")));
}

TEST_F(RunnerTest, UsersAreThoseOfTheImage) {
  auto order = this->order("id -u; echo $HOME");
  order.user = "mail";
  EXPECT_EQ(runner_->run(Context{}, order).exit_code, 0);
  EXPECT_EQ(output_, ground_.one_id ? "0\n/var/mail\n" : "8\n/var/mail\n");
}

TEST_F(RunnerTest, TimeIsUp) {
  auto order = this->order("sleep 1000 & setsid sleep 1000 & wait");
  order.timeout_seconds = 1;
  try {
    runner_->run(Context{}, order);
    ADD_FAILURE() << "it ended";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::limit);
  }
}

TEST_F(RunnerTest, StoppedMeansGone) {
  std::stop_source stop;
  auto order = this->order("echo begun; trap '' INT TERM; while :; do sleep 1; done");
  order.output = [&](std::string_view) { stop.request_stop(); };
  Context context;
  context.stop = stop.get_token();
  try {
    runner_->run(context, order);
    ADD_FAILURE() << "it ended";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::cancelled);
  }
}

TEST_F(RunnerTest, WhoOutlivesTheStepIsEnded) {
  const auto done = run("(setsid sh -c 'sleep 3; echo late > /late' >/dev/null 2>&1 &) ; echo x > /x");
  EXPECT_THAT(words(done.changes), ::testing::ElementsAre("+x"));
}

TEST_F(RunnerTest, StepsStandOnKeptSteps) {
  auto first = run("mkdir -p /a/b; echo one > /a/b/f; rm -r /media; touch -d @1000000000 /a/b");
  const auto id = digest_of(as_bytes("first"));
  runner_->keep(first, {*stack_.pieces[0].diff_id}, id);
  tree_.apply(first.changes);
  first = {};
  layer::Stack::Piece piece;
  piece.name = "first";
  piece.diff_id = id;
  piece.open = [](unsigned) -> std::unique_ptr<Source> { throw Error(Kind::internal, "it was unpacked"); };
  stack_.pieces.push_back(piece);
  const auto second = run("cat /a/b/f; test ! -e /media; echo two >> /a/b/f; mkdir /media");
  EXPECT_EQ(output_, "one\n");
  EXPECT_THAT(words(second.changes), ::testing::ElementsAre("a/", "a/b/", "+a/b/f", "media/"));
}

TEST_F(RunnerTest, ManyAtOnce) {
  std::vector<std::thread> threads;
  std::vector<std::vector<std::string>> all(6);
  for (std::size_t i = 0; i < all.size(); ++i) {
    threads.emplace_back([&, i] {
      auto order = this->order("echo x > /x" + std::to_string(i));
      order.output = {};
      const layer::Tree tree = [&] {
        layer::Tree own;
        own.apply(everything_);
        return own;
      }();
      order.tree = &tree;
      all[i] = words(runner_->run(Context{}, order).changes);
    });
  }
  for (auto& thread : threads) thread.join();
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_THAT(all[i], ::testing::ElementsAre("+x" + std::to_string(i)));
}

TEST_F(RunnerTest, AKilledBuildTakesItsStepsAlong) {
  const std::string mark = directory_ + "/mark";
  std::filesystem::create_directory(mark);
  const pid_t build = ::fork();
  ASSERT_GE(build, 0);
  if (build == 0) {
    auto order = this->order("echo begun > /mark/begun; while :; do sleep 0.1; date > /mark/alive; done");
    StepMount mount;
    mount.kind = StepMount::Kind::cache;
    mount.read_only = false;
    mount.source = mark;
    mount.target = "/mark";
    order.mounts = {mount};
    try {
      runner_->run(Context{}, order);
    } catch (...) {
    }
    ::_exit(0);
  }
  while (!std::filesystem::exists(mark + "/alive")) ::usleep(10'000);
  ::kill(build, SIGKILL);
  ::waitpid(build, nullptr, 0);
  // Its directory is locked by its processes: when the next start can remove it, they are gone.
  const auto runs = fs::Dir::open(ground_.cache + "/build/run");
  for (int i = 0; i < 1000 && !runs.list().empty(); ++i) {
    make_runner(ground_, Context{});
    ::usleep(10'000);
  }
  EXPECT_THAT(runs.list(), ::testing::IsEmpty());
  std::filesystem::remove(mark + "/alive");
  ::usleep(300'000);
  EXPECT_FALSE(std::filesystem::exists(mark + "/alive"));
}

TEST_F(RunnerTest, AnotherMachineIsRefusedBeforeAnythingRuns) {
  auto order = this->order("true");
  order.platform.architecture = "s390x";
  try {
    runner_->run(Context{}, order);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::denied);
    EXPECT_THAT(e.what(), ::testing::HasSubstr("binfmt_misc"));
  }
}

TEST_F(RunnerTest, NoSuchProgramIs127) {
  auto order = this->order("");
  order.arguments = {"/no/such"};
  EXPECT_EQ(runner_->run(Context{}, order).exit_code, 127);
  EXPECT_THAT(output_, ::testing::HasSubstr("/no/such"));
}

TEST_F(RunnerTest, TimesAreClampedAndOthersTooWhenKept) {
  auto order = this->order("echo x > /x; rm /etc/motd");
  order.newest_mtime = 1'000'000'000;
  const auto done = runner_->run(Context{}, order);
  for (const auto& change : done.changes) {
    if (change.removal) continue;
    EXPECT_LE(change.entry.meta.mtime.seconds, 1'000'000'000) << change.entry.path;
  }
}

}  // namespace
}  // namespace stave::build

// Who is started as a step is one, before there is a thread.
int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == stave::build::step_word) {
    std::string order;
    char piece[4096];
    for (ssize_t n = 0; (n = ::read(0, piece, sizeof piece)) > 0;)
      order.append(piece, static_cast<std::size_t>(n));
    return stave::build::run_step_child(order);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
