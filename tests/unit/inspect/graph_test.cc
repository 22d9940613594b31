// Graph: what hangs below an image, whatever state it is in, and its picture.

#include "stave/inspect/graph.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/json/json.h"
#include "unit/content/layout.h"

namespace stave::inspect {
namespace {

using testing::failure;
using testing::index_of;
using testing::Memory;
using testing::picture;

// "index\n image linux/amd64\n  config": a blank for each level, remarks behind commas.
std::string show(const Graph& graph) {
  std::string text;
  for (const auto& node : graph.nodes) {
    text += std::string(node.depth, ' ') + label(node);
    for (const auto& remark : remarks(node)) text += ", " + remark;
    text += "\n";
  }
  return text;
}

std::string show(const content::BlobSource& blobs, const spec::Descriptor& root) {
  return show(graph_of(blobs, root, ""));
}

spec::Descriptor unknown_platform(spec::Descriptor descriptor) {
  descriptor.platform = spec::Platform::parse("linux/amd64");
  descriptor.platform->os = descriptor.platform->architecture = "unknown";
  return descriptor;
}

TEST(Graph, AnImageHasItsConfigAndItsLayers) {
  Memory blobs;
  EXPECT_EQ(show(blobs, picture(blobs, "a").manifest), "image linux/amd64\n config\n layer gzip\n");
}

TEST(Graph, AnIndexHasItsImagesInItsOrder) {
  Memory blobs;
  const auto arm = picture(blobs, "a", "linux/arm64").manifest;
  const auto amd = picture(blobs, "b", "linux/amd64").manifest;
  EXPECT_EQ(
      show(blobs, index_of(blobs, {arm, amd})),
      "index\n image linux/arm64/v8\n  config\n  layer gzip\n image linux/amd64\n  config\n  layer gzip\n");
}

TEST(Graph, CountsEveryBlobOnce) {
  Memory blobs;
  const auto one = picture(blobs, "a");
  const auto root = index_of(blobs, {one.manifest, one.manifest});
  const auto graph = graph_of(blobs, root, "");
  EXPECT_EQ(graph.blobs, 4u);
  EXPECT_EQ(graph.size, root.size + one.manifest.size + one.config.size + one.layer.size);
}

TEST(Graph, WhatStandsAboveIsMarkedAndNotRepeated) {
  Memory blobs;
  const auto one = picture(blobs, "a").manifest;
  EXPECT_EQ(show(blobs, index_of(blobs, {one, one})),
            "index\n image linux/amd64\n  config\n  layer gzip\n image, as above\n");
}

TEST(Graph, WhatIsNotHereIsSaidToBe) {
  Memory blobs;
  auto gone = picture(blobs, "a").manifest;
  gone.platform = spec::Platform::parse("linux/s390x");
  const auto root = index_of(blobs, {gone});
  blobs.remove(gone.digest);
  EXPECT_EQ(show(blobs, root), "index\n image linux/s390x, not here\n");
}

TEST(Graph, AMissingLayerIsSaidToBe) {
  Memory blobs;
  const auto one = picture(blobs, "a");
  blobs.remove(one.layer.digest);
  EXPECT_EQ(show(blobs, one.manifest), "image linux/amd64\n config\n layer gzip, not here\n");
}

TEST(Graph, ADamagedManifestDoesNotHideItsSiblings) {
  Memory blobs;
  const auto bad = picture(blobs, "a").manifest;
  const auto good = picture(blobs, "b").manifest;
  const auto root = index_of(blobs, {bad, good});
  blobs.damage(bad.digest, "{}");
  const auto graph = graph_of(blobs, root, "");
  EXPECT_EQ(graph.nodes[1].state, GraphNode::State::damaged);
  EXPECT_EQ(graph.nodes[2].state, GraphNode::State::here);
  EXPECT_EQ(graph.nodes.size(), 5u);
}

TEST(Graph, ADamagedConfigIsSaidToBe) {
  Memory blobs;
  const auto one = picture(blobs, "a");
  blobs.damage(one.config.digest, "{}");
  EXPECT_EQ(graph_of(blobs, one.manifest, "").nodes[1].state, GraphNode::State::damaged);
}

TEST(Graph, AnAttestationIsNoImage) {
  Memory blobs;
  const auto one = unknown_platform(picture(blobs, "a").manifest);
  EXPECT_EQ(show(blobs, index_of(blobs, {one})), "index\n attestation\n  config\n  layer gzip\n");
}

TEST(Graph, WhatIsOfAnUnknownTypeIsShownByIt) {
  Memory blobs;
  const auto other = blobs.put("x", "text/x-y");
  EXPECT_EQ(show(blobs, index_of(blobs, {other})), "index\n text/x-y\n");
}

TEST(Graph, AnArtifactSaysOfWhatType) {
  Memory blobs;
  spec::Manifest manifest{
      .artifact_type = "application/x", .config = blobs.put("{}", spec::media::oci_empty), .layers = {}};
  const auto subject = picture(blobs, "a").manifest;
  manifest.subject = subject;
  EXPECT_EQ(
      show(blobs, blobs.put(manifest.render(), spec::media::oci_manifest)),
      "artifact application/x\n application/vnd.oci.empty.v1+json\n image linux/amd64, subject\n  config\n"
      "  layer gzip\n");
}

TEST(Graph, IndexesWithinIndexesEnd) {
  Memory blobs;
  auto at = picture(blobs, "a").manifest;
  for (int depth = 0; depth < limits::index_depth + 3; ++depth) at = index_of(blobs, {at});
  const auto graph = graph_of(blobs, at, "");
  EXPECT_EQ(graph.nodes.back().state, GraphNode::State::damaged);
  EXPECT_EQ(graph.nodes.size(), static_cast<std::size_t>(limits::index_depth) + 2);
}

TEST(Graph, AnIndexThatListsOneImageAThousandTimesReadsItOnce) {
  Memory blobs;
  const auto one = picture(blobs, "a");
  const auto graph = graph_of(blobs, index_of(blobs, std::vector<spec::Descriptor>(1000, one.manifest)), "");
  EXPECT_EQ(graph.nodes.size(), 1003u);
  EXPECT_EQ(blobs.reads(one.manifest.digest), 1);
}

TEST(Graph, ReadsNoLayer) {
  Memory blobs;
  const auto one = picture(blobs, "a");
  graph_of(blobs, one.manifest, "");
  EXPECT_EQ(blobs.reads(one.layer.digest), 0);
}

TEST(GraphJson, NestsAsTheDocumentsDo) {
  Memory blobs;
  const auto one = picture(blobs, "a");
  const auto document = json::parse(to_json(graph_of(blobs, index_of(blobs, {one.manifest}), "n")), "it");
  const auto& root = document.at("root");
  EXPECT_EQ(root.at("name"), "n");
  EXPECT_EQ(root.at("children")[0].at("platform"), "linux/amd64");
  EXPECT_EQ(root.at("children")[0].at("children")[1].at("digest"), one.layer.digest.str());
  EXPECT_EQ(document.at("blobs"), 4);
}

TEST(GraphSvg, HasARowForEachBlob) {
  Memory blobs;
  const auto svg = to_svg(graph_of(blobs, picture(blobs, "a").manifest, "n"));
  std::size_t boxes = 0;
  for (std::size_t at = svg.find("<rect class=\"box"); at != svg.npos;
       at = svg.find("<rect class=\"box", at + 1))
    ++boxes;
  EXPECT_EQ(boxes, 3u);
}

TEST(GraphSvg, EscapesWhatHostileNamesHold) {
  Memory blobs;
  const auto svg =
      to_svg(graph_of(blobs, picture(blobs, "a").manifest, "</title><script>\"&\x1b\xff\xef\xbf\xbf"));
  EXPECT_EQ(svg.find("<script"), svg.npos);
  EXPECT_NE(svg.find("&lt;/title&gt;&lt;script&gt;"), svg.npos);
  EXPECT_EQ(svg.find('\x1b'), svg.npos);
  EXPECT_EQ(svg.find("\xef\xbf\xbf"), svg.npos);
  EXPECT_TRUE(is_utf8(svg));
}

TEST(GraphSvg, IsTheSameForTheSameGraph) {
  Memory blobs;
  const auto root = picture(blobs, "a").manifest;
  EXPECT_EQ(to_svg(graph_of(blobs, root, "n")), to_svg(graph_of(blobs, root, "n")));
}

}  // namespace
}  // namespace stave::inspect
