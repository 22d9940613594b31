// The same against a registry that somebody else wrote: the one that STAVE_TEST_REGISTRY
// names ("127.0.0.1:5000"), which must let anybody push.

#include <gmock/gmock.h>

#include "unit/registry/client.h"

namespace stave::testing {
namespace {

using ::testing::Contains;
using ::testing::StartsWith;

constexpr std::size_t mib = 1 << 20;

class Live : public ::testing::Test {
 protected:
  void SetUp() override {
    if (host.empty()) GTEST_SKIP() << "STAVE_TEST_REGISTRY names no registry to push to";
  }
  Repository repository(const std::string& path) const {
    return Repository(network, Context{}, named(host, path));
  }
  static Settings patient(const std::string& state) {
    Settings settings;
    settings.tls_verify = false;
    settings.chunk_bytes = 4 << 20;
    settings.state_directory = state;
    return settings;
  }

  const std::string host =
      std::getenv("STAVE_TEST_REGISTRY") == nullptr ? "" : std::getenv("STAVE_TEST_REGISTRY");
  const Scratch scratch;
  const std::shared_ptr<const Network> network = std::make_shared<const Network>(patient(scratch.path()));
  MemoryBlobs blobs;
};

TEST_F(Live, WhatWasPushedIsPulled) {
  const Repository app = repository("live/app");
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, mib + 1, 9 * mib}) {
    const spec::Descriptor blob = blobs.add(noise(size, 5));
    EXPECT_NE(app.push_blob(blobs, blob, {}, [](std::uint64_t) {}), Pushed::mounted);
    EXPECT_EQ(pulled(app, blob), noise(size, 5));
    EXPECT_EQ(app.push_blob(blobs, blob, {}, [](std::uint64_t) {}), Pushed::there_already);
    EXPECT_EQ(all_of(*app.find_from(blob.digest, size / 2)), noise(size, 5).substr(size / 2));
  }
}

TEST_F(Live, ManifestsTagsAndReferrers) {
  const Repository app = repository("live/doc");
  const spec::Descriptor config = blobs.add("{}");
  const spec::Descriptor layer = blobs.add("layer");
  app.push_blob(blobs, config, {}, [](std::uint64_t) {});
  app.push_blob(blobs, layer, {}, [](std::uint64_t) {});
  const std::string text = manifest_of(config.digest, layer.digest);
  app.put_document(text, described(text), "1");
  EXPECT_EQ(app.find_document("1")->text, text);
  EXPECT_EQ(app.find_descriptor("1"), described(text));
  EXPECT_THAT(app.tags(), Contains("1"));
  const std::string note =
      manifest_of(config.digest, layer.digest,
                  R"(,"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" +
                      digest_of(text).str() + R"(","size":)" + std::to_string(text.size()) + "}");
  app.put_document(note, described(note), {});
  EXPECT_EQ(app.referrers(digest_of(text)).at(0).digest, digest_of(note));
}

TEST_F(Live, BlobsAreMounted) {
  const spec::Descriptor blob = blobs.add(noise(2 * mib, 6));
  repository("live/from").push_blob(blobs, blob, {}, [](std::uint64_t) {});
  const Repository to = repository("live/to" + std::to_string(::getpid()));
  EXPECT_EQ(to.push_blob(blobs, blob, {"live/from"}, [](std::uint64_t) {}), Pushed::mounted);
  EXPECT_EQ(pulled(to, blob), noise(2 * mib, 6));
}

// Stopped within a chunk.
TEST_F(Live, PushGoesOnAfterAStop) {
  const std::string bytes = noise(18 * mib, static_cast<std::uint64_t>(::getpid()));
  const spec::Descriptor blob = blobs.add(bytes);
  std::stop_source stop;
  Context context;
  context.stop = stop.get_token();
  std::uint64_t so_far = 0;
  const Repository first(network, context, named(host, "live/stopped"));
  EXPECT_THAT(failure([&] {
                first.push_blob(blobs, blob, {}, [&](std::uint64_t n) {
                  so_far += n;
                  if (so_far > 13 * mib) stop.request_stop();
                });
              }),
              StartsWith("cancelled:"));
  const Repository second = repository("live/stopped");
  EXPECT_EQ(second.push_blob(blobs, blob, {}, [](std::uint64_t) {}), Pushed::sent);
  EXPECT_EQ(pulled(second, blob), bytes);
}

TEST_F(Live, TagsAreRemovedByDigestOnlyWhenAsked) {
  const Repository app = repository("live/gone");
  const spec::Descriptor config = blobs.add("{}");
  app.push_blob(blobs, config, {}, [](std::uint64_t) {});
  const std::string text = manifest_of(config.digest, config.digest);
  app.put_document(text, described(text), "1");
  app.erase("1", true);
  EXPECT_FALSE(repository("live/gone").find_document("1"));
}

}  // namespace
}  // namespace stave::testing
