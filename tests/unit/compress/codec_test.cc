// Formats and codecs by name.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "stave/compress/inflate.h"
#include "unit/compress/material.h"

namespace stave::compress {
namespace {

using namespace std::string_view_literals;

std::optional<Kind> refusal(std::string_view text) {
  try {
    Codec::parse(text);
    return std::nullopt;
  } catch (const Error& error) {
    return error.kind();
  }
}

RC_GTEST_PROP(Codec, ParseIsTheInverseOfStr, ()) {
  const bool gzip = *rc::gen::arbitrary<bool>();
  const Codec codec{gzip ? Format::gzip : Format::zstd,
                    gzip ? *rc::gen::inRange(0, 13) : *rc::gen::inRange(1, 20)};
  const Codec again = Codec::parse(codec.str());
  RC_ASSERT(again.format == codec.format);
  RC_ASSERT(again.level == codec.level);
}

TEST(Codec, HasADefaultLevel) {
  EXPECT_EQ(Codec::parse("gzip").str(), "gzip:5");
  EXPECT_EQ(Codec::parse("zstd").str(), "zstd:3");
  EXPECT_EQ(Codec::parse("none").str(), "none");
  EXPECT_EQ(Codec{}.str(), "gzip:5");
}

TEST(Codec, LevelsHaveBounds) {
  EXPECT_EQ(refusal("gzip:0"), std::nullopt);
  EXPECT_EQ(refusal("gzip:12"), std::nullopt);
  EXPECT_EQ(refusal("gzip:13"), Kind::usage);
  EXPECT_EQ(refusal("gzip:-1"), Kind::usage);
  EXPECT_EQ(refusal("zstd:0"), Kind::usage);
  EXPECT_EQ(refusal("zstd:1"), std::nullopt);
  EXPECT_EQ(refusal("zstd:19"), std::nullopt);
  EXPECT_EQ(refusal("zstd:20"), Kind::usage);
  EXPECT_EQ(refusal("gzip:18446744073709551622"), Kind::usage);  // 6 modulo 2^64
  EXPECT_EQ(refusal("gzip:4294967302"), Kind::usage);            // 6 modulo 2^32
}

TEST(Codec, NothingElseIsOne) {
  for (const auto text : {""sv, "gzip:"sv, "gzip:six"sv, "gzip: 6"sv, "GZIP"sv, "none:0"sv, "xz"sv, "bzip2"sv,
                          "lz4:1"sv, ":6"sv, "gzip:6:6"sv, "gzip\0"sv, "zstd:+3"sv}) {
    EXPECT_EQ(refusal(text), Kind::usage) << text;
  }
}

TEST(Codec, WhatCanOnlyBeReadIsNotWritten) {
  StringSink sink;
  EXPECT_THROW(BlockCompressor(Codec{Format::xz, 6}), Error);
  EXPECT_THROW(BlockWriter(Codec{Format::bzip2, 6}, sink), Error);
  EXPECT_EQ(sink.text(), "");
}

TEST(Sniff, KnowsEveryMagic) {
  EXPECT_EQ(sniff(as_bytes("\x1f\x8b\x08\x00\x00\x00"sv)), Format::gzip);
  EXPECT_EQ(sniff(as_bytes("\x28\xb5\x2f\xfd\x24\x00"sv)), Format::zstd);
  EXPECT_EQ(sniff(as_bytes("\xfd"
                           "7zXZ\0"sv)),
            Format::xz);
  for (char level = '1'; level <= '9'; ++level) {
    EXPECT_EQ(sniff(as_bytes("BZh" + std::string(1, level) + "1A")), Format::bzip2);
  }
  for (int variant = 0; variant < 16; ++variant) {
    EXPECT_EQ(sniff(as_bytes(std::string(1, static_cast<char>(0x50 + variant)) + "\x2a\x4d\x18")),
              Format::zstd);
  }
}

TEST(Sniff, NearMissesAreNone) {
  for (const auto first : {"\x1f\x8b\x07\0\0\0"sv, "\x1f\x9d\x90\0\0\0"sv, "\x27\xb5\x2f\xfd\0\0"sv,
                           "\x4f\x2a\x4d\x18\0\0"sv, "\x60\x2a\x4d\x18\0\0"sv,
                           "\xfd"
                           "7zXZ\x01"sv,
                           "BZh0xx"sv, "BZh:xx"sv, "bzh9xx"sv, "ustar"sv}) {
    EXPECT_EQ(sniff(as_bytes(first)), Format::none);
  }
}

TEST(Sniff, AMagicCutShortIsNone) {
  for (const auto magic : {"\x1f\x8b\x08"sv, "\x28\xb5\x2f\xfd"sv, "\x50\x2a\x4d\x18"sv,
                           "\xfd"
                           "7zXZ\0"sv,
                           "BZh9"sv}) {
    EXPECT_NE(sniff(as_bytes(magic)), Format::none);
    for (std::size_t n = 0; n < magic.size(); ++n)
      EXPECT_EQ(sniff(as_bytes(magic.substr(0, n))), Format::none);
  }
}

RC_GTEST_PROP(Sniff, KnowsWhatWeWrite, ()) {
  const Codec codec = *testing::any_codec();
  RC_PRE(codec.format != Format::none);
  RC_ASSERT(sniff(as_bytes(testing::compressed(codec, {*testing::any_material(1000)}))) == codec.format);
}

TEST(Versions, NameTheLibraries) {
  std::vector<std::string> names;
  for (const Version& library : versions()) {
    names.push_back(library.name);
    EXPECT_FALSE(library.version.empty());
  }
  std::vector<std::string> wanted = {"libdeflate", "zlib", "libzstd"};
  if (isal_inflater()) wanted.push_back("isa-l");
  EXPECT_EQ(names, wanted);
}

}  // namespace
}  // namespace stave::compress
