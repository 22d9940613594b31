// Archives that other projects keep because something went wrong with them once.
// tests/data/tar/verdicts.tsv says of each what becomes of it, what Go's reader says, and why the two differ.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "archive.h"
#include "stave/base/text.h"

namespace stave::tar {
namespace {

using testing::StartsWith;

// 60 GB of holes are among them: enough of each file to see that it is read, never all of it.
constexpr std::uint64_t budget = 4 << 20;

std::filesystem::path hostile() { return shared_data() / "hostile"; }

std::string base64_decoded(const std::string& text) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned bits = 0, count = 0;
  for (const char c : text) {
    const std::size_t digit = digits.find(c);
    if (digit == digits.npos) continue;
    bits = bits << 6 | static_cast<unsigned>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xff);
  }
  return out;
}

std::string archive_text(const std::string& name) {
  const std::string text = file_text(hostile() / name);
  return name.ends_with(".base64") ? base64_decoded(text) : text;
}

std::string verdict_of(const Outcome& outcome) {
  const std::string count = std::to_string(outcome.entries.size());
  if (outcome.failure) return std::string(name(outcome.failure->kind())) + " after " + count;
  return "reads " + count + (outcome.ended_properly ? "" : ", no trailer");
}

std::map<std::string, std::string> verdicts() {
  std::map<std::string, std::string> all;
  const std::string table = file_text(std::filesystem::path(STAVE_TEST_DATA) / "tar" / "verdicts.tsv");
  for (const std::string& line : split(table, '\n')) {
    if (line.empty() || line[0] == '#') continue;
    const std::vector<std::string> columns = split(line, '\t');
    all[columns.at(0)] = columns.at(1);
  }
  return all;
}

class Hostile : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(hostile())) GTEST_SKIP() << "no shared data: hostile archives are not read";
  }
};

TEST_F(Hostile, EveryArchiveHasItsVerdict) {
  for (const auto& [name, expected] : verdicts()) {
    EXPECT_EQ(verdict_of(read_archive(archive_text(name), budget)), expected) << name;
  }
}

TEST_F(Hostile, NoArchiveIsWithoutAVerdict) {
  const std::map<std::string, std::string> known = verdicts();
  for (const char* const folder : {"go-archive-tar", "node-tar", "tar-rs", "containerd"}) {
    for (const auto& found : std::filesystem::recursive_directory_iterator(hostile() / folder)) {
      const std::string name = std::filesystem::relative(found.path(), hostile()).string();
      const bool is_archive = name.ends_with(".tar") || name.ends_with(".tar.base64");
      EXPECT_EQ(known.contains(name), is_archive) << name;
    }
  }
}

TEST_F(Hostile, RefusalsNameTheByte) {
  for (const auto& [name, expected] : verdicts()) {
    if (expected.starts_with("reads")) continue;
    EXPECT_THAT(read_archive(archive_text(name), budget).failure.value().what(), StartsWith("tar, byte "))
        << name;
  }
}

TEST_F(Hostile, FourFormsOfASparseFileGiveTheSameContent) {
  std::set<std::string> contents;
  for (const Entry& e : read_archive(archive_text("go-archive-tar/sparse-formats.tar")).entries) {
    if (e.header.sparse) contents.insert(e.content);
  }
  EXPECT_EQ(contents.size(), 1u);
}

TEST_F(Hostile, WhatIsReadCanBeWrittenAndReadAgain) {
  for (const auto& [name, expected] : verdicts()) {
    for (Entry& e : read_archive(archive_text(name), budget).entries) {
      e.header.sparse = false;
      e.header.mtime.nanoseconds = 0;
      EXPECT_TRUE(header_of(encode(e.header)) == e.header) << name << " " << quote(e.header.name);
    }
  }
}

}  // namespace
}  // namespace stave::tar
