// Blocks: whatever is cut into whatever pieces comes back, for us and for every
// other reader; and a block's bytes depend on the block alone.

#include <gtest/gtest.h>
#include <libdeflate.h>
#include <rapidcheck/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "unit/compress/material.h"

namespace stave::compress {
namespace {

using testing::compressed;
using testing::decompressed;
using testing::Kindof;
using testing::material;

std::string join(const std::vector<std::string>& blocks) {
  std::string all;
  for (const std::string& block : blocks) all += block;
  return all;
}

// zlib in one shot; reads one member.
std::string by_zlib(std::string bytes, std::size_t plain_size) {
  z_stream stream{};
  inflateInit2(&stream, MAX_WBITS + 16);
  std::string plain(plain_size + 1, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(plain.data());
  stream.avail_out = static_cast<uInt>(plain.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END) << (stream.msg ? stream.msg : "");
  EXPECT_EQ(stream.avail_in, 0u);
  plain.resize(stream.total_out);
  inflateEnd(&stream);
  return plain;
}

// libdeflate reads one member and says where it ended.
std::string by_libdeflate(const std::string& bytes, std::size_t plain_size) {
  libdeflate_decompressor* decompressor = libdeflate_alloc_decompressor();
  std::string plain(plain_size + 1, '\0');
  std::size_t read = 0, written = 0;
  EXPECT_EQ(libdeflate_gzip_decompress_ex(decompressor, bytes.data(), bytes.size(), plain.data(),
                                          plain.size(), &read, &written),
            LIBDEFLATE_SUCCESS);
  EXPECT_EQ(read, bytes.size()) << "more than one member";
  libdeflate_free_decompressor(decompressor);
  plain.resize(written);
  return plain;
}

std::string by_libzstd(const std::string& bytes, std::size_t plain_size) {
  std::string plain(plain_size + 1, '\0');
  const std::size_t n = ZSTD_decompress(plain.data(), plain.size(), bytes.data(), bytes.size());
  EXPECT_FALSE(ZSTD_isError(n)) << ZSTD_getErrorName(n);
  if (!ZSTD_isError(n)) plain.resize(n);
  return plain;
}

std::vector<std::byte> block_bytes(BlockCompressor& compressor, const std::string& plain) {
  Block block;
  compressor.compress(as_bytes(plain), block);
  return block.bytes;
}

RC_GTEST_PROP(Blocks, ComeBackFromOurDecompressor, ()) {
  const Codec codec = *testing::any_codec();
  const auto blocks = *testing::cut(*testing::any_material(200'000));
  const std::string bytes = compressed(codec, blocks);
  RC_ASSERT(decompressed(bytes, codec.format) == join(blocks));
}

RC_GTEST_PROP(Blocks, ComeBackHoweverTheStreamArrives, ()) {
  const Codec codec = *testing::any_codec();
  const auto blocks = *testing::cut(*testing::any_material(3'000));
  const auto piece = *rc::gen::inRange<std::size_t>(1, 20);
  RC_ASSERT(decompressed(compressed(codec, blocks), codec.format, piece) == join(blocks));
}

RC_GTEST_PROP(Blocks, OfGzipAreOneMemberForEveryReader, ()) {
  const Codec codec{Format::gzip, *rc::gen::inRange(0, 13)};
  const auto blocks = *testing::cut(*testing::any_material(200'000));
  const std::string plain = join(blocks), bytes = compressed(codec, blocks);
  RC_ASSERT(by_zlib(bytes, plain.size()) == plain);
  RC_ASSERT(by_libdeflate(bytes, plain.size()) == plain);
}

RC_GTEST_PROP(Blocks, OfZstdAreFramesForLibzstd, ()) {
  const Codec codec{Format::zstd, *rc::gen::inRange(1, 20)};
  const auto blocks = *testing::cut(*testing::any_material(200'000));
  const std::string plain = join(blocks);
  RC_ASSERT(by_libzstd(compressed(codec, blocks), plain.size()) == plain);
}

RC_GTEST_PROP(Blocks, DependOnNothingThatWasCompressedBefore, ()) {
  const Codec codec = *testing::any_codec();
  const std::string plain = *testing::any_material(100'000);
  BlockCompressor fresh(codec), used(codec);
  for (int i = *rc::gen::inRange(1, 4); i > 0; --i) block_bytes(used, *testing::any_material(100'000));
  RC_ASSERT(block_bytes(used, plain) == block_bytes(fresh, plain));
}

RC_GTEST_PROP(Blocks, DependOnNothingInTheBlockThatIsReplaced, ()) {
  const Codec codec = *testing::any_codec();
  const std::string plain = *testing::any_material(10'000);
  BlockCompressor compressor(codec);
  Block fresh, used;
  compressor.compress(as_bytes(*testing::any_material(20'000)), used);
  compressor.compress(as_bytes(plain), used);
  compressor.compress(as_bytes(plain), fresh);
  RC_ASSERT(used.bytes == fresh.bytes);
  RC_ASSERT(used.crc32 == fresh.crc32);
  RC_ASSERT(used.plain_size == plain.size());
}

TEST(Blocks, OfTwoMebibytesFitEveryBound) {
  for (const Kindof kind : testing::all_kinds) {
    const std::vector<std::string> blocks = {material(kind, 2 << 20, 1), material(kind, 2 << 20, 2)};
    for (const char* name : {"gzip:0", "gzip:1", "gzip:6", "zstd:1", "zstd:3"}) {
      const Codec codec = Codec::parse(name);
      const std::string bytes = compressed(codec, blocks);
      EXPECT_EQ(decompressed(bytes, codec.format), join(blocks)) << name;
      EXPECT_LT(bytes.size(), (4 << 20) + (4 << 20) / 1000) << name;  // noise grows by less than 0.1 %
    }
  }
}

// docs/format.md, "Frames": the sample decides, whatever the level.
TEST(Blocks, ThatDoNotCompressAreStored) {
  BlockCompressor store(Codec::parse("gzip:0"));
  const std::string noise = material(Kindof::noise, 300'000, 1);
  for (const char* name : {"gzip:1", "gzip:5", "gzip:12"}) {
    BlockCompressor compressor(Codec::parse(name));
    EXPECT_EQ(block_bytes(compressor, noise), block_bytes(store, noise)) << name;
    // A quarter of it is text, which two of the eight pages show.
    std::string mixed = noise;
    const std::string words = material(Kindof::text, 75'000, 1);
    mixed.replace(0, words.size(), words);
    EXPECT_LT(block_bytes(compressor, mixed).size(), noise.size() - 20'000) << name;
  }
}

// A block under 64 KiB is compressed, whatever it holds; so is one of noise that the sample does not see.
TEST(Blocks, TooSmallForASampleAreCompressed) {
  BlockCompressor store(Codec::parse("gzip:0")), compressor(Codec::parse("gzip:5"));
  std::string small = material(Kindof::noise, 65'535, 1);
  small.replace(20'000, 10'000, std::string(10'000, 'x'));
  EXPECT_LT(block_bytes(compressor, small).size(), 57'000u);
  std::string sampled = material(Kindof::noise, 65'536, 1);
  for (int i = 0; i < 7; ++i)
    sampled.replace(static_cast<std::size_t>(i) * 8777 + 4096, 4600, std::string(4600, 'x'));
  EXPECT_EQ(block_bytes(compressor, sampled), block_bytes(store, sampled));
}

TEST(Blocks, OfOneCodecHaveOneIdentity) {
  EXPECT_EQ(identity(Codec::parse("gzip:5")), identity(Codec::parse("gzip")));
  EXPECT_NE(identity(Codec::parse("gzip:5")), identity(Codec::parse("gzip:6")));
  EXPECT_NE(identity(Codec::parse("zstd:1")), identity(Codec::parse("gzip:1")));
}

TEST(Blocks, OfNothingAreNothing) {
  for (const char* name : {"gzip", "zstd", "none"}) {
    BlockCompressor compressor(Codec::parse(name));
    EXPECT_TRUE(block_bytes(compressor, "").empty()) << name;
    const std::string plain = "some bytes";
    EXPECT_EQ(compressed(Codec::parse(name), {plain}), compressed(Codec::parse(name), {"", plain, "", ""}))
        << name;
  }
}

TEST(Blocks, NoneMakeAStreamOfNoBytes) {
  for (const char* name : {"gzip", "zstd", "none"}) {
    const Codec codec = Codec::parse(name);
    const std::string bytes = compressed(codec, {});
    EXPECT_EQ(decompressed(bytes, codec.format), "") << name;
    EXPECT_EQ(compressed(codec, {"", ""}), bytes) << name;
  }
  EXPECT_EQ(by_zlib(compressed({Format::gzip, 6}, {}), 0), "");
  EXPECT_EQ(by_libdeflate(compressed({Format::gzip, 6}, {}), 0), "");
  EXPECT_EQ(by_libzstd(compressed({Format::zstd, 3}, {}), 0), "");
}

TEST(Blocks, OfNoneAreTheBytesThemselves) {
  EXPECT_EQ(compressed({Format::none, 0}, {"one ", "and ", "another"}), "one and another");
}

// RFC 1952, 2.3.1: no time, no name, no system, so that nothing tells who wrote it.
TEST(GzipHeader, SaysNothingOfItsMaker) {
  for (const int level : {0, 1, 6, 9, 12}) {
    const std::string bytes = compressed({Format::gzip, level}, {"x"});
    EXPECT_EQ(bytes.substr(0, 10), std::string("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10)) << level;
  }
}

// Nothing of libdeflate is in these bytes, so they can be pinned.
TEST(GzipGolden, OfNoBlocks) {
  EXPECT_EQ(compressed({Format::gzip, 6}, {}),
            std::string("\x1f\x8b\x08\0\0\0\0\0\0\xff\x03\0\0\0\0\0\0\0\0\0", 20));
}

TEST(GzipGolden, OfABlockThatIsStored) {
  const std::string bytes = compressed({Format::gzip, 0}, {"abc"});
  EXPECT_EQ(bytes, std::string("\x1f\x8b\x08\0\0\0\0\0\0\xff"  // header
                               "\x00\x03\x00\xfc\xff"
                               "abc"                   // stored, no longer final
                               "\x00\x00\x00\xff\xff"  // the seam
                               "\x03\x00\xc2\x41\x24\x35\x03\0\0\0",
                               33));
}

TEST(ZstdFrames, SayTheirSizeAndCarryAChecksum) {
  const std::string plain = material(Kindof::text, 5000, 1);
  const std::string bytes = compressed({Format::zstd, 3}, {plain});
  EXPECT_EQ(ZSTD_getFrameContentSize(bytes.data(), bytes.size()), plain.size());
  EXPECT_NE(bytes[4] & 0x04, 0) << "Content_Checksum_flag";  // RFC 8878, 3.1.1.1.1
}

TEST(ZstdFrames, AreOneForEachBlock) {
  const std::string bytes = compressed({Format::zstd, 3}, {"one", "two", "", "three"});
  std::size_t at = 0;
  int frames = 0;
  while (at < bytes.size()) {
    const std::size_t n = ZSTD_findFrameCompressedSize(bytes.data() + at, bytes.size() - at);
    ASSERT_FALSE(ZSTD_isError(n));
    at += n;
    ++frames;
  }
  EXPECT_EQ(frames, 3);
}

// ISIZE counts modulo 2^32 (RFC 1952, 2.3.1). The blocks are claimed, not made: 5 GiB of zeros take too long.
TEST(GzipTrailer, WrapsAtFourGibibytes) {
  StringSink sink;
  BlockWriter writer({Format::gzip, 6}, sink);
  for (int i = 0; i < 5; ++i) writer.append(Block{{}, 0, 1ull << 30});
  std::move(writer).finish();
  EXPECT_EQ(sink.text().substr(sink.text().size() - 4), std::string("\0\0\0\x40", 4));
}

}  // namespace
}  // namespace stave::compress
