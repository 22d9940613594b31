// Dir: what each operation does with an ordinary tree and with paths that are none.

#include "unit/fs/scratch.h"

namespace stave::fs {
namespace {

using Strings = std::vector<std::string>;

TEST(Dir, CreateMakesMissingParents) {
  const Scratch scratch;
  Dir::create(scratch.path("a/b/c"), 0700);
  EXPECT_EQ(scratch.dir().get("a/b/c").mode, 0700u);
}

TEST(Dir, CreateIsContentWithWhatIsThere) {
  const Scratch scratch;
  scratch.directory("a", 0750);
  Dir::create(scratch.path("a"), 0700);
  EXPECT_EQ(scratch.dir().get("a").mode, 0750u);
}

TEST(Dir, OpenFollowsTheUsersSymlinks) {
  const Scratch scratch;
  scratch.directory("real");
  scratch.file("real/f");
  scratch.symlink("link", "real");
  EXPECT_EQ(Dir::open(scratch.path("link")).list(), Strings{"f"});
}

TEST(Dir, OpenNamesWhatIsMissing) {
  const Scratch scratch;
  const auto open = [&] { Dir::open(scratch.path("nowhere")); };
  EXPECT_EQ(failure(open), "not_found");
  EXPECT_NE(message(open).find("nowhere"), std::string::npos);
}

TEST(Dir, OpenOfAFileIsNotFound) {
  const Scratch scratch;
  scratch.file("f");
  EXPECT_EQ(failure([&] { Dir::open(scratch.path("f")); }), "not_found");
}

TEST(Dir, OpenTakesNoEmptyName) {
  EXPECT_EQ(failure([] { Dir::open(""); }), "not_found");
}

TEST(Dir, ListIsSortedByBytes) {
  const Scratch scratch;
  for (const char* name : {"b", "a-b", "a", "\xff", "B", ".hidden", "a\nb"}) scratch.file(name);
  EXPECT_EQ(scratch.dir().list(), (Strings{".hidden", "B", "a", "a\nb", "a-b", "b", "\xff"}));
}

TEST(Dir, ListHoldsEveryNameOfALargeDirectory) {
  const Scratch scratch;
  Strings expected;
  for (int i = 10000; i < 13000; ++i) {
    expected.push_back(std::string(100, 'n') + std::to_string(i));
    scratch.file(expected.back(), "");
  }
  EXPECT_EQ(scratch.dir().list(), expected);
}

TEST(Dir, EmptyPathIsTheDirectoryItself) {
  const Scratch scratch;
  scratch.file("f");
  const Dir dir = scratch.dir();
  for (const char* self : {"", ".", "./", "././."}) {
    EXPECT_EQ(dir.get(self).type, FileType::directory) << self;
    EXPECT_EQ(dir.list(self), Strings{"f"}) << self;
    EXPECT_EQ(dir.open_dir(self).list(), Strings{"f"}) << self;
  }
}

TEST(Dir, DotsAndDoubledSlashesCountForNothing) {
  const Scratch scratch;
  scratch.directory("a");
  scratch.file("a/f", "here");
  EXPECT_EQ(text_of(scratch.dir().open_file("a/.//f")), "here");
  EXPECT_EQ(scratch.dir().get("a/").type, FileType::directory);
}

TEST(Dir, NamesMayContainTwoDots) {
  const Scratch scratch;
  scratch.directory("..a");
  scratch.file("..a/b..", "dots");
  scratch.file("...", "three");
  EXPECT_EQ(text_of(scratch.dir().open_file("..a/b..")), "dots");
  EXPECT_EQ(text_of(scratch.dir().open_file("...")), "three");
}

TEST(Dir, FindAnswersNo) {
  const Scratch scratch;
  scratch.file("f");
  scratch.symlink("link", ".");
  const Dir dir = scratch.dir();
  EXPECT_TRUE(dir.find("f"));
  EXPECT_FALSE(dir.find("g"));
  EXPECT_FALSE(dir.find("g/h"));
  EXPECT_FALSE(dir.find("f/g"));
  EXPECT_FALSE(dir.find("link/f"));
  EXPECT_FALSE(dir.find(std::string(300, 'x')));
}

TEST(Dir, GetThrowsWhatFindDoesNot) {
  const Scratch scratch;
  EXPECT_EQ(failure([&] { scratch.dir().get("g"); }), "not_found");
}

TEST(Dir, GetTellsOfTheSymlinkNotItsTarget) {
  const Scratch scratch;
  scratch.symlink("link", "nowhere");
  EXPECT_EQ(scratch.dir().get("link").type, FileType::symlink);
  EXPECT_EQ(scratch.dir().readlink("link"), "nowhere");
}

TEST(Dir, ReadlinkKeepsLongTargets) {
  const Scratch scratch;
  const std::string target(4095, 't');
  scratch.symlink("link", target);
  EXPECT_EQ(scratch.dir().readlink("link"), target);
}

TEST(Dir, ReadlinkOfAFileIsInvalid) {
  const Scratch scratch;
  scratch.file("f");
  EXPECT_EQ(failure([&] { scratch.dir().readlink("f"); }), "invalid");
}

TEST(Dir, MakeDirIsContentWithADirectoryOnly) {
  const Scratch scratch;
  scratch.file("f");
  scratch.symlink("link", ".");
  const Dir dir = scratch.dir();
  dir.make_dir("d", 0700);
  EXPECT_EQ(dir.make_dir("d", 0755).name(), scratch.path("d"));
  EXPECT_EQ(dir.get("d").mode, 0700u);
  EXPECT_EQ(failure([&] { dir.make_dir("f", 0755); }), "exists");
  EXPECT_EQ(failure([&] { dir.make_dir("link", 0755); }), "exists");
  EXPECT_EQ(failure([&] { dir.make_dir("no/parent", 0755); }), "not_found");
}

TEST(Dir, RenameReplaces) {
  const Scratch scratch;
  scratch.directory("d");
  scratch.file("a", "new");
  scratch.file("d/b", "old");
  scratch.dir().rename("a", "d/b");
  EXPECT_EQ(scratch.dir().list(), Strings{"d"});
  EXPECT_EQ(text_of(scratch.dir().open_file("d/b")), "new");
}

TEST(Dir, RemoveFileTakesOneFile) {
  const Scratch scratch;
  scratch.file("a");
  scratch.directory("d");
  const Dir dir = scratch.dir();
  dir.remove_file("a");
  EXPECT_EQ(failure([&] { dir.remove_file("a"); }), "not_found");
  EXPECT_EQ(failure([&] { dir.remove_file("d"); }), "invalid");
}

TEST(Dir, SyncWorks) {
  EXPECT_EQ(failure([] { Scratch().dir().sync(); }), "nothing");
}

TEST(Dir, StatSaysWhatIsThere) {
  const Scratch scratch;
  scratch.file("f", "12345");
  const struct ::timespec times[2] = {{0, 0}, {-5, 123456789}};
  ASSERT_EQ(::utimensat(AT_FDCWD, scratch.path("f").c_str(), times, 0), 0);
  ASSERT_EQ(::chmod(scratch.path("f").c_str(), 04751), 0);
  ASSERT_EQ(::link(scratch.path("f").c_str(), scratch.path("g").c_str()), 0);
  const Stat stat = scratch.dir().get("f");
  EXPECT_EQ(stat.type, FileType::regular);
  EXPECT_EQ(stat.mode, 04751u);
  EXPECT_EQ(stat.size, 5u);
  EXPECT_EQ(stat.links, 2u);
  EXPECT_EQ(stat.mtime, (Time{-5, 123456789}));
  EXPECT_EQ(stat.inode, scratch.dir().get("g").inode);
}

TEST(Dir, StatKnowsDevices) {
  const Stat null = Dir::open("/dev").get("null");
  EXPECT_EQ(null.type, FileType::character);
  EXPECT_EQ(null.device_major, 1u);
  EXPECT_EQ(null.device_minor, 3u);
}

TEST(Dir, ErrorsQuoteTheName) {
  const Scratch scratch;
  EXPECT_NE(message([&] { scratch.dir().get("bad\x1b[31m"); }).find("bad\\x1b[31m"), std::string::npos);
}

TEST(Dir, DescriptorsDoNotReachChildren) {
  const Scratch scratch;
  scratch.file("f");
  const Dir dir = scratch.dir();
  const Fd file = dir.open_file("f");
  const TempFile temp = TempFile::in(dir);
  for (const int fd : {dir.fd(), file.get(), temp.fd().get()}) {
    EXPECT_TRUE(::fcntl(fd, F_GETFD) & FD_CLOEXEC) << fd;
  }
}

// 300 levels of 30 bytes: more than twice PATH_MAX.
TEST(DirBeyondPathMax, EveryOperationWorks) {
  const Scratch scratch;
  const Dir dir = scratch.dir();
  const std::string deep = make_chain(dir, 300);
  ASSERT_GT(deep.size(), 9000u);
  EXPECT_EQ(text_of(dir.open_file(deep + "/f")), "deep");
  EXPECT_EQ(text_of(dir.open_in_root(deep + "/f")), "deep");
  EXPECT_EQ(dir.get(deep + "/f").size, 4u);
  EXPECT_EQ(dir.list(deep), Strings{"f"});
  EXPECT_TRUE(dir.xattrs(deep + "/f", FileType::regular).empty());
  dir.make_dir(deep + "/made", 0755);
  dir.rename(deep + "/f", deep + "/made/g");
  EXPECT_EQ(dir.open_dir(deep + "/made").list(), Strings{"g"});
  dir.remove_file(deep + "/made/g");
  dir.remove_tree(deep + "/made");
  EXPECT_TRUE(dir.list(deep).empty());
}

TEST(DirBeyondPathMax, CanBeOpenedAndCreatedByName) {
  const Scratch scratch;
  const std::string deep = make_chain(scratch.dir(), 300);
  EXPECT_EQ(Dir::open(scratch.path(deep)).list(), Strings{"f"});
  Dir::create(scratch.path(deep) + "/x/y", 0755);
  EXPECT_EQ(Dir::open(scratch.path(deep)).list("x"), Strings{"y"});
}

TEST(DirWithoutPermission, CanBeEnteredWithoutBeingReadable) {
  const Scratch scratch;
  scratch.directory("d");
  scratch.file("d/f");
  const ::mode_t enter_only = ::geteuid() == 0 ? 0711 : 0300;
  ASSERT_EQ(::chmod(scratch.path("d").c_str(), enter_only), 0);
  STAVE_EXPECT_CHILD(as_nobody([&] {
                       const Dir dir = Dir::open(scratch.path("d"));
                       const bool reads = text_of(dir.open_file("f")) == "content";
                       const bool lists = failure([&] { dir.list(); }) != "denied";
                       return reads && !lists ? 0 : 1;
                     }),
                     0, "becoming nobody");
  ::chmod(scratch.path("d").c_str(), 0755);
}

}  // namespace
}  // namespace stave::fs
