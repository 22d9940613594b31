// unpack: what layers hold is on disk, no more and nowhere else, or nothing is.

#include "stave/layer/unpack.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <csignal>

#include "stave/base/limits.h"
#include "stave/fs/fs.h"
#include "stave/layer/disk.h"
#include "stave/layer/record.h"
#include "words.h"

namespace stave::layer {
namespace {

namespace stdfs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

Stack stack_of(const std::vector<std::string>& tars) {
  Stack stack;
  for (const auto& tar : tars) {
    struct Owned final : BytesSource {
      explicit Owned(std::shared_ptr<const std::string> text) : BytesSource(*text), kept(std::move(text)) {}
      std::shared_ptr<const std::string> kept;
    };
    const auto kept = std::make_shared<const std::string>(tar);
    stack.pieces.push_back({.name = "layer " + std::to_string(stack.pieces.size() + 1),
                            .size = kept->size(),
                            .open = [kept] { return std::make_unique<Owned>(kept); }});
  }
  return stack;
}
using Layers = std::vector<std::vector<Change>>;
Stack stack_of(const Layers& layers) {
  std::vector<std::string> tars;
  for (const auto& layer : layers) tars.push_back(raw_tar(layer));
  return stack_of(tars);
}

Change wh(const std::string& path) { return file(join(parent(path), ".wh." + std::string(basename(path)))); }
Change opaque(const std::string& path) { return file(join(path, ".wh..wh..opq")); }

bool is_root() { return ::geteuid() == 0; }
Owners owners_here() { return is_root() ? Owners::real : Owners::aside; }

// Everything that lies in a directory, so that "nothing" can be said.
std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& each : stdfs::recursive_directory_iterator(directory)) {
    names.push_back(each.path().lexically_relative(directory).string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Unpacked unpack_to(const std::string& target, const Stack& stack) {
  return unpack(Context{}, stack, target, {.owners = owners_here()});
}
Unpacked unpack_to(const std::string& target, const Layers& layers) {
  return unpack_to(target, stack_of(layers));
}

// What is on disk, and what it is in the image.
Tree on_disk(const std::string& target, const Record* record) {
  return read_tree(Context{}, std::make_shared<const fs::Dir>(fs::Dir::open(target)), Adopt{}, record);
}
Tree read_back(const std::string& target) { return on_disk(target, Record::find(target).get()); }

struct ::stat stat_of(const std::string& path) {
  struct ::stat raw{};
  if (::lstat(path.c_str(), &raw) != 0) throw std::runtime_error(path);
  return raw;
}
std::uint32_t mode_of(const std::string& path) { return stat_of(path).st_mode & 07777; }

// A failure, and that nothing is left of it.
std::string failure(const Stack& stack) {
  const Scratch scratch;
  const std::string said = outcome([&] { unpack_to(scratch.path("t"), stack); });
  EXPECT_THAT(names_in(scratch.path()), IsEmpty());
  return said;
}
std::string failure(const Layers& layers) { return failure(stack_of(layers)); }

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
  const std::string done = outcome([&] { unpack(Context{}, stack, target, {.owners = owners}); });
  RC_ASSERT(done == said);
  RC_CLASSIFY(wanted.has_value());
  if (!wanted) {
    RC_ASSERT(names_in(scratch.path()).empty());
    return;
  }
  const Tree got = read_back(target);
  RC_ASSERT(facts(got) == facts(*wanted));
  RC_ASSERT(got.find("")->meta == wanted->find("")->meta);
  RC_ASSERT(digests(got) == digests(*wanted));
  RC_ASSERT(contents(*wanted, target) == digests(*wanted));
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

// --- attacks: a clear word, and nothing appears ---

TEST(UnpackAttack, ALayerThatIsNotWhatWasPromised) {
  const std::string tar = raw_tar({file("a", "x")});
  Stack stack = stack_of(std::vector<std::string>{tar});
  stack.pieces.front().open = [tar] {
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
  stack.pieces.front().open = [&] {
    scratch.write("t/mine", "x");
    return open();
  };
  EXPECT_THAT(outcome([&] { unpack_to(scratch.path("t"), stack); }), StartsWith("exists: "));
  EXPECT_EQ(names_in(scratch.path()), (std::vector<std::string>{"t", "t/mine"}));
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
  stack.pieces.back().open = [&] {
    stop.request_stop();
    return open();
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
    stack.pieces.back().open = [&]() -> std::unique_ptr<Source> {
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
