// describe: what a page says about images of one platform, of several, of none.

#include "stave/inspect/describe.h"

#include <gtest/gtest.h>

#include "stave/json/json.h"
#include "unit/content/layout.h"

namespace stave::inspect {
namespace {

using testing::failure;
using testing::index_of;
using testing::Memory;
using testing::picture;

// An image of two layers whose history is `history`.
Page page_with(const std::vector<spec::History>& history) {
  Memory blobs;
  spec::Config config;
  config.platform = spec::Platform::parse("linux/amd64");
  std::vector<spec::Descriptor> layers;
  for (const std::string layer : {"one", "two"}) {
    layers.push_back(blobs.put(layer, spec::media::oci_layer));
    config.diff_ids.push_back(digest_of(layer));
  }
  config.history = history;
  const spec::Manifest manifest{.media_type = std::string(spec::media::oci_manifest),
                                .config = blobs.put(config.render(), spec::media::oci_config),
                                .layers = layers};
  return describe(blobs, blobs.put(manifest.render(), spec::media::oci_manifest));
}

spec::History made_by(const std::string& what, bool empty = false) {
  spec::History history;
  history.created_by = what;
  history.empty_layer = empty;
  return history;
}

TEST(Describe, LayersAreMadeByTheHistoryThatIsNotEmpty) {
  const auto page = page_with({made_by("a"), made_by("ENV", true), made_by("b")});
  EXPECT_EQ(page.parts[0].layers[0].created_by, "a");
  EXPECT_EQ(page.parts[0].layers[1].created_by, "b");
}

TEST(Describe, AHistoryThatDoesNotCorrespondSaysNothing) {
  const auto page = page_with({made_by("a")});
  EXPECT_EQ(page.parts[0].layers[0].created_by, "");
}

TEST(Describe, LayersHaveTheirDiffIds) {
  const auto page = page_with({});
  EXPECT_EQ(page.parts[0].layers[1].diff_id, digest_of("two"));
}

TEST(Describe, AnImageIsNoIndex) { EXPECT_FALSE(page_with({}).is_index); }

TEST(Describe, AnIndexHasAPartForEachPlatformInItsOrder) {
  Memory blobs;
  const auto arm = picture(blobs, "a", "linux/arm64").manifest;
  const auto amd = picture(blobs, "b", "linux/amd64").manifest;
  const auto page = describe(blobs, index_of(blobs, {arm, amd}));
  ASSERT_EQ(page.parts.size(), 2u);
  EXPECT_EQ(page.parts[0].descriptor.digest, arm.digest);
  EXPECT_EQ(page.parts[1].descriptor.digest, amd.digest);
}

TEST(Describe, APlatformThatIsNotHereIsAmongTheOthers) {
  Memory blobs;
  const auto here = picture(blobs, "a").manifest;
  auto gone = picture(blobs, "b", "linux/arm64").manifest;
  gone.platform = spec::Platform::parse("linux/arm64");
  blobs.remove(gone.digest);
  const auto page = describe(blobs, index_of(blobs, {here, gone}));
  ASSERT_EQ(page.parts.size(), 1u);
  ASSERT_EQ(page.others.size(), 1u);
  EXPECT_EQ(page.others[0].digest, gone.digest);
}

TEST(Describe, SizeCountsASharedBlobOnce) {
  Memory blobs;
  const auto one = picture(blobs, "a");
  const auto page = describe(blobs, index_of(blobs, {one.manifest, one.manifest}));
  EXPECT_EQ(page.size, page.root.size + one.manifest.size + one.config.size + one.layer.size);
}

TEST(Describe, ReadsNoLayer) {
  Memory blobs;
  const auto one = picture(blobs, "a");
  describe(blobs, one.manifest);
  EXPECT_EQ(blobs.reads(one.layer.digest), 0);
}

TEST(Describe, ADamagedConfigIsAMismatch) {
  Memory blobs;
  const auto one = picture(blobs, "a");
  blobs.damage(one.config.digest, std::string(one.config.size, ' '));
  EXPECT_EQ(failure([&] { describe(blobs, one.manifest); }), "mismatch");
}

TEST(ToJson, IsOneDocumentWithWhatThePageHas) {
  Memory blobs;
  const auto one = picture(blobs, "a");
  const auto text = to_json(describe(blobs, one.manifest), "hello:1");
  const auto value = json::parse(text, "the page");
  EXPECT_EQ(value.at("name"), "hello:1");
  EXPECT_EQ(value.at("digest"), one.manifest.digest.str());
  EXPECT_EQ(value.at("images").at(0).at("platform"), "linux/amd64");
  EXPECT_EQ(value.at("images").at(0).at("layers").at(0).at("digest"), one.layer.digest.str());
}

TEST(ToJson, EscapesWhatHostileLabelsHold) {
  Memory blobs;
  spec::Config config;
  config.platform = spec::Platform::parse("linux/amd64");
  config.labels["a\x1b\"b"] = "c\n";
  const spec::Manifest manifest{.media_type = std::string(spec::media::oci_manifest),
                                .config = blobs.put(config.render(), spec::media::oci_config),
                                .layers = {}};
  const auto text = to_json(describe(blobs, blobs.put(manifest.render(), spec::media::oci_manifest)), "");
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(json::parse(text, "the page").at("images").at(0).at("config").at("Labels").at("a\x1b\"b"), "c\n");
}

TEST(ReadableCommand, IsWhatAPersonWouldWrite) {
  EXPECT_EQ(readable_command("/bin/sh -c #(nop)  CMD [\"sh\"]"), "CMD [\"sh\"]");
  EXPECT_EQ(readable_command("/bin/sh -c apk add\t\tx \\\n  y"), "RUN apk add x \\ y");
  EXPECT_EQ(readable_command("RUN /bin/sh -c make # buildkit"), "RUN make");
  EXPECT_EQ(readable_command("COPY a b # buildkit"), "COPY a b");
  EXPECT_EQ(readable_command("|1 V=3 /bin/sh -c make"), "RUN V=3 make");
  EXPECT_EQ(readable_command("RUN |1 V=3 /bin/sh -c make # buildkit"), "RUN V=3 make");
  EXPECT_EQ(readable_command("|0 /bin/sh -c make"), "RUN make");
  EXPECT_EQ(readable_command("stave pack --add x"), "stave pack --add x");
  EXPECT_EQ(readable_command("| x"), "| x");
  EXPECT_EQ(readable_command(""), "");
}

}  // namespace
}  // namespace stave::inspect
