// Decompression of what others wrote, and of what nobody should have written.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "unit/compress/material.h"

namespace stave::compress {
namespace {

using namespace std::string_literals;
using testing::compressed;
using testing::decompressed;
using testing::failure;
using testing::kind_of_failure;
using testing::Kindof;
using testing::material;

const std::string header = "\x1f\x8b\x08\0\0\0\0\0\0\xff"s;

std::string gzip(const std::string& plain) { return compressed({Format::gzip, 6}, {plain}); }
std::string zstd(const std::string& plain) { return compressed({Format::zstd, 3}, {plain}); }

// The member of `plain` with other flags, and optional fields behind the header (RFC 1952, 2.3).
std::string gzip_with(char flags, const std::string& fields, const std::string& plain) {
  std::string member = gzip(plain);
  member[3] = flags;
  return member.insert(10, fields);
}

std::string header_crc(const std::string& fields, char flags) {
  std::string all = header + fields;
  all[3] = flags;
  const auto crc = crc32(0, reinterpret_cast<const Bytef*>(all.data()), static_cast<uInt>(all.size()));
  return {static_cast<char>(crc & 0xff), static_cast<char>(crc >> 8 & 0xff)};
}

std::filesystem::path shared_data() {
  const char* other = std::getenv("STAVE_DATA");
  return other ? other : STAVE_SHARED_DATA;
}

std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string from_base64(const std::string& text) {
  static const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned buffer = 0, bits = 0;
  for (const char c : text) {
    const std::size_t value = alphabet.find(c);
    if (value == alphabet.npos) continue;
    buffer = buffer << 6 | static_cast<unsigned>(value);
    if ((bits += 6) >= 8) bytes += static_cast<char>(buffer >> (bits -= 8) & 0xff);
  }
  return bytes;
}

TEST(Gunzip, ReadsManyMembers) {
  EXPECT_EQ(decompressed(gzip("one ") + gzip("two ") + gzip("three"), Format::gzip), "one two three");
}

TEST(Gunzip, ReadsEmptyMembersAnywhere) {
  const std::string empty = gzip("");
  EXPECT_EQ(decompressed(empty + gzip("a") + empty + empty + gzip("b") + empty, Format::gzip), "ab");
}

TEST(Gunzip, ReadsAMemberThatBeginsWhereAReadEnds) {
  const std::string members = gzip("one ") + gzip("two");
  for (std::size_t piece = 1; piece <= members.size(); ++piece) {
    EXPECT_EQ(decompressed(members, Format::gzip, piece), "one two") << piece;
  }
}

TEST(Gunzip, ReadsEveryOptionalField) {
  const std::string extra = "\x06\0AB\x02\0xy"s, file_name = "a name\0"s, comment = "a comment\0"s;
  EXPECT_EQ(decompressed(gzip_with(0x01, "", "x"), Format::gzip), "x");
  EXPECT_EQ(decompressed(gzip_with(0x04, extra, "x"), Format::gzip), "x");
  EXPECT_EQ(decompressed(gzip_with(0x08, file_name, "x"), Format::gzip), "x");
  EXPECT_EQ(decompressed(gzip_with(0x10, comment, "x"), Format::gzip), "x");
  const std::string fields = extra + file_name + comment;
  EXPECT_EQ(decompressed(gzip_with(0x1f, fields + header_crc(fields, 0x1f), "x"), Format::gzip), "x");
}

TEST(Gunzip, AWrongHeaderChecksumIsInvalid) {
  EXPECT_EQ(kind_of_failure(gzip_with(0x02, "\x12\x34", "x"), Format::gzip), Kind::invalid);
}

TEST(Gunzip, ReservedFlagsAreInvalid) {  // RFC 1952, 2.3.1.2
  for (const char flag : {'\x20', '\x40', '\x80'}) {
    EXPECT_EQ(kind_of_failure(gzip_with(flag, "", "x"), Format::gzip), Kind::invalid);
  }
}

TEST(Gunzip, PaddingOfZerosEndsTheStream) {
  for (const std::size_t zeros : {1u, 2u, 511u, 1'000'000u}) {
    EXPECT_EQ(decompressed(gzip("x") + std::string(zeros, '\0'), Format::gzip), "x") << zeros;
  }
}

TEST(Gunzip, WhatFollowsPaddingIsInvalid) {
  EXPECT_EQ(kind_of_failure(gzip("x") + std::string(600'000, '\0') + "y", Format::gzip), Kind::invalid);
  EXPECT_EQ(kind_of_failure(gzip("x") + std::string(1, '\0') + gzip("y"), Format::gzip), Kind::invalid);
}

TEST(Gunzip, PaddingAloneIsInvalid) {
  EXPECT_EQ(kind_of_failure(std::string(512, '\0'), Format::gzip), Kind::invalid);
}

TEST(Gunzip, GarbageAfterTheLastMemberIsInvalid) {
  const std::string member = gzip("x");
  for (const std::string& garbage :
       {"y"s, "\x1f"s, "\x1f\x8b"s, "\x1f\x8b\x07\0"s, header, "\n"s, zstd("y")}) {
    EXPECT_EQ(kind_of_failure(member + garbage, Format::gzip), Kind::invalid);
  }
  const auto failed = failure(member + "garbage", Format::gzip);
  ASSERT_TRUE(failed);
  EXPECT_NE(failed->what.find("byte " + std::to_string(member.size()) + ":"), std::string::npos)
      << failed->what;
}

TEST(Gunzip, NoBytesAreNoStream) { EXPECT_EQ(kind_of_failure("", Format::gzip), Kind::invalid); }

TEST(Gunzip, AnotherFormatIsInvalid) {
  EXPECT_EQ(kind_of_failure("plain text", Format::gzip), Kind::invalid);
  EXPECT_EQ(kind_of_failure(zstd("x"), Format::gzip), Kind::invalid);
  EXPECT_EQ(kind_of_failure("\x78\x9c\x03\x00\x00\x00\x00\x01"s, Format::gzip),
            Kind::invalid);  // zlib, RFC 1950
}

TEST(Gunzip, AWrongChecksumOrLengthIsInvalid) {
  std::string crc = gzip("x"), size = gzip("x");
  crc[crc.size() - 8] = static_cast<char>(crc[crc.size() - 8] ^ 1);
  size[size.size() - 4] = static_cast<char>(size[size.size() - 4] ^ 1);
  EXPECT_EQ(kind_of_failure(crc, Format::gzip), Kind::invalid);
  EXPECT_EQ(kind_of_failure(size, Format::gzip), Kind::invalid);
  EXPECT_EQ(kind_of_failure(crc + gzip("y"), Format::gzip), Kind::invalid);
}

TEST(Gunzip, SaysWhereItEndsEarly) {
  const std::string bytes = gzip(material(Kindof::noise, 5000, 1)).substr(0, 1234);
  const auto failed = failure(bytes, Format::gzip);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->what, "gzip stream, byte 1234: ends early");
}

// golang.org/issue/6550: a damaged member on which Go's reader never came to an end.
TEST(Gunzip, HangOfGoIssue6550IsAnError) {
  const auto path = shared_data() / "hostile/go-gzip/issue6550.gz.base64";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no shared data: Go's issue6550.gz";
  EXPECT_EQ(kind_of_failure(from_base64(contents(path)), Format::gzip), Kind::invalid);
}

TEST(Unzstd, ReadsManyFrames) {
  EXPECT_EQ(decompressed(zstd("one ") + zstd("two ") + compressed({Format::zstd, 3}, {}) + zstd("three"),
                         Format::zstd),
            "one two three");
}

TEST(Unzstd, PassesOverSkippableFrames) {
  const std::string skip = "\x5e\x2a\x4d\x18\x05\0\0\0hello"s;
  EXPECT_EQ(decompressed(skip + zstd("a") + skip + skip + zstd("b") + skip, Format::zstd), "ab");
  EXPECT_EQ(decompressed(skip, Format::zstd), "");
}

TEST(Unzstd, ReadsAFrameThatBeginsWhereAReadEnds) {
  const std::string frames = zstd("one ") + "\x50\x2a\x4d\x18\x01\0\0\0x"s + zstd("two");
  for (std::size_t piece = 1; piece <= frames.size(); ++piece) {
    EXPECT_EQ(decompressed(frames, Format::zstd, piece), "one two") << piece;
  }
}

TEST(Unzstd, GarbageAfterTheLastFrameIsInvalid) {
  for (const std::string& garbage : {"y"s, "\x28\xb5\x2f"s, "\0\0\0\0\0"s, "\n"s, gzip("y")}) {
    EXPECT_EQ(kind_of_failure(zstd("x") + garbage, Format::zstd), Kind::invalid);
  }
}

TEST(Unzstd, NoBytesAreNoStream) { EXPECT_EQ(kind_of_failure("", Format::zstd), Kind::invalid); }

// The formats before RFC 8878, whose decoders Debian's libzstd still carries.
TEST(Unzstd, LegacyFormatsAreNotZstd) {
  for (char version = '\x22'; version <= '\x27'; ++version) {
    const auto failed = failure(version + "\xb5\x2f\xfd\0\0\0\0\0\0\0\0"s, Format::zstd);
    ASSERT_TRUE(failed);
    EXPECT_EQ(failed->what,
              "zstd stream, byte 0: no zstd frame begins here");  // and not what such a decoder says
  }
}

TEST(Unzstd, AWrongChecksumIsInvalid) {
  std::string bytes = zstd("some bytes");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  EXPECT_EQ(kind_of_failure(bytes, Format::zstd), Kind::invalid);
}

// A frame header is 6 bytes; what it promises would be 2^(10+21) bytes of memory (RFC 8878, 3.1.1.1.2).
TEST(Unzstd, WindowBombIsALimit) {
  const std::string two_gibibytes = "\x28\xb5\x2f\xfd\0\xa8"s;
  EXPECT_EQ(kind_of_failure(two_gibibytes + "\x01\0\0"s, Format::zstd), Kind::limit);
  const std::string largest_allowed = "\x28\xb5\x2f\xfd\0\x88"s;
  EXPECT_EQ(decompressed(largest_allowed + "\x01\0\0"s, Format::zstd), "");
}

TEST(Unzstd, ContentSizeBombIsALimit) {  // one segment of 2^40 bytes
  EXPECT_EQ(kind_of_failure("\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\x01\0\0\x01\0\0"s, Format::zstd), Kind::limit);
}

TEST(Unzstd, AFrameThatNeedsADictionaryIsUnsupported) {
  EXPECT_EQ(kind_of_failure("\x28\xb5\x2f\xfd\x21\x2a\0\x01\0\0"s, Format::zstd), Kind::unsupported);
}

// What libzstd makes of `bytes` in one shot.
std::optional<std::string> by_libzstd(const std::string& bytes) {
  std::string plain(1 << 20, '\0');
  const std::size_t n = ZSTD_decompress(plain.data(), plain.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(n)) return std::nullopt;
  plain.resize(n);
  return plain;
}

// The verdicts of zstd's golden files are those of its newest version: libzstd before 1.5.7 refuses one good
// frame and takes three bad ones (its doc/decompressor_permissive.md). In any version we must say what
// libzstd says.
class UnzstdGolden : public ::testing::TestWithParam<const char*> {};

TEST_P(UnzstdGolden, IsJudgedAsLibzstdJudgesIt) {
  const auto file = shared_data() / "hostile/zstd-golden" / GetParam();
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no shared data: zstd's " << GetParam();
  const std::string bytes = contents(file);
  const auto want = by_libzstd(bytes);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{100}, SIZE_MAX}) {
    const auto failed = failure(bytes, Format::zstd, piece);
    ASSERT_EQ(failed.has_value(), !want.has_value());
    if (want) {
      EXPECT_EQ(decompressed(bytes, Format::zstd, piece), *want);
    } else {
      EXPECT_EQ(failed->kind, Kind::invalid);
    }
  }
  const bool good = file.parent_path().filename() == "golden-decompression";
  if (want.has_value() == good) return;
  if (ZSTD_versionNumber() < 10507)
    GTEST_SKIP() << "libzstd " << ZSTD_versionString() << " misjudges " << GetParam();
  FAIL() << "libzstd misjudges it";
}

INSTANTIATE_TEST_SUITE_P(Files, UnzstdGolden,
                         ::testing::Values("golden-decompression/block-128k.zst",
                                           "golden-decompression/empty-block.zst",
                                           "golden-decompression/rle-first-block.zst",
                                           "golden-decompression/zeroSeq_2B.zst",
                                           "golden-decompression-errors/off0.bin.zst",
                                           "golden-decompression-errors/truncated_huff_state.zst",
                                           "golden-decompression-errors/zeroSeq_extraneous.zst"));

TEST(Decompress, OfNonePassesTheBytes) {
  EXPECT_EQ(decompressed("as they are", Format::none), "as they are");
}

TEST(Decompress, XzAndBzip2SayWhatHelps) {
  for (const auto& [format, pipe] :
       {std::pair(Format::xz, "xz -dc FILE |"), std::pair(Format::bzip2, "bzip2 -dc FILE |")}) {
    const auto failed = failure("x", format);
    ASSERT_TRUE(failed);
    EXPECT_EQ(failed->kind, Kind::unsupported);
    EXPECT_EQ(failed->hint.find(pipe), 0u) << failed->hint;
  }
}

TEST(Decompress, EveryTruncationEndsEarly) {
  for (const char* codec : {"gzip:0", "gzip:1", "gzip:6", "zstd:3"}) {
    for (const Kindof kind : testing::all_kinds) {
      const Codec parsed = Codec::parse(codec);
      const std::string bytes = compressed(parsed, {material(kind, 700, 9)});
      for (std::size_t n = 0; n < bytes.size(); ++n) {
        EXPECT_EQ(kind_of_failure(bytes.substr(0, n), parsed.format), Kind::invalid)
            << codec << " cut to " << n;
      }
    }
  }
}

// Between two frames a cut cannot be seen; everywhere else it can.
TEST(Decompress, ATruncationOfManyMembersEndsEarlyOrAtABorder) {
  const std::string first = gzip("one"), both = first + gzip("two");
  for (std::size_t n = 0; n < both.size(); ++n) {
    const bool border = n == first.size();
    EXPECT_EQ(kind_of_failure(both.substr(0, n), Format::gzip).has_value(), !border) << n;
  }
}

TEST(Decompress, EveryFlippedBitIsAnErrorOrHarmless) {
  for (const char* codec : {"gzip:0", "gzip:6", "zstd:3"}) {
    const Codec parsed = Codec::parse(codec);
    const std::vector<std::string> blocks = {material(Kindof::text, 300, 1), material(Kindof::noise, 60, 2)};
    const std::string plain = blocks[0] + blocks[1], bytes = compressed(parsed, blocks);
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      std::string damaged = bytes;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
      try {
        EXPECT_EQ(decompressed(damaged, parsed.format), plain) << codec << " bit " << bit;
      } catch (const Error& error) {
        EXPECT_TRUE(error.kind() == Kind::invalid || error.kind() == Kind::limit ||
                    error.kind() == Kind::unsupported)
            << error.what();
      }
    }
  }
}

TEST(Decompress, AFailureNeverTurnsIntoAnEnd) {
  for (const std::string& bytes : {gzip("x") + "\0"s + gzip("y"), gzip("x").substr(0, 15), "garbage"s}) {
    BytesSource in(bytes);
    const auto source = decompress(in, Format::gzip);
    std::vector<std::byte> buffer(100);
    EXPECT_THROW(while (source->read(buffer) != 0){}, Error);
    for (int i = 0; i < 5; ++i) EXPECT_THROW(source->read(buffer), Error);
  }
}

RC_GTEST_PROP(Decompress, NoiseIsAnErrorAndNothingElse, ()) {
  const auto format = *rc::gen::element(Format::gzip, Format::zstd);
  const std::string magic = *rc::gen::element(""s, header, "\x28\xb5\x2f\xfd"s, "\x50\x2a\x4d\x18"s);
  const auto failed = failure(magic + *rc::gen::arbitrary<std::string>(), format);
  RC_ASSERT((!failed || failed->kind == Kind::invalid || failed->kind == Kind::limit ||
             failed->kind == Kind::unsupported));
}

// The bytes up to the end or the failure, and what the failure says.
std::pair<std::string, std::string> outcome(const std::string& bytes, Format format, unsigned jobs) {
  BytesSource in(bytes);
  std::string plain;
  std::vector<std::byte> buffer(60'000);
  try {
    const auto source = decompress(in, format, jobs);
    while (const std::size_t n = source->read(buffer)) plain.append(as_text(Bytes(buffer).first(n)));
    return {plain, "done"};
  } catch (const Error& error) {
    return {plain, error.what()};
  }
}

RC_GTEST_PROP(Decompress, ByAThreadOfItsOwnIsTheSame, ()) {
  const Codec codec = *testing::any_codec();
  std::string bytes = compressed(codec, {*testing::any_material(3'000'000), *testing::any_material(100)});
  if (codec.format == Format::none || *rc::gen::inRange(0, 3) == 0) {
    RC_ASSERT(outcome(bytes, codec.format, 2) == outcome(bytes, codec.format, 1));
    return;
  }
  if (*rc::gen::arbitrary<bool>()) {
    bytes.resize(*rc::gen::inRange<std::size_t>(0, bytes.size()));
  } else {
    const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
  }
  // How far one gets before a failure hangs on how much is asked for at once; whether it fails does not.
  RC_ASSERT((outcome(bytes, codec.format, 2).second == "done") ==
            (outcome(bytes, codec.format, 1).second == "done"));
  RC_ASSERT(outcome(bytes, codec.format, 2) == outcome(bytes, codec.format, 3));
}

// A Source that breaks off with an error of its own.
class BrokenSource : public Source {
  std::size_t read(MutableBytes) override { throw Error(Kind::io, "disk on fire"); }
};

TEST(Decompress, AFailureBelowComesThroughUnchanged) {
  for (const Format format : {Format::none, Format::gzip, Format::zstd}) {
    BrokenSource in;
    std::vector<std::byte> buffer(10);
    try {
      decompress(in, format)->read(buffer);
      FAIL() << "read from a broken source";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Kind::io);
    }
  }
}

}  // namespace
}  // namespace stave::compress
