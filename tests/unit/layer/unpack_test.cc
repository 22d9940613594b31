// unpack: what layers hold is on disk, with everything that the disk or the record
// can keep.

#include "stave/layer/unpack.h"

#include <gmock/gmock.h>
#include <sys/xattr.h>

#include "stave/base/limits.h"
#include "stave/layer/compare.h"
#include "unpack_words.h"

namespace stave::layer {
namespace {

TEST(Unpack, GivesWhatTheLayersShow) {
  const Scratch scratch;
  const auto done = unpack_to(scratch.path("t"), {{dir("d"), file("d/a", "one"), file("d/b", "two")},
                                                  {wh("d/a"), hardlink("d/c", "d/b"), symlink("l", "d")}});
  EXPECT_EQ(show(read_back(scratch.path("t"))), "d755 d\nf644 d/b\nf644 d/c = d/b\nl l -> d\n");
  EXPECT_EQ(bytes_of_file(scratch.path("t/d/c")), "two");
  EXPECT_EQ(done.entries, 4u);
  EXPECT_EQ(done.bytes, 3u);
  EXPECT_EQ(done.disk_bytes, 3u);
  EXPECT_EQ(names_in(scratch.path()),
            (std::vector<std::string>{"t", "t.stave", "t/d", "t/d/b", "t/d/c", "t/l"}));
}

// --- any layers at all ---

// An entry as a layer may hold it, whether it makes sense or not.
rc::Gen<Change> any_entry() {
  return rc::gen::exec([] {
    const std::string path = *any_path();
    switch (*rc::gen::inRange(0, 12)) {
      case 0:
        return wh(path);
      case 1:
        return opaque(*rc::gen::element(path, std::string()));
      case 2:
        return hardlink(path, *any_path());
      case 3: {
        Change root = dir("", 0700);
        root.entry.meta.mtime = {77, 0};
        root.entry.meta.uid = 5;
        return root;
      }
      default: {
        const auto inode = *any_inode();
        Change change = put(path, inode->meta);
        change.contents = inode->contents;
        return change;
      }
    }
  });
}
rc::Gen<Layers> any_layers() {
  return rc::gen::exec([] {
    Layers layers(*rc::gen::inRange<std::size_t>(0, 4));
    std::vector<std::string> files;
    for (auto& layer : layers) {
      layer = *rc::gen::container<std::vector<Change>>(any_entry());
      for (Change& change : layer) {
        Metadata& meta = change.entry.meta;
        if (meta.type == Type::regular) files.push_back(change.entry.path);
        // Nine of ten links lead to something that was a file at some time.
        if (meta.type == Type::hardlink && !files.empty() && *rc::gen::inRange(0, 10) != 0)
          meta.link = files[*rc::gen::inRange<std::size_t>(0, files.size())];
      }
    }
    return layers;
  });
}

// Of every regular file, what is in it.
std::map<std::string, std::string> contents(const Tree& tree, const std::string& target) {
  std::map<std::string, std::string> out;
  tree.visit([&](const std::string& path, const Tree::Inode& inode) {
    if (inode.meta.type == Type::regular)
      out[path] = digest_of(bytes_of_file(stdfs::path(target) / path)).str();
  });
  return out;
}
std::map<std::string, std::string> digests(const Tree& tree) {
  std::map<std::string, std::string> out;
  tree.visit([&](const std::string& path, const Tree::Inode& inode) {
    const bool known = inode.digest || inode.meta.size != 0;
    if (inode.meta.type == Type::regular)
      out[path] = known ? inode.digest.value().str() : digest_of("").str();
  });
  return out;
}

void check_any(const Layers& layers, Owners owners) {
  const Scratch scratch;
  const Stack stack = stack_of(layers);
  std::optional<Tree> wanted;
  const std::string said = outcome([&] { wanted = read_stack(Context{}, stack, Digests::yes); });
  const std::string target = scratch.path("t");
  const Context context{.jobs = *rc::gen::inRange(1u, 5u)};
  const std::string done = outcome([&] { unpack(context, stack, target, {.owners = owners}); });
  RC_ASSERT(done == said);
  RC_CLASSIFY(wanted.has_value());
  if (!wanted) {
    RC_ASSERT(names_in(scratch.path()).empty());
    return;
  }
  const std::string record_text = bytes_of_file(target + ".stave");
  const Tree got = read_back(target);
  RC_ASSERT(facts(got) == facts(*wanted));
  RC_ASSERT(got.find("")->meta == wanted->find("")->meta);
  RC_ASSERT(digests(got) == digests(*wanted));
  RC_ASSERT(contents(*wanted, target) == digests(*wanted));
  // The record alone says what the layers made.
  BytesSource text(record_text);
  const Tree recorded = Record::read(text, "t.stave").tree();
  RC_ASSERT(facts(recorded) == facts(*wanted));
  RC_ASSERT(recorded.find("")->meta == wanted->find("")->meta);
  RC_ASSERT(digests(recorded) == digests(*wanted));
  RC_ASSERT(compare(Context{}, recorded, *wanted, {}).empty());
}

RC_GTEST_PROP(UnpackProperty, WithOwnersAsideTreeAndRecordAreWhatTheLayersShow, ()) {
  check_any(*any_layers(), Owners::aside);
}

RC_GTEST_PROP(UnpackProperty, WithRealOwnersTreeAndRecordAreWhatTheLayersShow, ()) {
  if (!is_root()) RC_SUCCEED("skipped: real owners need root");
  check_any(*any_layers(), Owners::real);
}

// What every disk can hold, so that the record has nothing to say.
void make_ordinary(Metadata& meta) {
  meta.device_major &= 0xff;
  meta.device_minor &= 0xff;
  meta.mtime.seconds &= 0x7fffffff;
  meta.xattrs.clear();
  if (meta.type == Type::symlink) meta.mode = 0777;
}

RC_GTEST_PROP(UnpackProperty, WithRealOwnersTheDiskAloneSaysIt, ()) {
  if (!is_root()) RC_SUCCEED("skipped: real owners need root");
  Layers layers = *any_layers();
  for (auto& layer : layers) {
    for (Change& change : layer) make_ordinary(change.entry.meta);
  }
  const Scratch scratch;
  const Stack stack = stack_of(layers);
  std::optional<Tree> wanted;
  if (outcome([&] { wanted = read_stack(Context{}, stack, Digests::no); }) != "done") return;
  unpack(Context{}, stack, scratch.path("t"), {});
  RC_ASSERT(facts(on_disk(scratch.path("t"), nullptr)) == facts(*wanted));
}

// --- attributes ---

TEST(UnpackAttributes, RealOwnersKeepSetuidAndCapabilities) {
  if (!is_root()) GTEST_SKIP() << "skipped: real owners need root";
  const Scratch scratch;
  Change program = file("su", "x", 04755);
  program.entry.meta.uid = 12;
  program.entry.meta.gid = 34;
  // version 2, effective, CAP_NET_RAW
  std::string capability(20, '\0');
  capability[0] = 1;
  capability[3] = 2;
  capability[5] = 0x20;
  program.entry.meta.xattrs = {{"security.capability", capability}};
  unpack_to(scratch.path("t"), {{program}});
  const auto raw = stat_of(scratch.path("t/su"));
  EXPECT_EQ(raw.st_uid, 12u);
  EXPECT_EQ(raw.st_gid, 34u);
  EXPECT_EQ(raw.st_mode & 07777u, 04755u);
  std::string value(20, '\0');
  EXPECT_EQ(::getxattr(scratch.path("t/su").c_str(), "security.capability", value.data(), value.size()), 20);
  EXPECT_EQ(value, capability);
}

TEST(UnpackAttributes, KeptAsideEverythingIsOursToReadEnterAndRemove) {
  const Scratch scratch;
  Change device = file("null", "", 0666);
  device.entry.meta.type = Type::character;
  device.entry.meta.device_major = 1;
  device.entry.meta.device_minor = 3;
  unpack(Context{}, stack_of(Layers{{dir("", 0), dir("d", 0), file("d/su", "x", 06111), device}}),
         scratch.path("t"), {.owners = Owners::aside});
  EXPECT_EQ(mode_of(scratch.path("t")), 0700u);
  EXPECT_EQ(mode_of(scratch.path("t/d")), 0700u);
  EXPECT_EQ(mode_of(scratch.path("t/d/su")), 0711u);
  EXPECT_TRUE(stdfs::is_regular_file(scratch.path("t/null")));
  EXPECT_EQ(stat_of(scratch.path("t/d/su")).st_uid, ::geteuid());
  EXPECT_EQ(show(read_back(scratch.path("t"))), "d0 d\nf6111 d/su\nc666 null\n");
  EXPECT_GT(stdfs::remove_all(scratch.path("t")), 0u);
}

TEST(UnpackAttributes, MtimesOfDirectoriesSurviveWhatIsPutInThem) {
  const Scratch scratch;
  Change d = dir("d");
  d.entry.meta.mtime = {1234, 0};
  Change root = dir("");
  root.entry.meta.mtime = {4321, 0};
  unpack_to(scratch.path("t"), {{root, d, file("d/a", "x"), dir("d/e"), symlink("d/l", "a")}, {wh("d/a")}});
  EXPECT_EQ(stat_of(scratch.path("t/d")).st_mtime, 1234);
  EXPECT_EQ(stat_of(scratch.path("t")).st_mtime, 4321);
}

TEST(UnpackAttributes, UmaskAndSetgidParentsLeaveNoTrace) {
  const Scratch scratch;
  stdfs::create_directory(scratch.path("p"));
  ASSERT_EQ(::chmod(scratch.path("p").c_str(), 02777), 0);
  const Layers layers = {{dir("d", 0751), file("d/f", "x", 0640), dir("d/e", 0711)}};
  const auto before = ::umask(0777);
  const std::string said = outcome([&] { unpack_to(scratch.path("p/t"), layers); });
  ::umask(before);
  EXPECT_EQ(said, "done");
  EXPECT_EQ(mode_of(scratch.path("p/t")), 0755u);
  EXPECT_EQ(mode_of(scratch.path("p/t/d")), 0751u);
  EXPECT_EQ(mode_of(scratch.path("p/t/d/f")), 0640u);
  EXPECT_EQ(mode_of(scratch.path("p/t/d/e")), 0711u);
}

TEST(UnpackAttributes, DefaultAclsOfTheParentAreNotInherited) {
  const Scratch scratch;
  // user::rwx, user:1:rwx, group::rwx, mask::rwx, other::rwx
  const std::string acl(
      "\2\0\0\0\1\0\7\0\xff\xff\xff\xff\2\0\7\0\1\0\0\0\4\0\7\0\xff\xff\xff\xff"
      "\x10\0\7\0\xff\xff\xff\xff\x20\0\7\0\xff\xff\xff\xff",
      44);
  if (::setxattr(scratch.path().c_str(), "system.posix_acl_default", acl.data(), acl.size(), 0) != 0)
    GTEST_SKIP() << "skipped: no ACLs on this file system";
  unpack_to(scratch.path("t"), {{dir("d"), file("d/f")}});
  for (const std::string path : {"t", "t/d", "t/d/f"}) {
    EXPECT_EQ(::listxattr(scratch.path(path).c_str(), nullptr, 0), 0) << path;
  }
}

TEST(UnpackAttributes, XattrsThatTheDiskRefusesAreWarnedOfOnceAndKept) {
  const Scratch scratch;
  Change a = file("a");
  a.entry.meta.xattrs = {{"security.capability", "none"}};
  Change b = a;
  b.entry.path = "b";
  Heard heard;
  unpack(Context{.progress = &heard}, stack_of(Layers{{a, b}}), scratch.path("t"), {.owners = owners_here()});
  EXPECT_EQ(std::count(heard.text.begin(), heard.text.end(), '\n'), is_root() ? 1 : 0) << heard.text;
  EXPECT_EQ(read_back(scratch.path("t")).find("b")->meta.xattrs, a.entry.meta.xattrs);
}

// --- content ---

TEST(UnpackContent, RunsOfZerosBecomeHoles) {
  const Scratch scratch;
  std::string text(8 << 20, '\0');
  text[1 << 20] = 'x';
  text[(5 << 20) + 17] = 'y';
  const auto done = unpack_to(scratch.path("t"), {{file("f", text)}});
  EXPECT_EQ(bytes_of_file(scratch.path("t/f")), text);
  EXPECT_EQ(done.bytes, 8u << 20);
  EXPECT_EQ(done.disk_bytes, 8192u);
  EXPECT_LT(stat_of(scratch.path("t/f")).st_blocks * 512, 1 << 20);
}

TEST(UnpackContent, WhatLaterLayersHideIsNotThere) {
  const Scratch scratch;
  const auto done =
      unpack_to(scratch.path("t"), {{file("a", "old"), file("b", "gone")}, {file("a", "new!"), wh("b")}});
  EXPECT_EQ(bytes_of_file(scratch.path("t/a")), "new!");
  EXPECT_EQ(done.bytes, 4u);
  EXPECT_EQ(names_in(scratch.path("t")), std::vector<std::string>{"a"});
}

TEST(UnpackContent, ANameThatALaterLayerReplacesLeavesItsGroup) {
  const Scratch scratch;
  unpack_to(scratch.path("t"),
            {{file("a", "one"), hardlink("b", "a"), hardlink("c", "a")}, {file("b", "two")}});
  EXPECT_EQ(stat_of(scratch.path("t/a")).st_ino, stat_of(scratch.path("t/c")).st_ino);
  EXPECT_EQ(stat_of(scratch.path("t/a")).st_nlink, 2u);
  EXPECT_EQ(bytes_of_file(scratch.path("t/b")), "two");
}

TEST(UnpackContent, SymlinksMayHaveSeveralNames) {
  const Scratch scratch;
  unpack_to(scratch.path("t"), {{symlink("a", "/etc/passwd"), hardlink("b", "a")}});
  EXPECT_EQ(stat_of(scratch.path("t/b")).st_nlink, 2u);
  EXPECT_EQ(stdfs::read_symlink(scratch.path("t/b")), "/etc/passwd");
}

TEST(UnpackContent, TreesAreAsDeepAsTheyMayBe) {
  const Scratch scratch;
  std::string path = "d";
  for (std::size_t depth = 1; depth + 1 < limits::path_depth; ++depth) path += "/d";
  unpack_to(scratch.path("t"), {{file(path + "/f", "x")}});
  EXPECT_EQ(fs::Dir::open(scratch.path("t")).get(path + "/f").size, 1u);
  fs::Dir::open(scratch.path()).remove_tree("t");
}

TEST(UnpackContent, NoLayersAreAnEmptyTree) {
  const Scratch scratch;
  EXPECT_EQ(unpack_to(scratch.path("t"), Layers{}).entries, 0u);
  EXPECT_EQ(mode_of(scratch.path("t")), 0755u);
}

}  // namespace
}  // namespace stave::layer
