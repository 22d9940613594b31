// Record: read what was written and nothing else, and correct what is on disk by it
// only where the disk still says what it said.

#include "stave/layer/record.h"

#include <gmock/gmock.h>

#include <array>

#include "stave/base/limits.h"
#include "stave/layer/disk.h"
#include "words.h"

namespace stave::layer {
namespace {

constexpr fs::Time taken{1000, 500};

Record::Known known_file(std::uint32_t mode = 0644) {
  Record::Known known;
  known.meta.type = Type::regular;
  known.meta.mode = mode;
  known.meta.uid = 12;
  known.meta.gid = 34;
  known.meta.mtime = {500, 0};
  known.disk = {.type = fs::FileType::regular,
                .mode = mode,
                .uid = 12,
                .gid = 34,
                .size = 3,
                .mtime = {500, 0},
                .ctime = {1000, 499},
                .inode = 77};
  known.digest = digest_of("abc");
  return known;
}

// As a user with the ids 1000:100 has it who unpacked with owners aside.
Record::Known aside(Record::Known known) {
  known.disk.uid = 1000;
  known.disk.gid = 100;
  known.disk.mode = (known.meta.mode & 01777) | 0600;
  return known;
}

struct Settled {
  Metadata meta;
  std::optional<Digest> digest;
};

// What becomes of a file found as `now` if `record` knows it under the same path.
Settled settle(const Record& record, const fs::Stat& now, const fs::Xattrs& xattrs = {}) {
  const fs::Found found{.path = "f", .stat = now, .link = {}, .xattrs = xattrs};
  Settled settled{adopt(now, "", xattrs, {}), {}};
  settled.digest = record.settle(found, settled.meta);
  return settled;
}

Record record_with(const Record::Known& known, std::optional<Record::Aside> aside_ids = {}) {
  Record record;
  record.taken = taken;
  record.aside = aside_ids;
  record.known.emplace("f", known);
  return record;
}
Record aside_with(const Record::Known& known) { return record_with(aside(known), Record::Aside{1000, 100}); }
fs::Stat disk_of(const Record& record) { return record.known.at("f").disk; }

std::string written(const Record& record) {
  StringSink sink;
  record.write(sink);
  return sink.take();
}
Record read(const std::string& text) {
  BytesSource source(text);
  return Record::read(source, "x.stave");
}
std::string refusal(const std::string& text) {
  return outcome([&] { read(text); });
}
// With a last line that is right, as whoever forges one can make it.
std::string sealed(const std::string& lines) { return lines + "end " + digest_of(lines).str() + "\n"; }

// --- the fingerprint ---

TEST(Record, AnUntouchedFileNeedNotBeRead) {
  const Record record = record_with(known_file());
  EXPECT_EQ(settle(record, disk_of(record)).digest, digest_of("abc"));
}

TEST(Record, WhateverOfTheFingerprintDiffersNothingIsProven) {
  const Record record = record_with(known_file());
  const auto digest_after = [&](auto change) {
    fs::Stat now = disk_of(record);
    change(now);
    return settle(record, now).digest;
  };
  EXPECT_FALSE(digest_after([](fs::Stat& now) { now.size = 4; }));
  EXPECT_FALSE(digest_after([](fs::Stat& now) { now.mode = 0600; }));
  EXPECT_FALSE(digest_after([](fs::Stat& now) { now.uid = 0; }));
  EXPECT_FALSE(digest_after([](fs::Stat& now) { now.gid = 0; }));
  EXPECT_FALSE(digest_after([](fs::Stat& now) { now.inode = 78; }));
  EXPECT_FALSE(digest_after([](fs::Stat& now) { now.mtime.nanoseconds = 1; }));
  EXPECT_FALSE(digest_after([](fs::Stat& now) { now.type = fs::FileType::symlink; }));
}

TEST(Record, AForgedMtimeIsCaughtByItsCtime) {
  const Record record = record_with(known_file());
  fs::Stat now = disk_of(record);
  now.ctime.nanoseconds += 1;
  EXPECT_FALSE(settle(record, now).digest);
}

TEST(Record, AFileAsNewAsTheRecordMayHaveChangedUnnoticed) {
  Record record = record_with(known_file());
  record.known.at("f").disk.ctime = taken;
  EXPECT_FALSE(settle(record, disk_of(record)).digest);
}

TEST(Record, TheDeviceMayChangeAsItDoesFromBootToBoot) {
  const Record record = record_with(known_file());
  fs::Stat now = disk_of(record);
  now.device = 99;
  EXPECT_TRUE(settle(record, now).digest);
}

// --- owners kept aside ---

TEST(RecordAside, GivesBackOwnerAndMode) {
  const Record record = aside_with(known_file(04511));
  const auto settled = settle(record, disk_of(record));
  EXPECT_EQ(settled.meta.uid, 12u);
  EXPECT_EQ(settled.meta.gid, 34u);
  EXPECT_EQ(settled.meta.mode, 04511u);
  EXPECT_TRUE(settled.digest);
}

TEST(RecordAside, AWrittenFileKeepsOwnerAndModeButNotSetuid) {
  const Record record = aside_with(known_file(04511));
  fs::Stat now = disk_of(record);
  now.size = 5;
  now.mtime = {2000, 0};
  now.ctime = {2000, 0};
  const auto settled = settle(record, now);
  EXPECT_EQ(settled.meta.uid, 12u);
  EXPECT_EQ(settled.meta.mode, 0511u);
  EXPECT_EQ(settled.meta.mtime.seconds, 2000);
  EXPECT_EQ(settled.meta.size, 5u);
  EXPECT_FALSE(settled.digest);
}

TEST(RecordAside, AChangedModeCountsAsItIs) {
  const Record record = aside_with(known_file(0444));
  fs::Stat now = disk_of(record);
  now.mode = 0755;
  now.ctime = {2000, 0};
  EXPECT_EQ(settle(record, now).meta.mode, 0755u);
  EXPECT_EQ(settle(record, now).meta.uid, 12u);
}

TEST(RecordAside, WhatRootGaveAwaySinceIsThatOwners) {
  const Record record = aside_with(known_file());
  fs::Stat now = disk_of(record);
  now.uid = 55;
  EXPECT_EQ(settle(record, now).meta.uid, 55u);
  EXPECT_EQ(settle(record, now).meta.gid, 34u);
}

TEST(RecordAside, ANewFileIsRoots) {
  Record record = aside_with(known_file());
  const fs::Stat now = disk_of(record);
  record.known.clear();
  EXPECT_EQ(settle(record, now).meta.uid, 0u);
  EXPECT_EQ(settle(record, now).meta.gid, 0u);
}

TEST(RecordAside, ANewFileOfSomebodyElseStaysTheirs) {
  Record record = aside_with(known_file());
  fs::Stat now = disk_of(record);
  now.uid = 7;
  record.known.clear();
  EXPECT_EQ(settle(record, now).meta.uid, 7u);
}

TEST(RecordAside, AnotherFileUnderTheNameKeepsOwnerAndModeButNotSetuid) {
  const Record record = aside_with(known_file(04755));
  fs::Stat now = disk_of(record);
  now.inode = 1;  // as `sed -i` leaves it
  EXPECT_EQ(settle(record, now).meta.uid, 12u);
  EXPECT_EQ(settle(record, now).meta.mode, 0755u);
}

TEST(RecordAside, SomethingOfAnotherTypeIsNew) {
  const Record record = aside_with(known_file());
  fs::Stat now = disk_of(record);
  now.type = fs::FileType::directory;
  now.mode = 0700;
  EXPECT_EQ(settle(record, now).meta.uid, 0u);
  EXPECT_EQ(settle(record, now).meta.mode, 0700u);
}

TEST(Record, WithRealOwnersNewFilesAreAsFound) {
  Record record = record_with(known_file());
  const fs::Stat now = disk_of(record);
  record.known.clear();
  EXPECT_EQ(settle(record, now).meta.uid, 12u);
}

// --- devices ---

Record::Known placeholder() {
  Record::Known known = aside(known_file(0666));
  known.meta.type = Type::character;
  known.meta.device_major = 1;
  known.meta.device_minor = 3;
  known.disk.size = 0;
  return known;
}

TEST(RecordDevice, AnUntouchedPlaceholderIsTheDevice) {
  const Record record = record_with(placeholder(), Record::Aside{1000, 100});
  const auto settled = settle(record, disk_of(record));
  EXPECT_EQ(settled.meta.type, Type::character);
  EXPECT_EQ(settled.meta.device_major, 1u);
  EXPECT_EQ(settled.meta.device_minor, 3u);
  EXPECT_EQ(settled.meta.mode, 0666u);
  EXPECT_FALSE(settled.digest);
}

TEST(RecordDevice, APlaceholderThatWasTruncatedStillIs) {
  const Record record = record_with(placeholder(), Record::Aside{1000, 100});
  fs::Stat now = disk_of(record);
  now.mtime = now.ctime = {3000, 0};
  EXPECT_EQ(settle(record, now).meta.type, Type::character);
  EXPECT_EQ(settle(record, now).meta.mtime.seconds, 3000);
}

TEST(RecordDevice, APlaceholderThatWasWrittenToIsAFile) {
  const Record record = record_with(placeholder(), Record::Aside{1000, 100});
  fs::Stat now = disk_of(record);
  now.size = 4;
  EXPECT_EQ(settle(record, now).meta.type, Type::regular);
  EXPECT_EQ(settle(record, now).meta.uid, 0u);
  EXPECT_EQ(settle(record, now).meta.device_minor, 0u);
}

TEST(RecordDevice, AnotherEmptyFileInItsPlaceIsAFile) {
  const Record record = record_with(placeholder(), Record::Aside{1000, 100});
  fs::Stat now = disk_of(record);
  now.inode = 1;
  EXPECT_EQ(settle(record, now).meta.type, Type::regular);
}

// --- xattrs ---

Record::Known with_xattrs(Xattrs xattrs) {
  Record::Known known = aside(known_file(0755));
  known.meta.xattrs = std::move(xattrs);
  return known;
}

TEST(RecordXattrs, ACapabilityComesBackToAnUntouchedFile) {
  const Record record = record_with(with_xattrs({{"security.capability", "c"}}), Record::Aside{1000, 100});
  const auto settled = settle(record, disk_of(record), {{"user.a", "1"}});
  EXPECT_EQ(settled.meta.xattrs, (Xattrs{{"security.capability", "c"}, {"user.a", "1"}}));
}

TEST(RecordXattrs, ACapabilityIsGoneOnceTheFileMayHaveBeenWritten) {
  const Record record = record_with(with_xattrs({{"security.capability", "c"}}), Record::Aside{1000, 100});
  fs::Stat now = disk_of(record);
  now.ctime = {2000, 0};
  EXPECT_TRUE(settle(record, now).meta.xattrs.empty());
}

TEST(RecordXattrs, WhatTheDiskSaysSinceCounts) {
  const Record record = record_with(with_xattrs({{"user.a", "then"}}), Record::Aside{1000, 100});
  EXPECT_EQ(settle(record, disk_of(record), {{"user.a", "now"}}).meta.xattrs, (Xattrs{{"user.a", "now"}}));
  EXPECT_EQ(settle(record, disk_of(record)).meta.xattrs, (Xattrs{{"user.a", "then"}}));
}

TEST(Record, AnMtimeThatTheDiskCouldNotHoldIsTheImages) {
  Record::Known known = known_file();
  known.meta.mtime = {1ll << 40, 7};
  const Record record = record_with(known);
  EXPECT_EQ(settle(record, disk_of(record)).meta.mtime, (Timestamp{1ll << 40, 7}));
}

// --- the text ---

rc::Gen<Record::Known> any_known() {
  return rc::gen::exec([] {
    Record::Known known;
    known.meta = (*any_inode())->meta;
    known.meta.size = 0;
    // Some go back to the disk, some only tell what the image said.
    const std::size_t kept = *rc::gen::inRange<std::size_t>(0, known.meta.xattrs.size() + 1);
    const auto others = known.meta.xattrs.begin() + static_cast<std::ptrdiff_t>(kept);
    known.other_xattrs.assign(others, known.meta.xattrs.end());
    known.meta.xattrs.erase(others, known.meta.xattrs.end());
    known.meta.mtime.nanoseconds = *rc::gen::element<std::uint32_t>(0, 1, 999'999'999);
    known.disk.mtime = {known.meta.mtime.seconds, known.meta.mtime.nanoseconds};
    known.disk.mode = known.meta.mode;
    known.disk.uid = known.meta.uid;
    known.disk.gid = known.meta.gid;
    static constexpr std::array types = {
        fs::FileType::regular, fs::FileType::regular,   fs::FileType::symlink, fs::FileType::character,
        fs::FileType::block,   fs::FileType::directory, fs::FileType::fifo};
    known.disk.type = types[static_cast<std::size_t>(known.meta.type)];
    if (*rc::gen::arbitrary<bool>()) {
      known.disk.uid = *rc::gen::arbitrary<std::uint32_t>();
      known.disk.type = fs::FileType::regular;
      known.disk.mtime.seconds = *rc::gen::arbitrary<std::int64_t>();
    }
    known.disk.size = *rc::gen::arbitrary<std::uint64_t>();
    known.disk.inode = *rc::gen::arbitrary<std::uint64_t>();
    known.disk.ctime = {*rc::gen::arbitrary<std::int64_t>(), 1};
    known.digest = digest_of(known.meta.link);
    return known;
  });
}

rc::Gen<Record> any_record() {
  return rc::gen::exec([] {
    Record record;
    if (*rc::gen::arbitrary<bool>()) record.aside = Record::Aside{*rc::gen::arbitrary<std::uint32_t>(), 5};
    record.taken = {*rc::gen::arbitrary<std::int64_t>(), 12};
    for (int count = *rc::gen::inRange(0, 3); count > 0; --count)
      record.layers.push_back(digest_of(std::to_string(count)));
    for (int count = *rc::gen::inRange(0, 8); count > 0; --count)
      record.known.emplace(*any_path(), *any_known());
    return record;
  });
}

bool same(const Record::Known& a, const Record::Known& b) {
  return a.meta == b.meta && a.other_xattrs == b.other_xattrs && a.digest == b.digest &&
         a.disk.type == b.disk.type && a.disk.mode == b.disk.mode && a.disk.uid == b.disk.uid &&
         a.disk.gid == b.disk.gid && a.disk.size == b.disk.size && a.disk.mtime == b.disk.mtime &&
         a.disk.ctime == b.disk.ctime && a.disk.inode == b.disk.inode;
}

RC_GTEST_PROP(RecordText, IsReadAsItWasWritten, ()) {
  const Record before = *any_record();
  const Record after = read(written(before));
  RC_ASSERT(after.taken == before.taken);
  RC_ASSERT(after.aside.has_value() == before.aside.has_value());
  RC_ASSERT(!after.aside || (after.aside->uid == before.aside->uid && after.aside->gid == before.aside->gid));
  RC_ASSERT(after.layers == before.layers);
  RC_ASSERT(after.known.size() == before.known.size());
  for (const auto& [path, known] : before.known) RC_ASSERT(same(after.known.at(path), known));
  RC_ASSERT(written(after) == written(before));
}

RC_GTEST_PROP(RecordText, CutOffAnywhereItIsRefused, ()) {
  const std::string text = written(*any_record());
  const auto size = *rc::gen::inRange<std::size_t>(0, text.size());
  RC_ASSERT(refusal(text.substr(0, size)).starts_with("invalid: \"x.stave\": "));
}

RC_GTEST_PROP(RecordText, WithOneByteChangedItIsRefused, ()) {
  std::string text = written(*any_record());
  const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
  text[at] = static_cast<char>(text[at] ^ *rc::gen::inRange(1, 256));
  RC_ASSERT(refusal(text) != "done");
}

RC_GTEST_PROP(RecordText, WhoeverForgesOneGetsAnErrorOrARecord, ()) {
  std::string text = written(*any_record());
  text.resize(text.rfind("end "));
  const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
  text[at] = *rc::gen::element(' ', '\n', ':', '\\', '-', '9', 'x', '/', '=', '\0', '\xff');
  const std::string said = refusal(sealed(text));
  RC_ASSERT(said == "done" || said.starts_with("invalid: ") || said.starts_with("unsupported: "));
}

TEST(RecordText, IsTheOneThatIsDocumented) {
  Record record = record_with(known_file());
  record.known.emplace("a b", placeholder());
  record.aside = Record::Aside{1000, 100};
  record.known.at("a b").meta.xattrs = {{"user.x", "\n"}};
  record.known.at("a b").meta.mtime = {-1, 5};
  record.known.at("a b").other_xattrs = {{"user.y", "z"}};
  record.layers = {digest_of("one"), digest_of("two")};
  Record::Known link;
  link.meta.type = Type::symlink;
  link.meta.mode = link.disk.mode = 0777;
  link.meta.link = "to here";
  link.disk.type = fs::FileType::symlink;
  record.known.emplace("l", link);
  const std::string digest = digest_of("abc").str();
  EXPECT_EQ(written(record),
            sealed("stave record 2\n"
                   "layer " +
                   digest_of("one").str() +
                   "\n"
                   "layer " +
                   digest_of("two").str() +
                   "\n"
                   "aside 1000 100\n"
                   "taken 1000.000000500\n"
                   "/a\\x20b c:666:12:34:1:3 f:666:1000:100 0:77:500.000000000:1000.000000499 " +
                   digest +
                   " mtime=-1.000000005 xattr=user.x=\\x0a has=user.y=z\n"
                   "/f f:644:12:34 = 3:77:500.000000000:1000.000000499 " +
                   digest + "\n" + "/l l:777:0:0 = 0:0:0.000000000:0.000000000 link=to\\x20here\n"));
}

// Trees that an older stave unpacked.
TEST(RecordText, TheFirstFormatIsReadAndStandsForNoImage) {
  const std::string digest = digest_of("abc").str();
  const Record record =
      read(sealed("stave record 1\naside 1000 100\ntaken 1000.000000500\n"
                  "/f f:644:12:34 f:600:1000:100 3:77:500.000000000:1000.000000499 " +
                  digest + "\n"));
  EXPECT_EQ(settle(record, disk_of(record)).digest, digest_of("abc"));
  EXPECT_TRUE(record.layers.empty());
  EXPECT_FALSE(record.is_of({}));
}

// --- in place of the image ---

TEST(RecordTree, IsOfItsLayersInTheirOrderOnly) {
  Record record;
  record.layers = {digest_of("one"), digest_of("two")};
  EXPECT_TRUE(record.is_of({digest_of("one"), digest_of("two")}));
  EXPECT_FALSE(record.is_of({digest_of("two"), digest_of("one")}));
  EXPECT_FALSE(record.is_of({digest_of("one")}));
  EXPECT_FALSE(record.is_of({}));
}

TEST(RecordTree, NamesOfOneFileShareIt) {
  Record record = record_with(known_file());
  record.known.emplace("g", known_file());
  Record::Known other = known_file();
  other.disk.inode = 78;
  record.known.emplace("h", other);
  const Tree tree = record.tree();
  EXPECT_EQ(tree.find("f"), tree.find("g"));
  EXPECT_NE(tree.find("f"), tree.find("h"));
  EXPECT_EQ(tree.find("f")->meta.size, 3u);
}

TEST(RecordTree, HasEveryXattrInOrder) {
  Record::Known known = known_file();
  known.meta.xattrs = {{"user.b", "1"}};
  known.other_xattrs = {{"user.a", "2"}, {"user.c", "3"}};
  EXPECT_EQ(record_with(known).tree().find("f")->meta.xattrs,
            (Xattrs{{"user.a", "2"}, {"user.b", "1"}, {"user.c", "3"}}));
}

TEST(RecordTree, XattrsThatTheDiskHasAreNotPutBack) {
  Record::Known known = known_file();
  known.other_xattrs = {{"user.gone", "since"}};
  const Record record = record_with(known);
  EXPECT_TRUE(settle(record, disk_of(record)).meta.xattrs.empty());
}

std::string line(const std::string& text) {
  return sealed("stave record 2\ntaken 1.000000000\n" + text + "\n");
}
const std::string good = "f:644:0:0 = 0:1:0.000000000:0.000000000";

TEST(RecordText, TheLineOfTheseTestsIsGood) { EXPECT_EQ(refusal(line("/a " + good)), "done"); }

TEST(RecordAttack, PathsThatAreNoneAreRefused) {
  for (const std::string path :
       {"a", "/../a", "/a/../b", "//a", "/a/", "/./a", "/a\\x00b", "/a\\x0", "/a\\"}) {
    EXPECT_TRUE(refusal(line(path + " " + good)).starts_with("invalid: ")) << path;
  }
}

TEST(RecordAttack, PathsTwiceOrOutOfOrderAreRefused) {
  EXPECT_NE(refusal(line("/a " + good + "\n/a " + good)), "done");
  EXPECT_NE(refusal(line("/b " + good + "\n/a " + good)), "done");
  EXPECT_NE(refusal(line("/a-b " + good + "\n/a/b " + good)), "done");
  EXPECT_EQ(refusal(line("/a/b " + good + "\n/a-b " + good)), "done");
}

TEST(RecordAttack, WhoStandsForLayersMustKnowWhatTheyHold) {
  const std::string head = "stave record 2\nlayer " + digest_of("one").str() + "\ntaken 1.000000000\n";
  EXPECT_EQ(refusal(sealed(head + "/a " + good + "\n")), "done");
  const std::string full = "f:644:0:0 = 1:1:0.000000000:0.000000000";
  EXPECT_TRUE(refusal(sealed(head + "/a " + full + "\n")).starts_with("invalid: "));
  EXPECT_EQ(refusal(sealed(head + "/a " + full + " " + digest_of("x").str() + "\n")), "done");
  const std::string link = "l:777:0:0 = 1:1:0.000000000:0.000000000";
  EXPECT_TRUE(refusal(sealed(head + "/a " + link + "\n")).starts_with("invalid: "));
  EXPECT_EQ(refusal(sealed(head + "/a " + link + " link=b\n")), "done");
}

TEST(RecordAttack, LayersThatAreNoneOrLateAreRefused) {
  EXPECT_TRUE(refusal(sealed("stave record 2\nlayer sha256:12\ntaken 1.000000000\n")).starts_with("invalid"));
  EXPECT_TRUE(refusal(line("/a " + good + "\nlayer " + digest_of("one").str())).starts_with("invalid: "));
}

TEST(RecordAttack, TextsOfLinksThatAreNoneAreRefused) {
  EXPECT_TRUE(refusal(line("/a " + good + " link=b")).starts_with("invalid: "));
  EXPECT_TRUE(refusal(line("/a l:777:0:0 = 1:1:0.000000000:0.000000000 link=" +
                           std::string(limits::path_bytes + 1, 'a')))
                  .starts_with("invalid: "));
}

TEST(RecordAttack, NumbersThatDoNotFitAreRefused) {
  for (const std::string text :
       {"f:644:4294967296:0 = 0:1:0.000000000:0.000000000", "f:77777:0:0 = 0:1:0.000000000:0.000000000",
        "f:648:0:0 = 0:1:0.000000000:0.000000000",
        "f:644:0:0 = 0:1:9223372036854775808.000000000:0.000000000",
        "f:644:0:0 = 18446744073709551616:1:0.000000000:0.000000000",
        "f:644:0:0 = 0:1:0.9999999999:0.000000000", "f:644:-1:0 = 0:1:0.000000000:0.000000000", "f:644:0:0",
        "", "f:644:0:0:1:3 = 0:1:0.000000000:0.000000000"}) {
    EXPECT_TRUE(refusal(line("/a " + text)).starts_with("invalid: ")) << text;
  }
}

TEST(RecordAttack, AnEndlessLineIsRefusedAndNotKept) {
  class Endless final : public Source {
   public:
    std::size_t read(MutableBytes out) override {
      std::memset(out.data(), 'a', out.size());
      given += out.size();
      return out.size();
    }
    std::uint64_t given = 0;
  } endless;
  EXPECT_TRUE(outcome([&] { Record::read(endless, "x"); }).starts_with("limit: "));
  EXPECT_LT(endless.given, 10u << 20);
}

TEST(RecordText, ALaterFormatIsNotCalledDamaged) {
  EXPECT_TRUE(refusal(sealed("stave record 3\nwhatever\n")).starts_with("unsupported: "));
}

TEST(RecordText, SaysWhatItIsAndWhatToDo) {
  try {
    read("PK\3\4\n");
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "\"x.stave\": line 1: it is no record of stave");
    EXPECT_THAT(e.hint(), testing::HasSubstr("remove it"));
  }
}

// --- beside a tree ---

TEST(RecordPlace, IsBesideTheTree) {
  EXPECT_EQ(Record::name_for("/x/rootfs"), "/x/rootfs.stave");
  EXPECT_EQ(Record::name_for("/x/rootfs//"), "/x/rootfs.stave");
  EXPECT_EQ(Record::name_for("rootfs"), "rootfs.stave");
}

// A tree with a record that fits.
void make_tree(const Scratch& scratch) {
  std::filesystem::create_directory(scratch.path("t"));
  Record record;
  Record::Known root;
  root.disk = fs::Dir::open(scratch.path()).get("t");
  record.known.emplace("", root);
  scratch.write("t.stave", written(record));
}

TEST(RecordPlace, IsFoundByEveryNameOfTheTree) {
  const Scratch scratch;
  make_tree(scratch);
  std::filesystem::create_directory_symlink("t", scratch.path("link"));
  std::filesystem::create_directory(scratch.path("t/d"));
  EXPECT_TRUE(Record::find(scratch.path("t")));
  EXPECT_TRUE(Record::find(scratch.path("t/")));
  EXPECT_TRUE(Record::find(scratch.path("t/.")));
  EXPECT_TRUE(Record::find(scratch.path("t/d/..")));
  EXPECT_TRUE(Record::find(scratch.path("link")));
  EXPECT_FALSE(Record::find(scratch.path("t/d")));
  EXPECT_FALSE(Record::find("/"));
  EXPECT_FALSE(Record::find(scratch.path("nothing")));
}

TEST(RecordPlace, OfATreeThatIsGoneIsNotTakenForThatOfANewOne) {
  const Scratch scratch;
  make_tree(scratch);
  std::filesystem::create_directory(scratch.path("new"));
  std::filesystem::rename(scratch.path("t"), scratch.path("old"));
  std::filesystem::rename(scratch.path("new"), scratch.path("t"));
  EXPECT_THAT(outcome([&] { Record::find(scratch.path("t")); }), testing::HasSubstr("of another directory"));
}

}  // namespace
}  // namespace stave::layer
