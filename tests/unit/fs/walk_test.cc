// walk and remove_tree: every file once, in path order; nothing more, nothing less.

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <algorithm>
#include <map>

#include "stave/base/text.h"
#include "unit/fs/scratch.h"

namespace stave::fs {
namespace {

using Strings = std::vector<std::string>;

Strings walked(const Dir& root) {
  Strings paths;
  walk(root, [&](const Found& found) {
    paths.push_back(found.path);
    return true;
  });
  return paths;
}

// A tree as its paths, split; sorted as vectors, which is component by component.
using Tree = std::map<Strings, FileType>;

// Names with any bytes that a name can have, many of them next to '/' in the order of bytes.
rc::Gen<std::string> any_name() {
  return rc::gen::element<std::string>("a", "b", "a-b", "a b", "a.b", "a\nb", "a0", "\xff", "\x01", "...",
                                       "-", "A", "\xc3\xa9", "a-");
}

Tree any_tree() {
  const auto paths = *rc::gen::container<std::vector<Strings>>(
      rc::gen::resize(4, rc::gen::nonEmpty(rc::gen::container<Strings>(any_name()))));
  Tree tree;
  for (const Strings& path : paths) {
    for (std::size_t i = 1; i < path.size(); ++i)
      tree[Strings(path.begin(), path.begin() + static_cast<long>(i))] = FileType::directory;
    tree.emplace(
        path, *rc::gen::element(FileType::regular, FileType::directory, FileType::symlink, FileType::fifo));
  }
  return tree;
}

void make(const Scratch& scratch, const std::string& path, FileType type) {
  switch (type) {
    case FileType::directory:
      return scratch.directory(path);
    case FileType::symlink:
      return scratch.symlink(path, "to " + path);
    case FileType::fifo:
      return scratch.fifo(path);
    default:
      return scratch.file(path, path);
  }
}

// Builds the tree, siblings in any order.
void build(const Scratch& scratch, const Tree& tree) {
  std::vector<Strings> order;
  for (const auto& [path, type] : tree) order.push_back(path);
  const auto seed = *rc::gen::arbitrary<std::vector<std::uint32_t>>();
  const auto weight = [&](const Strings& path) {
    return seed.empty() ? 0u : seed[std::hash<std::string>()(path.back()) % seed.size()];
  };
  std::stable_sort(order.begin(), order.end(), [&](const Strings& a, const Strings& b) {
    return a.size() != b.size() ? a.size() < b.size() : weight(a) < weight(b);
  });
  for (const Strings& path : order) make(scratch, join(path, "/"), tree.at(path));
}

RC_GTEST_PROP(Walk, VisitsExactlyTheTreeInPathOrder, ()) {
  const Scratch scratch;
  const Tree tree = any_tree();
  build(scratch, tree);
  std::vector<std::pair<std::string, FileType>> expected = {{"", FileType::directory}};
  for (const auto& [path, type] : tree) expected.emplace_back(join(path, "/"), type);
  std::vector<std::pair<std::string, FileType>> found;
  walk(scratch.dir(), [&](const Found& one) {
    found.emplace_back(one.path, one.stat.type);
    RC_ASSERT(one.link == (one.stat.type == FileType::symlink ? "to " + one.path : ""));
    return true;
  });
  RC_ASSERT(found == expected);
}

RC_GTEST_PROP(RemoveTree, TakesExactlyTheTree, ()) {
  const Scratch scratch;
  scratch.directory("gone");
  scratch.directory("stays");
  const Tree tree = any_tree();
  for (const auto& [path, type] : tree) {
    make(scratch, "gone/" + join(path, "/"), type);
    make(scratch, "stays/" + join(path, "/"), type);
  }
  scratch.dir().remove_tree("gone");
  RC_ASSERT(scratch.dir().list() == Strings{"stays"});
  RC_ASSERT(walked(scratch.dir()).size() == 2 + tree.size());
}

TEST(Walk, ChildrenComeBeforeLongerSiblings) {
  const Scratch scratch;
  scratch.directory("a");
  scratch.file("a/b");
  scratch.file("a-b");
  EXPECT_EQ(walked(scratch.dir()), (Strings{"", "a", "a/b", "a-b"}));
}

TEST(Walk, StaysOutOfWhatIsRefused) {
  const Scratch scratch;
  scratch.directory("a");
  scratch.file("a/b");
  scratch.file("c");
  Strings paths;
  walk(scratch.dir(), [&](const Found& found) {
    paths.push_back(found.path);
    return found.path != "a";
  });
  EXPECT_EQ(paths, (Strings{"", "a", "c"}));
}

TEST(Walk, RootCanBeRefused) {
  const Scratch scratch;
  scratch.file("f");
  int visits = 0;
  walk(scratch.dir(), [&](const Found&) { return ++visits, false; });
  EXPECT_EQ(visits, 1);
}

TEST(Walk, NameThatVanishesIsChanged) {
  const Scratch scratch;
  scratch.file("a");
  scratch.file("b");
  const auto vanish = [&] {
    walk(scratch.dir(), [&](const Found& found) {
      if (found.path == "a") ::unlink(scratch.path("b").c_str());
      return true;
    });
  };
  EXPECT_EQ(failure(vanish), "changed");
}

TEST(Walk, FailureOfTheVisitorComesOut) {
  const Scratch scratch;
  EXPECT_EQ(failure([&] {
              walk(scratch.dir(), [](const Found&) -> bool { throw Error(Kind::cancelled, "enough"); });
            }),
            "cancelled");
}

TEST(Walk, UnreadableDirectoryIsNamed) {
  const Scratch scratch;
  scratch.directory("d");
  scratch.directory("d/closed", 0);
  STAVE_EXPECT_CHILD(as_nobody([&] {
                       const auto closed = [&] { walked(scratch.dir()); };
                       const std::string said = message(closed);
                       const bool named = said.find("d/closed\": permission denied") != std::string::npos;
                       const bool hinted = said.find("| check the mode") != std::string::npos;
                       return failure(closed) == "denied" && named && hinted ? 0 : 1;
                     }),
                     0, "becoming nobody");
}

// Few descriptors, many levels: the same files, and the way back is found.
TEST(DeepTree, WalkNeedsFewDescriptors) {
  const Scratch scratch;
  const Dir dir = scratch.dir();
  const std::string deep = make_chain(dir, 2000);
  scratch.file("z");
  EXPECT_EQ(in_child([&] {
              const struct ::rlimit few{256, 256};
              if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return 2;
              const Strings paths = walked(dir);
              return paths.size() == 2003 && paths[2001] == deep + "/f" && paths[2002] == "z" ? 0 : 1;
            }),
            0);
}

TEST(DeepTree, SiblingsAreFoundOnTheWayBack) {
  const Scratch scratch;
  const Dir dir = scratch.dir();
  const std::string deep = make_chain(dir, 450);
  Strings expected = {""};
  for (std::size_t end = 30; end <= deep.size(); end += 31) expected.push_back(deep.substr(0, end));
  expected.push_back(deep + "/f");
  for (int level = 449; level >= 0; level -= 7) {
    const std::string path =
        deep.substr(0, static_cast<std::size_t>(level) * 31) + "zz";  // after the "d..." beside it
    dir.make_dir(path, 0755);
    expected.push_back(path);
  }
  EXPECT_EQ(walked(dir), expected);
}

TEST(DeepTree, RemoveNeedsFewDescriptors) {
  const Scratch scratch;
  const Dir dir = scratch.dir();
  const std::string deep = make_chain(dir, 2000);
  EXPECT_EQ(in_child([&] {
              const struct ::rlimit few{256, 256};
              if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return 2;
              dir.remove_tree(deep.substr(0, 30));
              return dir.list().empty() ? 0 : 1;
            }),
            0);
}

TEST(DeepTree, PathBeyondTheLimitIsRefused) {
  const Scratch scratch;
  make_chain(scratch.dir(), 2200);  // 68,199 bytes
  EXPECT_EQ(failure([&] { walked(scratch.dir()); }), "limit");
}

TEST(RemoveTree, AbsentIsFine) {
  const Scratch scratch;
  scratch.file("f");
  EXPECT_EQ(failure([&] { scratch.dir().remove_tree("gone"); }), "nothing");
  EXPECT_EQ(failure([&] { scratch.dir().remove_tree("gone/too"); }), "nothing");
  EXPECT_EQ(failure([&] { scratch.dir().remove_tree("f/too"); }), "nothing");
}

TEST(RemoveTree, NeverTheDirectoryItself) {
  const Scratch scratch;
  scratch.file("f");
  EXPECT_EQ(failure([&] { scratch.dir().remove_tree(""); }), "invalid");
  EXPECT_EQ(failure([&] { scratch.dir().remove_tree("."); }), "invalid");
  EXPECT_EQ(scratch.dir().list(), Strings{"f"});
}

TEST(RemoveTree, TakesASingleFile) {
  const Scratch scratch;
  scratch.file("f");
  scratch.dir().remove_tree("f");
  EXPECT_TRUE(scratch.dir().list().empty());
}

TEST(RemoveTree, OwnDirectoriesWithoutPermissionsGoToo) {
  const Scratch scratch;
  scratch.directory("t");
  scratch.directory("t/closed");
  scratch.directory("t/closed/within", 0);
  scratch.directory("t/listed");
  scratch.file("t/listed/f");
  for (const char* path : {"t", "t/closed", "t/closed/within", "t/listed", "t/listed/f"})
    give_to_nobody(scratch.path(path));
  give_to_nobody(scratch.path());
  ASSERT_EQ(::chmod(scratch.path("t/closed").c_str(), 0), 0);
  ASSERT_EQ(::chmod(scratch.path("t/listed").c_str(), 0444), 0);
  ASSERT_EQ(::chmod(scratch.path("t").c_str(), 0555), 0);
  STAVE_EXPECT_CHILD(as_nobody([&] {
                       scratch.dir().remove_tree("t");
                       return scratch.dir().list().empty() ? 0 : 1;
                     }),
                     0, "becoming nobody");
}

TEST(RemoveTree, WhatIsNotOursIsDenied) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to make files of somebody else";
  const Scratch scratch;
  scratch.directory("t");
  scratch.directory("t/theirs");
  scratch.file("t/theirs/f");
  give_to_nobody(scratch.path());
  give_to_nobody(scratch.path("t"));
  STAVE_EXPECT_CHILD(
      as_nobody([&] { return failure([&] { scratch.dir().remove_tree("t"); }) == "denied" ? 0 : 1; }), 0,
      "becoming nobody");
  EXPECT_EQ(text_of(scratch.dir().open_file("t/theirs/f")), "content");
}

// Runs `f` where mounts of its own are seen by nobody else.
int with_own_mounts(const std::function<int()>& f) {
  return in_child([&] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return cannot;
    return f();
  });
}

TEST(RemoveTree, ForgottenBindMountSurvives) {
  const Scratch scratch;
  scratch.directory("t");
  scratch.directory("t/home");
  scratch.directory("host");
  scratch.file("host/precious");
  STAVE_EXPECT_CHILD(with_own_mounts([&] {
                       // The same file system: device numbers do not tell.
                       if (::mount(scratch.path("host").c_str(), scratch.path("t/home").c_str(), nullptr,
                                   MS_BIND, nullptr) != 0) {
                         return cannot;
                       }
                       return failure([&] { scratch.dir().remove_tree("t"); }) == "busy" ? 0 : 1;
                     }),
                     0, "mounting");
  EXPECT_EQ(text_of(scratch.dir().open_file("host/precious")), "content");
}

TEST(RemoveTree, MountPointItselfIsNotEmptied) {
  const Scratch scratch;
  scratch.directory("t");
  STAVE_EXPECT_CHILD(with_own_mounts([&] {
                       if (::mount("tmpfs", scratch.path("t").c_str(), "tmpfs", 0, "size=64k") != 0)
                         return cannot;
                       scratch.file("t/f");
                       if (failure([&] { scratch.dir().remove_tree("t"); }) != "busy") return 1;
                       return scratch.dir().find("t/f") ? 0 : 2;
                     }),
                     0, "mounting");
}

}  // namespace
}  // namespace stave::fs
