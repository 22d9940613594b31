// Reuse: a layer that is packed with the help of what was packed before is, bit for
// bit, the layer that is packed without; and it costs what changed.

#include "stave/layer/reuse.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <mutex>
#include <set>

#include "stave/cache/layers.h"
#include "stave/fs/link.h"

#include "words.h"

namespace stave::layer {
namespace {

namespace files = std::filesystem;

// Text that compresses, other for each seed, and of which no two stretches are alike.
std::string prose(std::size_t size, unsigned seed) {
  std::string text;
  std::uint64_t state = seed * 0x9e3779b97f4a7c15 + 1;
  while (text.size() < size) {
    state = state * 6364136223846793005 + 1442695040888963407;
    text += std::to_string(state >> 40) + " of them\n";
  }
  text.resize(size);
  return text;
}

// Which files were read.
struct Reads {
  std::mutex mutex;
  std::set<std::string> paths;
};

class Noted final : public Contents {
 public:
  Noted(std::shared_ptr<const Contents> contents, Reads& reads)
      : contents_(std::move(contents)), reads_(reads) {}
  void read(const Change& change, std::uint64_t offset, MutableBytes out) const override {
    {
      const std::lock_guard lock(reads_.mutex);
      reads_.paths.insert(change.entry.path);
    }
    contents_->read(change, offset, out);
  }
  bool stamped() const override { return contents_->stamped(); }

 private:
  std::shared_ptr<const Contents> contents_;
  Reads& reads_;
};

// A directory that is packed again and again, and a cache.
class Workshop {
 public:
  Workshop() : layers_(cache::Layers::open(scratch_.path("cache"))) { files::create_directory(path("")); }

  std::string path(const std::string& name) const { return scratch_.path("tree/" + name); }
  void write(const std::string& name, const std::string& text) const {
    files::create_directories(files::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << text;
  }
  // Waits until the files are old enough to be relied on. A ctime may be later than the clock was when the
  // file was written: a kernel with times of several grains gives no file an earlier one than any other file
  // has.
  void settle() const {
    for (const auto& found : files::recursive_directory_iterator(path(""))) {
      struct ::stat stat{};
      ASSERT_EQ(::lstat(found.path().c_str(), &stat), 0);
      const fs::Time changed{stat.st_ctim.tv_sec, static_cast<std::uint32_t>(stat.st_ctim.tv_nsec)};
      while (fs::change_clock() <= changed) ::usleep(500);
    }
  }

  Layer pack(const compress::Codec& codec = {compress::Format::gzip, 1}, unsigned jobs = 2) {
    const auto now = fs::change_clock();
    remember_ = {.layers = &layers_, .seen_after = {now.seconds, now.nanoseconds}, .verify = verify};
    return layer::pack(with_jobs(jobs), changes(), codec, store(), remember_);
  }
  Layer pack_cold(const compress::Codec& codec = {compress::Format::gzip, 1}) {
    return layer::pack(with_jobs(1), changes(), codec, cold_store());
  }
  content::Store store() const { return content::Store::create(scratch_.path("store"), 0755); }
  content::Store cold_store() const { return content::Store::create(scratch_.path("cold"), 0755); }
  // What the last pack read.
  std::set<std::string> read() const { return reads_.paths; }
  const cache::Layers& layers() const { return layers_; }
  const Scratch& scratch() const { return scratch_; }

  bool verify = false;

 private:
  static Context with_jobs(unsigned jobs) {
    Context context;
    context.jobs = jobs;
    return context;
  }
  Changeset changes() {
    const auto root = std::make_shared<const fs::Dir>(fs::Dir::open(path("")));
    Changeset changes = read_directory({}, root, {});
    reads_.paths.clear();
    for (Change& change : changes) {
      if (change.contents) change.contents = std::make_shared<const Noted>(change.contents, reads_);
    }
    return changes;
  }

  Scratch scratch_;
  cache::Layers layers_;
  Remember remember_;
  Reads reads_;
};

void expect_same(const Layer& one, const Layer& other) {
  EXPECT_EQ(one.descriptor.digest, other.descriptor.digest);
  EXPECT_EQ(one.descriptor.size, other.descriptor.size);
  EXPECT_EQ(one.descriptor.media_type, other.descriptor.media_type);
  EXPECT_EQ(one.diff_id, other.diff_id);
  EXPECT_EQ(one.plain_size, other.plain_size);
  EXPECT_EQ(one.entries, other.entries);
}

// The blob is what its name says, all of it.
void expect_whole(const content::Store& store, const Layer& layer) {
  auto source = content::open_verified(store, layer.descriptor);
  CountingSink sink;
  copy(*source, sink);
  EXPECT_EQ(sink.count(), layer.descriptor.size);
}

void fill(const Workshop& shop) {
  for (unsigned i = 0; i < 20; ++i)
    shop.write("d/" + std::string(1, static_cast<char>('a' + i)), prose(300'000, i));
}

TEST(Reuse, NothingChangedNothingIsRead) {
  Workshop shop;
  fill(shop);
  shop.settle();
  const Layer first = shop.pack();
  EXPECT_EQ(shop.read().size(), 20u);
  const Layer again = shop.pack();
  EXPECT_TRUE(shop.read().empty());
  expect_same(again, first);
  expect_same(again, shop.pack_cold());
}

TEST(Reuse, WhatTheStoreLostComesFromTheCache) {
  Workshop shop;
  fill(shop);
  shop.settle();
  const Layer first = shop.pack();
  files::remove_all(shop.scratch().path("store"));
  expect_same(shop.pack(), first);
  EXPECT_TRUE(shop.read().empty());
  expect_whole(shop.store(), first);
}

TEST(Reuse, ADamagedBlobOfTheCacheIsNotTaken) {
  Workshop shop;
  fill(shop);
  shop.settle();
  const Layer first = shop.pack();
  files::remove_all(shop.scratch().path("store"));
  const auto blob = shop.scratch().path("cache/blob/" + first.descriptor.digest.hex());
  std::fstream(blob, std::ios::in | std::ios::out | std::ios::binary).seekp(500'000).put('!');
  const Layer again = shop.pack();
  expect_same(again, first);
  expect_whole(shop.store(), again);
}

TEST(Reuse, WithNeitherBlobItIsPackedAnew) {
  Workshop shop;
  fill(shop);
  shop.settle();
  const Layer first = shop.pack();
  files::remove_all(shop.scratch().path("store"));
  files::remove_all(shop.scratch().path("cache/blob"));
  files::create_directory(shop.scratch().path("cache/blob"));
  const Layer again = shop.pack();
  expect_same(again, first);
  expect_whole(shop.store(), again);
}

TEST(Reuse, WhatComesBeforeAChangeIsNotRead) {
  Workshop shop;
  fill(shop);
  shop.settle();
  shop.pack();
  shop.write("d/p", prose(300'000, 99));
  const Layer again = shop.pack();
  expect_same(again, shop.pack_cold());
  shop.settle();
  shop.write("d/p", prose(300'000, 100));
  shop.pack();
  EXPECT_TRUE(shop.read().contains("d/p"));
  EXPECT_FALSE(shop.read().contains("d/a"));
  EXPECT_TRUE(shop.read().contains("d/t"));  // the hash of everything behind is another one
  expect_whole(shop.store(), again);
}

// A file of the same size whose mtime was set back: only its ctime tells.
TEST(Reuse, AnEditThatHidesItsTimeIsSeen) {
  Workshop shop;
  fill(shop);
  shop.settle();
  shop.pack();
  const auto time = files::last_write_time(shop.path("d/k"));
  shop.write("d/k", prose(300'000, 77));
  files::last_write_time(shop.path("d/k"), time);
  expect_same(shop.pack(), shop.pack_cold());
}

// Written and packed within one tick of the clock: equal times say nothing.
TEST(Reuse, AnEditInTheSameTickIsSeen) {
  Workshop shop;
  fill(shop);
  for (unsigned i = 0; i < 20; ++i) {
    shop.write("d/z", prose(300'000, 2 * i));
    shop.pack();
    shop.write("d/z", prose(300'000, 2 * i + 1));
    expect_same(shop.pack(), shop.pack_cold());
  }
}

TEST(Reuse, OtherOwnersAndTimesMakeAnotherLayer) {
  Workshop shop;
  fill(shop);
  shop.settle();
  shop.pack();
  files::permissions(shop.path("d/c"), files::perms::owner_read);
  expect_same(shop.pack(), shop.pack_cold());
  files::last_write_time(shop.path("d"), files::file_time_type{});
  expect_same(shop.pack(), shop.pack_cold());
}

TEST(Reuse, OneCodecIsNotAnother) {
  Workshop shop;
  fill(shop);
  shop.settle();
  for (const char* codec : {"gzip:1", "gzip:2", "zstd:3", "zstd:1", "none", "gzip:0", "gzip:1"}) {
    expect_same(shop.pack(compress::Codec::parse(codec)), shop.pack_cold(compress::Codec::parse(codec)));
  }
}

// The way back to what was packed earlier.
TEST(Reuse, SeveralVersionsOfATreeAreRemembered) {
  Workshop shop;
  fill(shop);
  shop.settle();
  const auto time = files::last_write_time(shop.path("d"));
  const Layer first = shop.pack();
  files::rename(shop.path("d/t"), shop.path("u"));
  shop.settle();
  shop.pack();
  files::rename(shop.path("u"), shop.path("d/t"));
  files::last_write_time(shop.path("d"), time);
  expect_same(shop.pack(), first);
  EXPECT_EQ(shop.read(), std::set<std::string>{"d/t"});  // it was touched
}

class Lying {
 public:
  explicit Lying(const Workshop& shop) : shop_(shop) {}
  // Changes what the cache knows of the one layer in it.
  template <class Edit>
  void edit(Edit edit) const {
    const auto found = only();
    cache::Layer layer = *cache::Layers::open(shop_.layers().path()).recent(codec(), 1000).begin();
    edit(layer);
    shop_.layers().put(found, layer, *shop_.layers().open_blob(layer.digest));
  }

 private:
  static cache::Fingerprint codec() {
    cache::Fingerprint codec{};
    const auto digest = digest_of(compress::identity({compress::Format::gzip, 1}));
    std::memcpy(codec.data(), digest.raw().data(), codec.size());
    return codec;
  }
  // The name of the layer: half of each fingerprint stands in the name of its file, and is all that counts.
  cache::Name only() const {
    const std::string file =
        files::directory_iterator(shop_.scratch().path("cache/index"))->path().filename();
    cache::Name name;
    for (std::size_t i = 0; i < 16; ++i) {
      name.codec[i] = static_cast<std::uint8_t>(std::stoi(file.substr(2 * i, 2), nullptr, 16));
      name.first[i] = static_cast<std::uint8_t>(std::stoi(file.substr(33 + 2 * i, 2), nullptr, 16));
    }
    return name;
  }
  const Workshop& shop_;
};

TEST(VerifyCache, IsContentWithTheTruth) {
  Workshop shop;
  fill(shop);
  shop.settle();
  const Layer first = shop.pack();
  shop.verify = true;
  expect_same(shop.pack(), first);
  EXPECT_EQ(shop.read().size(), 20u);
  shop.write("d/c", prose(1000, 3));
  expect_same(shop.pack(), shop.pack_cold());
}

TEST(VerifyCache, FindsABlockThatHasAnotherContent) {
  Workshop shop;
  fill(shop);
  shop.settle();
  shop.pack();
  Lying(shop).edit([](cache::Layer& layer) { std::swap(layer.blocks[2].content, layer.blocks[3].content); });
  shop.verify = true;
  EXPECT_TRUE(outcome([&] { shop.pack(); }).starts_with("mismatch: ")) << outcome([&] { shop.pack(); });
}

// The blob is not as the index says, so the block is made again; then the hash behind it counts for nothing.
TEST(Reuse, WhatIsFoundWrongIsForgotten) {
  Workshop shop;
  fill(shop);
  shop.settle();
  shop.pack();
  Lying(shop).edit([](cache::Layer& layer) { layer.blocks[1].packed_crc ^= 1; });
  shop.write("d/t", prose(1000, 7));
  shop.settle();
  expect_same(shop.pack(), shop.pack_cold());
  EXPECT_TRUE(files::is_empty(shop.scratch().path("cache/index")));
  shop.pack();
  expect_same(shop.pack(), shop.pack_cold());
}

TEST(Reuse, AnIndexThatEndsTooEarlyIsNoBeginning) {
  Workshop shop;
  fill(shop);
  shop.settle();
  shop.pack();
  Lying(shop).edit([](cache::Layer& layer) {
    layer.plain_size -= layer.blocks.back().plain_size;
    layer.blocks.pop_back();
  });
  expect_same(shop.pack(), shop.pack_cold());
}

// Any sequence of edits; the layer with the cache is the layer without.
RC_GTEST_PROP(Reuse, IsBitForBitTheColdLayer, ()) {
  Workshop shop;
  const auto codec = *rc::gen::element(compress::Codec{compress::Format::gzip, 1},
                                       compress::Codec{compress::Format::zstd, 1},
                                       compress::Codec{compress::Format::none, 0});
  const auto name = [] {
    return "d" + std::to_string(*rc::gen::inRange(0, 3)) + "/f" + std::to_string(*rc::gen::inRange(0, 6));
  };
  const auto size = [] { return *rc::gen::element<std::size_t>(0, 10, 5'000, 120'000, 400'000, 1'300'000); };
  unsigned seed = 0;
  for (int i = 0; i < 6; ++i) shop.write(name(), prose(size(), ++seed));
  for (int round = 0; round < 3; ++round) {
    for (int edits = *rc::gen::inRange(0, 3); edits > 0; --edits) {
      const auto path = shop.path(name());
      switch (*rc::gen::inRange(0, 6)) {
        case 0:
          shop.write(name(), prose(size(), ++seed));
          break;
        case 1:
          if (files::exists(path)) std::ofstream(path, std::ios::app) << prose(size(), ++seed);
          break;
        case 2:
          files::remove(path);
          break;
        case 3:
          if (files::exists(path)) files::rename(path, path + "x");
          break;
        case 4:  // in place, with its old time
          if (files::exists(path) && files::file_size(path) != 0) {
            const auto time = files::last_write_time(path);
            std::fstream(path, std::ios::in | std::ios::out).put('#');
            files::last_write_time(path, time);
          }
          break;
        default:
          if (files::exists(path)) files::permissions(path, files::perms::owner_all);
      }
    }
    if (*rc::gen::arbitrary<bool>()) shop.settle();
    const Layer warm = shop.pack(codec, *rc::gen::element(1u, 2u, 3u));
    const Layer cold = shop.pack_cold(codec);
    RC_ASSERT(warm.descriptor.digest == cold.descriptor.digest);
    RC_ASSERT(warm.diff_id == cold.diff_id);
    RC_ASSERT(warm.descriptor.size == cold.descriptor.size);
    RC_ASSERT(warm.entries == cold.entries);
  }
}

}  // namespace
}  // namespace stave::layer
