// Trees made by somebody who means harm. Each attack has its name; none may read,
// write or remove anything outside the directory it was given.

#include <sys/socket.h>
#include <sys/un.h>

#include "unit/fs/scratch.h"

namespace stave::fs {
namespace {

// "in" is the directory handed out; "out" is what must stay out of reach.
class Attack : public ::testing::Test {
 protected:
  void SetUp() override {
    scratch_.directory("in");
    scratch_.directory("out");
    scratch_.file("out/secret", "secret");
  }
  Dir in() const { return Dir::open(scratch_.path("in")); }
  bool secret_is_safe() const { return text_of(scratch_.dir().open_file("out/secret")) == "secret"; }

  Scratch scratch_;
};

TEST_F(Attack, SymlinkParentEscapes) {
  scratch_.symlink("in/link", "../out");
  scratch_.symlink("in/absolute", scratch_.path("out"));
  const Dir dir = in();
  for (const std::string link : {"link", "absolute"}) {
    const std::string path = link + "/secret";
    EXPECT_EQ(failure([&] { dir.open_file(path); }), "not_found");
    EXPECT_EQ(failure([&] { dir.get(path); }), "not_found");
    EXPECT_EQ(failure([&] { dir.list(link); }), "invalid");
    EXPECT_EQ(failure([&] { dir.open_dir(link); }), "invalid");
    EXPECT_EQ(failure([&] { dir.open_dir(link + "/."); }), "invalid");
    EXPECT_EQ(failure([&] { dir.make_dir(link + "/new", 0755); }), "not_found");
    EXPECT_EQ(failure([&] { dir.remove_file(path); }), "not_found");
    EXPECT_EQ(failure([&] { dir.remove_tree(path); }), "not_found");
    EXPECT_EQ(failure([&] { dir.rename(path, "stolen"); }), "not_found");
    EXPECT_EQ(failure([&] { dir.rename(link, link + "/x"); }), "not_found");
    EXPECT_EQ(failure([&] { dir.xattrs(path, FileType::regular); }), "not_found");
    EXPECT_EQ(failure([&] { dir.readlink(path); }), "not_found");
  }
  EXPECT_TRUE(secret_is_safe());
}

TEST_F(Attack, SymlinkInsteadOfFile) {
  scratch_.symlink("in/f", "../out/secret");
  const auto open = [&] { in().open_file("f"); };
  EXPECT_EQ(failure(open), "invalid");
  EXPECT_NE(message(open).find("is a symlink, not a regular file"), std::string::npos);
}

TEST_F(Attack, SymlinkSwappedForDirectory) {
  scratch_.directory("in/d");
  scratch_.file("in/d/f", "harmless");
  const Dir dir = in();
  ASSERT_EQ(text_of(dir.open_file("d/f")), "harmless");
  ASSERT_EQ(::rename(scratch_.path("in/d").c_str(), scratch_.path("in/e").c_str()), 0);
  scratch_.symlink("in/d", "../out");
  EXPECT_EQ(failure([&] { dir.open_file("d/secret"); }), "not_found");
}

TEST_F(Attack, DotDotClimbs) {
  scratch_.directory("in/d");
  const Dir dir = in();
  for (const char* path :
       {"..", "../out/secret", "d/../../out/secret", "d/..", "d/../d", "./../out", "d//../x"}) {
    EXPECT_EQ(failure([&] { dir.open_file(path); }), "invalid") << path;
    EXPECT_EQ(failure([&] { dir.find(path); }), "invalid") << path;
    EXPECT_EQ(failure([&] { dir.remove_tree(path); }), "invalid") << path;
  }
}

TEST_F(Attack, AbsolutePath) {
  EXPECT_EQ(failure([&] { in().open_file("/etc/passwd"); }), "invalid");
  EXPECT_EQ(failure([&] { in().remove_tree(scratch_.path("out")); }), "invalid");
}

TEST_F(Attack, NulCutsThePath) {
  const std::string path("f\0g", 3);
  scratch_.file("in/f");
  EXPECT_EQ(failure([&] { in().open_file(path); }), "invalid");
  EXPECT_EQ(failure([&] { in().open_in_root(path); }), "invalid");
  EXPECT_EQ(failure([&] { Dir::open(scratch_.path() + std::string("\0/in", 4)); }), "invalid");
}

TEST_F(Attack, FifoInsteadOfFile) {
  scratch_.fifo("in/f");
  const auto open = [&] { in().open_file("f"); };  // would wait for a writer for ever
  EXPECT_EQ(failure(open), "invalid");
  EXPECT_NE(message(open).find("is a fifo"), std::string::npos);
  EXPECT_EQ(failure([&] { in().open_in_root("f"); }), "invalid");
}

TEST_F(Attack, SocketInsteadOfFile) {
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  struct ::sockaddr_un address{};
  address.sun_family = AF_UNIX;
  scratch_.path("in/s").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const struct ::sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(failure([&] { in().open_file("s"); }), "invalid");
  EXPECT_EQ(failure([&] { in().open_in_root("s"); }), "invalid");
}

TEST_F(Attack, DeviceInsteadOfFile) {
  EXPECT_EQ(failure([] { Dir::open("/dev").open_file("zero"); }), "invalid");
  EXPECT_EQ(failure([] { Dir::open("/dev").open_in_root("zero"); }), "invalid");
}

TEST_F(Attack, DirectoryInsteadOfFile) {
  scratch_.directory("in/d");
  EXPECT_EQ(failure([&] { in().open_file("d"); }), "invalid");
  EXPECT_EQ(failure([&] { in().open_in_root("d"); }), "invalid");
}

TEST_F(Attack, MagicLink) {
  // /proc/self/exe and /proc/self/root jump instead of naming; jumping is leaving.
  const Dir self = Dir::open("/proc/self");
  EXPECT_EQ(failure([&] { self.open_file("exe"); }), "invalid");
  EXPECT_EQ(failure([&] { self.open_file("root/etc/passwd"); }), "not_found");
  EXPECT_NE(failure([&] { self.open_in_root("exe"); }), "nothing");
  EXPECT_NE(failure([&] { self.open_in_root("root/etc/passwd"); }), "nothing");
  EXPECT_NE(failure([&] { self.open_in_root("cwd/etc/passwd"); }), "nothing");
}

TEST_F(Attack, RemovalIsLedOutBySymlinks) {
  scratch_.directory("in/d");
  scratch_.symlink("in/d/link", "../../out");
  scratch_.symlink("in/top", "../out");
  in().remove_tree("d");
  in().remove_tree("top");
  EXPECT_TRUE(secret_is_safe());
  EXPECT_TRUE(in().list().empty());
}

TEST_F(Attack, WalkIsLedOutBySymlinks) {
  scratch_.symlink("in/link", "../out");
  scratch_.symlink("in/loop", ".");
  std::vector<std::string> paths;
  walk(in(), [&](const Found& found) {
    paths.push_back(found.path);
    return true;
  });
  EXPECT_EQ(paths, (std::vector<std::string>{"", "link", "loop"}));
}

TEST_F(Attack, DirectorySwappedForSymlinkDuringWalk) {
  scratch_.directory("in/d");
  EXPECT_EQ(failure([&] {
              walk(in(), [&](const Found& found) {
                if (found.path == "d") {
                  ::rmdir(scratch_.path("in/d").c_str());
                  scratch_.symlink("in/d", "../out");
                }
                EXPECT_NE(found.path, "d/secret");
                return true;
              });
            }),
            "changed");
}

TEST_F(Attack, DirectorySwappedForAnotherDuringWalk) {
  scratch_.directory("in/d");
  EXPECT_EQ(failure([&] {
              walk(in(), [&](const Found& found) {
                if (found.path == "d") {
                  ::rename(scratch_.path("in/d").c_str(), scratch_.path("in/e").c_str());
                  ::rename(scratch_.path("out").c_str(), scratch_.path("in/d").c_str());
                }
                EXPECT_NE(found.path, "d/secret");
                return true;
              });
            }),
            "changed");
}

// Deeper than the directories that are held open, an ancestor is moved out: the way back must not lead on
// from there.
TEST_F(Attack, AncestorMovedOutDuringWalk) {
  const std::string deep = make_chain(in(), 260);
  const std::string moved = deep.substr(0, 30 * 21 + 20);  // 21 levels
  bool after = false;
  EXPECT_EQ(failure([&] {
              walk(in(), [&](const Found& found) {
                EXPECT_FALSE(after) << found.path;
                if (found.path == deep + "/f") {
                  after = true;
                  EXPECT_EQ(::rename(scratch_.path("in/" + moved).c_str(), scratch_.path("out/x").c_str()),
                            0);
                }
                return true;
              });
            }),
            "changed");
  EXPECT_TRUE(after);
}

TEST_F(Attack, PublishUnderAPath) {
  for (const std::string_view name : {"", ".", "..", "../out/secret", "d/f", "/etc/passwd"}) {
    EXPECT_EQ(failure([&] { TempFile::in(in()).publish(name, TempFile::Existing::replace, false); }),
              "invalid");
  }
  EXPECT_TRUE(secret_is_safe());
}

TEST_F(Attack, PublishOverASymlinkReplacesTheSymlink) {
  scratch_.symlink("in/f", "../out/secret");
  TempFile file = TempFile::in(in());
  file.write(as_bytes("mine"));
  std::move(file).publish("f", TempFile::Existing::replace, false);
  EXPECT_TRUE(secret_is_safe());
  EXPECT_EQ(text_of(in().open_file("f")), "mine");
}

TEST_F(Attack, InRootDotDotStopsAtTheRoot) {
  scratch_.file("in/f", "inside");
  for (const char* path : {"../f", "../../../../f", "/f", "/../f", "./../f"}) {
    EXPECT_EQ(text_of(in().open_in_root(path)), "inside") << path;
  }
  EXPECT_EQ(failure([&] { in().open_in_root("../out/secret"); }), "not_found");
}

TEST_F(Attack, InRootAbsoluteSymlinkStartsAtTheRoot) {
  scratch_.directory("in/out");
  scratch_.file("in/out/secret", "inside");
  scratch_.symlink("in/absolute", "/out/secret");
  scratch_.symlink("in/climbing", "../../out/secret");
  scratch_.symlink("in/host", scratch_.path("out/secret"));
  EXPECT_EQ(text_of(in().open_in_root("absolute")), "inside");
  EXPECT_EQ(text_of(in().open_in_root("climbing")), "inside");
  EXPECT_EQ(failure([&] { in().open_in_root("host"); }), "not_found");
}

TEST_F(Attack, InRootSymlinksThatGoRound) {
  scratch_.symlink("in/a", "b");
  scratch_.symlink("in/b", "a");
  scratch_.symlink("in/self", "self/x");
  EXPECT_EQ(failure([&] { in().open_in_root("a"); }), "invalid");
  EXPECT_EQ(failure([&] { in().open_in_root("self"); }), "invalid");
}

}  // namespace
}  // namespace stave::fs
