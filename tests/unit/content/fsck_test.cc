// fsck: whatever is damaged is found, mending loses nothing, and what was put again
// is whole again.

#include "stave/content/fsck.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <memory>
#include <set>
#include <stop_token>
#include <utility>

#include "unit/content/layout.h"

namespace stave::content {
namespace {

using testing::failure;
using testing::index_of;
using testing::picture;
using testing::Scratch;
namespace files = std::filesystem;
namespace media = spec::media;

// A layout with an image `a`, an image `b`, and `multi` over both.
struct Layout {
  Scratch scratch;
  testing::Picture a, b;
  spec::Descriptor multi{.media_type = {}, .digest = digest_of(""), .size = 0};

  Layout() : Layout(std::in_place) {
    put();
    const auto s = store();
    s.tag("a", a.manifest);
    s.tag("b", b.manifest);
    s.tag("multi", multi);
  }

  // The same again, without waiting for the disk seven times.
  Layout(const Layout& other) : Layout(std::in_place) {
    files::copy(other.path(), path(), files::copy_options::recursive);
    a = other.a;
    b = other.b;
    multi = other.multi;
  }
  Layout& operator=(const Layout&) = delete;
  ~Layout() = default;

  // The blobs of all of them, as they were.
  void put() {
    const auto s = store();
    a = picture(s, "a");
    b = picture(s, "b");
    multi = index_of(s, {a.manifest, b.manifest});
  }
  Store store() const { return Store::create(path(), 0755); }
  std::string path(std::string_view relative = {}) const {
    return scratch.path("s" + (relative.empty() ? "" : "/" + std::string(relative)));
  }
  std::string file(const Digest& digest) const { return path(fmt_path(digest)); }
  static std::string fmt_path(const Digest& digest) {
    return "blobs/" + std::string(name(digest.algorithm())) + "/" + digest.hex();
  }
  std::string index() const { return testing::read(path("index.json")); }
  std::set<std::string> names() const {
    std::set<std::string> out;
    for (const auto& each : store().index().manifests) {
      const auto found = each.annotations.find(std::string(spec::annotation::ref_name));
      out.insert(found == each.annotations.end() ? each.digest.str() : found->second);
    }
    return out;
  }
  // Nobody but `edit` uses the layout: a repair waits for everybody.
  template <class Edit>
  void in_store(const Edit& edit) const {
    edit(store());
  }
  Checked check() const { return fsck({}, path(), false); }
  Checked repair() const { return fsck({}, path(), true); }

 private:
  // Digest has no default; these are replaced at once.
  explicit Layout(std::in_place_t) : a{none(), none(), none()}, b{none(), none(), none()} {}
  static spec::Descriptor none() { return {.media_type = {}, .digest = digest_of(""), .size = 0}; }
};

// For properties, which are asked a hundred times.
Layout layout_like_the_first() {
  static const Layout first;
  return first;
}

using Words = std::vector<std::string>;

// "damaged_blob", each once, in order of finding.
Words troubles(const Checked& checked) {
  Words out;
  for (const auto& each : checked.findings) out.emplace_back(name(each.trouble));
  return out;
}

// "damaged_blob a,b" for each.
Words troubles_and_names(const Checked& checked) {
  Words out;
  for (const auto& each : checked.findings)
    out.push_back(std::string(name(each.trouble)) + " " + join(each.names, ","));
  return out;
}

void flip(const std::string& file, std::size_t at) {
  std::string text = testing::read(file);
  text.at(at % text.size()) ^= 1;
  testing::write(file, text);
}

// --- what is whole ---

TEST(Fsck, FindsNothingInAWholeLayout) {
  const Layout layout;
  const auto checked = layout.check();
  EXPECT_EQ(troubles(checked), Words{});
  EXPECT_EQ(checked.names, 3u);
  EXPECT_EQ(checked.blobs, 7u);
}

TEST(Fsck, RepairsNothingInAWholeLayout) {
  const Layout layout;
  const auto before = layout.index();
  const auto inode = testing::stat_of(layout.path("index.json")).st_ino;
  EXPECT_EQ(troubles(layout.repair()), Words{});
  EXPECT_EQ(layout.index(), before);
  EXPECT_EQ(testing::stat_of(layout.path("index.json")).st_ino, inode);
  EXPECT_FALSE(files::exists(layout.path(aside_directory)));
}

TEST(Fsck, APlatformThatWasLeftOutIsNotMissing) {
  const Layout layout;
  layout.in_store([&](const Store& s) {
    s.edit_index([](spec::Index& index) {
      std::erase_if(index.manifests, [](auto& each) { return each.annotations.begin()->second != "multi"; });
    });
  });
  for (const auto& each : {layout.b.manifest, layout.b.config, layout.b.layer})
    files::remove(layout.file(each.digest));
  EXPECT_EQ(troubles(layout.check()), Words{});
  EXPECT_EQ(troubles(layout.repair()), Words{});
  EXPECT_EQ(layout.names(), std::set<std::string>{"multi"});
}

TEST(Fsck, ALayerThatLivesElsewhereIsNotMissing) {
  const Layout layout;
  const auto s = layout.store();
  const spec::Manifest manifest{
      .config = layout.a.config,
      .layers = {{.media_type = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                  .digest = digest_of("elsewhere"),
                  .size = 9,
                  .urls = {"https://example.com/layer"}}}};
  s.tag("windows", s.put(manifest.render(), media::oci_manifest));
  EXPECT_EQ(troubles(layout.check()), Words{});
}

TEST(Fsck, ASubjectThatIsNotHereIsNotMissing) {
  const Layout layout;
  const auto s = layout.store();
  const spec::Manifest referrer{
      .config = layout.a.config,
      .layers = {},
      .subject = spec::Descriptor{
          .media_type = std::string(media::oci_manifest), .digest = digest_of("x"), .size = 1}};
  s.tag("signature", s.put(referrer.render(), media::oci_manifest));
  EXPECT_EQ(troubles(layout.check()), Words{});
}

// --- damage ---

RC_GTEST_PROP(Fsck, FindsEveryFlippedBitAndPuttingAgainHealsIt, ()) {
  const Layout layout = layout_like_the_first();
  const std::vector<Digest> all = {layout.a.config.digest, layout.a.layer.digest, layout.a.manifest.digest,
                                   layout.multi.digest};
  const auto victim = *rc::gen::elementOf(all);
  const auto at = *rc::gen::inRange<std::size_t>(0, 10000);
  const auto whole = testing::read(layout.file(victim));
  flip(layout.file(victim), at);
  const auto found = layout.check();
  RC_ASSERT(!found.findings.empty());
  RC_ASSERT(found.findings.front().trouble == Trouble::damaged_blob);
  RC_ASSERT(found.findings.front().digest == victim);
  const auto mended = layout.repair();
  RC_ASSERT(troubles(mended) == troubles(found));
  const auto s = layout.store();
  s.put(whole);
  for (const auto& [name, root] : {std::pair("a", layout.a.manifest), std::pair("multi", layout.multi)})
    s.tag(name, root);
  RC_ASSERT(troubles(layout.check()).empty());
}

RC_GTEST_PROP(Fsck, ATruncatedBlobIsFound, ()) {
  const Layout layout = layout_like_the_first();
  const std::string file = layout.file(layout.a.layer.digest);
  files::resize_file(file, *rc::gen::inRange<std::size_t>(0, files::file_size(file)));
  RC_ASSERT(troubles_and_names(layout.check()) == (Words{"damaged_blob a,multi", "missing_blob a,multi"}));
}

TEST(Fsck, DamageIsMovedAsideByteForByte) {
  const Layout layout;
  flip(layout.file(layout.a.layer.digest), 3);
  const auto damaged = testing::read(layout.file(layout.a.layer.digest));
  layout.repair();
  EXPECT_FALSE(files::exists(layout.file(layout.a.layer.digest)));
  EXPECT_EQ(testing::read(layout.path(".stave-damaged/sha256-" + layout.a.layer.digest.hex())), damaged);
}

TEST(Fsck, DamageTwiceIsKeptTwice) {
  Layout layout;
  for (const std::size_t at : {1, 2}) {
    flip(layout.file(layout.a.layer.digest), at);
    layout.repair();
    layout.put();
  }
  const std::string first = layout.path(".stave-damaged/sha256-" + layout.a.layer.digest.hex());
  EXPECT_NE(testing::read(first), testing::read(first + ".1"));
}

TEST(Fsck, AnImageThatLacksALayerKeepsItsName) {
  const Layout layout;
  files::remove(layout.file(layout.a.layer.digest));
  const auto checked = layout.repair();
  EXPECT_EQ(troubles_and_names(checked), Words{"missing_blob a,multi"});
  EXPECT_EQ(checked.unrepaired(), 1u);
  EXPECT_EQ(layout.names(), (std::set<std::string>{"a", "b", "multi"}));
}

TEST(Fsck, ADamagedManifestTakesItsNameAlongAndTheIndexIsKept) {
  const Layout layout;
  const auto before = layout.index();
  flip(layout.file(layout.a.manifest.digest), 0);
  const auto checked = layout.repair();
  EXPECT_EQ(troubles_and_names(checked), (Words{"damaged_blob a,multi", "dangling_name a"}));
  EXPECT_EQ(checked.unrepaired(), 0u);
  EXPECT_EQ(layout.names(), (std::set<std::string>{"b", "multi"}));
  EXPECT_EQ(testing::read(layout.path(".stave-damaged/index.json")), before);
  EXPECT_EQ(troubles(layout.check()), Words{});
}

TEST(Fsck, Sha512BlobsAreCheckedToo) {
  const Layout layout;
  auto writer = layout.store().begin(Algorithm::sha512);
  writer.write(as_bytes(std::string_view("text")));
  const auto blob = std::move(writer).commit();
  EXPECT_EQ(troubles(layout.check()), Words{});
  flip(layout.file(blob.digest), 0);
  EXPECT_EQ(troubles(layout.check()), Words{"damaged_blob"});
  EXPECT_EQ(layout.check().findings.front().digest, blob.digest);
}

TEST(Fsck, TheSameIsFoundWithManyThreads) {
  const Layout layout;
  for (const auto& each : {layout.a.layer, layout.b.config, layout.b.manifest})
    flip(layout.file(each.digest), 1);
  Context many;
  many.jobs = 8;
  EXPECT_EQ(troubles_and_names(fsck(many, layout.path(), false)), troubles_and_names(layout.check()));
}

TEST(Fsck, ADirectoryUnderADigestsNameIsDamage) {
  const Layout layout;
  files::create_directory(layout.file(digest_of("directory")));
  EXPECT_EQ(troubles(layout.repair()), Words{"damaged_blob"});
  EXPECT_EQ(troubles(layout.check()), Words{});
}

// Attack: a blob that is a link out of the layout is neither read nor followed when it is moved.
TEST(Fsck, SymlinkOutOfTheLayoutEscapesNothing) {
  const Layout layout;
  testing::write(layout.scratch.path("outside"), "outside");
  files::create_symlink("../../../outside", layout.file(digest_of("outside")));
  EXPECT_EQ(troubles(layout.repair()), Words{"damaged_blob"});
  EXPECT_EQ(testing::read(layout.scratch.path("outside")), "outside");
}

// --- descriptors ---

TEST(Fsck, AWrongSizeInIndexJsonIsPutRight) {
  const Layout layout;
  layout.store().edit_index([](spec::Index& index) { ++index.manifests.front().size; });
  EXPECT_EQ(troubles_and_names(layout.repair()), Words{"wrong_size a"});
  EXPECT_EQ(layout.store().find_reference("a")->size, layout.a.manifest.size);
  EXPECT_EQ(troubles(layout.check()), Words{});
}

TEST(Fsck, AWrongMediaTypeInIndexJsonIsPutRight) {
  const Layout layout;
  layout.store().edit_index(
      [](spec::Index& index) { index.manifests.back().media_type = media::oci_manifest; });
  EXPECT_EQ(troubles_and_names(layout.repair()), Words{"wrong_type multi"});
  EXPECT_EQ(layout.store().find_reference("multi")->media_type, media::oci_index);
  EXPECT_EQ(troubles(layout.check()), Words{});
}

TEST(Fsck, AWrongSizeInAManifestStays) {
  const Layout layout;
  layout.in_store([&](const Store& s) {
    auto layer = layout.a.layer;
    ++layer.size;
    const spec::Manifest manifest{.config = layout.a.config, .layers = {layer}};
    s.tag("liar", s.put(manifest.render(), media::oci_manifest));
  });
  const auto checked = layout.repair();
  EXPECT_EQ(troubles_and_names(checked), Words{"wrong_size liar"});
  EXPECT_EQ(checked.unrepaired(), 1u);
}

TEST(Fsck, ADocumentThatIsNoneIsFoundAndStays) {
  const Layout layout;
  layout.in_store([&](const Store& s) { s.tag("bad", s.put("{}", media::oci_index)); });
  EXPECT_EQ(troubles_and_names(layout.repair()), Words{"bad_document bad"});
  EXPECT_TRUE(layout.names().contains("bad"));
}

TEST(Fsck, ANameForNothingIsRemoved) {
  const Layout layout;
  files::remove(layout.file(layout.multi.digest));
  EXPECT_EQ(troubles_and_names(layout.repair()), Words{"dangling_name multi"});
  EXPECT_EQ(layout.names(), (std::set<std::string>{"a", "b"}));
}

// --- files ---

TEST(Fsck, StrayFilesAreRemoved) {
  const Layout layout;
  for (const char* name : {".stave-tmp-1-0", "blobs/.stave-tmp-1-0", "blobs/sha256/.stave-tmp-2-0"})
    testing::write(layout.path(name), "half");
  EXPECT_EQ(troubles(layout.check()), Words(3, "stray_file"));
  EXPECT_EQ(layout.repair().unrepaired(), 0u);
  EXPECT_EQ(troubles(layout.check()), Words{});
}

TEST(Fsck, ATemporaryFileBesideSomebodyElseIsNotStray) {
  const Layout layout;
  testing::write(layout.path(".stave-tmp-1-0"), "half");
  const auto other = layout.store();
  EXPECT_EQ(troubles(layout.check()), Words{});
}

TEST(Fsck, WhatIsNoBlobIsMovedAside) {
  const Layout layout;
  testing::write(layout.path("blobs/sha256/README"), "x");
  testing::write(layout.path("blobs/note"), "y");
  EXPECT_EQ(troubles(layout.repair()), Words(2, "no_blob"));
  EXPECT_EQ(testing::read(layout.path(".stave-damaged/README")), "x");
  EXPECT_EQ(testing::read(layout.path(".stave-damaged/note")), "y");
}

TEST(Fsck, AnotherAlgorithmIsNotOurs) {
  const Layout layout;
  testing::write(layout.path("blobs/blake3/0123"), "x");
  EXPECT_EQ(troubles(layout.repair()), Words{});
}

TEST(Fsck, OthersMayNoLongerWrite) {
  const Layout layout;
  for (const std::string& each : {std::string(), std::string("blobs/sha256"), std::string("index.json"),
                                  Layout::fmt_path(layout.a.layer.digest)})
    files::permissions(layout.path(each), files::perms::others_write, files::perm_options::add);
  EXPECT_EQ(troubles(layout.repair()), Words(4, "open_mode"));
  EXPECT_EQ(testing::stat_of(layout.path()).st_mode & 07777, 0755u);
  EXPECT_EQ(troubles(layout.check()), Words{});
}

// --- oci-layout, index.json ---

TEST(Fsck, OciLayoutIsWrittenAnew) {
  for (const bool there : {false, true}) {
    const Layout layout;
    files::remove(layout.path("oci-layout"));
    if (there) testing::write(layout.path("oci-layout"), "{");
    EXPECT_EQ(troubles(layout.repair()), Words{"layout"});
    EXPECT_EQ(layout.names().size(), 3u);
  }
}

TEST(Fsck, ALaterLayoutIsNotTouched) {
  const Layout layout;
  testing::write(layout.path("oci-layout"), R"({"imageLayoutVersion":"2.0.0"})");
  testing::write(layout.path("blobs/sha256/README"), "x");
  EXPECT_EQ(failure([&] { layout.repair(); }), "unsupported");
  EXPECT_TRUE(files::exists(layout.path("blobs/sha256/README")));
}

RC_GTEST_PROP(Fsck, ATruncatedIndexGivesBackWhatCanBeRead, ()) {
  const Layout layout = layout_like_the_first();
  const auto whole = layout.index();
  const auto size = *rc::gen::inRange<std::size_t>(0, whole.size());
  testing::write(layout.path("index.json"), whole.substr(0, size));
  RC_ASSERT(layout.repair().unrepaired() == 0);
  // Every name whose descriptor is there completely is back, and of the others the image at least.
  std::size_t complete = 0;
  for (std::size_t at = whole.find("ref.name"); at < size; at = whole.find("ref.name", at + 1)) {
    const auto end = whole.find("}}", at);
    if (end != whole.npos && end + 2 <= size) ++complete;
  }
  const auto names = layout.names();
  RC_ASSERT(names.contains("a") == (complete >= 1));
  RC_ASSERT(names.contains("multi") == (complete >= 3));
  RC_ASSERT(names.contains("multi") || names.contains(layout.multi.digest.str()));
  RC_ASSERT(troubles(layout.check()).empty());
}

TEST(Fsck, AnIndexThatIsGoneIsMadeFromTheManifests) {
  const Layout layout;
  files::remove(layout.path("index.json"));
  EXPECT_EQ(troubles(layout.repair()), Words{"index"});
  // `a` and `b` are found below `multi`.
  EXPECT_EQ(layout.names(), std::set<std::string>{layout.multi.digest.str()});
}

TEST(Fsck, ABrokenLineLosesOnlyItself) {
  const Layout layout;
  auto text = layout.index();
  const auto at = text.find(layout.b.manifest.digest.hex());
  text[at] = 'X';
  testing::write(layout.path("index.json"), text);
  EXPECT_EQ(troubles(layout.repair()), Words{"index"});
  EXPECT_EQ(layout.names(), (std::set<std::string>{"a", "multi"}));
  EXPECT_EQ(testing::read(layout.path(".stave-damaged/index.json")), text);
}

// Attack: braces that nobody closes are not looked through again for every one of them.
TEST(Fsck, AMillionBracesEnd) {
  const Layout layout;
  testing::write(layout.path("index.json"), R"({"manifests":[)" + std::string(1'000'000, '{'));
  EXPECT_EQ(troubles(layout.repair()), Words{"index"});
  EXPECT_EQ(layout.names().size(), 1u);
}

TEST(Fsck, ADirectoryThatIsNoLayoutIsRefused) {
  const Scratch scratch;
  testing::write(scratch.path("index.json"), "[]");
  EXPECT_EQ(failure([&] { fsck({}, scratch.path(), true); }), "invalid");
  EXPECT_EQ(testing::read(scratch.path("index.json")), "[]");
  EXPECT_EQ(failure([&] { fsck({}, scratch.path("absent"), true); }), "not_found");
}

TEST(Fsck, WhatAKilledCreatorLeftBecomesALayout) {
  const Scratch scratch;
  files::create_directories(scratch.path("s/blobs"));
  EXPECT_EQ(troubles(fsck({}, scratch.path("s"), true)), (Words{"layout", "index"}));
  EXPECT_EQ(Store::open(scratch.path("s")).index().manifests.size(), 0u);
}

TEST(Fsck, GarbageIsNoTrouble) {
  const Layout layout;
  layout.store().put("garbage");
  EXPECT_EQ(troubles(layout.check()), Words{});
}

// The writer is done when it is told that somebody waits for it; nobody would be told otherwise.
TEST(Fsck, RepairWaitsForAWriterAndSaysSo) {
  const Layout layout;
  struct Told : Progress {
    int begin(std::string_view, std::uint64_t) override { return 0; }
    void advance(int, std::uint64_t) override {}
    void end(int, std::string_view, bool) override {}
    void warn(std::string_view message) override {
      said = message;
      writer.reset();
    }
    std::string said;
    std::unique_ptr<Store> writer;
  } told;
  told.writer = std::make_unique<Store>(layout.store());
  Context context;
  context.progress = &told;
  fsck(context, layout.path(), true);
  EXPECT_NE(told.said.find("waiting for others"), told.said.npos) << told.said;
}

TEST(Fsck, AStopRequestEndsTheWaiting) {
  const Layout layout;
  const auto writer = layout.store();
  std::stop_source stop;
  stop.request_stop();
  Context context;
  context.stop = stop.get_token();
  EXPECT_EQ(failure([&] { fsck(context, layout.path(), true); }), "cancelled");
}

}  // namespace
}  // namespace stave::content
