// Step records: found again, believed only when they are whole, and carried elsewhere.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "stave/build/cache.h"
#include "stave/content/store.h"

namespace stave::build {
namespace {

namespace paths = std::filesystem;

class StepCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    base_ = ::testing::TempDir() + "step-cache-" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name();
    paths::remove_all(base_);
    paths::create_directories(base_);
    store_.emplace(content::Store::create(base_ + "/store", 0700));
  }
  void TearDown() override {
    store_.reset();
    paths::remove_all(base_);
  }
  std::unique_ptr<StepCache> open() {
    return open_step_cache({.directory = base_ + "/cache", .store = &*store_, .imports = {}});
  }
  StepRecord record(const std::string& text) {
    const auto layer = store_->put(text, spec::media::oci_layer);
    return {.layer = layer, .diff_id = layer.digest, .extra = {}};
  }
  static StepKey key(const std::string& file) {
    StepKey key;
    key.add("the instruction", "COPY");
    key.add("file a", file);
    return key;
  }

  std::string base_;
  std::optional<content::Store> store_;
};

TEST_F(StepCacheTest, FindsWhatWasPut) {
  const auto made = record("layer");
  open()->put(key("1"), "slot", made);
  const auto found = open()->find({}, key("1"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->layer->digest, made.layer->digest);
  EXPECT_FALSE(open()->find({}, key("2")));
}

TEST_F(StepCacheTest, SaysWhichInputIsAnotherOne) {
  open()->put(key("1"), "slot", record("layer"));
  EXPECT_EQ(open()->explain(key("2"), "slot"), "file a changed");
  EXPECT_EQ(open()->explain(key("2"), "another slot"), "");
}

TEST_F(StepCacheTest, DoesNotFindALayerThatIsGone) {
  const auto made = record("layer");
  open()->put(key("1"), "slot", made);
  paths::remove(base_ + "/store/blobs/sha256/" + std::string(made.layer->digest.hex()));
  EXPECT_FALSE(open()->find({}, key("1")));
}

TEST_F(StepCacheTest, ADamagedRecordIsNone) {
  open()->put(key("1"), "slot", record("layer"));
  for (const auto& entry : paths::recursive_directory_iterator(base_ + "/cache")) {
    if (entry.is_regular_file()) std::ofstream(entry.path(), std::ios::app) << "x";
  }
  EXPECT_FALSE(open()->find({}, key("1")));
  EXPECT_EQ(open()->explain(key("2"), "slot"), "");
}

TEST_F(StepCacheTest, GoesElsewhereAndComesBack) {
  const auto made = record("layer");
  auto cache = open();
  cache->put(key("1"), "slot", made);
  const auto artifact = cache->export_to(*store_);
  const auto other = content::Store::create(base_ + "/other", 0700);
  const auto source = std::shared_ptr<const content::BlobSource>(&*store_, [](const content::BlobSource*) {});
  const auto elsewhere =
      open_step_cache({.directory = base_ + "/cache2", .store = &other, .imports = {{source, artifact}}});
  ASSERT_TRUE(elsewhere->find({}, key("1")));
  EXPECT_TRUE(other.find_size(made.layer->digest));
  EXPECT_FALSE(elsewhere->find({}, key("2")));
}

TEST_F(StepCacheTest, AnArtifactThatIsNoneIsAWarning) {
  const auto manifest = store_->put(
      R"({"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]})",
      spec::media::oci_manifest);
  const auto source = std::shared_ptr<const content::BlobSource>(&*store_, [](const content::BlobSource*) {});
  const auto cache =
      open_step_cache({.directory = base_ + "/cache", .store = &*store_, .imports = {{source, manifest}}});
  EXPECT_FALSE(cache->find({}, key("1")));
}

TEST(StepKeys, NoTwoListsAreOneText) {
  StepKey a;
  a.add("ab", "c");
  StepKey b;
  b.add("a", "bc");
  EXPECT_NE(a.digest(), b.digest());
}

}  // namespace
}  // namespace stave::build
