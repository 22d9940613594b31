// TempFile: nothing until publish, everything after it, and no litter whatever happens.

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <algorithm>
#include <thread>

#include "unit/fs/scratch.h"

namespace stave::fs {
namespace {

using Strings = std::vector<std::string>;
using Existing = TempFile::Existing;

// What is to be seen, apart from the hidden name that stands in where O_TMPFILE is missing.
Strings visible(const Dir& dir) {
  Strings names = dir.list();
  std::erase_if(names, [](const std::string& name) { return name.starts_with(".stave-tmp-"); });
  return names;
}

TempFile holding(const Dir& dir, std::string_view text, std::uint32_t mode = 0644) {
  TempFile file = TempFile::in(dir, mode);
  file.write(as_bytes(text));
  return file;
}

TEST(TempFile, IsInvisibleUntilPublished) {
  const Scratch scratch("/tmp");
  const Dir dir = scratch.dir();
  TempFile file = holding(dir, "text");
  EXPECT_TRUE(visible(dir).empty());
  EXPECT_EQ(file.size(), 4u);
  std::move(file).publish("f", Existing::fail);
  EXPECT_EQ(dir.list(), Strings{"f"});
  EXPECT_EQ(text_of(dir.open_file("f")), "text");
}

TEST(TempFile, LeavesNothingWhenDropped) {
  const Scratch scratch("/tmp");
  const Dir dir = scratch.dir();
  {
    TempFile file = holding(dir, "text");
    TempFile moved = std::move(file);
    moved = holding(dir, "other");
  }
  EXPECT_TRUE(dir.list().empty());
}

TEST(TempFile, LeavesNothingWhenReleased) {
  const Scratch scratch("/tmp");
  const Dir dir = scratch.dir();
  const Fd fd = holding(dir, "text").release();
  EXPECT_TRUE(dir.list().empty());
  EXPECT_EQ(text_of(fd), "text");
}

TEST(TempFile, LeavesNothingWhenKilled) {
  const Scratch scratch;
  const Dir dir = scratch.dir();
  {
    const TempFile probe = TempFile::in(dir);
    if (!dir.list().empty()) GTEST_SKIP() << "O_TMPFILE is not to be had here";
  }
  EXPECT_EQ(in_child([&] {
              const TempFile file = holding(dir, "text");
              ::_exit(0);  // no destructor
              return 1;
            }),
            0);
  EXPECT_TRUE(dir.list().empty());
}

TEST(TempFile, KeepLeavesWhatIsThere) {
  const Scratch scratch("/tmp");
  const Dir dir = scratch.dir();
  scratch.file("f", "old");
  holding(dir, "new").publish("f", Existing::keep);
  EXPECT_EQ(text_of(dir.open_file("f")), "old");
  EXPECT_EQ(dir.list(), Strings{"f"});
}

TEST(TempFile, KeepTakesNoDirectoryForAFile) {
  const Scratch scratch("/tmp");
  scratch.directory("f");
  EXPECT_EQ(failure([&] { holding(scratch.dir(), "new").publish("f", Existing::keep); }), "exists");
  EXPECT_EQ(scratch.dir().list(), Strings{"f"});
}

TEST(TempFile, ReplaceReplaces) {
  const Scratch scratch("/tmp");
  const Dir dir = scratch.dir();
  scratch.file("f", "old");
  holding(dir, "new").publish("f", Existing::replace);
  EXPECT_EQ(text_of(dir.open_file("f")), "new");
  EXPECT_EQ(dir.list(), Strings{"f"});
}

TEST(TempFile, ReplaceDoesNotReplaceADirectory) {
  const Scratch scratch;
  scratch.directory("f");
  EXPECT_EQ(failure([&] { holding(scratch.dir(), "new").publish("f", Existing::replace); }), "exists");
  EXPECT_EQ(scratch.dir().list(), Strings{"f"});
}

TEST(TempFile, FailFails) {
  const Scratch scratch;
  const Dir dir = scratch.dir();
  scratch.file("f", "old");
  const auto publish = [&] { holding(dir, "new").publish("f", Existing::fail); };
  EXPECT_EQ(failure(publish), "exists");
  EXPECT_NE(message(publish).find("a regular file is there already"), std::string::npos);
  EXPECT_EQ(text_of(dir.open_file("f")), "old");
  EXPECT_EQ(dir.list(), Strings{"f"});
}

TEST(TempFile, ModeDoesNotDependOnTheUmask) {
  const Scratch scratch;
  const Dir dir = scratch.dir();
  const ::mode_t before = ::umask(077);
  holding(dir, "", 0644).publish("a", Existing::fail);
  ::umask(0);
  holding(dir, "", 0600).publish("b", Existing::fail);
  holding(dir, "", 0444).publish("c", Existing::fail);
  ::umask(before);
  EXPECT_EQ(dir.get("a").mode, 0644u);
  EXPECT_EQ(dir.get("b").mode, 0600u);
  EXPECT_EQ(dir.get("c").mode, 0444u);
}

TEST(TempFile, NamesLeftByTheDeadAreSteppedOver) {
  const Scratch scratch;
  const Dir dir = scratch.dir();
  for (int n = 0; n < 3; ++n)
    scratch.file(".stave-tmp-" + std::to_string(::getpid()) + "-" + std::to_string(n));
  scratch.file("f", "old");
  holding(dir, "new").publish("f", Existing::replace);
  EXPECT_EQ(text_of(dir.open_file("f")), "new");
  EXPECT_EQ(dir.list().size(), 4u);
}

TEST(TempFile, AnonymousNeverHasAName) {
  const Scratch scratch;
  TempFile file = TempFile::anonymous(scratch.path());
  file.write(as_bytes("spool"));
  EXPECT_TRUE(scratch.dir().list().empty());
  EXPECT_EQ(text_of(std::move(file).release()), "spool");
  EXPECT_EQ(failure([&] { TempFile::anonymous(scratch.path()).publish("f", Existing::fail); }), "internal");
  EXPECT_EQ(failure([] { TempFile::anonymous(""); }), "nothing");
  EXPECT_EQ(failure([] { TempFile::anonymous("/nowhere at all"); }), "not_found");
}

TEST(TempFile, DirectoryThatIsGoneIsNotFound) {
  const Scratch scratch;
  scratch.directory("d");
  const Dir dir = scratch.dir().open_dir("d");
  TempFile file = holding(dir, "text");
  scratch.dir().remove_tree("d");
  EXPECT_EQ(failure([&] { std::move(file).publish("f", Existing::replace); }), "not_found");
}

TEST(TempFile, UnwritableDirectoryIsDenied) {
  const Scratch scratch;
  scratch.directory("d", 0555);
  STAVE_EXPECT_CHILD(as_nobody([&] {
                       return failure([&] { TempFile::in(Dir::open(scratch.path("d"))); }) == "denied" ? 0
                                                                                                       : 1;
                     }),
                     0, "becoming nobody");
}

// Publishes from eight threads at once; gives how many of them failed.
int publish_from_eight(const Dir& dir, Existing existing) {
  std::atomic<int> failed = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        try {
          holding(dir, std::string(100000, static_cast<char>('a' + i))).publish("f", existing, false);
        } catch (const Error& error) {
          if (error.kind() == Kind::exists) ++failed;
        }
      });
    }
  }
  return failed;
}

bool is_whole(const Dir& dir) {
  const std::string text = text_of(dir.open_file("f"));
  return text.size() == 100000 && text.find_first_not_of(text[0]) == std::string::npos;
}

TEST(TempFileFromEightThreads, KeepSucceedsForAll) {
  const Scratch scratch;
  EXPECT_EQ(publish_from_eight(scratch.dir(), Existing::keep), 0);
  EXPECT_TRUE(is_whole(scratch.dir()));
  EXPECT_EQ(scratch.dir().list(), Strings{"f"});
}

TEST(TempFileFromEightThreads, FailSucceedsForOne) {
  const Scratch scratch;
  EXPECT_EQ(publish_from_eight(scratch.dir(), Existing::fail), 7);
  EXPECT_TRUE(is_whole(scratch.dir()));
  EXPECT_EQ(scratch.dir().list(), Strings{"f"});
}

TEST(TempFileFromEightThreads, ReplaceLeavesOneWhole) {
  const Scratch scratch;
  EXPECT_EQ(publish_from_eight(scratch.dir(), Existing::replace), 0);
  EXPECT_TRUE(is_whole(scratch.dir()));
  EXPECT_EQ(scratch.dir().list(), Strings{"f"});
}

TEST(TempFile, FullDiskIsNoSpaceAndNamed) {
  const Scratch scratch;
  scratch.directory("small");
  STAVE_EXPECT_CHILD(in_child([&] {
                       if (::unshare(CLONE_NEWNS) != 0) return cannot;
                       if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return cannot;
                       if (::mount("tmpfs", scratch.path("small").c_str(), "tmpfs", 0, "size=64k") != 0)
                         return cannot;
                       const Dir dir = Dir::open(scratch.path("small"));
                       const auto fill = [&] { holding(dir, std::string(1 << 20, 'x')); };
                       if (failure(fill) != "no_space") return 1;
                       if (message(fill).find(scratch.path("small")) == std::string::npos) return 2;
                       return dir.list().empty() ? 0 : 3;
                     }),
                     0, "mounting");
}

RC_GTEST_PROP(TempFile, HoldsWhatWasWritten, (const std::vector<std::string>& pieces)) {
  const Scratch scratch;
  TempFile file = TempFile::in(scratch.dir());
  std::string all;
  for (const std::string& piece : pieces) {
    file.write(as_bytes(piece));
    all += piece;
  }
  RC_ASSERT(file.size() == all.size());
  std::move(file).publish("f", Existing::fail, false);
  RC_ASSERT(text_of(scratch.dir().open_file("f")) == all);
}

}  // namespace
}  // namespace stave::fs
