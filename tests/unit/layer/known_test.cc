// Known: what is read of a layer that was packed here is what the whole of it says,
// and few bytes of it.

#include "stave/layer/known.h"

#include <fmt/format.h>

#include "stave/layer/reuse.h"
#include "stave/layer/stack.h"

#include "words.h"

namespace stave::layer {
namespace {

namespace files = std::filesystem;

// Text that does not compress to nothing, other for each seed.
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

// Passes on the blobs of a store and counts their bytes.
class Counted final : public content::BlobSource {
 public:
  explicit Counted(const content::Store& store) : store_(store) {}
  std::unique_ptr<Source> find(const Digest& digest) const override {
    auto source = store_.find(digest);
    if (!source) return nullptr;
    return std::make_unique<Counting>(std::move(source), bytes_);
  }
  std::optional<std::uint64_t> find_size(const Digest& digest) const override {
    return store_.find_size(digest);
  }
  std::string describe() const override { return store_.describe(); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  class Counting final : public Source {
   public:
    Counting(std::unique_ptr<Source> source, std::uint64_t& bytes)
        : source_(std::move(source)), bytes_(bytes) {}
    std::size_t read(MutableBytes out) override {
      const std::size_t n = source_->read(out);
      bytes_ += n;
      return n;
    }
    std::uint64_t skip(std::uint64_t count) override { return source_->skip(count); }

   private:
    std::unique_ptr<Source> source_;
    std::uint64_t& bytes_;
  };

  const content::Store& store_;
  mutable std::uint64_t bytes_ = 0;
};

// A layer packed into a store beside a cache.
class Packed {
 public:
  explicit Packed(const Changeset& changes, const compress::Codec& codec = {compress::Format::gzip, 1})
      : store_(scratch_.store()),
        cache_(cache::Layers::open(scratch_.path("cache"))),
        layer_(pack_into(changes, codec)),
        blobs_(std::make_shared<const Counted>(store_)) {}

  // As an image's layer, with what the cache knows of it.
  Stack stack() const {
    Stack stack;
    stack.pieces.push_back(
        {.name = "the layer", .size = layer_.descriptor.size, .open = [this](unsigned) { return open(); }});
    stack.pieces.front().diff_id = layer_.diff_id;
    use_known(cache_, blobs_, layer_.descriptor, stack.pieces.front());
    return stack;
  }
  Tree tree(const Stack& stack) const { return read_stack(Context{}, stack, Digests::no); }
  // The content of a file, as `stave cat` reads it.
  std::string cat(const std::string& path) const {
    const Stack stack = this->stack();
    const Tree whole = tree(stack);
    const auto* inode = whole.find(path);
    Changeset changes(1);
    changes[0].entry = {path, inode->meta};
    changes[0].stamp = inode->stamp;
    spool_contents(Context{}, stack, scratch_.path(), changes);
    std::string text(inode->meta.size, ' ');
    if (!text.empty()) changes[0].contents->read(changes[0], 0, std::as_writable_bytes(std::span(text)));
    return text;
  }

  // Changes a byte of the blob, which has another name in the cache.
  void damage_blob(std::uint64_t at) const {
    damage(scratch_.path("store/blobs/sha256/" + layer_.descriptor.digest.hex()), at);
  }
  void damage_kept(const std::string& directory) const {
    for (const auto& each : files::directory_iterator(scratch_.path("cache/" + directory)))
      damage(each.path(), 100);
  }
  // A cache that is sure of something wrong.
  void forge(const std::function<void(cache::Layer&)>& edit) const {
    auto known = *cache_.find_blob(layer_.descriptor.digest);
    const auto headers = *cache_.find_headers(layer_.descriptor.digest);
    edit(known);
    cache_.clear();
    cache_.put({}, known, *store_.open_blob(layer_.descriptor.digest), headers);
  }

  const Layer& layer() const { return layer_; }
  std::uint64_t bytes_read() const { return blobs_->bytes(); }

 private:
  Layer pack_into(const Changeset& changes, const compress::Codec& codec) const {
    const Remember remember{.layers = &cache_, .seen_after = {}, .verify = false};
    return pack(Context{}, changes, codec, store_, remember);
  }

  static void damage(const std::string& path, std::uint64_t at) {
    files::permissions(path, files::perms::owner_all);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char was = static_cast<char>(file.get());
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(was ^ 0x55));
  }

  std::unique_ptr<Source> open() const {
    struct Whole final : Source {
      Whole(std::unique_ptr<Source> from, compress::Format format)
          : blob(std::move(from)), plain(compress::decompress(*blob, format)) {}
      std::size_t read(MutableBytes out) override { return plain->read(out); }
      std::unique_ptr<Source> blob;
      std::unique_ptr<Source> plain;
    };
    const auto& type = layer_.descriptor.media_type;
    return std::make_unique<Whole>(content::open_verified(*blobs_, layer_.descriptor),
                                   type.ends_with("gzip")   ? compress::Format::gzip
                                   : type.ends_with("zstd") ? compress::Format::zstd
                                                            : compress::Format::none);
  }

  Scratch scratch_;
  content::Store store_;
  cache::Layers cache_;
  Layer layer_;
  std::shared_ptr<const Counted> blobs_;
};

// Small files, one over several blocks, a long name, a link.
Changeset material() {
  Changeset changes;
  for (unsigned i = 0; i < 200; ++i) changes.push_back(file(fmt::format("d/{:03}", i), prose(20000 + i, i)));
  changes.push_back(dir("d"));
  changes.push_back(file("huge", prose(5'000'001, 1000)));
  changes.push_back(file("empty"));
  changes.push_back(file("long/" + std::string(200, 'n'), "long"));
  changes.push_back(dir("long"));
  changes.push_back(symlink("s", "huge"));
  changes.push_back(removed("gone"));
  return sorted(std::move(changes));
}

std::string content_in(const Changeset& changes, const std::string& path) {
  for (const Change& change : changes) {
    if (change.entry.path == path) return dynamic_cast<const Text&>(*change.contents).text();
  }
  return "?";
}

const std::vector<compress::Codec> codecs = {
    {compress::Format::gzip, 1}, {compress::Format::zstd, 1}, {compress::Format::none, 0}};

TEST(Known, ListsWithoutReadingTheBlob) {
  for (const auto& codec : codecs) {
    const Packed packed(material(), codec);
    const Stack stack = packed.stack();
    ASSERT_TRUE(stack.pieces[0].listing);
    const auto listed = show(packed.tree(stack));
    EXPECT_EQ(packed.bytes_read(), 0u);
    Stack whole = stack;
    whole.pieces[0].listing = {};
    EXPECT_EQ(listed, show(packed.tree(whole)));
    EXPECT_GE(packed.bytes_read(), packed.layer().descriptor.size);
  }
}

TEST(Known, ReadsOnlyTheBlocksThatHoldTheFile) {
  for (const auto& codec : codecs) {
    const auto changes = material();
    const Packed packed(changes, codec);
    for (const auto* path : {"d/000", "d/123", "d/199"})
      EXPECT_EQ(packed.cat(path), content_in(changes, path));
    // A block of zstd has up to 4 MiB before it is compressed; the huge file has blocks of its own.
    EXPECT_LT(packed.bytes_read(), packed.layer().descriptor.size);
  }
}

TEST(Known, OneFileOfManyCostsOneOrTwoBlocks) {
  Changeset changes;
  for (unsigned i = 0; i < 400; ++i) changes.push_back(file(fmt::format("{:03}", i), prose(100'000, i)));
  const Packed packed(changes);
  EXPECT_EQ(packed.cat("200"), prose(100'000, 200));
  EXPECT_LT(packed.bytes_read(), packed.layer().descriptor.size / 20);
}

TEST(Known, ReadsAFileOverSeveralBlocks) {
  const auto changes = material();
  for (const auto& codec : codecs) EXPECT_EQ(Packed(changes, codec).cat("huge"), content_in(changes, "huge"));
}

TEST(Known, AnEmptyFileNeedsNoBlock) {
  const Packed packed(material());
  EXPECT_EQ(packed.cat("empty"), "");
  EXPECT_EQ(packed.bytes_read(), 0u);
}

TEST(Known, DamageElsewhereInTheBlobIsNotItsBusiness) {
  const auto changes = material();
  const Packed packed(changes);
  packed.damage_blob(packed.layer().descriptor.size - 100);
  EXPECT_EQ(packed.cat("d/000"), content_in(changes, "d/000"));
}

TEST(Known, ADamagedBlockIsAFailure) {
  const Packed packed(material());
  packed.damage_blob(1000);
  EXPECT_NE(outcome([&] { packed.cat("d/000"); }), "done");
}

TEST(Known, WithoutAnIndexEverythingIsRead) {
  const auto changes = material();
  const Packed packed(changes);
  packed.damage_kept("index");
  EXPECT_FALSE(packed.stack().pieces[0].listing);
  EXPECT_EQ(packed.cat("d/123"), content_in(changes, "d/123"));
}

TEST(Known, WithoutItsHeadersEverythingIsRead) {
  const auto changes = material();
  const Packed packed(changes);
  packed.damage_kept("headers");
  EXPECT_FALSE(packed.stack().pieces[0].listing);
  EXPECT_EQ(packed.cat("d/123"), content_in(changes, "d/123"));
}

TEST(Known, AnIndexThatIsWrongFallsBackToReadingEverything) {
  const auto changes = material();
  const std::vector<std::function<void(cache::Block&)>> wrongs = {
      [](cache::Block& block) { block.packed_crc ^= 1; },
      [](cache::Block& block) { block.content[0] ^= 1; },
      [](cache::Block& block) { block.plain_crc ^= 1; },
      [](cache::Block& block) { block.packed_size += 1; },
      [](cache::Block& block) { block.packed_size = ~std::uint64_t{0} / 2; },
  };
  for (const auto& wrong : wrongs) {
    const Packed packed(changes);
    packed.forge([&](cache::Layer& layer) {
      for (auto& block : layer.blocks) wrong(block);
    });
    ASSERT_TRUE(packed.stack().pieces[0].listing);
    EXPECT_EQ(packed.cat("d/123"), content_in(changes, "d/123"));
    EXPECT_GE(packed.bytes_read(), packed.layer().descriptor.size);
  }
}

TEST(Known, OfAnotherDiffIdIsNotKnown) {
  const Packed packed(material());
  packed.forge([](cache::Layer& layer) { layer.diff_id = digest_of("other"); });
  EXPECT_FALSE(packed.stack().pieces[0].listing);
}

RC_GTEST_PROP(KnownProperty, EveryFileIsWhatWasPacked, ()) {
  const auto sizes = *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, 300'000));
  Changeset changes;
  for (unsigned i = 0; i < sizes.size(); ++i)
    changes.push_back(file(fmt::format("{:03}", i), prose(sizes[i], i)));
  changes.push_back(file("tail", prose(1'100'000, 9999)));  // what is smaller is not remembered
  const Packed packed(changes, codecs[*rc::gen::inRange<std::size_t>(0, codecs.size())]);
  const auto which = *rc::gen::inRange<std::size_t>(0, changes.size());
  const auto& path = changes[which].entry.path;
  RC_ASSERT(static_cast<bool>(packed.stack().pieces[0].listing));
  RC_ASSERT(packed.cat(path) == content_in(changes, path));
}

}  // namespace
}  // namespace stave::layer
