// The walk with readers ahead of it: what the plain walk shows, in the same order, and
// the same failures, whatever the threads do meanwhile.

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>
#include <sys/resource.h>
#include <sys/xattr.h>

#include <algorithm>
#include <set>

#include "stave/base/text.h"
#include "stave/fs/sys.h"
#include "unit/fs/scratch.h"

namespace stave::fs {
namespace {

using Strings = std::vector<std::string>;

// Everything that a visitor is shown, as a line.
std::string line_of(const Found& found) {
  std::string line = found.path + '|' + std::to_string(static_cast<int>(found.stat.type)) + '|' +
                     std::to_string(found.stat.mode) + '|' + std::to_string(found.stat.size) + '|' +
                     std::to_string(found.stat.inode) + '|' + std::to_string(found.stat.ctime.seconds) + '.' +
                     std::to_string(found.stat.ctime.nanoseconds) + '|' + found.link;
  for (const auto& [name, value] : found.xattrs) line += '|' + name + '=' + value;
  return line;
}

using Wanted = std::function<bool(const Found&)>;

bool everything(const Found&) { return true; }

Strings walked(const Dir& root, unsigned jobs, const Wanted& wanted = everything) {
  Strings lines;
  walk(Context{.jobs = jobs}, root, [&](const Found& found) {
    lines.push_back(line_of(found));
    return wanted(found);
  });
  return lines;
}

Strings plainly_walked(const Dir& root, const Wanted& wanted = everything) {
  Strings lines;
  walk(root, [&](const Found& found) {
    lines.push_back(line_of(found));
    return wanted(found);
  });
  return lines;
}

// What a walk shows before it fails, and how it fails.
std::string end_of_walk(const Dir& root, unsigned jobs) {
  Strings shown;
  const std::string said = message([&] {
    walk(Context{.jobs = jobs}, root, [&](const Found& found) {
      shown.push_back(found.path);
      return true;
    });
  });
  return join(shown, "\n") + "\n" + said;
}

rc::Gen<std::string> any_name() {
  return rc::gen::element<std::string>("a", "b", "a-b", "a b", "\xff", "\x01", "...", "A", "a-", "c", "d");
}

// Files, directories, links, and some with attributes. What cannot be made, below a file, is not.
void make_any(const Scratch& scratch) {
  const auto paths =
      *rc::gen::container<std::vector<Strings>>(rc::gen::nonEmpty(rc::gen::container<Strings>(any_name())));
  for (const Strings& path : paths) {
    std::string name;
    for (std::size_t i = 0; i + 1 < path.size(); ++i) {
      name += (i == 0 ? "" : "/") + path[i];
      ::mkdir(scratch.path(name).c_str(), 0755);
    }
    name += (name.empty() ? "" : "/") + path.back();
    const std::string at = scratch.path(name);
    if (path.back() == "b") {
      if (::symlink(("to " + name).c_str(), at.c_str()) != 0) continue;
    } else if (const Fd file(::open(at.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644)); file) {
      // A file system without user attributes has none, in both walks.
      if (path.back() == "d") ::fsetxattr(file.get(), "user.note", "x", 1, 0);
    }
  }
}

RC_GTEST_PROP(WalkAhead, ShowsWhatThePlainWalkShows, ()) {
  const Scratch scratch;
  make_any(scratch);
  const auto jobs = *rc::gen::inRange(1u, 6u);
  const bool same = walked(scratch.dir(), jobs) == plainly_walked(scratch.dir());
  RC_ASSERT(same);
}

RC_GTEST_PROP(WalkAhead, StaysOutOfWhatThePlainWalkStaysOutOf, ()) {
  const Scratch scratch;
  make_any(scratch);
  const auto refused = *rc::gen::container<std::set<std::string>>(any_name());
  const Wanted wanted = [&](const Found& found) {
    return !refused.contains(found.path.substr(found.path.rfind('/') + 1));
  };
  const auto jobs = *rc::gen::inRange(2u, 6u);
  const bool same = walked(scratch.dir(), jobs, wanted) == plainly_walked(scratch.dir(), wanted);
  RC_ASSERT(same);
}

// Enough of everything that readers run into each of their limits.
class Wide : public testing::Test {
 protected:
  static void fill(const Scratch& scratch, int directories, int files) {
    for (int i = 0; i < directories; ++i) {
      const std::string name = "d" + std::to_string(i);
      scratch.directory(name);
      for (int j = 0; j < files; ++j) scratch.file(name + "/f" + std::to_string(j), "");
    }
  }
};

TEST_F(Wide, ThousandsOfEmptyDirectories) {
  const Scratch scratch;
  fill(scratch, 5000, 0);
  EXPECT_TRUE(walked(scratch.dir(), 4) == plainly_walked(scratch.dir()));
}

TEST_F(Wide, MoreFilesThanAreReadAhead) {
  const Scratch scratch;
  fill(scratch, 3, 6000);
  EXPECT_TRUE(walked(scratch.dir(), 4) == plainly_walked(scratch.dir()));
}

TEST_F(Wide, RefusedDirectoriesFreeTheirRoom) {
  const Scratch scratch;
  fill(scratch, 200, 100);
  const Wanted wanted = [](const Found& found) { return found.path.find('7') == std::string::npos; };
  EXPECT_TRUE(walked(scratch.dir(), 4, wanted) == plainly_walked(scratch.dir(), wanted));
}

TEST_F(Wide, VisitorMayThrowWhileOthersRead) {
  const Scratch scratch;
  fill(scratch, 200, 20);
  for (int after = 1; after < 3000; after += 397) {
    int visits = 0;
    EXPECT_EQ(failure([&] {
                walk(Context{.jobs = 4}, scratch.dir(), [&](const Found&) -> bool {
                  if (++visits == after) throw Error(Kind::no_space, "enough");
                  return true;
                });
              }),
              "no_space");
    EXPECT_EQ(visits, after);
  }
}

TEST_F(Wide, StopRequestEndsIt) {
  const Scratch scratch;
  fill(scratch, 50, 20);
  std::stop_source stop;
  int visits = 0;
  EXPECT_EQ(failure([&] {
              walk(Context{.stop = stop.get_token(), .jobs = 3}, scratch.dir(), [&](const Found&) {
                if (++visits == 100) stop.request_stop();
                return true;
              });
            }),
            "cancelled");
  EXPECT_EQ(visits, 100);
}

TEST_F(Wide, FewDescriptorsAreEnough) {
  const Scratch scratch;
  fill(scratch, 300, 3);
  for (int i = 0; i < 300; ++i) {
    const std::string name = "d" + std::to_string(i) + "/deeper";
    scratch.directory(name);
    scratch.directory(name + "/still");
  }
  const Dir dir = scratch.dir();
  const Strings expected = plainly_walked(dir);
  EXPECT_EQ(in_child([&] {
              const struct ::rlimit few{24, 24};
              if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return 2;
              return walked(dir, 4) == expected ? 0 : 1;
            }),
            0);
}

TEST(WalkAhead, DeepTreesAreLeftToThePlainWalk) {
  const Scratch scratch;
  const Dir dir = scratch.dir();
  std::string path;
  for (int level = 0; level < 300; ++level) {
    path += (path.empty() ? "" : "/") + std::string("d");
    dir.make_dir(path, 0755);
    dir.make_dir(path + "z", 0755);
  }
  EXPECT_TRUE(walked(dir, 4) == plainly_walked(dir));
}

TEST(WalkAhead, UnreadableDirectoryIsTheSameErrorAtTheSamePlace) {
  const Scratch scratch;
  for (int i = 0; i < 40; ++i) {
    const std::string name = "d" + std::to_string(i);
    scratch.directory(name);
    scratch.directory(name + "/closed", i % 10 == 7 ? 0 : 0755);
    scratch.file(name + "/z");
  }
  STAVE_EXPECT_CHILD(as_nobody([&] {
                       const std::string plain = end_of_walk(scratch.dir(), 1);
                       if (plain.find("d17/closed\": permission denied") == std::string::npos) return 1;
                       for (int i = 0; i < 20; ++i) {
                         if (end_of_walk(scratch.dir(), 4) != plain) return 2;
                       }
                       return 0;
                     }),
                     0, "becoming nobody");
}

TEST(WalkAhead, UnreadableDirectoryThatIsRefusedIsNobodysError) {
  // A walk without threads has to open it, too, to see its attributes.
  if (!have_proc()) GTEST_SKIP() << "/proc is not to be had here";
  const Scratch scratch;
  for (int i = 0; i < 40; ++i) scratch.directory("d" + std::to_string(i), i % 2 == 0 ? 0 : 0755);
  STAVE_EXPECT_CHILD(as_nobody([&] {
                       const auto open_ones = [](const Found& found) { return found.stat.mode != 0; };
                       return walked(scratch.dir(), 4, open_ones).size() == 41 ? 0 : 1;
                     }),
                     0, "becoming nobody");
}

// A directory that can be listed and not entered: its names are known, what they are is not.
TEST(WalkAhead, DirectoryThatCannotBeEnteredIsDenied) {
  const Scratch scratch;
  for (int i = 0; i < 40; ++i) {
    const std::string name = "d" + std::to_string(i);
    scratch.directory(name);
    scratch.file(name + "/f");
    ASSERT_EQ(::chmod(scratch.path(name).c_str(), i == 23 ? 0444 : 0755), 0);
  }
  STAVE_EXPECT_CHILD(as_nobody([&] {
                       const std::string plain = end_of_walk(scratch.dir(), 1);
                       if (plain.find("d23/f\": permission denied") == std::string::npos) return 1;
                       return end_of_walk(scratch.dir(), 4) == plain ? 0 : 2;
                     }),
                     0, "becoming nobody");
}

// Whoever removes files meanwhile gets a clear word, or is not noticed; nothing is shown twice or out of
// order.
TEST(WalkAhead, VanishingNamesAreChangedOrWhole) {
  for (int round = 0; round < 20; ++round) {
    const Scratch scratch;
    for (int i = 0; i < 300; ++i) scratch.directory("d" + std::to_string(i));
    Strings shown;
    const std::string outcome = failure([&] {
      walk(Context{.jobs = 4}, scratch.dir(), [&](const Found& found) {
        shown.push_back(found.path);
        if (shown.size() == 10) {
          for (int i = 0; i < 300; i += 3) ::rmdir(scratch.path("d" + std::to_string(i)).c_str());
        }
        return true;
      });
    });
    EXPECT_TRUE(outcome == "changed" || outcome == "nothing") << outcome;
    EXPECT_TRUE(std::is_sorted(shown.begin(), shown.end()));
    EXPECT_EQ(std::adjacent_find(shown.begin(), shown.end()), shown.end());
  }
}

}  // namespace
}  // namespace stave::fs
