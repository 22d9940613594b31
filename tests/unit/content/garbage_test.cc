// Garbage: exactly what nothing reaches goes, and nothing at all when in doubt.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <set>

#include "stave/fs/link.h"
#include "unit/content/layout.h"

namespace stave::content {
namespace {

using testing::docker_picture;
using testing::failure;
using testing::index_of;
using testing::message;
using testing::picture;
using testing::Scratch;
namespace files = std::filesystem;
namespace media = spec::media;

// A layout under the exclusive lock.
struct Layout {
  Scratch scratch;
  Store store = Store::create(scratch.path("s"), 0755, Store::Access::exclusive);

  std::string file(const Digest& digest) const { return scratch.path("s/blobs/sha256/" + digest.hex()); }
  std::set<std::string> blobs() const {
    const auto names = fs::Dir::open(scratch.path("s/blobs/sha256")).list();
    return {names.begin(), names.end()};
  }
  std::size_t collect(const std::vector<spec::Descriptor>& roots = {}) const {
    return store.collect_garbage({}, roots, false).blobs;
  }
};

std::set<std::string> names_of(const std::vector<spec::Descriptor>& descriptors) {
  std::set<std::string> out;
  for (const auto& each : descriptors) out.insert(each.digest.hex());
  return out;
}

TEST(Garbage, IsWhatNoReferenceReaches) {
  const Layout layout;
  const auto a = picture(layout.store, "a"), b = docker_picture(layout.store, "b"),
             c = picture(layout.store, "c");
  const auto list = index_of(layout.store, {b.manifest}, media::docker_list);
  const auto root = index_of(layout.store, {a.manifest, list});
  layout.store.tag("root", root);
  const auto garbage = layout.store.collect_garbage({}, {}, false);
  EXPECT_EQ(garbage.blobs, 3u);
  EXPECT_EQ(garbage.bytes, c.config.size + c.layer.size + c.manifest.size);
  EXPECT_EQ(layout.blobs(),
            names_of({a.config, a.layer, a.manifest, b.config, b.layer, b.manifest, list, root}));
  EXPECT_EQ(layout.collect(), 0u);
}

TEST(Garbage, ADryRunCountsAndKeeps) {
  const Layout layout;
  picture(layout.store, "a");
  const auto before = layout.blobs();
  const auto garbage = layout.store.collect_garbage({}, {}, true);
  EXPECT_EQ(garbage.blobs, 3u);
  EXPECT_EQ(layout.blobs(), before);
}

TEST(Garbage, YoungBlobsStay) {
  const Layout layout;
  picture(layout.store, "a");
  const auto now = fs::change_clock().seconds;
  EXPECT_EQ(layout.store.find_garbage({}, {}, now - 60).blobs, 0u);
  EXPECT_EQ(layout.store.find_garbage({}, {}, now + 60).blobs, 3u);
}

// Whoever copied an old blob in has just begun to count on it.
TEST(Garbage, AnOldFileWithANewNameIsYoung) {
  const Layout layout;
  const auto blob = layout.store.put("garbage");
  const std::array<::timespec, 2> old = {{{.tv_sec = 1000, .tv_nsec = 0}, {.tv_sec = 1000, .tv_nsec = 0}}};
  ASSERT_EQ(::utimensat(AT_FDCWD, layout.file(blob.digest).c_str(), old.data(), 0), 0);
  EXPECT_EQ(layout.store.find_garbage({}, {}, fs::change_clock().seconds - 60).blobs, 0u);
}

TEST(Garbage, WhatAKilledWriterLeftGoesAtAnyAge) {
  const Layout layout;
  testing::write(layout.scratch.path("s/blobs/sha256/.stave-tmp-1-0"), "half");
  EXPECT_EQ(layout.store.find_garbage({}, {}, 0).blobs, 1u);
}

TEST(Garbage, IsListed) {
  const Layout layout;
  const auto blob = layout.store.put("garbage");
  const auto garbage = layout.store.find_garbage({}, {});
  ASSERT_EQ(garbage.files.size(), 1u);
  EXPECT_EQ(garbage.files.front().digest, blob.digest);
  EXPECT_EQ(garbage.files.front().path, "blobs/sha256/" + blob.digest.hex());
  EXPECT_EQ(garbage.files.front().size, 7u);
}

TEST(Garbage, RootsThatAreHandedInStay) {
  const Layout layout;
  const auto a = picture(layout.store, "a");
  picture(layout.store, "b");
  EXPECT_EQ(layout.collect({a.manifest}), 3u);
  EXPECT_EQ(layout.blobs(), names_of({a.config, a.layer, a.manifest}));
}

TEST(Garbage, AnUnknownMediaTypeIsALeafThatStays) {
  const Layout layout;
  const auto leaf = layout.store.put("not even JSON", "application/vnd.unknown+json");
  layout.store.tag("leaf", leaf);
  layout.store.put("garbage");
  EXPECT_EQ(layout.collect(), 1u);
  EXPECT_EQ(layout.blobs(), names_of({leaf}));
}

TEST(Garbage, AMissingPlatformDoesNotStopIt) {
  const Layout layout;
  const auto a = picture(layout.store, "a"), b = picture(layout.store, "b");
  layout.store.tag("x", index_of(layout.store, {a.manifest, b.manifest}));
  for (const auto& each : {b.manifest, b.config}) files::remove(layout.file(each.digest));
  EXPECT_EQ(layout.collect(), 1u);  // b's layer: nothing says any more that it is one
  EXPECT_TRUE(files::exists(layout.file(a.layer.digest)));
}

TEST(Garbage, ASubjectAndItsReferrerStay) {
  const Layout layout;
  const auto a = picture(layout.store, "a");
  const auto config = layout.store.put("{}", media::oci_empty);
  const spec::Manifest referrer{
      .artifact_type = "a/b", .config = config, .layers = {}, .subject = a.manifest};
  layout.store.tag("signature", layout.store.put(referrer.render(), media::oci_manifest));
  EXPECT_EQ(layout.collect(), 0u);
}

TEST(Garbage, Sha512BlobsAreJudgedToo) {
  const Layout layout;
  const auto put = [&](std::string_view text) {
    auto writer = layout.store.begin(Algorithm::sha512);
    writer.write(as_bytes(text));
    const Blob blob = std::move(writer).commit();
    return spec::Descriptor{.media_type = "text/plain", .digest = blob.digest, .size = blob.size};
  };
  const auto kept = put("kept");
  put("garbage");
  layout.store.tag("kept", kept);
  EXPECT_EQ(layout.collect(), 1u);
  EXPECT_EQ(fs::Dir::open(layout.scratch.path("s/blobs/sha512")).list(), std::vector{kept.digest.hex()});
}

TEST(Garbage, WhatIsNoBlobIsNotOurs) {
  const Layout layout;
  for (const char* name : {"README", "ABCDEF", "sha256-0123.sig"})
    testing::write(layout.scratch.path(std::string("s/blobs/sha256/") + name), "x");
  testing::write(layout.scratch.path("s/blobs/md5/d41d8cd98f00b204e9800998ecf8427e"), "");
  testing::write(layout.scratch.path("s/note"), "x");
  files::create_directory(layout.scratch.path("s/.stave-tmp-dir"));
  files::create_directory(layout.file(digest_of("x")));
  EXPECT_EQ(layout.collect(), 0u);
}

// A document that is there and cannot be trusted may refer to anything.
TEST(Garbage, NothingGoesBesideADamagedDocument) {
  const Layout layout;
  const auto a = picture(layout.store, "a"), b = picture(layout.store, "b");
  const auto root = index_of(layout.store, {a.manifest, b.manifest});
  layout.store.tag("x", root);
  layout.store.put("garbage");
  const auto before = layout.blobs();
  for (const auto& victim : {a.manifest, root}) {
    const std::string text = testing::read(layout.file(victim.digest));
    for (const std::string& damage :
         {std::string(), text.substr(1), text + " ", "x" + text.substr(1), std::string(text.size(), '0')}) {
      testing::write(layout.file(victim.digest), damage);
      const auto said = message([&] { layout.collect(); });
      EXPECT_TRUE(said.starts_with("mismatch: the layout ")) << said;
      EXPECT_NE(said.find(victim.digest.str()), said.npos) << said;
      EXPECT_NE(said.find("nothing was removed"), said.npos) << said;
      EXPECT_EQ(layout.blobs(), before);
    }
    testing::write(layout.file(victim.digest), text);
  }
  EXPECT_EQ(layout.collect(), 1u);
}

TEST(Garbage, NothingGoesBesideAnUnparsableDocument) {
  for (const std::string text : {"", "{", "[]", "{}", R"({"schemaVersion":2,"manifests":null})",
                                 R"({"schemaVersion":2,"manifests":[],"manifests":[]})",
                                 R"({"schemaVersion":2,"manifests":[],"layers":[]})"}) {
    const Layout layout;
    auto root = layout.store.put(text, media::oci_index);
    layout.store.tag("x", root);
    layout.store.put("garbage");
    EXPECT_EQ(failure([&] { layout.collect(); }), "invalid") << text;
    EXPECT_EQ(layout.blobs().size(), 2u) << text;
  }
}

TEST(Garbage, NothingGoesWhenIndexJsonIsDamaged) {
  const Layout layout;
  layout.store.put("garbage");
  testing::write(layout.scratch.path("s/index.json"), "{");
  EXPECT_EQ(failure([&] { layout.collect(); }), "invalid");
  files::remove(layout.scratch.path("s/index.json"));
  EXPECT_EQ(failure([&] { layout.collect(); }), "invalid");
  EXPECT_EQ(layout.blobs().size(), 1u);
}

TEST(Garbage, IsNotCollectedBesideOthers) {
  const Layout layout;
  const Scratch other;
  const Store shared = Store::create(other.path("s"), 0755);
  EXPECT_EQ(failure([&] { shared.collect_garbage({}, {}, true); }), "internal");
}

TEST(Garbage, WhatASymlinkThatStaysLeadsToStays) {
  const Layout layout;
  const auto a = picture(layout.store, "a");
  layout.store.tag("a", a.manifest);
  // The layer's bytes lie under another digest's name, two links away.
  const auto real = layout.file(digest_of("real")), between = layout.file(digest_of("between"));
  files::rename(layout.file(a.layer.digest), real);
  files::create_symlink(digest_of("real").hex(), between);
  files::create_symlink(digest_of("between").hex(), layout.file(a.layer.digest));
  files::create_symlink("/nowhere", layout.file(digest_of("dangling")));
  EXPECT_EQ(layout.collect(), 1u);
  EXPECT_EQ(read_document(layout.store, a.layer), "layer a");
}

// Attack: a link out of the layout is garbage like any other file; what it points to is not touched.
TEST(GarbageAttack, SymlinkToAVictimOutside) {
  const Layout layout;
  testing::write(layout.scratch.path("victim"), "keep me");
  files::create_symlink("../../../victim", layout.file(digest_of("x")));
  files::create_symlink(layout.scratch.path("victim"), layout.file(digest_of("y")));
  EXPECT_EQ(layout.collect(), 2u);
  EXPECT_EQ(testing::read(layout.scratch.path("victim")), "keep me");
}

TEST(GarbageAttack, BlobsDirectoryLeadsElsewhere) {
  const Layout layout;
  const std::string outside = layout.scratch.path("outside/sha256");
  testing::write(outside + "/" + digest_of("x").hex(), "keep me");
  files::remove_all(layout.scratch.path("s/blobs"));
  files::create_symlink("../outside", layout.scratch.path("s/blobs"));
  static_cast<void>(failure([&] { layout.collect(); }));
  EXPECT_TRUE(files::exists(outside + "/" + digest_of("x").hex()));
}

// Any choice of names over any images: what stays is what the names reach.
RC_GTEST_PROP(Garbage, StaysWhatIsReachable, ()) {
  const Layout layout;
  std::set<std::string> expected;
  for (int i = 0; i < 4; ++i) {
    const auto each = picture(layout.store, std::to_string(i));
    const auto root = *rc::gen::arbitrary<bool>() ? index_of(layout.store, {each.manifest}) : each.manifest;
    if (!*rc::gen::arbitrary<bool>()) continue;
    layout.store.tag(std::to_string(i), root);
    expected.merge(names_of({each.config, each.layer, each.manifest, root}));
  }
  layout.collect();
  RC_ASSERT(layout.blobs() == expected);
}

}  // namespace
}  // namespace stave::content
