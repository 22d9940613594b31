// Layers: what is kept comes back as it was or not at all, and never becomes too much.

#include "stave/cache/layers.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "stave/cache/layers_text.h"

namespace stave::cache {
namespace {

namespace files = std::filesystem;

class Scratch {
 public:
  Scratch() {
    std::string pattern = files::temp_directory_path() / "stave-cache-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { files::remove_all(path_); }

  std::string cache() const { return path_ / "cache"; }
  // A file that stands for a blob of the store.
  fs::Fd blob(const std::string& text) const {
    std::ofstream(path_ / text) << text;
    return fs::Dir::open(path_).open_file(text);
  }

 private:
  files::path path_;
};

Layer layer_of(const std::string& text, std::size_t blocks = 1) {
  Layer layer{
      .digest = digest_of(text), .diff_id = digest_of(text + " plain"), .size = text.size(), .blocks = {}};
  layer.entries = 3;
  for (std::size_t i = 0; i < blocks; ++i) {
    Block block;
    block.seen[0] = static_cast<std::uint8_t>(i + 1);
    block.content[1] = static_cast<std::uint8_t>(i + 2);
    block.plain_size = 1000 + i;
    block.packed_size = 10 + i;
    block.plain_crc = 0x12345678;
    block.packed_crc = 0x9abcdef0;
    block.plain_hash[7] = 0xfedcba98;
    block.packed_hash[0] = 1;
    layer.plain_size += block.plain_size;
    layer.blocks.push_back(block);
  }
  return layer;
}

Name name_of(std::uint8_t first, std::uint8_t codec = 0) {
  Name name;
  name.first[0] = first;
  name.codec[0] = codec;
  return name;
}

std::size_t count(const std::string& directory) {
  const files::directory_iterator all(directory);
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// Makes the one that was put last the youngest beyond doubt.
void age(const std::string& cache) {
  for (const auto& file : files::directory_iterator(cache + "/index"))
    files::last_write_time(file, files::last_write_time(file) - std::chrono::seconds(10));
}

TEST(CachedLayer, ComesBackAsItWas) {
  const Layer layer = layer_of("blob", 5);
  EXPECT_EQ(parse(render(layer)), layer);
}

RC_GTEST_PROP(CachedLayer, ADamagedOneIsNone, ()) {
  std::string text = render(layer_of("blob", 3));
  text[*rc::gen::inRange<std::size_t>(0, text.size())] ^= static_cast<char>(1 << *rc::gen::inRange(0, 8));
  RC_ASSERT(!parse(text));
}

RC_GTEST_PROP(CachedLayer, ATornOneIsNone, ()) {
  const std::string text = render(layer_of("blob", 3));
  RC_ASSERT(!parse(text.substr(0, *rc::gen::inRange<std::size_t>(0, text.size()))));
  RC_ASSERT(!parse(text + "x"));
}

TEST(CachedLayers, AreFoundByTheirName) {
  const Scratch scratch;
  const auto layers = Layers::open(scratch.cache());
  EXPECT_TRUE(layers.find(name_of(1)).empty());
  layers.put(name_of(1), layer_of("one"), scratch.blob("one"));
  layers.put(name_of(2), layer_of("two"), scratch.blob("two"));
  EXPECT_EQ(Layers::open(scratch.cache()).find(name_of(1)), std::vector{layer_of("one")});
  EXPECT_TRUE(layers.find(name_of(3)).empty());
}

TEST(CachedLayers, TheLastUsedComesFirst) {
  const Scratch scratch;
  const auto layers = Layers::open(scratch.cache());
  for (const std::string text : {"one", "two", "three"}) {
    layers.put(name_of(1), layer_of(text), scratch.blob(text));
    age(scratch.cache());
  }
  layers.touch(name_of(1), layer_of("one").digest);
  const auto found = layers.find(name_of(1));
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0], layer_of("one"));
  EXPECT_EQ(found[1], layer_of("three"));
  EXPECT_EQ(layers.recent(Fingerprint{}, 100), found);
}

TEST(CachedLayers, OfOtherCodecsAreNotRecent) {
  const Scratch scratch;
  const auto layers = Layers::open(scratch.cache());
  layers.put(name_of(1, 7), layer_of("one"), scratch.blob("one"));
  EXPECT_TRUE(layers.recent(name_of(1, 8).codec, 100).empty());
  EXPECT_EQ(layers.recent(name_of(1, 7).codec, 100).size(), 1u);
}

TEST(CachedLayers, NoMoreBlocksAreHandedOutThanAskedFor) {
  const Scratch scratch;
  const auto layers = Layers::open(scratch.cache());
  layers.put(name_of(1), layer_of("one", 10), scratch.blob("one"));
  age(scratch.cache());
  layers.put(name_of(2), layer_of("two", 10), scratch.blob("two"));
  EXPECT_EQ(layers.recent(Fingerprint{}, 15), std::vector{layer_of("two", 10)});
  EXPECT_EQ(layers.recent(Fingerprint{}, 20).size(), 2u);
}

TEST(CachedLayers, ABlobStaysWhenTheStoreRemovesIt) {
  const Scratch scratch;
  const auto layers = Layers::open(scratch.cache());
  const auto blob = scratch.blob("one");
  layers.put(name_of(1), layer_of("one"), blob);
  const auto kept = layers.open_blob(layer_of("one").digest);
  ASSERT_TRUE(kept);
  EXPECT_EQ(fs::stat(*kept).inode, fs::stat(blob).inode);
  EXPECT_FALSE(layers.open_blob(layer_of("two").digest));
}

TEST(CachedLayers, OldVersionsOfOneNameGo) {
  const Scratch scratch;
  const auto layers = Layers::open(scratch.cache(), {.layers = 100, .versions = 2});
  for (const std::string text : {"one", "two", "three"}) {
    layers.put(name_of(1), layer_of(text), scratch.blob(text));
    age(scratch.cache());
  }
  EXPECT_EQ(layers.find(name_of(1)), (std::vector{layer_of("three"), layer_of("two")}));
  EXPECT_EQ(count(scratch.cache() + "/blob"), 2u);
}

TEST(CachedLayers, NoMoreLayersAreKeptThanTheBound) {
  const Scratch scratch;
  const auto layers = Layers::open(scratch.cache(), {.layers = 2});
  for (std::uint8_t i = 0; i < 5; ++i) {
    const std::string text = std::to_string(i);
    layers.put(name_of(i), layer_of(text), scratch.blob(text));
    age(scratch.cache());
  }
  EXPECT_EQ(count(scratch.cache() + "/index"), 2u);
  EXPECT_EQ(count(scratch.cache() + "/blob"), 2u);
  EXPECT_FALSE(layers.find(name_of(4)).empty());
}

TEST(CachedLayers, NoMoreBytesAreKeptThanTheBound) {
  const Scratch scratch;
  const auto layers = Layers::open(scratch.cache(), {.bytes = 12});
  for (const std::string text : {"five1", "five2", "five3"}) {
    layers.put(name_of(static_cast<std::uint8_t>(text[4])), layer_of(text), scratch.blob(text));
    age(scratch.cache());
  }
  EXPECT_EQ(count(scratch.cache() + "/blob"), 2u);
  EXPECT_TRUE(layers.find(name_of('1')).empty());
}

TEST(CachedLayers, ALayerUnderTwoNamesCountsOnce) {
  const Scratch scratch;
  const auto layers = Layers::open(scratch.cache(), {.bytes = 12});
  const auto blob = scratch.blob("ten bytes!");
  layers.put(name_of(1), layer_of("ten bytes!"), blob);
  layers.put(name_of(2), layer_of("ten bytes!"), blob);
  EXPECT_EQ(layers.find(name_of(1)).size() + layers.find(name_of(2)).size(), 2u);
}

TEST(CachedLayers, WhatCannotBeReadCountsForNothing) {
  const Scratch scratch;
  const auto layers = Layers::open(scratch.cache());
  layers.put(name_of(1), layer_of("one"), scratch.blob("one"));
  for (const auto& file : files::directory_iterator(scratch.cache() + "/index"))
    std::ofstream(file.path(), std::ios::app) << "more";
  EXPECT_TRUE(layers.find(name_of(1)).empty());
  EXPECT_TRUE(layers.recent(Fingerprint{}, 100).empty());
}

TEST(CachedLayers, AnIndexUnderAnotherBlobsNameCountsForNothing) {
  const Scratch scratch;
  const auto layers = Layers::open(scratch.cache());
  layers.put(name_of(1), layer_of("one"), scratch.blob("one"));
  const files::path file = files::directory_iterator(scratch.cache() + "/index")->path();
  std::string other = file;
  other.replace(other.size() - 64, 64, layer_of("two").digest.hex());
  files::rename(file, other);
  EXPECT_TRUE(layers.find(name_of(1)).empty());
}

TEST(CachedLayers, WhatAKilledProcessLeftGoesWithTheNextPut) {
  const Scratch scratch;
  const auto layers = Layers::open(scratch.cache());
  std::ofstream(scratch.cache() + "/index/.stave-tmp-1-0") << "half";
  layers.put(name_of(1), layer_of("one"), scratch.blob("one"));
  EXPECT_EQ(count(scratch.cache() + "/index"), 1u);
}

TEST(CachedLayers, WhoComesWhileAnotherWritesGoesWithout) {
  const Scratch scratch;
  files::create_directory(scratch.cache());
  const auto layers = Layers::open(scratch.cache());
  const auto lock = fs::Lock::take(fs::Dir::open(scratch.cache()).handle(), fs::Lock::Mode::exclusive);
  layers.put(name_of(1), layer_of("one"), scratch.blob("one"));
  EXPECT_TRUE(layers.find(name_of(1)).empty());
}

TEST(CachedLayers, TheSecretIsMadeOnceAndIsNobodyElses) {
  const Scratch scratch;
  const auto layers = Layers::open(scratch.cache());
  const auto secret = layers.secret();
  EXPECT_FALSE(files::exists(scratch.cache()));  // who asks makes nothing
  layers.put(name_of(1), layer_of("one"), scratch.blob("one"));
  EXPECT_EQ(Layers::open(scratch.cache()).secret(), secret);
  const Scratch other;
  EXPECT_NE(Layers::open(other.cache()).secret(), secret);
  EXPECT_EQ(fs::Dir::open(scratch.cache()).get("secret").mode, 0600u);
  EXPECT_EQ(fs::Dir::open(scratch.cache()).get("").mode, 0700u);
}

TEST(CachedLayers, ClearingSaysWhatItFreed) {
  const Scratch scratch;
  const auto layers = Layers::open(scratch.cache());
  layers.put(name_of(1), layer_of("one"), scratch.blob("one"));
  const auto blob = scratch.blob("alone");
  layers.put(name_of(2), layer_of("alone"), blob);
  files::remove(files::path(scratch.cache()).parent_path() / "alone");
  const auto freed = layers.clear();
  EXPECT_EQ(freed.layers, 2u);
  EXPECT_EQ(freed.bytes, 5u);  // the other one is in the store as well
  EXPECT_EQ(count(scratch.cache() + "/index") + count(scratch.cache() + "/blob"), 0u);
}

TEST(CachedLayers, WhatOnlyTheCacheHasCanGoAlone) {
  const Scratch scratch;
  const auto layers = Layers::open(scratch.cache());
  layers.put(name_of(1), layer_of("one"), scratch.blob("one"));
  layers.put(name_of(2), layer_of("alone"), scratch.blob("alone"));
  files::remove(files::path(scratch.cache()).parent_path() / "alone");
  EXPECT_EQ(layers.remove_unshared().layers, 1u);
  EXPECT_FALSE(layers.find(name_of(1)).empty());
  EXPECT_TRUE(layers.find(name_of(2)).empty());
}

TEST(CachedHeaders, ComeBackAsTheyWere) {
  const Scratch scratch;
  const auto layers = Layers::open(scratch.cache());
  const auto one = layer_of("one");
  EXPECT_FALSE(layers.find_headers(one.digest));
  layers.put(name_of(1), one, scratch.blob("one"), "headers of one");
  EXPECT_EQ(Layers::open(scratch.cache()).find_headers(one.digest), "headers of one");
  EXPECT_EQ(layers.find_blob(one.digest), one);
  EXPECT_FALSE(layers.find_blob(layer_of("two").digest));
}

RC_GTEST_PROP(CachedHeaders, DamagedOnesAreNone, ()) {
  const Scratch scratch;
  const auto layers = Layers::open(scratch.cache());
  const auto one = layer_of("one");
  layers.put(name_of(1), one, scratch.blob("one"), "headers of one");
  const std::string path = scratch.cache() + "/headers/" + one.digest.hex();
  std::string text(files::file_size(path), ' ');
  std::ifstream(path, std::ios::binary).read(text.data(), static_cast<std::streamsize>(text.size()));
  if (*rc::gen::arbitrary<bool>()) {
    text[*rc::gen::inRange<std::size_t>(0, text.size())] ^= static_cast<char>(1 << *rc::gen::inRange(0, 8));
  } else {
    text.resize(*rc::gen::inRange<std::size_t>(0, text.size()));
  }
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  RC_ASSERT(!layers.find_headers(one.digest));
}

TEST(CachedHeaders, GoWithTheirLayer) {
  const Scratch scratch;
  const auto layers = Layers::open(scratch.cache(), {.layers = 1});
  layers.put(name_of(1), layer_of("one"), scratch.blob("one"), "1");
  age(scratch.cache());
  layers.put(name_of(2), layer_of("two"), scratch.blob("two"), "2");
  EXPECT_FALSE(layers.find_headers(layer_of("one").digest));
  EXPECT_EQ(layers.find_headers(layer_of("two").digest), "2");
  layers.clear();
  EXPECT_EQ(count(scratch.cache() + "/headers"), 0u);
}

}  // namespace
}  // namespace stave::cache
