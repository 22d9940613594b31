// The walk: what is found below a root, what is said of blobs that are absent or
// are not what they are called, and that it ends.

#include "stave/validate/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stave/base/limits.h"
#include "unit/validate/shared.h"

namespace stave::validate {
namespace {

namespace media = spec::media;
using testing::Codes;
using ::testing::Contains;
using ::testing::IsEmpty;
using testing::Memory;
using testing::Picture;

struct Checked {
  Graph graph;
  Report report;
  Codes codes;
};

Checked check(const Memory& blobs, const spec::Descriptor& root) {
  Checked out;
  out.graph = check_graph(Context{}, blobs, root,
                          {.file = "index.json", .at = "/manifests/0", .line = 3, .column = 5}, out.report);
  out.codes = testing::codes(out.report);
  return out;
}

// A descriptor in an index: with its platform.
spec::Descriptor entry(spec::Descriptor descriptor, const std::string& platform = "linux/amd64") {
  descriptor.platform = spec::Platform::parse(platform);
  return descriptor;
}

std::string file_of(const spec::Descriptor& descriptor) { return "blobs/sha256/" + descriptor.digest.hex(); }

TEST(Graph, HoldsEachImageWithItsLayersAndTheirDiffIds) {
  Memory blobs;
  const Picture one = testing::picture(blobs, "one"), two = testing::picture(blobs, "two", "linux/arm64");
  const auto root = testing::index_of(blobs, {entry(one.manifest), entry(two.manifest, "linux/arm64")});
  const Checked found = check(blobs, root);
  EXPECT_THAT(found.codes, IsEmpty()) << testing::described(found.report);
  ASSERT_EQ(found.graph.images.size(), 2U);
  const ImageUse& image = found.graph.images[1];
  EXPECT_EQ(image.where.file, file_of(two.manifest));
  EXPECT_EQ(image.config_where.file, file_of(two.config));
  EXPECT_EQ(image.platform, "linux/arm64/v8");
  ASSERT_EQ(image.layers.size(), 1U);
  EXPECT_EQ(image.layers[0].number, 1U);
  EXPECT_EQ(image.layers[0].descriptor.digest, two.layer.digest);
  EXPECT_EQ(image.layers[0].diff_id, digest_of("plain two"));
  EXPECT_EQ(image.layers[0].where.at, "/layers/0");
  EXPECT_TRUE(image.manifest && image.config);
}

TEST(Graph, HoldsAnImageOnceHoweverOftenItIsNamed) {
  Memory blobs;
  const Picture one = testing::picture(blobs, "one");
  const auto inner = testing::index_of(blobs, {entry(one.manifest)});
  const auto root = testing::index_of(blobs, {entry(one.manifest), inner});
  EXPECT_EQ(check(blobs, root).graph.images.size(), 1U);
}

TEST(Graph, SaysWhereTheDigestStandsThatIsNotThatOfTheContent) {
  Memory blobs;
  const Picture one = testing::picture(blobs, "one");
  const auto root = testing::index_of(blobs, {entry(one.manifest)});
  blobs.damage(one.config.digest, "{}");
  const Checked found = check(blobs, root);
  ASSERT_THAT(found.codes, Contains("E012"));
  const Where& where = found.report.findings()[0].where;
  EXPECT_EQ(where.file, file_of(one.manifest));
  EXPECT_EQ(where.at, "/config/digest");
  EXPECT_EQ(where.line, 1U);
}

TEST(Graph, LooksIntoADocumentThatWasEdited) {
  Memory blobs;
  const Picture one = testing::picture(blobs, "one");
  blobs.damage(one.manifest.digest, R"({"schemaVersion":1,"config":{},"layers":[]})");
  EXPECT_EQ(check(blobs, one.manifest).codes, (Codes{"E012", "E303", "W304", "E010", "W306"}));
}

TEST(Graph, SaysOnlyThatADocumentIsDamagedWhichIsNoJsonAnyMore) {
  Memory blobs;
  const Picture one = testing::picture(blobs, "one");
  blobs.damage(one.manifest.digest, R"({"schemaVersion":2,"conf)");
  const Checked found = check(blobs, one.manifest);
  EXPECT_EQ(found.codes, Codes{"E012"});
  EXPECT_THAT(found.graph.images, IsEmpty());
}

TEST(Graph, SaysOfAWrongSizeThatItIsTheSize) {
  Memory blobs;
  const Picture one = testing::picture(blobs, "one");
  spec::Descriptor root = one.manifest;
  root.size += 3;
  EXPECT_EQ(check(blobs, root).codes, Codes{"E019"});
}

TEST(Graph, ChecksSizeAndPresenceOfLayers) {
  Memory blobs;
  const Picture one = testing::picture(blobs, "one");
  blobs.damage(one.layer.digest, "longer than it was");
  EXPECT_EQ(check(blobs, one.manifest).codes, Codes{"E019"});
  blobs.remove(one.layer.digest);
  EXPECT_EQ(check(blobs, one.manifest).codes, Codes{"W109"});
}

TEST(Graph, GoesOnWithoutAConfig) {
  Memory blobs;
  const Picture one = testing::picture(blobs, "one");
  blobs.remove(one.config.digest);
  const Checked found = check(blobs, one.manifest);
  EXPECT_EQ(found.codes, Codes{"W109"});
  ASSERT_EQ(found.graph.images.size(), 1U);
  EXPECT_EQ(found.graph.images[0].layers.size(), 1U);
  EXPECT_EQ(found.graph.images[0].layers[0].diff_id, std::nullopt);
}

TEST(Graph, LeavesWhatItDoesNotKnowUnread) {
  Memory blobs;
  const auto unknown = blobs.put("no JSON", "application/x.unknown");
  const auto root = testing::index_of(blobs, {unknown});
  EXPECT_EQ(check(blobs, root).codes, Codes{"W213"});
  EXPECT_EQ(blobs.reads(unknown.digest), 0);
}

TEST(Graph, NeedsNoSubject) {
  Memory blobs;
  const Picture one = testing::picture(blobs, "one");
  auto manifest = spec::Manifest{
      .config = one.config, .layers = {one.layer}, .subject = testing::picture(blobs, "two").manifest};
  blobs.remove(manifest.subject->digest);
  EXPECT_EQ(check(blobs, blobs.put(manifest.render(), media::oci_manifest)).codes, Codes{});
}

TEST(Graph, TakesForeignLayersForAbsent) {
  Memory blobs;
  const Picture one = testing::picture(blobs, "one");
  spec::Descriptor foreign = one.layer;
  foreign.media_type = "application/vnd.oci.image.layer.nondistributable.v1.tar";
  blobs.remove(foreign.digest);
  const spec::Manifest manifest{.config = one.config, .layers = {foreign}};
  EXPECT_EQ(check(blobs, blobs.put(manifest.render(), media::oci_manifest)).codes, Codes{"W309"});
}

TEST(Graph, TellsAnIndexThatIsCalledAManifest) {
  Memory blobs;
  const auto index = testing::index_of(blobs, {}, media::oci_manifest);
  Memory plain;
  const auto honest = plain.put(spec::Index{}.render(), media::oci_manifest);
  EXPECT_EQ(check(plain, honest).codes, Codes{"E009"});
  EXPECT_THAT(check(blobs, index).codes, Contains("E008"));  // its own mediaType says manifest, too
}

TEST(Graph, TakesDockersTypes) {
  Memory blobs;
  const Picture one = testing::docker_picture(blobs, "one");
  const auto root = testing::index_of(blobs, {entry(one.manifest)}, media::docker_list);
  const Checked found = check(blobs, root);
  EXPECT_EQ(found.report.errors(), 0) << testing::described(found.report);
  EXPECT_EQ(found.codes, Codes{"W026"});
  EXPECT_EQ(found.graph.images.size(), 1U);
}

TEST(Graph, VerifiesSha512LikeSha256) {
  class Sha512 : public Memory {
   public:
    std::unique_ptr<Source> find(const Digest& digest) const override {
      return digest == name ? std::make_unique<BytesSource>(text) : Memory::find(digest);
    }
    std::optional<std::uint64_t> find_size(const Digest& digest) const override {
      return digest == name ? std::optional<std::uint64_t>(text.size()) : Memory::find_size(digest);
    }
    std::string text = spec::Index{}.render();
    Digest name = digest_of(as_bytes(text), Algorithm::sha512);
  };
  Sha512 blobs;
  const spec::Descriptor root = {
      .media_type = std::string(media::oci_index), .digest = blobs.name, .size = blobs.text.size()};
  EXPECT_EQ(check(blobs, root).codes, Codes{});
  blobs.text[1] = ' ';
  EXPECT_THAT(check(blobs, root).codes, Contains("E012"));
}

// Blobs under digests that are not theirs can form a ring.
TEST(Attack, ARingOfIndexesIsWalkedOnce) {
  Memory blobs;
  spec::Descriptor first = testing::index_of(blobs, {});
  const auto second = testing::index_of(blobs, {first, first});
  blobs.damage(first.digest, spec::Index{.manifests = {second, second}}.render());
  EXPECT_THAT(check(blobs, first).codes, Contains("E012"));
}

TEST(Attack, IndexesThatDoubleAtEachLevelAreWalkedOnce) {
  Memory blobs;
  auto root = testing::index_of(blobs, {});
  for (int i = 1; i < limits::index_depth; ++i) {
    const auto other = testing::index_of(blobs, {root, root, root, root});
    root = other;
  }
  EXPECT_EQ(check(blobs, root).codes, Codes{});
  EXPECT_EQ(blobs.reads(), limits::index_depth);
}

TEST(Attack, ALongChainOfSubjectsEnds) {
  Memory blobs;
  const Picture one = testing::picture(blobs, "one");
  spec::Descriptor root = one.manifest;
  for (int i = 0; i < 1000; ++i)
    root = blobs.put(spec::Manifest{.config = one.config, .layers = {one.layer}, .subject = root}.render(),
                     media::oci_manifest);
  EXPECT_EQ(check(blobs, root).codes, Codes{"E006"});
}

TEST(Attack, ADocumentOfMoreThanTheLimitIsNotRead) {
  Memory blobs;
  const auto root = blobs.put(std::string(limits::document_bytes + 1, ' '), media::oci_index);
  EXPECT_EQ(check(blobs, root).codes, Codes{"E006"});
  EXPECT_EQ(blobs.reads(root.digest), 0);
}

TEST(Attack, AManifestWithMoreDiffIdsThanLayers) {
  Memory blobs;
  const Picture one = testing::picture(blobs, "one");
  spec::Config config;
  config.platform = spec::Platform::parse("linux/amd64");
  config.diff_ids = {digest_of("plain one"), digest_of("hidden")};
  const auto put = blobs.put(config.render(), media::oci_config);
  const spec::Manifest manifest{.config = put, .layers = {one.layer}};
  const Checked found = check(blobs, blobs.put(manifest.render(), media::oci_manifest));
  EXPECT_EQ(found.codes, Codes{"E404"});
  EXPECT_EQ(found.graph.images[0].layers[0].diff_id, std::nullopt);
}

TEST(Graph, StopsWhenAsked) {
  Memory blobs;
  const Picture one = testing::picture(blobs, "one");
  std::stop_source stop;
  stop.request_stop();
  Report report;
  EXPECT_EQ(testing::failure([&] {
              check_graph(Context{.stop = stop.get_token()}, blobs, one.manifest, {.file = "x"}, report);
            }),
            "cancelled");
}

}  // namespace
}  // namespace stave::validate
