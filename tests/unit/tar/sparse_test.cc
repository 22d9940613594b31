// Sparse files: every form is read as the file it was, and a map that makes no
// sense is refused before a byte of content is given.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive.h"

namespace stave::tar {
namespace {

using testing::HasSubstr;
using namespace std::string_literals;

struct Piece {
  std::uint64_t offset;
  std::string data;
};

std::string expanded(const std::vector<Piece>& pieces, std::size_t size) {
  std::string out(size, '\0');
  for (const Piece& piece : pieces) out.replace(piece.offset, piece.data.size(), piece.data);
  return out;
}

std::string data_of(const std::vector<Piece>& pieces) {
  std::string out;
  for (const Piece& piece : pieces) out += piece.data;
  return out;
}

std::string pair(std::uint64_t offset, std::uint64_t length) { return octal(offset, 12) + octal(length, 12); }

// As old GNU tar writes it: four pairs in the header, 21 in each block after it.
std::string gnu(const std::vector<Piece>& pieces, std::uint64_t size) {
  std::string header = encode(file("sparse", data_of(pieces).size()));
  header.replace(257, 8, "ustar  \0"s);
  header.replace(483, 12, octal(size, 12));
  std::string blocks;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const std::string p = pair(pieces[i].offset, pieces[i].data.size());
    if (i < 4) {
      header.replace(386 + 24 * i, 24, p);
      continue;
    }
    const std::size_t in_block = (i - 4) % 21;
    if (in_block == 0) {
      if (blocks.empty()) header[482] = 1;
      if (!blocks.empty()) blocks[blocks.size() - 8] = 1;
      blocks.append(block_size, '\0');
    }
    blocks.replace(blocks.size() - block_size + 24 * in_block, 24, p);
  }
  return with_type(header, 'S') + blocks + padded(data_of(pieces));
}

std::string content(const std::vector<Piece>& pieces) {
  return encode(file("stored", data_of(pieces).size())) + padded(data_of(pieces));
}

std::string gnu_record(const std::string& key, const std::string& value) {
  return record("GNU.sparse." + key, value);
}

std::string pax_0_0(const std::vector<Piece>& pieces, std::uint64_t size) {
  std::string records =
      gnu_record("size", std::to_string(size)) + gnu_record("numblocks", std::to_string(pieces.size()));
  for (const Piece& piece : pieces) {
    records += gnu_record("offset", std::to_string(piece.offset)) +
               gnu_record("numbytes", std::to_string(piece.data.size()));
  }
  return pax(records) + content(pieces);
}

std::string pax_0_1(const std::vector<Piece>& pieces, std::uint64_t size) {
  std::string map;
  for (const Piece& piece : pieces) {
    map += (map.empty() ? "" : ",") + std::to_string(piece.offset) + "," + std::to_string(piece.data.size());
  }
  return pax(gnu_record("size", std::to_string(size)) +
             gnu_record("numblocks", std::to_string(pieces.size())) + gnu_record("map", map) +
             gnu_record("name", "sparse")) +
         content(pieces);
}

std::string pax_1_0_with_map(const std::string& map, const std::string& data, std::uint64_t size) {
  const std::string stored = padded(map) + data;
  return pax(gnu_record("major", "1") + gnu_record("minor", "0") + gnu_record("name", "sparse") +
             gnu_record("realsize", std::to_string(size))) +
         encode(file("GNUSparseFile.0/sparse", stored.size())) + padded(stored);
}

std::string pax_1_0(const std::vector<Piece>& pieces, std::uint64_t size) {
  std::string map = std::to_string(pieces.size()) + "\n";
  for (const Piece& piece : pieces) {
    map += std::to_string(piece.offset) + "\n" + std::to_string(piece.data.size()) + "\n";
  }
  return pax_1_0_with_map(map, data_of(pieces), size);
}

using Form = std::string (*)(const std::vector<Piece>&, std::uint64_t);
constexpr Form forms[] = {gnu, pax_0_0, pax_0_1, pax_1_0};

void expect_expanded(const std::vector<Piece>& pieces, std::size_t size) {
  for (const Form form : forms) {
    const Outcome outcome = read_archive(form(pieces, size) + entry("next") + trailer);
    ASSERT_FALSE(outcome.failure) << outcome.failure->what();
    ASSERT_EQ(outcome.entries.size(), 2u);
    EXPECT_TRUE(outcome.entries[0].header.sparse);
    EXPECT_EQ(outcome.entries[0].header.size, size);
    EXPECT_TRUE(outcome.entries[0].content == expanded(pieces, size));
    EXPECT_EQ(outcome.entries[1].header.name, "next");
  }
}

TEST(Sparse, EveryFormIsReadAsTheFileItWas) {
  expect_expanded({{0, "start"}, {1000, "middle"}, {9990, "end of it."}}, 10'000);
  expect_expanded({{512, "a"}}, 1000);
  expect_expanded({{0, "all of it"}}, 9);
}

TEST(Sparse, OneHoleAndNothing) {
  expect_expanded({}, 5000);
  expect_expanded({{5000, ""}}, 5000);
  expect_expanded({}, 0);
}

TEST(Sparse, ManyFragments) {
  std::vector<Piece> pieces;
  for (std::uint64_t i = 0; i < 100; ++i) pieces.push_back({i * 1000, std::to_string(i)});
  expect_expanded(pieces, 100'000);
}

TEST(Sparse, TheNameIsTheFilesOwn) {
  EXPECT_EQ(read_one(pax_1_0({{0, "x"}}, 10)).name, "sparse");
  EXPECT_EQ(read_one(pax_0_1({{0, "x"}}, 10)).name, "sparse");
}

TEST(Sparse, TheContentBeginsAfterTheMap) {
  for (const Form form : forms) {
    const std::string archive = form({{100, "needle"}, {300, "x"}}, 400);
    EXPECT_EQ(archive.substr(read_archive(archive).entries.at(0).content_offset, 6), "needle");
  }
}

TEST(Sparse, NumbersInBase256) {
  std::string archive = gnu({{0, "x"}}, 0);
  archive = patched(archive, 483, "\x80\0\0\0\0\0\0\x10\0\0\0\0"s);
  EXPECT_EQ(read_archive(archive, 100).only().size, 1ull << 36);
}

TEST(Sparse, SkippingAHoleOf60GigabytesReadsNothing) {
  const Outcome outcome = read_archive(pax_1_0({{60'000'000'000, "x"}}, 60'000'000'001) + entry("next"), 100);
  ASSERT_EQ(outcome.entries.size(), 2u);
  EXPECT_EQ(outcome.entries[0].content, std::string(100, '\0'));
}

TEST(SparseAttack, OverlappingFragments) {
  for (const Form form : forms) {
    EXPECT_THAT(refusal(form({{0, "12345"}, {4, "6"}}, 100)), HasSubstr("overlap"));
    EXPECT_THAT(refusal(form({{50, "x"}, {10, "y"}}, 100)), HasSubstr("overlap"));
  }
}

TEST(SparseAttack, FragmentBeyondTheFile) {
  for (const Form form : forms) {
    EXPECT_THAT(refusal(form({{98, "abc"}}, 100)), HasSubstr("beyond its 100 bytes"));
    EXPECT_THAT(refusal(form({{101, ""}}, 100)), HasSubstr("beyond its 100 bytes"));
  }
}

TEST(SparseAttack, OffsetAndLengthThatOverflow) {
  const std::string map = "1\n9223372036854775807\n9223372036854775807\n";
  EXPECT_THAT(refusal(pax_1_0_with_map(map, "", 100)), HasSubstr("beyond"));
  EXPECT_THAT(refusal(pax_1_0_with_map("1\n18446744073709551616\n1\n", "", 100)), HasSubstr("bad number"));
}

TEST(SparseAttack, MoreOrLessDataThanTheMapSays) {
  EXPECT_THAT(refusal(pax_1_0_with_map("1\n0\n5\n", "123", 100)), HasSubstr("stores 3 bytes"));
  EXPECT_THAT(refusal(pax_1_0_with_map("1\n0\n1\n", "123", 100)), HasSubstr("stores 3 bytes"));
}

TEST(SparseAttack, MapsThatAreNoMaps) {
  for (const std::string& map : {"x\n"s, "-1\n"s, "\n"s, "1\n\n0\n"s, "1\n0\n0x1\n"s, "2\n0\n1\n"s, "1"s}) {
    EXPECT_EQ(verdict(pax_1_0_with_map(map, "", 100)), "invalid") << map;
  }
}

TEST(SparseAttack, MillionsOfFragments) {
  EXPECT_THAT(refusal(pax_1_0_with_map("4000000000\n", "", 100)), HasSubstr("at most 65536"));
  EXPECT_THAT(refusal(pax(gnu_record("size", "1") + gnu_record("numblocks", "4000000000")) + entry("f")),
              HasSubstr("at most 65536"));
  std::string archive = gnu({{0, ""}, {0, ""}, {0, ""}, {0, ""}, {0, ""}}, 0);
  std::string extension(block_size, '\0');
  for (std::size_t i = 0; i < 21; ++i) extension.replace(24 * i, 24, pair(0, 0));
  extension[504] = 1;
  archive.resize(block_size);
  for (std::size_t i = 0; i < 65536 / 21 + 1; ++i) archive += extension;
  EXPECT_THAT(refusal(archive), HasSubstr("more than 65536 fragments"));
}

TEST(SparseAttack, EmptyExtensionsForEver) {
  std::string archive = gnu({{0, ""}, {0, ""}, {0, ""}, {0, ""}, {0, ""}}, 0);
  archive.resize(block_size);
  std::string extension(block_size, '\0');
  extension[504] = 1;
  EXPECT_THAT(refusal(archive + extension), HasSubstr("empty extension"));
}

TEST(SparseAttack, RecordsOutOfOrder) {
  const std::string head = gnu_record("size", "9") + gnu_record("numblocks", "1");
  for (const std::string& records :
       {gnu_record("numbytes", "1") + gnu_record("offset", "0"), gnu_record("offset", "0"),
        gnu_record("offset", "0,1") + gnu_record("numbytes", "1"), gnu_record("map", "0"),
        gnu_record("map", "0,,1"), gnu_record("map", "0,1,2,3")}) {
    EXPECT_EQ(verdict(pax(head + records) + entry("f", "x")), "invalid") << records;
  }
}

TEST(SparseAttack, WhatIsNotAFileIsNotSparse) {
  const std::string records = gnu_record("size", "0") + gnu_record("numblocks", "0");
  EXPECT_THAT(refusal(pax(records) + with_type(entry("d/x"), '5')), HasSubstr("not a file"));
}

TEST(SparseAttack, UnknownVersionsAndForms) {
  EXPECT_EQ(verdict(pax(gnu_record("major", "2") + gnu_record("minor", "0")) + entry("f")), "unsupported");
  EXPECT_EQ(verdict(pax(gnu_record("major", "1")) + entry("f")), "unsupported");
  EXPECT_EQ(verdict(with_type(entry("f"), 'S')), "unsupported");  // star's own form
  EXPECT_THAT(refusal(pax(gnu_record("size", "0") + gnu_record("numblocks", "0")) + gnu({}, 0)),
              HasSubstr("two forms"));
}

TEST(SparseAttack, NoSizeOrABadOne) {
  for (const std::string& size : {""s, "-1"s, "9223372036854775808"s}) {
    const std::string records = gnu_record("size", size) + gnu_record("numblocks", "0");
    EXPECT_EQ(verdict(pax(records) + entry("f")), "invalid") << size;
  }
}

}  // namespace
}  // namespace stave::tar
