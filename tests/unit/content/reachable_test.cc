// What follows a root: order, verification, limits, and documents that lie about each other.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

#include "stave/base/limits.h"
#include "unit/content/layout.h"

namespace stave::content {
namespace {

using testing::docker_picture;
using testing::failure;
using testing::index_of;
using testing::Memory;
using testing::message;
using testing::picture;
namespace media = spec::media;

std::vector<Digest> digests(const std::vector<Node>& nodes) {
  std::vector<Digest> out;
  for (const auto& node : nodes) out.push_back(node.descriptor.digest);
  return out;
}

std::vector<Digest> reached(const Memory& memory, const spec::Descriptor& root) {
  return digests(reachable(memory, root));
}

TEST(Reachable, GivesChildrenBeforeParentsInDocumentOrder) {
  Memory memory;
  const auto a = picture(memory, "a"), b = docker_picture(memory, "b");
  const auto inner = index_of(memory, {b.manifest}, media::docker_list);
  const auto root = index_of(memory, {a.manifest, inner});
  EXPECT_EQ(reached(memory, root),
            (std::vector{a.config.digest, a.layer.digest, a.manifest.digest, b.config.digest, b.layer.digest,
                         b.manifest.digest, inner.digest, root.digest}));
}

TEST(Reachable, SaysHowDeepABlobLies) {
  Memory memory;
  const auto a = picture(memory, "a");
  const auto nodes = reachable(memory, index_of(memory, {a.manifest}));
  std::vector<int> depths;
  for (const auto& node : nodes) depths.push_back(node.depth);
  EXPECT_EQ(depths, (std::vector{2, 2, 1, 0}));
}

TEST(Reachable, ALeafIsNeverOpened) {
  Memory memory;
  const auto leaf = memory.put("{", "application/vnd.unknown+json");
  EXPECT_EQ(reached(memory, index_of(memory, {leaf})).front(), leaf.digest);
  EXPECT_EQ(memory.reads(leaf.digest), 0);
}

// A random forest of indexes over a few images, with everything shared.
RC_GTEST_PROP(Reachable, EachBlobOnceAndChildrenFirst, ()) {
  Memory memory;
  std::vector<spec::Descriptor> documents;
  for (const char* seed : {"a", "b", "c"}) documents.push_back(picture(memory, seed).manifest);
  std::map<Digest, std::vector<Digest>> children;
  const int indexes = *rc::gen::inRange(1, 6);
  for (int i = 0; i < indexes; ++i) {
    const auto chosen =
        *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, documents.size()));
    std::vector<spec::Descriptor> listed;
    for (const auto each : chosen) listed.push_back(documents[each]);
    documents.push_back(index_of(memory, listed));
    for (const auto& each : listed) children[documents.back().digest].push_back(each.digest);
  }
  const auto order = reached(memory, documents.back());
  RC_ASSERT(std::set<Digest>(order.begin(), order.end()).size() == order.size());
  RC_ASSERT(order.back() == documents.back().digest);
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (const auto& child : children[order[i]]) {
      RC_ASSERT(std::find(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(i), child) !=
                order.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
}

spec::Descriptor with_subject(Memory& memory, const std::string& seed, const spec::Descriptor& subject) {
  const auto config = memory.put("{}", media::oci_empty);
  const auto layer = memory.put(seed, "text/plain");
  const spec::Manifest manifest{
      .artifact_type = "application/x.signature", .config = config, .layers = {layer}, .subject = subject};
  return memory.put(manifest.render(), media::oci_manifest);
}

TEST(Reachable, FollowsASubjectThatIsThere) {
  Memory memory;
  const auto a = picture(memory, "a");
  const auto order = reached(memory, with_subject(memory, "signature", a.manifest));
  EXPECT_NE(std::find(order.begin(), order.end(), a.layer.digest), order.end());
}

TEST(Reachable, DoesWithoutASubjectThatIsNot) {
  Memory memory;
  const auto a = picture(memory, "a");
  const auto signature = with_subject(memory, "signature", a.manifest);
  memory.remove(a.manifest.digest);
  EXPECT_EQ(reached(memory, signature).size(), 3u);
}

TEST(Reachable, AMissingDocumentIsAnError) {
  Memory memory;
  const auto a = picture(memory, "a");
  const auto root = index_of(memory, {a.manifest});
  memory.remove(a.manifest.digest);
  EXPECT_EQ(failure([&] { reachable(memory, root); }), "not_found");
}

TEST(Reachable, AMissingPlatformIsLeftOutWhereThatIsFine) {
  Memory memory;
  const auto a = picture(memory, "a"), b = picture(memory, "b");
  const auto root = index_of(memory, {a.manifest, b.manifest});
  memory.remove(a.manifest.digest);
  EXPECT_EQ(digests(reachable(memory, root, true)),
            (std::vector{b.config.digest, b.layer.digest, b.manifest.digest, root.digest}));
}

TEST(Reachable, VerifiesADocumentBeforeItParsesIt) {
  Memory memory;
  const auto a = picture(memory, "a"), b = picture(memory, "b");
  std::string text = read_document(memory, b.manifest);
  ASSERT_EQ(text.size(), a.manifest.size);
  memory.damage(a.manifest.digest, text);  // well-formed, of the right size, and not what was asked for
  EXPECT_EQ(failure([&] { reachable(memory, a.manifest); }), "mismatch");
}

TEST(Reachable, RefusesADocumentThatIsLargerThanItSays) {
  Memory memory;
  auto a = picture(memory, "a").manifest;
  a.size -= 1;
  EXPECT_EQ(failure([&] { reachable(memory, a); }), "mismatch");
}

TEST(Reachable, RefusesAHugeDocumentUnread) {
  Memory memory;
  auto a = picture(memory, "a").manifest;
  a.size = limits::document_bytes + 1;
  EXPECT_EQ(failure([&] { reachable(memory, a); }), "limit");
  EXPECT_EQ(memory.reads(), 0);
}

spec::Descriptor nest(Memory& memory, spec::Descriptor inner, int times) {
  for (int i = 0; i < times; ++i) inner = index_of(memory, {inner});
  return inner;
}

TEST(Reachable, TakesAsManyNestedIndexesAsTheLimitSays) {
  Memory memory;
  const auto a = picture(memory, "a").manifest;
  EXPECT_EQ(reached(memory, nest(memory, a, limits::index_depth)).size(), 3u + limits::index_depth);
  EXPECT_EQ(failure([&] { reachable(memory, nest(memory, a, limits::index_depth + 1)); }), "limit");
}

TEST(Reachable, AnIndexBombOfSharedChildrenEnds) {
  Memory memory;
  spec::Descriptor inner = picture(memory, "a").manifest;
  for (int i = 0; i < limits::index_depth; ++i) {
    inner = index_of(memory, std::vector<spec::Descriptor>(100, inner));
  }
  EXPECT_EQ(reached(memory, inner).size(), 3u + limits::index_depth);
  EXPECT_LE(memory.reads(), 1 + limits::index_depth);
}

TEST(Reachable, ALongChainOfSubjectsIsALimit) {
  Memory memory;
  spec::Descriptor last = picture(memory, "a").manifest;
  for (int i = 0; i < limits::index_depth + 1; ++i) last = with_subject(memory, std::to_string(i), last);
  EXPECT_EQ(failure([&] { reachable(memory, last); }), "limit");
}

// Named attacks.

TEST(ReachableAttack, AnIndexAndAManifestAtOnce) {  // CVE-2021-41190
  Memory memory;
  const std::string zeros(64, '0');
  const std::string text = R"({"schemaVersion":2,"manifests":[],"layers":[],"config":{"mediaType":")" +
                           std::string(media::oci_config) + R"(","digest":"sha256:)" + zeros +
                           R"(","size":0}})";
  for (const auto type : {media::oci_index, media::oci_manifest}) {
    const auto root = memory.put(text, type);
    const auto said = message([&] { reachable(memory, root); });
    EXPECT_TRUE(said.starts_with("invalid: " + root.digest.str())) << said;
    EXPECT_NE(said.find("CVE-2021-41190"), std::string::npos) << said;
  }
}

TEST(ReachableAttack, AnIndexThatIsCalledAManifest) {
  Memory memory;
  auto index = index_of(memory, {picture(memory, "a").manifest});
  index.media_type = media::oci_manifest;
  EXPECT_EQ(failure([&] { reachable(memory, index); }), "invalid");
}

// Called a layer first, it would be skipped as a manifest later: its layers would be lost.
TEST(ReachableAttack, AManifestHidesBehindALeaf) {
  Memory memory;
  const auto a = picture(memory, "a");
  auto leaf = a.manifest;
  leaf.media_type = "application/octet-stream";
  for (const auto& children : {std::vector{leaf, a.manifest}, std::vector{a.manifest, leaf}}) {
    EXPECT_EQ(failure([&] { reachable(memory, index_of(memory, children)); }), "invalid");
  }
}

TEST(ReachableAttack, OneBlobWithTwoSizes) {
  Memory memory;
  const auto a = picture(memory, "a");
  auto larger = a.layer;
  larger.size += 1;
  EXPECT_EQ(failure([&] { reachable(memory, index_of(memory, {a.manifest, larger})); }), "mismatch");
}

TEST(OpenVerified, NamesTheSourceThatLacksTheBlob) {
  Memory memory;
  const auto blob = memory.put("text", "text/plain");
  memory.remove(blob.digest);
  const auto said = message([&] { open_verified(memory, blob); });
  EXPECT_TRUE(said.starts_with("not_found: the memory has no blob " + blob.digest.str())) << said;
}

TEST(Stacked, AsksTheSecondForWhatTheFirstLacks) {
  Memory first, second;
  const auto a = first.put("a", "text/plain"), b = second.put("b", "text/plain");
  const Stacked both(first, second);
  EXPECT_EQ(read_document(both, a), "a");
  EXPECT_EQ(read_document(both, b), "b");
  EXPECT_EQ(both.find_size(b.digest), 1u);
  EXPECT_EQ(both.find_size(digest_of("c")), std::nullopt);
}

}  // namespace
}  // namespace stave::content
