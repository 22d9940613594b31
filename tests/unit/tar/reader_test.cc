// Reader: the dialects of tar it understands, where it says things are, and
// what of a hostile archive it refuses. Sparse files have their own test.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "archive.h"
#include "stave/base/limits.h"

namespace stave::tar {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using namespace std::string_literals;

std::vector<std::string> names(const Outcome& outcome) {
  std::vector<std::string> all;
  for (const Entry& e : outcome.entries) all.push_back(e.header.name);
  return all;
}

// Ends

TEST(ReaderEnd, TwoZeroBlocksAreAProperEnd) {
  EXPECT_TRUE(read_archive(entry("a") + trailer).ended_properly);
  EXPECT_THAT(names(read_archive(entry("a") + trailer)), ElementsAre("a"));
}

TEST(ReaderEnd, TheEndOfTheStreamIsAnEndButNotAProperOne) {
  for (const std::string& end : {""s, std::string(block_size, '\0')}) {
    const Outcome outcome = read_archive(entry("a", "content") + end);
    EXPECT_FALSE(outcome.failure);
    EXPECT_FALSE(outcome.ended_properly);
  }
}

TEST(ReaderEnd, NothingIsReadBehindIt) {
  EXPECT_THAT(names(read_archive(entry("a") + trailer + entry("b") + trailer)), ElementsAre("a"));
}

TEST(ReaderEnd, AnyCutInsideAnEntryIsRefused) {
  const std::string whole = pax(record("path", "long")) + entry("a", std::string(700, 'x'));
  for (const std::size_t length : {1u, 511u, 512u, 600u, 1024u, 1500u, 1536u, 2000u, 2236u, 2559u}) {
    EXPECT_THAT(refusal(whole.substr(0, length)), HasSubstr("ends in the middle")) << length;
  }
  EXPECT_EQ(verdict(whole), "read");
}

// As umoci insert (0.4.7) ends them, and Go's archive/tar reads: only who asks for it reads them.
TEST(ReaderEnd, ThePaddingOfTheLastFileMayBeMissing) {
  const std::string whole = entry("a", std::string(700, 'x'));
  const auto read = [&](std::size_t length) {
    const std::string cut = whole.substr(0, length);
    BytesSource source(cut);
    Reader reader(source, Reader::Ending::without_padding);
    Header header;
    int entries = 0;
    while (reader.next(header)) ++entries;
    EXPECT_FALSE(reader.ended_properly());
    return entries;
  };
  for (const std::size_t length : {1212u, 1213u, 1535u, 1536u}) EXPECT_EQ(read(length), 1) << length;
  EXPECT_THROW(read(1211), Error);
}

TEST(ReaderEnd, DrainReadsTheRestAndSaysWhetherItIsZeros) {
  for (const auto& [rest, other] :
       {std::pair{std::string(100'000, '\0'), false}, std::pair{std::string(100'000, '\0') + "x", true}}) {
    const std::string archive = entry("a") + trailer + rest;
    BytesSource source(archive);
    StringSink seen;
    TeeSource tee(source, seen);
    Reader reader(tee);
    Header header;
    while (reader.next(header)) {
    }
    EXPECT_EQ(reader.drain(), other);
    EXPECT_TRUE(seen.text() == archive);
  }
}

// Content and places

TEST(ReaderContent, UnreadContentIsSkipped) {
  const std::string archive = entry("a", std::string(200'000, 'x')) + entry("b", "content") + trailer;
  BytesSource source(archive);
  Reader reader(source);
  Header header;
  ASSERT_TRUE(reader.next(header));
  ASSERT_TRUE(reader.next(header));
  EXPECT_EQ(header.name, "b");
}

TEST(ReaderContent, IsTheSameThroughPiecesOfAnySize) {
  std::string content(150'000, '?');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * i % 251);
  const std::string archive = entry("a", content) + trailer;
  for (const std::size_t size : {1u, 511u, 4096u, 70'000u, 1'000'000u}) {
    BytesSource source(archive);
    Reader reader(source);
    Header header;
    ASSERT_TRUE(reader.next(header));
    std::string piece(size, '?'), all;
    while (const std::size_t n = reader.read(std::as_writable_bytes(std::span(piece))))
      all.append(piece, 0, n);
    EXPECT_TRUE(all == content);
    EXPECT_FALSE(reader.next(header));
  }
}

TEST(ReaderContent, OffsetsPointIntoTheArchive) {
  const std::string first = entry("a", "content");
  const std::string second = pax(record("mtime", "1.5")) + entry("b", "more");
  const std::vector<Entry> entries = read_archive(first + second + trailer).entries;
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].header_offset, 0u);
  EXPECT_EQ(entries[0].content_offset, 512u);
  EXPECT_EQ(entries[1].header_offset, first.size());
  EXPECT_EQ((first + second).substr(entries[1].content_offset, 4), "more");
}

TEST(ReaderContent, AGlobalHeaderIsNotPartOfTheEntryAfterIt) {
  const std::string global = special('g', record("comment", "commit"));
  const std::vector<Entry> entries = read_archive(global + entry("a")).entries;
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].header_offset, global.size());
}

TEST(ReaderContent, ThereIsNoneOfLinksAndDirectoriesWhateverTheirSizeSays) {
  for (const char flag : "123456"s) {
    Header link = file("a", 512);
    link.linkname = "target";
    const Outcome outcome = read_archive(with_type(encode(link), flag) + entry("b") + trailer);
    EXPECT_THAT(names(outcome), ElementsAre("a", "b")) << flag;
    EXPECT_EQ(outcome.entries.at(0).header.size, 0u) << flag;
  }
}

TEST(ReaderContent, OfAGnuDumpDirectoryIsPassedOver) {
  const std::string listing = "Yfile\0\0"s;
  const std::string dump = patched(with_type(entry("d", listing), 'D'), 0, "d/");
  const Outcome outcome = read_archive(dump + entry("b"));
  EXPECT_THAT(names(outcome), ElementsAre("d/", "b"));
  EXPECT_EQ(outcome.entries.at(0).header.type, Type::directory);
  EXPECT_EQ(outcome.entries.at(0).content, "");
}

// Types

TEST(ReaderType, V7MarksADirectoryByItsSlash) {
  Header directory = file("d/");
  directory.type = Type::directory;
  EXPECT_EQ(read_one(with_type(encode(directory), '\0')).type, Type::directory);
  EXPECT_EQ(read_one(with_type(encode(file("f")), '\0')).type, Type::regular);
}

TEST(ReaderType, ContiguousFilesAreFiles) {
  const Outcome outcome = read_archive(with_type(entry("f", "content"), '7'));
  EXPECT_EQ(outcome.only().type, Type::regular);
  EXPECT_EQ(outcome.entries[0].content, "content");
}

TEST(ReaderType, AVolumeLabelIsNoEntry) {
  EXPECT_THAT(names(read_archive(with_type(encode(file("label")), 'V') + entry("a"))), ElementsAre("a"));
}

TEST(ReaderType, UnknownOnesAreUnsupported) {
  for (const char flag : "89MNAEIZ\xff"s)
    EXPECT_EQ(verdict(with_type(entry("f"), flag)), "unsupported") << flag;
}

// Numbers

TEST(ReaderNumber, Base256) {
  const std::string large = "\x80\0\0\0\x01\0\0\0"s;
  EXPECT_EQ(read_one(patched(entry("f"), 108, large)).uid, 1ull << 24);
  EXPECT_EQ(read_one(patched(entry("f"), 136, std::string(12, '\xff'))).mtime, (Timestamp{-1, 0}));
}

TEST(ReaderNumber, BlanksAndNulsAroundItDoNotMatter) {
  EXPECT_EQ(read_one(patched(entry("f"), 108, "  1750 \0"s)).uid, 01750u);
  EXPECT_EQ(read_one(patched(entry("f"), 108, "\0\0\0\0\0\0\0\0"s)).uid, 0u);
  EXPECT_EQ(read_one(patched(entry("f"), 108, "12\0junk!"s)).uid, 012u);
}

TEST(ReaderNumber, BadOnesAreRefused) {
  EXPECT_THAT(refusal(patched(entry("f"), 108, "12x\0    "s)), HasSubstr("as owner"));
  EXPECT_THAT(refusal(patched(entry("f"), 124, "00000000008\0"s)), HasSubstr("as size"));
  EXPECT_THAT(refusal(patched(entry("f"), 124, std::string(12, '\xff'))), HasSubstr("negative size"));
  EXPECT_THAT(refusal(patched(entry("f"), 124, "\x80\0\0\0\x80\0\0\0\0\0\0\0"s)), HasSubstr("as size"));
  EXPECT_THAT(refusal(patched(entry("f"), 108, std::string(8, '\xff'))), HasSubstr("negative owner"));
  EXPECT_THAT(refusal(patched(entry("f"), 100, "9"s)), HasSubstr("as mode"));
}

TEST(ReaderNumber, DevicesBeyondTheKernelsAreRefused) {
  const std::string node = with_type(entry("n"), '3');
  EXPECT_EQ(read_one(patched(node, 329, "\x80\0\0\0\xff\xff\xff\xff"s)).device_major, 0xffffffffu);
  EXPECT_THAT(refusal(patched(node, 329, "\x80\0\0\x01\0\0\0\0"s)), HasSubstr("does not exist"));
}

TEST(ReaderNumber, ChecksumOfSignedBytesIsAcceptedAsSunWroteIt) {
  std::string archive = entry("\xff");  // a pax header and a plain one
  archive = archive.substr(1024);
  archive = patched(archive, 0, "\xff"s);
  const unsigned unsigned_sum = static_cast<unsigned>(std::stoul(archive.substr(148, 6), nullptr, 8));
  archive.replace(148, 7, octal(unsigned_sum - 256, 7));
  EXPECT_EQ(read_one(archive).name, "\xff");
}

TEST(ReaderNumber, ABadChecksumIsRefusedWithItsOffset) {
  std::string archive = entry("a") + entry("b");
  archive[512] = 'c';
  EXPECT_THAT(refusal(archive), HasSubstr("byte 512: bad checksum"));
}

// Dialects

TEST(ReaderDialect, GnuLongNamesAndLinks) {
  const std::string name(300, 'n'), target(400, 't');
  Header link = file("short");
  link.type = Type::symlink;
  link.linkname = "short";
  const Header read = read_one(special('K', target + '\0') + special('L', name + '\0') + encode(link));
  EXPECT_EQ(read.name, name);
  EXPECT_EQ(read.linkname, target);
}

TEST(ReaderDialect, OfSeveralLongNamesTheLastHolds) {
  EXPECT_EQ(read_one(special('L', "first\0"s) + special('L', "second\0"s) + entry("f")).name, "second");
}

TEST(ReaderDialect, ALongNameIsForOneEntry) {
  EXPECT_THAT(names(read_archive(special('L', "long\0"s) + entry("a") + entry("b"))),
              ElementsAre("long", "b"));
}

TEST(ReaderDialect, StarHasAShorterPrefix) {
  std::string archive = entry("f");
  archive.replace(345, 131, std::string(131, 'p'));
  archive.replace(476, 11, "00000000007");
  archive = patched(archive, 508, "tar\0"s);
  EXPECT_EQ(read_one(archive).name, std::string(131, 'p') + "/f");
}

TEST(ReaderDialect, V7HasNoPrefixAndNoDevices) {
  std::string archive = with_type(encode(file("f")), '3');
  archive.replace(257, 8, std::string(8, '\0'));
  archive.replace(329, 8, octal(7, 8));
  archive = patched(archive, 345, "prefix");
  EXPECT_EQ(read_one(archive).name, "f");
  EXPECT_EQ(read_one(archive).device_major, 0u);
}

TEST(ReaderDialect, GnuHasTimesWhereUstarHasThePrefix) {
  std::string archive = patched(encode(file("f")), 257, "ustar  \0"s);
  EXPECT_EQ(read_one(patched(archive, 345,
                             "00000000017\0"s
                             "00000000017\0"s))
                .name,
            "f");
}

TEST(ReaderDialect, GoBefore18WroteAPrefixWhereGnuHasTimes) {
  const std::string archive = patched(encode(file("f")), 257, "ustar  \0"s);
  EXPECT_EQ(read_one(patched(archive, 345, "usr/share")).name, "usr/share/f");
  EXPECT_EQ(read_one(patched(archive, 345, "usr/\xc3\xa9")).name, "f");
}

// pax

TEST(ReaderPax, OverrulesTheHeader) {
  Header link = file("short");
  link.type = Type::hardlink;
  link.linkname = "short";
  const Header read =
      read_one(pax(record("path", "p\xff") + record("linkpath", "l") + record("uid", "4294967294") +
                   record("gid", "2097152") + record("mtime", "12.5")) +
               encode(link));
  EXPECT_EQ(read.name, "p\xff");
  EXPECT_EQ(read.linkname, "l");
  EXPECT_EQ(read.uid, 4294967294u);
  EXPECT_EQ(read.gid, 2097152u);
  EXPECT_EQ(read.mtime, (Timestamp{12, 500'000'000}));
}

TEST(ReaderPax, SizeSaysWhereTheNextHeaderIs) {
  const std::string archive = pax(record("size", "7")) + encode(file("a")) + padded("content") + entry("b");
  const Outcome outcome = read_archive(archive);
  EXPECT_THAT(names(outcome), ElementsAre("a", "b"));
  EXPECT_EQ(outcome.entries.at(0).content, "content");
}

TEST(ReaderPax, OfSeveralHeadersTheLastHoldsAlone) {
  const Header read = read_one(pax(record("path", "first") + record("uid", "7")) +
                               pax(record("path", "second")) + entry("f"));
  EXPECT_EQ(read.name, "second");
  EXPECT_EQ(read.uid, 0u);
}

TEST(ReaderPax, AnEmptyValueIsNoValue) {
  EXPECT_EQ(read_one(pax(record("path", "") + record("mtime", "") + record("uid", "")) + entry("f")).name,
            "f");
}

TEST(ReaderPax, TimesBeforeTheEpoch) {
  const auto mtime = [](const std::string& text) {
    return read_one(pax(record("mtime", text)) + entry("f")).mtime;
  };
  EXPECT_EQ(mtime("-1"), (Timestamp{-1, 0}));
  EXPECT_EQ(mtime("-0.25"), (Timestamp{-1, 750'000'000}));
  EXPECT_EQ(mtime("-1.000000001"), (Timestamp{-2, 999'999'999}));
  EXPECT_EQ(mtime("3."), (Timestamp{3, 0}));
  EXPECT_EQ(mtime("3.0000000019"), (Timestamp{3, 1}));
}

TEST(ReaderPax, SolarisCalledItX) {
  EXPECT_EQ(read_one(special('X', record("path", "p")) + entry("f")).name, "p");
}

TEST(ReaderPax, MalformedRecordsAreRefused) {
  for (const std::string& records : {"junk"s,
                                     "5 a=b\n"s,
                                     "7 a=b\n"s,
                                     "6 a=b "s,
                                     "6 a b\n"s,
                                     "5 =b\n"s,
                                     "-6 a=b\n"s,
                                     "+6 a=b\n"s,
                                     " 6 a=b\n"s,
                                     "3 \n"s,
                                     "2 "s,
                                     "99999999999999999999 a=b\n"s,
                                     "6 a=b\n\0\0\0"s,
                                     record("a\0b"s, "c"),
                                     record("uid", "-1"),
                                     record("uid", "9223372036854775808"),
                                     record("size", "-1"),
                                     record("mtime", "1.x"),
                                     record("mtime", "."),
                                     record("mtime", "-9223372036854775808.5"),
                                     record("SCHILY.xattr.", "v"),
                                     record("path", "a\0b"s)}) {
    EXPECT_EQ(verdict(pax(records) + entry("f")), "invalid") << testing::PrintToString(records);
  }
}

TEST(ReaderPax, OnePlacedAtTheEndOfTheArchiveIsRefused) {
  EXPECT_EQ(verdict(pax(record("path", "p")) + trailer), "invalid");
}

// Extended attributes

Xattrs xattrs(const std::string& records) { return read_one(pax(records) + entry("f")).xattrs; }

TEST(ReaderXattr, KeepsBinaryAndEmptyValuesAndSorts) {
  EXPECT_THAT(xattrs(record("SCHILY.xattr.user.b", "") + record("SCHILY.xattr.user.a", "\0\x01"s)),
              ElementsAre(Pair("user.a", "\0\x01"s), Pair("user.b", "")));
}

TEST(ReaderXattr, TheLastOfTheSameNameHolds) {
  EXPECT_THAT(xattrs(record("SCHILY.xattr.a", "1") + record("SCHILY.xattr.a", "2")),
              ElementsAre(Pair("a", "2")));
}

TEST(ReaderXattr, LibarchiveWritesThemInBase64) {
  EXPECT_THAT(xattrs(record("LIBARCHIVE.xattr.user.a%3Db", "AQI")),
              ElementsAre(Pair("user.a=b", "\x01\x02")));
  EXPECT_THAT(xattrs(record("LIBARCHIVE.xattr.a", "aGVsbG8=")), ElementsAre(Pair("a", "hello")));
}

TEST(ReaderXattr, SchilyOverrulesLibarchive) {
  const std::string schily = record("SCHILY.xattr.a", "s"), libarchive = record("LIBARCHIVE.xattr.a", "bA");
  EXPECT_THAT(xattrs(schily + libarchive), ElementsAre(Pair("a", "s")));
  EXPECT_THAT(xattrs(libarchive + schily), ElementsAre(Pair("a", "s")));
}

TEST(ReaderXattr, MalformedOnesOfLibarchiveAreRefused) {
  for (const auto& [key, value] : {std::pair{"a%", "aGk"},
                                   {"a%4", "aGk"},
                                   {"a%zz", "aGk"},
                                   {"a%00", "aGk"},
                                   {"", "aGk"},
                                   {"a", "a"},
                                   {"a", "aG!"},
                                   {"a", "aGk=x"}}) {
    EXPECT_EQ(verdict(pax(record("LIBARCHIVE.xattr."s + key, value)) + entry("f")), "invalid")
        << key << " " << value;
  }
}

// Global headers

TEST(ReaderGlobal, AppliesToAllThatFollow) {
  const Outcome outcome =
      read_archive(special('g', record("uid", "7")) + entry("a") + pax(record("uid", "8")) + entry("b") +
                   pax(record("uid", "")) + entry("c") + special('g', record("uid", "")) + entry("d"));
  std::vector<std::uint64_t> owners;
  for (const Entry& e : outcome.entries) owners.push_back(e.header.uid);
  EXPECT_THAT(owners, ElementsAre(7, 8, 0, 0));
}

TEST(ReaderGlobal, WhatNamesOrSizesEveryFileIsUnsupported) {
  for (const char* const key : {"path", "linkpath", "GNU.sparse.name"}) {
    EXPECT_EQ(verdict(special('g', record(key, "x")) + entry("a")), "unsupported") << key;
  }
  EXPECT_EQ(verdict(special('g', record("size", "1")) + entry("a")), "unsupported");
}

TEST(ReaderGlobal, DoNotPileUp) {
  std::string archive;
  for (char c = 'a'; c < 'd'; ++c) {
    archive += special('g', record("SCHILY.xattr.user."s + c, std::string(500'000, 'v')));
  }
  EXPECT_THAT(refusal(archive + entry("f")), HasSubstr("global pax headers of more than"));
}

// Attacks

TEST(ReaderAttack, NamesWithNulOrWithoutAnything) {
  EXPECT_THAT(refusal(patched(entry("f"), 0, "\0"s)), HasSubstr("without a name"));
  EXPECT_THAT(refusal(pax(record("path", "a\0b"s)) + entry("f")), HasSubstr("NUL"));
  Header link = file("l");
  link.type = Type::symlink;
  link.linkname = "t";
  EXPECT_THAT(refusal(patched(encode(link), 157, "\0"s)), HasSubstr("without a link target"));
}

TEST(ReaderAttack, NamesOverTheLimit) {
  const std::string longest(limits::path_bytes, 'x');
  EXPECT_EQ(read_one(special('L', longest + '\0') + entry("f")).name, longest);
  EXPECT_EQ(verdict(special('L', longest + "x\0"s) + entry("f")), "invalid");
  EXPECT_EQ(read_one(pax(record("path", longest)) + entry("f")).name, longest);
  EXPECT_EQ(verdict(pax(record("path", longest + 'x')) + entry("f")), "invalid");
}

TEST(ReaderAttack, HugePaxHeaderIsRefusedBeforeItIsRead) {
  const std::string header = with_type(encode(file("x", 8'000'000'000)), 'x');
  EXPECT_THAT(refusal(header), HasSubstr("8000000000 bytes, over the limit"));
}

TEST(ReaderAttack, GlobalAndOwnAttributesTogetherOverTheLimit) {
  const std::string half(600'000, 'v');
  EXPECT_THAT(refusal(special('g', record("SCHILY.xattr.a", half)) + pax(record("SCHILY.xattr.b", half)) +
                      entry("f")),
              HasSubstr("extended attributes, over the limit"));
}

TEST(ReaderAttack, ManyTinyAttributesAreNotQuadratic) {
  std::string records;
  for (int i = 0; records.size() < 1'000'000; ++i) records += record("SCHILY.xattr." + std::to_string(i), "");
  EXPECT_GT(xattrs(records).size(), 40'000u);
}

TEST(ReaderAttack, AFailureStays) {
  std::string archive = entry("a") + entry("b");
  archive[0] = 'x';
  BytesSource source(archive);
  Reader reader(source);
  Header header;
  EXPECT_THROW(reader.next(header), Error);
  EXPECT_THROW(reader.next(header), Error);
}

TEST(ReaderAttack, EscapeSequencesDoNotReachTheTerminal) {
  EXPECT_THAT(refusal(with_type(entry("\x1b]0;"), 'Z')), HasSubstr("\\x1b]0;"));
}

}  // namespace
}  // namespace stave::tar
