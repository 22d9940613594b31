// Files on disk: what is taken of them, what is refused, and what happens when
// they change between being seen and being read.

#include "stave/layer/disk.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "words.h"

namespace stave::layer {
namespace {

class Disk : public testing::Test {
 protected:
  Changeset read(const Adopt& how = {}) {
    return read_directory(context(), std::make_shared<const fs::Dir>(fs::Dir::open(scratch.path("tree"))),
                          how);
  }
  Context context() {
    Context out;
    out.progress = &heard;
    return out;
  }
  std::string write(const std::string& name, const std::string& text = "") {
    return scratch.write("tree/" + name, text);
  }
  std::string at(const std::string& name) const { return scratch.path("tree/" + name); }
  void place_at(Tree& tree, const std::string& source, const std::string& destination,
                const Adopt& how = {}) {
    place(context(), tree, {.source = source, .destination = destination, .adopt = how, .parent_mtime = {}});
  }

  Scratch scratch{testing::TempDir()};
  Heard heard;
  bool made = std::filesystem::create_directory(scratch.path("tree"));
};

const Metadata& meta_of(const Changeset& changes, const std::string& path) {
  for (const Change& change : changes) {
    if (change.entry.path == path) return change.entry.meta;
  }
  throw Error(Kind::not_found, path);
}

TEST_F(Disk, IsReadInTheOrderOfALayer) {
  write("a/b");
  write("a-b");
  write("a/\xff");
  write("B");
  EXPECT_EQ(show(read()), "+ B\n+ a\n+ a/b\n+ a/\xff\n+ a-b\n");
}

TEST_F(Disk, NamesOfOneFileAreLinksToTheFirst) {
  write("z/first", "text");
  std::filesystem::create_hard_link(at("z/first"), at("b"));
  EXPECT_EQ(show(read()), "+ b\n+ z\n+ z/first = b\n");
  Tree tree;
  place_at(tree, at("z"), "/opt/");
  place_at(tree, at("b"), "/opt/other");
  EXPECT_EQ(tar_of(tree.take_changes()).size() % 512, 0u);
}

TEST_F(Disk, ASymlinkIsItsText) {
  std::filesystem::create_symlink("../\xfe where", at("l"));
  const Changeset changes = read();
  EXPECT_EQ(meta_of(changes, "l").link, "../\xfe where");
  EXPECT_EQ(meta_of(changes, "l").mode, 0777u);
}

TEST_F(Disk, AFifoIsAFifoAndASocketIsLeftOut) {
  ASSERT_EQ(::mkfifo(at("p").c_str(), 0640), 0);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ::sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(at("s").size(), sizeof address.sun_path);
  std::strcpy(address.sun_path, at("s").c_str());
  ASSERT_EQ(::bind(fd, reinterpret_cast<const ::sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
  const Changeset changes = read();
  EXPECT_EQ(show(changes), "+ p\n");
  EXPECT_EQ(changes[0].entry.meta.type, Type::fifo);
  EXPECT_NE(heard.text.find("/s\" is a socket and was left out"), std::string::npos) << heard.text;
  Tree tree;
  EXPECT_TRUE(outcome([&] { place_at(tree, at("s"), "/s"); }).starts_with("invalid: "));
}

TEST_F(Disk, ADeviceHasItsNumbers) {
  if (::mknod(at("null").c_str(), S_IFCHR | 0666, ::makedev(1, 3)) != 0)
    GTEST_SKIP() << "only root makes devices";
  const Metadata meta = meta_of(read(), "null");
  EXPECT_EQ(meta.type, Type::character);
  EXPECT_EQ(meta.device_major, 1u);
  EXPECT_EQ(meta.device_minor, 3u);
}

TEST_F(Disk, TimesAreTruncatedAlsoBefore1970) {
  write("f");
  const ::timespec times[2] = {{0, 0}, {-2, 900'000'000}};
  ASSERT_EQ(::utimensat(AT_FDCWD, at("f").c_str(), times, 0), 0);
  EXPECT_EQ(meta_of(read(), "f").mtime, (Timestamp{-2, 0}));
}

TEST_F(Disk, TimesAreClampedOrReplaced) {
  write("f");
  const ::timespec times[2] = {{0, 0}, {5000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, at("f").c_str(), times, 0), 0);
  EXPECT_EQ(meta_of(read({.owner = {}, .mode = {}, .mtime = {}, .newest_mtime = 4000}), "f").mtime.seconds,
            4000);
  EXPECT_EQ(meta_of(read({.owner = {}, .mode = {}, .mtime = {}, .newest_mtime = 6000}), "f").mtime.seconds,
            5000);
  EXPECT_EQ(meta_of(read({.owner = {}, .mode = {}, .mtime = Timestamp{7, 0}, .newest_mtime = {}}), "f")
                .mtime.seconds,
            7);
}

TEST_F(Disk, AModeGivesDirectoriesTheRightToEnterWithTheRightToRead) {
  write("d/f");
  const Changeset changes = read({.owner = Owner{7, 8}, .mode = 0640, .mtime = {}, .newest_mtime = {}});
  EXPECT_EQ(meta_of(changes, "d").mode, 0750u);
  EXPECT_EQ(meta_of(changes, "d/f").mode, 0640u);
  EXPECT_EQ(meta_of(changes, "d/f").uid, 7u);
  EXPECT_EQ(meta_of(changes, "d").gid, 8u);
}

TEST_F(Disk, ModesAreAsFound) {
  write("f");
  ASSERT_EQ(::chmod(at("f").c_str(), 04751), 0);
  EXPECT_EQ(meta_of(read(), "f").mode, 04751u);
}

// Extended attributes

TEST(Xattrs, OnlyWhatBelongsToTheFileIsTaken) {
  for (const char* taken : {"user.x", "user.overlayx", "security.capability", "system.posix_acl_access",
                            "system.posix_acl_default"}) {
    EXPECT_TRUE(is_packed_xattr(taken)) << taken;
  }
  for (const char* left :
       {"security.selinux", "security.ima", "security.evm", "security.apparmor", "trusted.x",
        "trusted.overlay.opaque", "user.overlay.origin", "system.nfs4_acl", "user", ""}) {
    EXPECT_FALSE(is_packed_xattr(left)) << left;
  }
}

TEST_F(Disk, AttributesAreTaken) {
  write("f");
  if (::setxattr(at("f").c_str(), "user.stave", "a\0b", 3, 0) != 0)
    GTEST_SKIP() << "no user.* attributes here";
  ASSERT_EQ(::setxattr(at("f").c_str(), "user.overlay.x", "y", 1, 0), 0);
  EXPECT_EQ(meta_of(read(), "f").xattrs, (Xattrs{{"user.stave", std::string("a\0b", 3)}}));
}

TEST_F(Disk, AFileCapabilityIsTaken) {
  write("f");
  const std::string capability("\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);  // cap_net_bind_service+ep
  if (::setxattr(at("f").c_str(), "security.capability", capability.data(), capability.size(), 0) != 0)
    GTEST_SKIP() << "only root sets file capabilities";
  EXPECT_EQ(meta_of(read(), "f").xattrs, (Xattrs{{"security.capability", capability}}));
}

// Changing under our hands

struct Change_ {
  const char* name;
  void (*work)(const std::string& path);
};

class ChangedFile : public Disk, public testing::WithParamInterface<Change_> {};

TEST_P(ChangedFile, IsAnErrorThatNamesIt) {
  const std::string path = write("d/file", "some text");
  const Changeset changes = read();
  Tree tree;
  place_at(tree, at("d"), "/moved");
  GetParam().work(path);
  EXPECT_EQ(outcome([&] { tar_of(changes); }), "changed: \"" + path + "\" changed while it was read");
  EXPECT_EQ(outcome([&] { tar_of(tree.take_changes()); }),
            "changed: \"" + path + "\" changed while it was read");
}

INSTANTIATE_TEST_SUITE_P(
    , ChangedFile,
    testing::Values(
        Change_{"Grown", [](const std::string& path) { std::ofstream(path, std::ios::app) << "more"; }},
        Change_{"Shortened", [](const std::string& path) { std::filesystem::resize_file(path, 3); }},
        Change_{"Emptied", [](const std::string& path) { std::filesystem::resize_file(path, 0); }},
        Change_{"Rewritten", [](const std::string& path) { std::ofstream(path) << "SOME TEXT"; }},
        Change_{"Removed", [](const std::string& path) { std::filesystem::remove(path); }},
        Change_{"Replaced",
                [](const std::string& path) {
                  std::ofstream(path + ".new") << "some text";
                  std::filesystem::rename(path + ".new", path);
                }},
        Change_{"ReplacedByASymlink",
                [](const std::string& path) {
                  std::filesystem::rename(path, path + ".old");
                  std::filesystem::create_symlink("file.old", path);
                }},
        Change_{"ReplacedByADirectory",
                [](const std::string& path) {
                  std::filesystem::remove(path);
                  std::filesystem::create_directory(path);
                }}),
    [](const auto& each) { return each.param.name; });

// A child that is no root says what came of reading what it may not.
TEST_F(Disk, AFileThatMayNotBeReadIsNamed) {
  const std::string path = write("d/secret", "text");
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  ASSERT_EQ(::chmod(scratch.path().c_str(), 0755), 0);
  int out[2];
  ASSERT_EQ(::pipe(out), 0);
  const ::pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(1);
    const std::string said = outcome([&] { tar_of(read()); });
    ::_exit(::write(out[1], said.data(), said.size()) == static_cast<::ssize_t>(said.size()) ? 0 : 1);
  }
  ::close(out[1]);
  std::string said(4096, '\0');
  said.resize(static_cast<std::size_t>(std::max<::ssize_t>(0, ::read(out[0], said.data(), said.size()))));
  ::close(out[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(said.starts_with("denied: ")) << said;
  EXPECT_NE(said.find(path), std::string::npos) << said;
}

TEST_F(Disk, HolesAreZerosInTheTar) {
  const std::string path = write("sparse", "begin");
  std::filesystem::resize_file(path, 3'000'000);
  std::ofstream(path, std::ios::app) << "end";
  std::string content = "begin";
  content.resize(3'000'000, '\0');
  content += "end";
  const std::string tar = tar_of(read());
  EXPECT_EQ(tar.substr(512, content.size()), content);
}

// Placing

Tree base() {
  return stacked({{symlink("bin", "usr/bin"), dir("root", 0700), dir("usr"), dir("usr/bin", 0711),
                   file("usr/bin/sh"), file("etc")}});
}

TEST_F(Disk, AFileGoesWhereAProcessInsideWouldArrive) {
  Tree tree = base();
  place_at(tree, write("x"), "/bin/x");
  EXPECT_EQ(show(tree.take_changes()), "+ usr\n+ usr/bin\n+ usr/bin/x\n");
}

TEST_F(Disk, ADirectoryGoesThroughSymlinksOfTheTree) {
  Tree tree = base();
  write("bin/x", "text");
  write("root/y");
  write("opt/z/deep", "deep");
  place_at(tree, at(""), "/");
  const Changeset changes = tree.take_changes();
  EXPECT_EQ(show(changes), "+ opt\n+ opt/z\n+ opt/z/deep\n+ root\n+ root/y\n+ usr\n+ usr/bin\n+ usr/bin/x\n");
  EXPECT_EQ(meta_of(changes, "root").mode, 0700u);
  EXPECT_EQ(meta_of(changes, "usr/bin").mode, 0711u);
  EXPECT_NE(tar_of(changes).find("text"), std::string::npos);
}

TEST_F(Disk, ASlashMeansInto) {
  Tree tree = base();
  place_at(tree, write("x"), "/root/");
  place_at(tree, at("x"), "/new/");
  EXPECT_EQ(show(tree.take_changes()), "+ new\n+ new/x\n+ root\n+ root/x\n");
}

TEST_F(Disk, ASymlinkAsSourceIsFollowedAndKeepsTheNameThatWasTyped) {
  Tree tree;
  write("real", "text");
  std::filesystem::create_symlink("real", at("typed"));
  place_at(tree, at("typed"), "/");
  EXPECT_EQ(show(tree), "f644 typed\n");
}

TEST_F(Disk, NothingOfTheTreeIsLostToSomethingElse) {
  Tree tree = base();
  EXPECT_TRUE(outcome([&] { place_at(tree, write("x"), "/usr"); }).starts_with("exists: "));
  write("etc/passwd");
  EXPECT_TRUE(outcome([&] { place_at(tree, at(""), "/"); }).starts_with("exists: "));
  EXPECT_TRUE(outcome([&] { place_at(tree, at("x"), "/etc/x"); }).starts_with("not_found: "));
}

TEST_F(Disk, ANameThatReadsAsAWhiteoutIsRefused) {
  Tree tree;
  write("d/.wh.x");
  EXPECT_TRUE(
      outcome([&] { place_at(tree, at("d"), "/"); }).starts_with("invalid: \".wh.x\" cannot be packed"));
  EXPECT_TRUE(outcome([&] { tar_of(read()); }).starts_with("invalid: \"d/.wh.x\" cannot be packed"));
}

TEST_F(Disk, ASourceThatDoesNotExistIsNamed) {
  Tree tree;
  EXPECT_EQ(outcome([&] { place_at(tree, at("nothing"), "/"); }),
            "not_found: \"" + at("nothing") + "\": No such file or directory");
}

}  // namespace
}  // namespace stave::layer
