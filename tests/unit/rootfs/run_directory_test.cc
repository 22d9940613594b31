// Directories of runs, and trees that are kept: what is made, what is found again,
// and what of the dead is removed.

#include "stave/rootfs/run_directory.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <atomic>
#include <set>
#include <thread>

#include "stave/rootfs/kept.h"
#include "unit/layer/words.h"
#include "unit/rootfs/image_root.h"

namespace stave::rootfs {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

class Runs : public testing::Test {
 protected:
  std::vector<std::string> left() const { return fs::Dir::open(cache + "/run").list(); }

  fs::Scratch scratch;
  std::string cache = scratch.path("cache");
};

TEST_F(Runs, DirectoryHoldsTheConfigAndIsPrivate) {
  const auto run = make_run_directory(cache, "{}");
  EXPECT_EQ(run.path, cache + "/run/" + run.id);
  EXPECT_EQ(fs::text_of(fs::Dir::open(run.path).open_file("bundle/config.json")), "{}");
  EXPECT_EQ(fs::Dir::open(cache + "/run").get(run.id).mode, 0700u);
}
TEST_F(Runs, NoTwoAreTheSame) {
  EXPECT_NE(make_run_directory(cache, "").id, make_run_directory(cache, "").id);
}
TEST_F(Runs, DirectoryInUseStays) {
  const auto run = make_run_directory(cache, "");
  remove_left_over_runs(cache, {});
  EXPECT_THAT(left(), ElementsAre(run.id));
}
TEST_F(Runs, DirectoryOfTheDeadGoes) {
  {
    const auto run = make_run_directory(cache, "");
  }
  ASSERT_EQ(left().size(), 1u);
  remove_left_over_runs(cache, {});
  EXPECT_THAT(left(), IsEmpty());
}
TEST_F(Runs, HalfMadeDirectoryGoesToo) {
  remove_left_over_runs(cache, {});
  fs::Dir::open(cache + "/run").make_dir("stave-0", 0700);
  remove_left_over_runs(cache, {});
  EXPECT_THAT(left(), IsEmpty());
}
TEST_F(Runs, WhatIsNotOursStays) {
  remove_left_over_runs(cache, {});
  fs::Dir::open(cache + "/run").make_dir("other", 0700);
  remove_left_over_runs(cache, {});
  EXPECT_THAT(left(), ElementsAre("other"));
}
TEST_F(Runs, LinkInPlaceOfARunIsNotFollowed) {
  scratch.directory("victim");
  scratch.directory("victim/state");
  scratch.file("victim/file");
  remove_left_over_runs(cache, {});
  scratch.symlink("cache/run/stave-1", scratch.path("victim"));
  remove_left_over_runs(cache, {});
  EXPECT_TRUE(scratch.dir().find("victim/file"));
}

// A runtime that "deletes" by emptying its state, or fails to.
class RunsWithNotes : public Runs {
 protected:
  runtime::Runtime runtime(const std::string& script) const {
    scratch.file("fake", "#!/bin/sh\n" + script + "\n");
    ::chmod(scratch.path("fake").c_str(), 0755);
    return {"fake", scratch.path("fake")};
  }
  std::string run_with_notes() const {
    const auto run = make_run_directory(cache, "");
    fs::Dir::open(run.path).make_dir("state/" + run.id, 0700);
    return run.id;
  }
};

TEST_F(RunsWithNotes, RuntimeIsToldToDelete) {
  const auto id = run_with_notes();
  remove_left_over_runs(cache, {runtime("echo \"$*\" >" + scratch.path("said") + "; rmdir \"$2/$5\"")});
  EXPECT_EQ(fs::text_of(scratch.dir().open_file("said")),
            "--root " + cache + "/run/" + id + "/state delete --force " + id + "\n");
  EXPECT_THAT(left(), IsEmpty());
}
TEST_F(RunsWithNotes, NotesStayForTheNextStartWhenItFails) {
  const auto id = run_with_notes();
  remove_left_over_runs(cache, {runtime("exit 1")});
  ASSERT_THAT(left(), ElementsAre(id));
  EXPECT_THAT(fs::Dir::open(cache + "/run/" + id).list(), ElementsAre("state"));
  remove_left_over_runs(cache, {runtime("rmdir \"$2/$5\"")});
  EXPECT_THAT(left(), IsEmpty());
}

// --- kept trees ---

class KeptTrees : public testing::Test {
 protected:
  layer::Stack stack(const std::string& tar) {
    return {{{.name = "layer 1", .size = tar.size(), .open = [this, tar](unsigned) {
                ++opened;
                struct Owned : Source {
                  explicit Owned(std::string bytes) : text(std::move(bytes)), source(text) {}
                  std::size_t read(MutableBytes out) override { return source.read(out); }
                  std::string text;
                  BytesSource source;
                };
                return std::unique_ptr<Source>(std::make_unique<Owned>(tar));
              }}}};
  }
  Kept kept(const std::string& name) {
    return keep(Context{}, scratch.path("cache"), name, stack(layer::raw_tar({layer::file("f", "text")})),
                ::geteuid() == 0 ? layer::Owners::real : layer::Owners::aside);
  }

  fs::Scratch scratch;
  std::atomic<int> opened = 0;
};

TEST_F(KeptTrees, FirstTimeUnpacksSecondTimeFinds) {
  const auto first = kept("x");
  EXPECT_TRUE(first.fresh);
  EXPECT_EQ(fs::text_of(fs::Dir::open(first.path).open_file("f")), "text");
  const auto second = kept("x");
  EXPECT_FALSE(second.fresh);
  EXPECT_EQ(second.path, first.path);
  EXPECT_EQ(opened, 1);
}
TEST_F(KeptTrees, SeveralAtOnceUnpackOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> fresh = 0;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { fresh += kept("x").fresh ? 1 : 0; });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(fresh, 1);
  EXPECT_EQ(opened, 1);
}
TEST_F(KeptTrees, LayerThatFailsKeepsNothing) {
  const auto fails = [&] {
    keep(Context{}, scratch.path("cache"), "y", stack("this is no tar" + std::string(2048, 'x')),
         layer::Owners::aside);
  };
  EXPECT_NE(failure(fails), "");
  EXPECT_FALSE(scratch.dir().find("cache/rootfs/y/tree"));
}
TEST_F(KeptTrees, SomethingElseInItsPlaceIsRefused) {
  kept("x");
  fs::Dir::open(scratch.path("cache/rootfs/x/tree")).remove_tree("rootfs");
  EXPECT_THAT(failure([&] { kept("x"); }), StartsWith("invalid: "));
}
TEST(NameOfKept, EverythingThatMattersIsInIt) {
  const auto a = digest_of("a");
  const auto b = digest_of("b");
  std::set<std::string> names;
  for (const auto& layers : {std::vector<Digest>{}, {a}, {b}, {a, b}, {b, a}, {a, a}}) {
    for (const auto owners : {layer::Owners::real, layer::Owners::aside}) {
      for (const std::string ids : {"", "range 0:1:1"}) names.insert(name_of_kept(layers, owners, ids));
    }
  }
  EXPECT_EQ(names.size(), 24u);
  EXPECT_EQ(name_of_kept({a}, layer::Owners::real, ""), name_of_kept({a}, layer::Owners::real, ""));
}

}  // namespace
}  // namespace stave::rootfs
