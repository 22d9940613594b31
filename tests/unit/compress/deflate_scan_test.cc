// The scanner of deflate blocks against zlib, which stops at block borders when
// asked to (inflate with Z_BLOCK) and says at which bit.

#include "stave/compress/deflate_scan.h"

#include <gtest/gtest.h>
#include <libdeflate.h>
#include <rapidcheck/gtest.h>
#include <zlib.h>

#include "unit/compress/material.h"

namespace stave::compress {
namespace {

using testing::Kindof;
using testing::material;

std::string by_libdeflate(const std::string& plain, int level) {
  libdeflate_compressor* compressor = libdeflate_alloc_compressor(level);
  std::string out(libdeflate_deflate_compress_bound(compressor, plain.size()), '\0');
  out.resize(libdeflate_deflate_compress(compressor, plain.data(), plain.size(), out.data(), out.size()));
  libdeflate_free_compressor(compressor);
  return out;
}

std::string by_zlib(const std::string& plain, int level, int strategy) {
  z_stream stream{};
  deflateInit2(&stream, level, Z_DEFLATED, -MAX_WBITS, 9, strategy);
  std::string out(deflateBound(&stream, plain.size()) + 64, '\0');
  std::string in = plain;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// The same facts as zlib sees them; nullopt if zlib refuses the stream.
std::optional<DeflateScan> zlibs_scan(std::string stream_bytes) {
  z_stream stream{};
  inflateInit2(&stream, -MAX_WBITS);
  std::vector<Bytef> plain(1 << 16);
  stream.next_in = reinterpret_cast<Bytef*>(stream_bytes.data());
  stream.avail_in = static_cast<uInt>(stream_bytes.size());
  DeflateScan scan;
  std::optional<DeflateScan> found;
  for (int result = Z_OK; result == Z_OK && !found;) {
    stream.next_out = plain.data();
    stream.avail_out = static_cast<uInt>(plain.size());
    result = inflate(&stream, Z_BLOCK);
    const bool border = (stream.data_type & 128) != 0, last = (stream.data_type & 64) != 0;
    if (result != Z_OK || !border) continue;
    scan.end = 8 * stream.total_in - (stream.data_type & 7);
    if (last) found = scan;
    scan.last_header = scan.end;  // if another block follows, it begins here
  }
  inflateEnd(&stream);
  return found;
}

void expect_agreement(const std::string& stream, const std::string& what) {
  const auto want = zlibs_scan(stream);
  ASSERT_TRUE(want) << what;
  const DeflateScan got = scan_deflate(as_bytes(stream));
  EXPECT_EQ(got.last_header, want->last_header) << what;
  EXPECT_EQ(got.end, want->end) << what;
}

TEST(DeflateScan, AgreesWithZlibAtEveryLevelOfLibdeflate) {
  for (const Kindof kind : testing::all_kinds) {
    for (const std::size_t size : {0, 1, 2, 31, 500, 10'000, 70'000, 400'000}) {
      const std::string plain = material(kind, size, static_cast<std::uint32_t>(size));
      for (int level = 0; level <= 12; ++level) {
        if (level > 9 && size > 100'000) continue;  // slow, and no other kinds of block
        expect_agreement(by_libdeflate(plain, level), std::to_string(static_cast<int>(kind)) + " " +
                                                          std::to_string(size) + " " + std::to_string(level));
      }
    }
  }
}

TEST(DeflateScan, AgreesWithZlibOnBlocksOfTwoMebibytes) {
  for (const Kindof kind : testing::all_kinds)
    expect_agreement(by_libdeflate(material(kind, 2 << 20, 7), 1), "2 MiB");
}

TEST(DeflateScan, AgreesWithZlibOnItsOwnStreams) {
  for (const Kindof kind : testing::all_kinds) {
    const std::string plain = material(kind, 200'000, 3);
    for (const int strategy : {Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED}) {
      for (const int level : {0, 1, 6, 9}) expect_agreement(by_zlib(plain, level, strategy), "zlib");
    }
  }
}

RC_GTEST_PROP(DeflateScan, AgreesWithZlibOnAnything, ()) {
  const std::string stream = by_libdeflate(*testing::any_material(300'000), *rc::gen::inRange(0, 10));
  const auto want = zlibs_scan(stream);
  RC_ASSERT(want.has_value());
  const DeflateScan got = scan_deflate(as_bytes(stream));
  RC_ASSERT(got.last_header == want->last_header);
  RC_ASSERT(got.end == want->end);
}

RC_GTEST_PROP(DeflateScan, DoesNotCareWhatFollows, ()) {
  const std::string stream = by_libdeflate(*testing::any_material(50'000), *rc::gen::inRange(0, 10));
  const std::string rest = *rc::gen::container<std::string>(40, rc::gen::arbitrary<char>());
  RC_ASSERT(scan_deflate(as_bytes(stream + rest)).end == scan_deflate(as_bytes(stream)).end);
}

TEST(DeflateScan, EveryTruncationIsADefectNotARead) {
  for (const Kindof kind : testing::all_kinds) {
    const std::string stream = by_libdeflate(material(kind, 3000, 5), 6);
    for (std::size_t n = 0; n < stream.size(); ++n) {
      const std::vector<char> cut(stream.begin(),
                                  stream.begin() + static_cast<std::ptrdiff_t>(n));  // its own allocation
      EXPECT_THROW(scan_deflate(std::as_bytes(std::span(cut))), Error) << n;
    }
  }
}

// Streams that no compressor made: what zlib reads we read alike. (zlib also refuses distances and some codes
// that we do not look at, so the other direction does not hold.)
RC_GTEST_PROP(DeflateScan, AgreesWithZlibOnDamagedStreamsThatItStillReads, ()) {
  std::string stream = by_libdeflate(*testing::any_material(2000), *rc::gen::inRange(0, 10));
  for (int flips = *rc::gen::inRange(1, 4); flips > 0; --flips) {
    const auto at = *rc::gen::inRange<std::size_t>(0, stream.size() * 8);
    stream[at / 8] = static_cast<char>(stream[at / 8] ^ (1 << at % 8));
  }
  std::optional<DeflateScan> got;
  try {
    got = scan_deflate(as_bytes(stream));
  } catch (const Error&) {
  }
  if (const auto want = zlibs_scan(stream)) {
    RC_ASSERT(got.has_value());
    RC_ASSERT(got->last_header == want->last_header);
    RC_ASSERT(got->end == want->end);
  }
}

TEST(DeflateScan, NonsenseIsRefused) {
  using namespace std::string_view_literals;
  EXPECT_THROW(scan_deflate(as_bytes("\x07"sv)), Error);  // block type 3
  EXPECT_THROW(scan_deflate(as_bytes("\x01\x01\x00\x01\x00x"sv)),
               Error);  // NLEN is not the complement of LEN
  EXPECT_THROW(scan_deflate(as_bytes("\x01\xff\xff\x00\x00"sv)),
               Error);  // 65535 stored bytes that are not there
  EXPECT_THROW(scan_deflate(as_bytes(std::string(100'000, '\0'))), Error);  // header 0 and then LEN 0, NLEN 0
  EXPECT_THROW(scan_deflate(as_bytes(std::string(100'000, '\xff'))), Error);
  EXPECT_THROW(scan_deflate(as_bytes("\xfd\xff\xff\xff\xff\xff\xff\xff"sv)),
               Error);  // over-subscribed code lengths
}

}  // namespace
}  // namespace stave::compress
