// encode: byte for byte what Go's archive/tar writes, held against goldens that
// tools/make-tar-goldens made with it; and what is refused.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive.h"
#include "stave/base/text.h"

namespace stave::tar {
namespace {

using testing::HasSubstr;

struct Golden {
  std::string name;
  Header header;
  std::optional<std::string> blocks;  // nothing: Go refuses it
};

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    out += static_cast<char>(std::stoi(std::string(text.substr(i + 2, 2)), nullptr, 16));
    i += 3;
  }
  return out;
}

Type type_of(char flag) {
  constexpr std::string_view flags = "0123456";
  constexpr Type types[] = {Type::regular, Type::hardlink,  Type::symlink, Type::character,
                            Type::block,   Type::directory, Type::fifo};
  return types[flags.find(flag)];
}

Header parse_header(const std::vector<std::string>& columns) {
  Header h;
  h.type = type_of(columns.at(1)[0]);
  h.name = unescape(columns.at(2));
  h.linkname = unescape(columns.at(3));
  h.mode = static_cast<std::uint32_t>(std::stoul(columns.at(4), nullptr, 8));
  h.uid = std::stoull(columns.at(5));
  h.gid = std::stoull(columns.at(6));
  h.size = std::stoull(columns.at(7));
  h.mtime.seconds = std::stoll(columns.at(8));
  h.device_major = static_cast<std::uint32_t>(std::stoul(columns.at(9)));
  h.device_minor = static_cast<std::uint32_t>(std::stoul(columns.at(10)));
  for (const std::string& pair : split(columns.at(11), ';')) {
    const std::size_t equals = pair.find('=');
    if (equals == pair.npos) continue;
    h.xattrs.emplace_back(unescape(pair.substr(0, equals)), unescape(pair.substr(equals + 1)));
  }
  std::sort(h.xattrs.begin(), h.xattrs.end());
  return h;
}

std::vector<Golden> goldens() {
  const std::filesystem::path folder = std::filesystem::path(STAVE_TEST_DATA) / "tar";
  const std::string blocks = file_text(folder / "headers.tar");
  std::vector<Golden> all;
  std::size_t at = 0;
  for (const std::string& line : split(file_text(folder / "headers.tsv"), '\n')) {
    if (line.empty()) continue;
    const std::vector<std::string> columns = split(line, '\t');
    Golden golden{columns.at(0), parse_header(columns), std::nullopt};
    if (const auto length = parse_number(columns.at(12))) {
      golden.blocks = blocks.substr(at, *length);
      at += *length;
    }
    all.push_back(std::move(golden));
  }
  EXPECT_EQ(at, blocks.size());
  return all;
}

// Where two headers differ first, for a person.
std::string difference(const std::string& ours, const std::string& theirs) {
  const auto [a, b] = std::mismatch(ours.begin(), ours.end(), theirs.begin(), theirs.end());
  const auto at = static_cast<std::size_t>(a - ours.begin());
  return "byte " + std::to_string(at) + ": ours " + quote(ours.substr(at, 60)) + ", Go's " +
         quote(theirs.substr(static_cast<std::size_t>(b - theirs.begin()), 60));
}

TEST(Encode, WritesWhatGoWrites) {
  std::size_t compared = 0;
  for (const Golden& golden : goldens()) {
    if (!golden.blocks) continue;
    const std::string ours = encode(golden.header);
    EXPECT_TRUE(ours == *golden.blocks) << golden.name << ", " << difference(ours, *golden.blocks);
    ++compared;
  }
  EXPECT_GT(compared, 200u);
}

TEST(Encode, RefusesWhatGoRefuses) {
  std::size_t refused = 0;
  for (const Golden& golden : goldens()) {
    if (golden.blocks) continue;
    EXPECT_THROW(encode(golden.header), Error) << golden.name;
    ++refused;
  }
  EXPECT_GT(refused, 4u);
}

TEST(Encode, MtimeIsTruncatedTowardsMinusInfinity) {
  for (const std::int64_t seconds : {-2, -1, 0, 1}) {
    Header whole = file("f");
    whole.mtime = {seconds, 0};
    Header almost_next = whole;
    almost_next.mtime.nanoseconds = 999'999'999;
    EXPECT_EQ(encode(almost_next), encode(whole));
  }
}

TEST(Encode, ModeKeepsPermissionsOnly) {
  Header from_stat = file("f");
  from_stat.mode = 0100644;
  EXPECT_EQ(encode(from_stat), encode(file("f")));
}

TEST(Encode, OnlyFilesHaveASize) {
  for (const Type type : {Type::hardlink, Type::symlink, Type::directory, Type::fifo, Type::block}) {
    Header with_size = file("d", 4096);
    with_size.type = type;
    with_size.linkname = "target";
    Header without = with_size;
    without.size = 0;
    EXPECT_EQ(encode(with_size), encode(without));
  }
}

TEST(Encode, TheOrderOfAttributesDoesNotMatter) {
  Header sorted = file("f"), reversed = file("f");
  sorted.xattrs = {{"user.a", "1"}, {"user.b", "2"}};
  reversed.xattrs = {{"user.b", "2"}, {"user.a", "1"}};
  EXPECT_EQ(encode(sorted), encode(reversed));
}

std::string refused(const Header& header) {
  try {
    encode(header);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Kind::invalid);
    return error.what();
  }
  return "nothing was refused";
}

Header changed(void (*change)(Header&)) {
  Header header = file("f");
  change(header);
  return header;
}

TEST(Encode, RefusesWhatNoTarCanSay) {
  EXPECT_THAT(refused(file("")), HasSubstr("without a name"));
  EXPECT_THAT(refused(file(std::string("a\0b", 3))), HasSubstr("NUL"));
  EXPECT_THAT(refused(file("a/")), HasSubstr("slash"));
  EXPECT_THAT(refused(file(std::string(65537, 'x'))), HasSubstr("longer than 65536"));
  EXPECT_THAT(refused(changed([](Header& h) { h.type = Type::symlink; })), HasSubstr("without a target"));
  EXPECT_THAT(refused(changed([](Header& h) { h.uid = 1ull << 63; })), HasSubstr("2^63"));
  EXPECT_THAT(refused(changed([](Header& h) { h.size = 1ull << 63; })), HasSubstr("2^63"));
  EXPECT_THAT(refused(changed([](Header& h) { h.device_minor = 1 << 21; })), HasSubstr("device 0:2097152"));
  EXPECT_THAT(refused(changed([](Header& h) { h.xattrs = {{"", "x"}}; })), HasSubstr("attribute"));
  EXPECT_THAT(refused(changed([](Header& h) { h.xattrs = {{"a=b", "x"}}; })), HasSubstr("attribute"));
  EXPECT_THAT(refused(changed([](Header& h) { h.xattrs = {{"a", "1"}, {"a", "2"}}; })), HasSubstr("twice"));
  EXPECT_THAT(refused(changed([](Header& h) { h.xattrs = {{"a", std::string(1 << 20, 'v')}}; })),
              HasSubstr("pax"));
}

TEST(Encode, AnOutsideNameReachesAMessageQuoted) {
  EXPECT_THAT(refused(file("\x1b[31m/")), HasSubstr("\\x1b[31m"));
}

}  // namespace
}  // namespace stave::tar
