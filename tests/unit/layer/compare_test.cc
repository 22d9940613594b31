// compare and changeset_of: whatever two trees are, the difference applied to the
// one gives the other.

#include "stave/layer/compare.h"

#include <set>
#include "stave/layer/stack.h"

#include "words.h"

namespace stave::layer {
namespace {

// --- random trees ---

// Trees whose files are hard to tell apart: of one size, of few contents, with equal times.
struct Sketch {
  struct Item {
    std::string path;
    int kind =
        0;  // 0 to 2: file, 3: directory, 4: symlink, 5: hardlink to an earlier file, 6: fifo, 7: device
    int content = 0;  // which of a few
    std::uint32_t mode = 0644;
    std::uint32_t owner = 0;
    std::int64_t mtime = 0;
    int xattrs = 0;
  };
  std::vector<Item> items;
};

void showValue(const Sketch::Item& item, std::ostream& out) {
  out << item.path << " kind " << item.kind << " content " << item.content << " mode " << item.mode
      << " owner " << item.owner << " mtime " << item.mtime << " xattrs " << item.xattrs;
}

std::string content_of(int which) {
  return std::string(1 + static_cast<std::size_t>(which % 2) * 4, static_cast<char>('a' + which / 2));
}

rc::Gen<std::string> gen_path() {
  // "a-" sorts behind "a/b" in path order and before it in byte order.
  const auto name = rc::gen::element<std::string>("a", "a-", "a.b", "b", "c", "\xc3\xa9");
  return rc::gen::map(
      rc::gen::resize(3, rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(name))),
      [](const std::vector<std::string>& names) {
        std::string path;
        for (const auto& each : names) path = join(path, each);
        return path;
      });
}

rc::Gen<Sketch::Item> gen_item(bool plain) {
  return rc::gen::exec([plain] {
    Sketch::Item item;
    item.path = *gen_path();
    item.kind = *rc::gen::inRange(0, 8);
    item.content = *rc::gen::inRange(0, 4);
    if (plain) {
      item.content -= item.content % 2;  // of one size
      return item;
    }
    item.mode = *rc::gen::element(0644u, 0600u, 04755u, 01777u);
    item.owner = *rc::gen::element(0u, 1000u, 4000000000u);
    item.mtime = *rc::gen::element<std::int64_t>(0, 1, -5, 1700000000);
    item.xattrs = *rc::gen::inRange(0, 4);
    return item;
  });
}

// `plain`: equal mode, owner, time everywhere, so that only content and names tell.
Changeset layer_of(const std::vector<Sketch::Item>& items) {
  std::map<std::string, Change, PathLess> made;
  std::vector<std::string> files;
  for (const auto& item : items) {
    // A path that is taken, or that lies below something that is no directory, is left out.
    bool fits = !made.contains(item.path);
    for (std::string_view up = parent(item.path); fits && !up.empty(); up = parent(up)) {
      const auto found = made.find(up);
      fits = found == made.end() || found->second.entry.meta.type == Type::directory;
    }
    if (!fits) continue;
    for (std::string_view up = parent(item.path); !up.empty(); up = parent(up))
      made.emplace(std::string(up), dir(std::string(up)));
    Change change = file(item.path, content_of(item.content));
    if (item.kind == 3) change = dir(item.path);
    if (item.kind == 4) change = symlink(item.path, content_of(item.content));
    if (item.kind == 5 && !files.empty()) {
      made.emplace(item.path,
                   hardlink(item.path, files[static_cast<std::size_t>(item.content) % files.size()]));
      continue;
    }
    if (item.kind >= 6) {
      change = put(item.path, {});
      change.entry.meta.type = item.kind == 6 ? Type::fifo : Type::character;
      change.entry.meta.device_major = item.kind == 6 ? 0 : 1 + static_cast<std::uint32_t>(item.content);
    }
    Metadata& meta = change.entry.meta;
    if (meta.type != Type::symlink) meta.mode = item.mode;
    meta.uid = item.owner;
    meta.gid = item.owner / 2;
    meta.mtime.seconds = item.mtime;
    if (item.xattrs == 1) meta.xattrs = {{"user.a", "1"}};
    if (item.xattrs == 2) meta.xattrs = {{"user.a", "2"}, {"user.b", ""}};
    if (item.xattrs == 3) meta.xattrs = {{"security.capability", std::string("\0\1", 2)}};
    if (meta.type == Type::regular) files.push_back(item.path);
    made.emplace(item.path, std::move(change));
  }
  // A link has to lead to the name of its file that comes first.
  std::map<std::string, std::string> first;
  Changeset out;
  for (auto& [path, change] : made) {
    Metadata& meta = change.entry.meta;
    const std::string target = meta.type == Type::hardlink ? meta.link : path;
    if (meta.type != Type::hardlink && meta.type != Type::regular) {
      out.push_back(change);
      continue;
    }
    const auto [at, is_first] = first.emplace(target, path);
    Change now = is_first ? made.at(target) : hardlink(path, at->second);
    now.entry.path = path;
    out.push_back(std::move(now));
  }
  return out;
}

// How a side comes to its contents: from layers, with digests, or from something that can be read.
enum class From : std::uint8_t { layers, disk };

Stack stack_of(std::vector<std::string> tars) {
  Stack stack;
  for (auto& tar : tars) {
    const auto kept = std::make_shared<const std::string>(std::move(tar));
    stack.pieces.push_back(piece_of_tar("a layer", kept->size(), [kept]() -> std::unique_ptr<Source> {
      struct Owned final : BytesSource {
        explicit Owned(std::shared_ptr<const std::string> text) : BytesSource(*text), kept(std::move(text)) {}
        std::shared_ptr<const std::string> kept;
      };
      return std::make_unique<Owned>(kept);
    }));
  }
  return stack;
}

void showValue(From from, std::ostream& out) { out << (from == From::layers ? "layers" : "disk"); }

Tree tree_of(const Changeset& layer, From from) {
  if (from == From::layers) return read_stack(Context{}, stack_of({tar_of(layer)}), Digests::yes);
  Tree tree;
  tree.apply(layer);
  return tree;
}

// Everything of a tree that a layer can say, by path; content as its digest.
std::map<std::string, std::string> portrait(const Tree& tree) {
  std::map<std::string, std::string> out;
  std::map<const Tree::Inode*, std::string> first;
  tree.visit([&](const std::string& path, const Tree::Inode& inode) {
    const Metadata& m = inode.meta;
    std::string text = std::to_string(static_cast<int>(m.type)) + " " + std::to_string(m.mode) + " " +
                       std::to_string(m.uid) + ":" + std::to_string(m.gid) + " " +
                       std::to_string(m.mtime.seconds) + " " + std::to_string(m.device_major) + " " + m.link +
                       " " + std::to_string(m.size);
    for (const auto& [name, value] : m.xattrs) text += " " + name + "=" + value;
    if (inode.digest) text += " " + inode.digest->str();
    if (m.type == Type::regular) text += " = " + first.emplace(&inode, path).first->second;
    out[path] = text;
  });
  return out;
}

struct TwoTrees {
  Changeset lower;
  Changeset upper;
};

void showValue(const TwoTrees& two, std::ostream& out) {
  out << show(two.lower) << "and\n" << show(two.upper);
}

// The upper tree is sometimes an edit of the lower one, so that most of it is the same.
rc::Gen<TwoTrees> gen_two() {
  return rc::gen::exec([] {
    const bool plain = *rc::gen::arbitrary<bool>();
    const auto items = rc::gen::container<std::vector<Sketch::Item>>(gen_item(plain));
    auto lower = *items;
    auto upper = *items;
    if (*rc::gen::arbitrary<bool>()) {
      std::vector<Sketch::Item> edited;
      for (const auto& each : lower) {
        if (*rc::gen::inRange(0, 4) != 0) edited.push_back(each);
        if (*rc::gen::inRange(0, 6) == 0) edited.push_back(*gen_item(plain));
      }
      upper = edited;
    }
    return TwoTrees{layer_of(lower), layer_of(upper)};
  });
}

rc::Gen<From> gen_from() { return rc::gen::element(From::layers, From::disk); }

Changeset difference_of(const TwoTrees& two, From lower_from, From upper_from) {
  const Tree lower = tree_of(two.lower, lower_from);
  const Tree upper = tree_of(two.upper, upper_from);
  Changeset changes = changeset_of(upper, compare(Context{}, lower, upper, {}));
  if (upper_from == From::layers) spool_contents(Context{}, stack_of({tar_of(two.upper)}), "/tmp", changes);
  return changes;
}

RC_GTEST_PROP(Compare, TheDifferenceAppliedToTheLowerTreeIsTheUpper, ()) {
  const auto two = *gen_two();
  const Changeset changes = difference_of(two, *gen_from(), *gen_from());
  const Tree applied = read_stack(Context{}, stack_of({tar_of(two.lower), tar_of(changes)}), Digests::yes);
  const Tree upper = tree_of(two.upper, From::layers);
  RC_ASSERT(portrait(applied) == portrait(upper));
}

RC_GTEST_PROP(Compare, ATreeDoesNotDifferFromItself, ()) {
  const auto items = *rc::gen::container<std::vector<Sketch::Item>>(gen_item(false));
  const Changeset layer = layer_of(items);
  RC_ASSERT(compare(Context{}, tree_of(layer, *gen_from()), tree_of(layer, *gen_from()), {}).empty());
}

RC_GTEST_PROP(Compare, AfterTheDifferenceNothingDiffers, ()) {
  const auto two = *gen_two();
  const Changeset changes = difference_of(two, From::layers, From::layers);
  const Tree applied = read_stack(Context{}, stack_of({tar_of(two.lower), tar_of(changes)}), Digests::yes);
  RC_ASSERT(compare(Context{}, applied, tree_of(two.upper, *gen_from()), {}).empty());
}

RC_GTEST_PROP(Compare, NoRemovalOfWhatIsNotThereAndNoneBesideAnEntryOfItsName, ()) {
  const auto two = *gen_two();
  const Tree lower = tree_of(two.lower, From::layers);
  const Changeset changes = difference_of(two, From::layers, From::layers);
  LayerChecker checker;
  const std::string tar = tar_of(changes);
  BytesSource source(tar);
  LayerReader reader(source, [&](const Step& step, bool sparse) { checker.see(step, sparse); });
  Step step;
  while (reader.next(step)) {
    if (step.meaning == Meaning::whiteout) RC_ASSERT(lower.find(step.entry.path) != nullptr);
    RC_ASSERT(step.meaning != Meaning::opaque);
  }
  RC_ASSERT(checker.findings().errors.empty());
  RC_ASSERT(checker.findings().warnings.empty());
}

RC_GTEST_PROP(Compare, EveryParentOfAChangeStandsBeforeItAsTheUpperTreeHasIt, ()) {
  const auto two = *gen_two();
  const Changeset changes = difference_of(two, From::disk, From::disk);
  const Tree upper = tree_of(two.upper, From::disk);
  std::set<std::string> seen;
  for (const Change& change : changes) {
    const std::string up(parent(change.entry.path));
    RC_ASSERT(up.empty() || seen.contains(up));
    if (change.removal) continue;
    seen.insert(change.entry.path);
    if (change.entry.meta.type == Type::directory)
      RC_ASSERT(change.entry.meta == upper.find(change.entry.path)->meta);
  }
}

RC_GTEST_PROP(Compare, ThreadsDoNotMatter, ()) {
  const auto two = *gen_two();
  const Tree lower = tree_of(two.lower, From::disk);
  const Tree upper = tree_of(two.upper, From::disk);
  const auto one = compare(Context{}, lower, upper, {});
  const auto many = compare(Context{.jobs = 4}, lower, upper, {});
  RC_ASSERT(tar_of(changeset_of(upper, one)) == tar_of(changeset_of(upper, many)));
}

// --- examples ---

std::vector<std::string> told(const std::vector<Difference>& differences) {
  std::vector<std::string> out;
  for (const auto& each : differences) {
    const char* letter = each.what == Difference::What::added     ? "A "
                         : each.what == Difference::What::removed ? "D "
                                                                  : "M ";
    out.push_back(letter + each.path + (each.aspects.empty() ? "" : " (" + words(each.aspects) + ")"));
  }
  return out;
}

Tree of(Changeset layer) {
  Tree tree;
  tree.apply(sorted(std::move(layer)));
  return tree;
}

std::vector<std::string> diff(const Tree& lower, const Tree& upper, const Compare& how = {}) {
  return told(compare(Context{}, lower, upper, how));
}

std::vector<std::string> layer_names(const Tree& lower, const Tree& upper) {
  std::vector<std::string> out;
  for (const Change& change : changeset_of(upper, compare(Context{}, lower, upper, {}))) {
    std::string name = change.removal ? whiteout_of(change.entry.path) : change.entry.path;
    if (!change.removal && change.entry.meta.type == Type::directory) name += "/";
    if (change.entry.meta.type == Type::hardlink) name += " = " + change.entry.meta.link;
    out.push_back(name);
  }
  return out;
}

using Lines = std::vector<std::string>;

TEST(Compare, TheClassicExample) {
  const Tree lower = of({dir("bin"), file("bin/ash", "x"), dir("etc")});
  const Tree upper = of({dir("bin"), file("bin/bash", "y"), dir("etc")});
  EXPECT_EQ(diff(lower, upper), (Lines{"D bin/ash", "A bin/bash"}));
  EXPECT_EQ(layer_names(lower, upper), (Lines{"bin/", "bin/.wh.ash", "bin/bash"}));
}

TEST(Compare, EqualSizeAndTimeIsNotEqualContent) {
  EXPECT_EQ(diff(of({file("a", "one")}), of({file("a", "two")})), (Lines{"M a (content)"}));
}

TEST(Compare, TheGuessIsAskedForByName) {
  EXPECT_EQ(diff(of({file("a", "one")}), of({file("a", "two")}), {.trust_mtime = true}), Lines{});
}

TEST(Compare, WhatIsIgnoredIsNoDifference) {
  Changeset touched = {file("a", "one")};
  touched[0].entry.meta.mtime.seconds = 5;
  touched[0].entry.meta.mode = 0600;
  Compare how;
  how.ignore.add(Aspect::mtime);
  EXPECT_EQ(diff(of({file("a", "one")}), of(touched), how), (Lines{"M a (mode)"}));
  how.ignore.add(Aspect::mode);
  EXPECT_EQ(diff(of({file("a", "one")}), of(touched), how), Lines{});
}

TEST(Compare, FractionsOfASecondAreNoDifference) {
  Changeset touched = {file("a", "one")};
  touched[0].entry.meta.mtime.nanoseconds = 500;
  EXPECT_EQ(diff(of({file("a", "one")}), of(touched)), Lines{});
}

TEST(Compare, ADirectoryThatBecameAFile) {
  const Tree lower = of({dir("a"), file("a/b", "x")});
  const Tree upper = of({file("a", "y", 0755)});
  EXPECT_EQ(diff(lower, upper), (Lines{"M a (type)", "D a/b"}));
  EXPECT_EQ(layer_names(lower, upper), (Lines{"a"}));
}

TEST(Compare, AFileThatBecameADirectory) {
  const Tree lower = of({file("a", "y", 0755)});
  const Tree upper = of({dir("a"), file("a/b", "x")});
  EXPECT_EQ(layer_names(lower, upper), (Lines{"a/", "a/b"}));
}

TEST(Compare, ADirectoryReplacedByADirectoryLosesItsChildrenOneByOne) {
  const Tree lower = of({dir("a"), file("a/x", "1"), dir("a/y"), file("a/y/z", "1")});
  const Tree upper = of({dir("a"), file("a/new", "1")});
  EXPECT_EQ(layer_names(lower, upper), (Lines{"a/", "a/.wh.x", "a/.wh.y", "a/new"}));
}

TEST(Compare, ARenameIsARemovalAndAnAddition) {
  EXPECT_EQ(diff(of({file("a", "x")}), of({file("b", "x")})), (Lines{"D a", "A b"}));
}

TEST(Compare, ANameThatJoinsAGroupBringsTheWholeGroup) {
  const Tree lower = of({dir("d"), file("d/a", "x"), file("z", "x")});
  const Tree upper = of({dir("d"), file("d/a", "x"), hardlink("n", "d/a"), file("z", "x")});
  EXPECT_EQ(diff(lower, upper), (Lines{"M d/a (link)", "A n"}));
  EXPECT_EQ(layer_names(lower, upper), (Lines{"d/", "d/a", "n = d/a"}));
}

TEST(Compare, ANameThatLeavesAGroupIsOnlyGone) {
  const Tree lower = of({file("a", "x"), hardlink("b", "a"), hardlink("c", "a")});
  const Tree upper = of({file("a", "x"), hardlink("c", "a")});
  EXPECT_EQ(layer_names(lower, upper), (Lines{".wh.b"}));
}

TEST(Compare, AGroupThatFellApartIsWrittenButForOne) {
  const Tree lower = of({file("a", "x"), hardlink("b", "a")});
  const Tree upper = of({file("a", "x"), file("b", "x")});
  EXPECT_EQ(diff(lower, upper), (Lines{"M b (link)"}));
  EXPECT_EQ(layer_names(lower, upper), (Lines{"b"}));
}

TEST(Compare, EqualFilesThatBecameOneAreWrittenAsOne) {
  const Tree lower = of({file("a", "x"), file("b", "x")});
  const Tree upper = of({file("a", "x"), hardlink("b", "a")});
  EXPECT_EQ(layer_names(lower, upper), (Lines{"a", "b = a"}));
}

TEST(Compare, AGroupWhoseContentChangedIsWrittenWhole) {
  const Tree lower = of({file("a", "x"), hardlink("b", "a")});
  const Tree upper = of({file("a", "y"), hardlink("b", "a")});
  EXPECT_EQ(diff(lower, upper), (Lines{"M a (content)", "M b (content)"}));
  EXPECT_EQ(layer_names(lower, upper), (Lines{"a", "b = a"}));
}

TEST(Compare, TheRootIsReportedAndIsInNoLayer) {
  Tree upper = of({});
  upper.put("", std::make_shared<const Tree::Inode>(Tree::Inode{dir("", 0700).entry.meta, {}, nullptr}), {});
  EXPECT_EQ(diff(of({}), upper), (Lines{"M  (mode)"}));
  EXPECT_EQ(layer_names(of({}), upper), Lines{});
}

TEST(Compare, LabelsOfTheMachineAreNoDifference) {
  Changeset labelled = {file("a", "x")};
  labelled[0].entry.meta.xattrs = {{"security.selinux", "u:r:t"}};
  EXPECT_EQ(diff(of({file("a", "x")}), of(labelled)), Lines{});
  labelled[0].entry.meta.xattrs.emplace_back("user.x", "1");
  const Tree upper = of(labelled);
  const auto changes = changeset_of(upper, compare(Context{}, of({file("a", "x")}), upper, {}));
  EXPECT_EQ(changes.at(0).entry.meta.xattrs, (Xattrs{{"user.x", "1"}}));
}

TEST(Compare, ASymlinksTextAndADevicesNumber) {
  Change null = put("null", {});
  null.entry.meta.type = Type::character;
  null.entry.meta.device_major = 1;
  null.entry.meta.device_minor = 3;
  Change zero = null;
  zero.entry.meta.device_minor = 5;
  EXPECT_EQ(diff(of({symlink("l", "a"), null}), of({symlink("l", "b"), zero})),
            (Lines{"M l (link)", "M null (device)"}));
}

TEST(Compare, AFileInLayersThatNobodyReadCannotBeCompared) {
  const Changeset layer = {file("a", "one")};
  const Tree tree = read_stack(Context{}, stack_of({tar_of(layer)}), Digests::no);
  const Tree other = read_stack(Context{}, stack_of({tar_of({file("a", "two")})}), Digests::no);
  EXPECT_THROW(compare(Context{}, tree, other, {}), Error);
}

TEST(Compare, ADeviceThatReadsAsAWhiteoutIsWarnedAbout) {
  struct Heard final : Progress {
    int begin(std::string_view, std::uint64_t) override { return 0; }
    void advance(int, std::uint64_t) override {}
    void end(int, std::string_view, bool) override {}
    void warn(std::string_view message) override { text += message; }
    std::string text;
  } heard;
  Change device = put("w", {});
  device.entry.meta.type = Type::character;
  warn_of_untellable(Context{.progress = &heard}, compare(Context{}, of({}), of({device}), {}));
  EXPECT_NE(heard.text.find("0:0"), std::string::npos);
}

TEST(Stack, SpoolsOnlyWhatIsAskedForAndEachFileOnce) {
  const Stack stack = stack_of({tar_of({file("a", "one"), file("b", "two")}), tar_of({file("c", "three")})});
  const Tree tree = read_stack(Context{}, stack, Digests::yes);
  Tree lower;
  lower.apply(Changeset{file("a", "one")});
  Changeset changes = changeset_of(tree, compare(Context{}, lower, tree, {}));
  spool_contents(Context{}, stack, "/tmp", changes);
  EXPECT_EQ(tar_of(changes), tar_of({file("b", "two"), file("c", "three")}));
}

TEST(Stack, AFailureNamesTheLayer) {
  try {
    read_stack(Context{}, stack_of({tar_of({file("a", "one")}), "no tar at all"}), Digests::yes);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()).find("a layer: "), 0u);
  }
}

}  // namespace
}  // namespace stave::layer
