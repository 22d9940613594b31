// Which image of an index runs where, and what there is.

#include <gtest/gtest.h>

#include "stave/base/limits.h"
#include "stave/image/image.h"
#include "unit/content/layout.h"

namespace stave::image {
namespace {

using testing::failure;
using testing::index_of;
using testing::Memory;
using testing::message;
using testing::picture;
namespace media = spec::media;

spec::Platform platform(std::string_view text) { return spec::Platform::parse(text); }

// An image of `text`, as an index lists it.
spec::Descriptor listed(Memory& memory, const std::string& text) {
  auto descriptor = picture(memory, text, text).manifest;
  descriptor.platform = platform(text);
  return descriptor;
}

// BuildKit's: a manifest for unknown/unknown.
spec::Descriptor attestation(Memory& memory) {
  const spec::Manifest manifest{.config = memory.put("{}", media::oci_config), .layers = {}};
  auto descriptor = memory.put(manifest.render(), media::oci_manifest);
  descriptor.platform = spec::Platform{
      .os = "unknown", .architecture = "unknown", .variant = {}, .os_version = {}, .os_features = {}};
  return descriptor;
}

std::vector<std::string> names(const std::vector<Leaf>& leaves) {
  std::vector<std::string> out;
  for (const auto& leaf : leaves) out.push_back(leaf.platform ? leaf.platform->str() : "-");
  return out;
}

using Names = std::vector<std::string>;

TEST(Leaves, ComeInDocumentOrderFromNestedIndexes) {
  Memory memory;
  const auto inner =
      index_of(memory, {listed(memory, "linux/s390x"), listed(memory, "linux/386")}, media::docker_list);
  const auto root = index_of(memory, {listed(memory, "linux/amd64"), inner, listed(memory, "linux/arm/v7")});
  EXPECT_EQ(names(leaves(memory, root)), (Names{"linux/amd64", "linux/s390x", "linux/386", "linux/arm/v7"}));
}

TEST(Leaves, CostNoReadWhereTheIndexSpeaks) {
  Memory memory;
  const auto amd64 = listed(memory, "linux/amd64");
  leaves(memory, index_of(memory, {amd64, listed(memory, "linux/arm64")}));
  EXPECT_EQ(memory.reads(), 1);
}

TEST(Leaves, TakeThePlatformFromTheConfigWhereTheIndexIsSilent) {
  Memory memory;
  const auto root = index_of(memory, {picture(memory, "a", "linux/arm/v6").manifest});
  EXPECT_EQ(names(leaves(memory, root)), Names{"linux/arm/v6"});
}

TEST(Leaves, OfASingleImageIsTheImage) {
  Memory memory;
  EXPECT_EQ(names(leaves(memory, picture(memory, "a").manifest)), Names{"linux/amd64"});
}

TEST(Leaves, WhatIsNoImageHasNoPlatform) {
  Memory memory;
  const spec::Manifest artifact{
      .artifact_type = "a/b", .config = memory.put("{}", media::oci_empty), .layers = {}};
  const auto root =
      index_of(memory, {attestation(memory), memory.put(artifact.render(), media::oci_manifest)});
  EXPECT_EQ(names(leaves(memory, root)), (Names{"-", "-"}));
}

TEST(Leaves, AnUnknownMediaTypeInAnIndexIsPassedOver) {  // image-index.md, "manifests"
  Memory memory;
  const auto root =
      index_of(memory, {memory.put("?", "application/vnd.unknown"), listed(memory, "linux/amd64")});
  EXPECT_EQ(names(leaves(memory, root)), Names{"linux/amd64"});
}

TEST(Leaves, AnUnknownMediaTypeAsRootIsNot) {
  Memory memory;
  EXPECT_EQ(failure([&] { leaves(memory, memory.put("?", "application/vnd.unknown")); }), "unsupported");
}

TEST(Leaves, WhatIsAbsentCountsIfTheIndexSaysWhatItIs) {
  Memory memory;
  const auto amd64 = listed(memory, "linux/amd64");
  const auto silent = picture(memory, "a").manifest;
  const auto root = index_of(memory, {amd64, silent});
  memory.remove(amd64.digest);
  memory.remove(silent.digest);
  EXPECT_EQ(names(leaves(memory, root)), Names{"linux/amd64"});
}

TEST(Leaves, OneDigestForTwoPlatformsCountsTwice) {
  Memory memory;
  auto one = listed(memory, "linux/arm/v7"), two = one;
  two.platform = platform("linux/arm/v6");
  EXPECT_EQ(names(leaves(memory, index_of(memory, {one, two}))), (Names{"linux/arm/v7", "linux/arm/v6"}));
}

TEST(LeavesAttack, IndexBomb) {
  Memory memory;
  spec::Descriptor inner = index_of(memory, {});
  for (int i = 1; i < limits::index_depth; ++i)
    inner = index_of(memory, std::vector<spec::Descriptor>(100, inner));
  EXPECT_TRUE(leaves(memory, inner).empty());
  EXPECT_EQ(memory.reads(), limits::index_depth);
}

TEST(LeavesAttack, IndexesWithinIndexes) {
  Memory memory;
  spec::Descriptor inner = picture(memory, "a").manifest;
  for (int i = 0; i < limits::index_depth; ++i) inner = index_of(memory, {inner});
  EXPECT_EQ(leaves(memory, inner).size(), 1u);
  EXPECT_EQ(failure([&] { leaves(memory, index_of(memory, {inner})); }), "limit");
}

TEST(Select, GivesTheImageThatRunsThere) {
  Memory memory;
  const auto amd64 = listed(memory, "linux/amd64"), arm64 = listed(memory, "linux/arm64");
  const auto root = index_of(memory, {attestation(memory), amd64, index_of(memory, {arm64})});
  EXPECT_EQ(select(memory, root, platform("linux/amd64")).digest, amd64.digest);
  EXPECT_EQ(select(memory, root, platform("arm64")).digest, arm64.digest);
  EXPECT_EQ(select(memory, root, platform("linux/aarch64")).platform, platform("linux/arm64/v8"));
}

TEST(Select, PrefersTheNearestArmVariant) {
  Memory memory;
  const auto v5 = listed(memory, "linux/arm/v5"), v6 = listed(memory, "linux/arm/v6"),
             v7 = listed(memory, "linux/arm/v7");
  const auto root = index_of(memory, {v5, v7, v6});
  EXPECT_EQ(select(memory, root, platform("linux/arm")).digest, v7.digest);
  EXPECT_EQ(select(memory, root, platform("linux/arm/v6")).digest, v6.digest);
  EXPECT_EQ(select(memory, index_of(memory, {v5, v6}), platform("linux/arm/v7")).digest, v6.digest);
  EXPECT_EQ(failure([&] { select(memory, index_of(memory, {v7}), platform("linux/arm/v6")); }), "not_found");
}

TEST(Select, NeverGivesAnAttestation) {
  Memory memory;
  const auto root = index_of(memory, {attestation(memory)});
  EXPECT_EQ(message([&] { select(memory, root, platform("linux/amd64")); }),
            "not_found: there is no image for linux/amd64; no platform is known here | ");
}

TEST(Select, SaysWhatThereIs) {
  Memory memory;
  const auto amd64 = listed(memory, "linux/amd64");
  const auto root = index_of(memory, {amd64, listed(memory, "linux/arm64"), amd64});
  EXPECT_EQ(
      message([&] { select(memory, root, platform("linux/s390x")); }),
      "not_found: there is no image for linux/s390x; there is linux/amd64, linux/arm64/v8 | choose one with "
      "--platform linux/amd64");
}

TEST(Select, SaysNotTooMuchOfWhatThereIs) {
  Memory memory;
  auto each = listed(memory, "linux/amd64");
  std::vector<spec::Descriptor> many;
  for (int i = 0; i < 1000; ++i) {
    each.platform->variant = "\x1b" + std::to_string(i);
    many.push_back(each);
  }
  const auto said = message([&] { select(memory, index_of(memory, many), platform("linux/s390x")); });
  EXPECT_NE(said.find(" and 984 more"), said.npos) << said;
  EXPECT_EQ(said.find('\x1b'), said.npos);
}

TEST(Select, ASingleImageMustRunThere) {
  Memory memory;
  const auto a = picture(memory, "a", "linux/arm64").manifest;
  EXPECT_EQ(select(memory, a, platform("linux/arm64")).digest, a.digest);
  EXPECT_EQ(failure([&] { select(memory, a, platform("linux/amd64")); }), "not_found");
}

}  // namespace
}  // namespace stave::image
