// unpack: hostile layers, targets that are taken, work that is stopped, killed or
// runs out of room. Nothing is left of it and nothing else was touched.

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <array>
#include <csignal>

#include "unpack_words.h"

namespace stave::layer {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

// A failure, and that nothing is left of it.
std::string failure(const Stack& stack) {
  const Scratch scratch;
  const std::string said = outcome([&] { unpack_to(scratch.path("t"), stack); });
  EXPECT_THAT(names_in(scratch.path()), IsEmpty());
  return said;
}
std::string failure(const Layers& layers) { return failure(stack_of(layers)); }

// --- attacks: a clear word, and nothing appears ---

TEST(UnpackAttack, ALayerThatIsNotWhatWasPromised) {
  const std::string tar = raw_tar({file("a", "x")});
  Stack stack = stack_of(std::vector<std::string>{tar});
  stack.pieces.front().open = [tar](unsigned) {
    struct Verified final : Source {
      explicit Verified(const std::string& all) : text(all) {}
      std::size_t read(MutableBytes out) override { return source.read(out); }
      std::string text;
      VerifyingSource source{std::make_unique<BytesSource>(text), digest_of("another"), text.size()};
    };
    return std::make_unique<Verified>(tar);
  };
  EXPECT_THAT(failure(stack), StartsWith("mismatch: layer 1: "));
}

TEST(UnpackAttack, BareWhiteout) {
  EXPECT_THAT(failure({{file("d/.wh.")}}), StartsWith("invalid: layer 1: "));
}
TEST(UnpackAttack, WhiteoutOfParent) {
  EXPECT_THAT(failure({{file("d/.wh...")}}), StartsWith("invalid: layer 1: "));
}
TEST(UnpackAttack, HardlinkToNowhere) {
  EXPECT_THAT(failure({{file("a")}, {hardlink("b", "c")}}), StartsWith("invalid: layer 2: "));
}
TEST(UnpackAttack, HardlinkToADirectory) {
  EXPECT_THAT(failure({{dir("a"), hardlink("b", "a")}}), StartsWith("invalid: layer 1: "));
}
TEST(UnpackAttack, DotDotAboveTheRoot) {
  EXPECT_THAT(failure({{file("a/../../b")}}), StartsWith("invalid: layer 1: "));
}
TEST(UnpackAttack, HardlinkAboveTheRoot) {
  EXPECT_THAT(failure({{hardlink("a", "../etc/passwd")}}), StartsWith("invalid: layer 1: "));
}
TEST(UnpackAttack, RootReplacedByAFile) {
  EXPECT_THAT(failure({{file("a/..")}}), StartsWith("invalid: layer 1: "));
}
TEST(UnpackAttack, TruncatedLayer) {
  const std::string tar = raw_tar({file("a", std::string(3000, 'x'))});
  EXPECT_THAT(failure(stack_of(std::vector<std::string>{tar.substr(0, 2000)})),
              StartsWith("invalid: layer 1: "));
}
TEST(UnpackAttack, NameLongerThanAnyFileSystemTakes) {
  EXPECT_THAT(failure({{file(std::string(300, 'n'))}}), HasSubstr("longer than the file system takes"));
}
TEST(UnpackAttack, SymlinkParentEscapes) {
  const Scratch scratch;
  scratch.write("outside/f", "mine");
  unpack_to(scratch.path("t"), {{symlink("l", scratch.path("outside")), symlink("up", "../outside")},
                                {file("l/f", "theirs"), file("up/f", "theirs")}});
  EXPECT_EQ(bytes_of_file(scratch.path("outside/f")), "mine");
  EXPECT_EQ(bytes_of_file(scratch.path("t/l/f")), "theirs");
}
TEST(UnpackAttack, SymlinkOfTheSameLayerEscapes) {
  const Scratch scratch;
  scratch.write("outside/f", "mine");
  unpack_to(scratch.path("t"), {{symlink("up", "../outside"), file("up/f", "theirs"), file("up/g", "new")}});
  EXPECT_EQ(bytes_of_file(scratch.path("outside/f")), "mine");
  EXPECT_EQ(bytes_of_file(scratch.path("t/outside/f")), "theirs");
  EXPECT_FALSE(stdfs::exists(scratch.path("outside/g")));
}
TEST(UnpackAttack, WhiteoutThroughASymlinkRemovesNothingOutside) {
  const Scratch scratch;
  scratch.write("outside/f", "mine");
  unpack_to(scratch.path("t"), {{symlink("l", "../outside")}, {wh("l/f")}});
  EXPECT_EQ(bytes_of_file(scratch.path("outside/f")), "mine");
}

// --- the target ---

std::string refusal(const std::string& target) {
  const std::string said = outcome([&] { check_target(target); });
  EXPECT_EQ(outcome([&] { unpack_to(target, {{file("a")}}); }), said);
  return said;
}

TEST(UnpackTarget, AnEmptyDirectoryIsReplaced) {
  const Scratch scratch;
  stdfs::create_directory(scratch.path("t"));
  ASSERT_EQ(::chmod(scratch.path("t").c_str(), 0711), 0);
  check_target(scratch.path("t/"));
  unpack_to(scratch.path("t/"), {{file("a")}});
  EXPECT_EQ(mode_of(scratch.path("t")), 0755u);
  EXPECT_EQ(names_in(scratch.path()), (std::vector<std::string>{"t", "t.stave", "t/a"}));
}
TEST(UnpackTarget, ThatIsNotEmptyStaysAsItIs) {
  const Scratch scratch;
  scratch.write("t/mine", "x");
  EXPECT_THAT(refusal(scratch.path("t")), testing::AllOf(StartsWith("exists: "), HasSubstr("not empty")));
  EXPECT_EQ(names_in(scratch.path()), (std::vector<std::string>{"t", "t/mine"}));
}
TEST(UnpackTarget, ThatIsAFileOrSymlinkStaysAsItIs) {
  const Scratch scratch;
  scratch.write("f", "x");
  stdfs::create_directory(scratch.path("d"));
  stdfs::create_directory_symlink("d", scratch.path("l"));
  EXPECT_THAT(refusal(scratch.path("f")), StartsWith("exists: "));
  EXPECT_THAT(refusal(scratch.path("l")), StartsWith("exists: "));
  EXPECT_EQ(names_in(scratch.path()), (std::vector<std::string>{"d", "f", "l"}));
}
TEST(UnpackTarget, NeedsAParentAndAName) {
  const Scratch scratch;
  EXPECT_THAT(refusal(scratch.path("no/t")), StartsWith("not_found: "));
  for (const std::string name : {"/", ".", "..", "x/..", ""})
    EXPECT_THAT(refusal(name), StartsWith("usage: ")) << name;
}
TEST(UnpackTarget, AMountPointIsNotTaken) { EXPECT_THAT(refusal("/proc"), StartsWith("exists: ")); }
TEST(UnpackTarget, AFileThatOnlyHasTheNameOfARecordStays) {
  const Scratch scratch;
  scratch.write("t.stave", "my notes");
  EXPECT_THAT(outcome([&] { unpack_to(scratch.path("t"), {{file("a")}}); }),
              testing::AllOf(StartsWith("exists: "), HasSubstr("no record")));
  EXPECT_EQ(names_in(scratch.path()), std::vector<std::string>{"t.stave"});
}
TEST(UnpackTarget, TheRecordOfATreeThatIsGoneIsReplaced) {
  const Scratch scratch;
  unpack_to(scratch.path("t"), {{file("a")}});
  stdfs::remove_all(scratch.path("t"));
  unpack_to(scratch.path("t"), {{file("b")}});
  EXPECT_EQ(show(read_back(scratch.path("t"))), "f644 b\n");
}
TEST(UnpackTarget, SomebodyWhoTakesItMeanwhileKeepsIt) {
  const Scratch scratch;
  Stack stack = stack_of(Layers{{file("a")}});
  const auto open = stack.pieces.front().open;
  stack.pieces.front().open = [&](unsigned jobs) {
    scratch.write("t/mine", "x");
    return open(jobs);
  };
  EXPECT_THAT(outcome([&] { unpack_to(scratch.path("t"), stack); }), StartsWith("exists: "));
  EXPECT_EQ(names_in(scratch.path()), (std::vector<std::string>{"t", "t/mine"}));
}

TEST(UnpackTarget, OfTwoAtOnceOneHasTreeAndRecord) {
  for (int i = 0; i < 20; ++i) {
    const Scratch scratch;
    const auto unpack_one = [&] {
      const ::pid_t child = ::fork();
      if (child != 0) return child;
      ::_exit(outcome([&] { unpack_to(scratch.path("t"), {{file("a", "x")}}); }) == "done" ? 0 : 1);
    };
    const std::array children = {unpack_one(), unpack_one()};
    int done = 0;
    for (const ::pid_t child : children) {
      int status = 0;
      ::waitpid(child, &status, 0);
      if (status == 0) ++done;
    }
    EXPECT_EQ(done, 1);
    EXPECT_TRUE(read_back(scratch.path("t")).find("a")->digest);
  }
}

// --- bundles ---

TEST(UnpackBundle, AppearsWithEverythingInIt) {
  const Scratch scratch;
  const auto add = [](const fs::Dir& bundle) {
    auto config = fs::TempFile::in(bundle);
    config.write(as_bytes("{}"));
    EXPECT_EQ(bundle.get("rootfs/a").size, 1u);
    std::move(config).publish("config.json", fs::TempFile::Existing::fail, false);
  };
  unpack(Context{}, stack_of(Layers{{file("a", "x")}}), scratch.path("b"),
         {.owners = owners_here(), .bundle = add});
  EXPECT_EQ(names_in(scratch.path()),
            (std::vector<std::string>{"b", "b/config.json", "b/rootfs", "b/rootfs.stave", "b/rootfs/a"}));
  EXPECT_EQ(mode_of(scratch.path("b")), 0700u);
  EXPECT_TRUE(read_back(scratch.path("b/rootfs")).find("a")->digest);
}
TEST(UnpackBundle, ThatCannotBeCompletedIsNotThere) {
  const Scratch scratch;
  const Unpack how{.owners = owners_here(),
                   .bundle = [](const fs::Dir&) { throw Error(Kind::usage, "no command"); }};
  EXPECT_EQ(outcome([&] { unpack(Context{}, stack_of(Layers{{file("a")}}), scratch.path("b"), how); }),
            "usage: no command");
  EXPECT_THAT(names_in(scratch.path()), IsEmpty());
}

// --- stopped, killed, out of room ---

TEST(UnpackStopped, LeavesNothing) {
  const Scratch scratch;
  std::stop_source stop;
  Stack stack = stack_of(Layers{{file("a")}, {file("b")}});
  const auto open = stack.pieces.back().open;
  stack.pieces.back().open = [&](unsigned jobs) {
    stop.request_stop();
    return open(jobs);
  };
  const Context context{.stop = stop.get_token()};
  EXPECT_THAT(outcome([&] { unpack(context, stack, scratch.path("t"), {.owners = owners_here()}); }),
              StartsWith("cancelled: "));
  EXPECT_THAT(names_in(scratch.path()), IsEmpty());
}

// A child that hangs in the middle of unpacking to `target`; gives its pid once it does.
::pid_t hang(const std::string& target) {
  int ends[2];
  if (::pipe(ends) != 0) return -1;
  const ::pid_t child = ::fork();
  if (child == 0) {
    Stack stack = stack_of(Layers{{dir("d", 0), file("d/a", "x", 0)}, {file("b")}});
    stack.pieces.back().open = [&](unsigned) -> std::unique_ptr<Source> {
      (void)!::write(ends[1], "x", 1);
      for (;;) ::pause();
    };
    unpack(Context{}, stack, target, {.owners = Owners::aside});
    ::_exit(1);
  }
  char byte = 0;
  ::close(ends[1]);
  EXPECT_EQ(::read(ends[0], &byte, 1), 1);
  ::close(ends[0]);
  return child;
}

TEST(UnpackKilled, WhatIsLeftTheNextOneRemoves) {
  const Scratch scratch;
  const ::pid_t child = hang(scratch.path("t"));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_THAT(names_in(scratch.path()), testing::Not(IsEmpty()));
  unpack_to(scratch.path("other"), {{file("a")}});
  EXPECT_EQ(names_in(scratch.path()), (std::vector<std::string>{"other", "other.stave", "other/a"}));
}
TEST(UnpackKilled, WhatIsInUseTheNextOneLeavesAlone) {
  const Scratch scratch;
  const ::pid_t child = hang(scratch.path("t"));
  const auto before = names_in(scratch.path());
  unpack_to(scratch.path("other"), {{file("a")}});
  EXPECT_EQ(names_in(scratch.path()).size(), before.size() + 3);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}
TEST(UnpackKilled, OnlyOurOwnDirectoriesAreRemoved) {
  const Scratch scratch;
  scratch.write(".stave-tmp-0123456789abcdef-file", "x");
  scratch.write(".stave-tmp-12-0", "x");
  scratch.write(".stave-tmp-mine/x", "x");
  scratch.write(".stave-tmp-0123456789abcdef-t/x", "x");
  unpack_to(scratch.path("t"), Layers{{}});
  EXPECT_EQ(names_in(scratch.path()),
            (std::vector<std::string>{".stave-tmp-0123456789abcdef-file", ".stave-tmp-12-0",
                                      ".stave-tmp-mine", ".stave-tmp-mine/x", "t", "t.stave"}));
}

TEST(UnpackFull, AFileOverTheLimitIsSaidAndNothingIsLeft) {
  const Scratch scratch;
  const ::pid_t child = ::fork();
  if (child == 0) {
    const ::rlimit most{.rlim_cur = 1 << 20, .rlim_max = 1 << 20};
    ::setrlimit(RLIMIT_FSIZE, &most);
    std::signal(SIGXFSZ, SIG_IGN);
    const std::string said =
        outcome([&] { unpack_to(scratch.path("t"), {{file("big", std::string(2 << 20, 'x'))}}); });
    ::_exit(said.starts_with("limit: layer 1: \"big\": ") ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_THAT(names_in(scratch.path()), IsEmpty());
}

}  // namespace
}  // namespace stave::layer
