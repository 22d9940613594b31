// What is written is read back: by our own reader for any header, and by GNU
// tar and bsdtar for one archive with everything in it. What they write is read by us.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <map>
#include <memory>

#include "archive.h"

namespace stave::tar {
namespace {

using testing::HasSubstr;

// Headers

rc::Gen<std::string> some_name() {
  const auto byte = rc::gen::map(
      rc::gen::weightedOneOf<int>(
          {{8, rc::gen::inRange(0x21, 0x7f)}, {2, rc::gen::just<int>('/')}, {1, rc::gen::inRange(1, 256)}}),
      [](int c) { return static_cast<char>(c); });
  const auto length =
      rc::gen::oneOf(rc::gen::inRange<std::size_t>(1, 20), rc::gen::inRange<std::size_t>(90, 300),
                     rc::gen::inRange<std::size_t>(1000, 5000));
  return rc::gen::mapcat(length, [=](std::size_t n) { return rc::gen::container<std::string>(n, byte); });
}

// Numbers near the borders of the fields of a header.
rc::Gen<std::uint64_t> some_number(std::uint64_t most) {
  return rc::gen::map(
      rc::gen::pair(rc::gen::inRange(0, 64), rc::gen::inRange(-2, 3)), [=](std::pair<int, int> p) {
        const std::uint64_t n = (std::uint64_t{1} << p.first) + static_cast<std::uint64_t>(p.second);
        return std::min(n, most);
      });
}

rc::Gen<Xattrs> some_xattrs() {
  const auto name = rc::gen::map(rc::gen::string<std::string>(), [](std::string text) {
    for (char& c : text) c = c == '=' || c == '\0' ? '_' : c;
    return "user." + text;
  });
  const auto all = rc::gen::map(
      rc::gen::container<std::map<std::string, std::string>>(name, rc::gen::string<std::string>()),
      [](const std::map<std::string, std::string>& m) { return Xattrs(m.begin(), m.end()); });
  return rc::gen::weightedOneOf<Xattrs>({{3, rc::gen::just(Xattrs())}, {1, all}});
}

rc::Gen<Header> some_header() {
  constexpr std::uint64_t most = (1ull << 63) - 1;
  const auto type = rc::gen::map(rc::gen::inRange(0, 7), [](int n) { return static_cast<Type>(n); });
  return rc::gen::map(
      rc::gen::tuple(type, some_name(), some_name(), rc::gen::inRange<std::uint32_t>(0, 010000),
                     some_number(most), some_number(most), some_number(1 << 20), some_number(most),
                     rc::gen::arbitrary<bool>(), rc::gen::inRange<std::uint32_t>(0, 1u << 21),
                     rc::gen::inRange<std::uint32_t>(0, 1u << 21), some_xattrs()),
      [](const auto& t) {
        Header h;
        h.type = std::get<0>(t);
        h.name = std::get<1>(t);
        const bool link = h.type == Type::hardlink || h.type == Type::symlink;
        if (!link && h.type != Type::directory && h.name.back() == '/') h.name.back() = 'x';
        if (link) h.linkname = std::get<2>(t);
        h.mode = std::get<3>(t);
        h.uid = std::get<4>(t);
        h.gid = std::get<5>(t);
        if (h.type == Type::regular) h.size = std::get<6>(t);
        const auto seconds = static_cast<std::int64_t>(std::get<7>(t));
        h.mtime.seconds = std::get<8>(t) ? -seconds : seconds;
        if (h.type == Type::character || h.type == Type::block) {
          h.device_major = std::get<9>(t);
          h.device_minor = std::get<10>(t);
        }
        h.xattrs = std::get<11>(t);
        return h;
      });
}

RC_GTEST_PROP(RoundTrip, ReadOfEncodeIsTheHeader, ()) {
  const Header header = *some_header();
  const std::string archive = encode(header);
  RC_ASSERT(archive.size() % block_size == 0);
  BytesSource source(archive);
  Reader reader(source);
  Header read;
  RC_ASSERT(reader.next(read));
  RC_ASSERT(read.name == header.name);
  RC_ASSERT(read == header);
  RC_ASSERT(reader.header_offset() == 0u);
  RC_ASSERT(reader.content_offset() == archive.size());
}

RC_GTEST_PROP(RoundTrip, AReusedHeaderRemembersNothing, ()) {
  const Header first = *some_header();
  const Header second = *some_header();
  const std::string archive =
      encode(first) + std::string(first.size + padding(first.size), 'c') + encode(second);
  BytesSource source(archive);
  Reader reader(source);
  Header read;
  RC_ASSERT(reader.next(read));
  RC_ASSERT(reader.next(read));
  RC_ASSERT(read == second);
}

RC_GTEST_PROP(RoundTrip, ABrokenArchiveEndsInAnErrorOrAnEnd, ()) {
  std::string archive = encode(*some_header()) + encode(*some_header()) + trailer;
  for (int i = *rc::gen::inRange(1, 4); i > 0; --i) {
    archive[*rc::gen::inRange<std::size_t>(0, archive.size())] = *rc::gen::arbitrary<char>();
  }
  const Outcome outcome = read_archive(archive);
  if (outcome.failure)
    RC_ASSERT(outcome.failure->kind() == Kind::invalid || outcome.failure->kind() == Kind::unsupported);
}

// The one mtime that does not survive: Go's zero time means "none", and our bytes are Go's.
TEST(RoundTrip, TheYearOneBecomes1970) {
  Header header = file("f");
  header.mtime.seconds = -62135596800;
  EXPECT_EQ(read_one(encode(header)).mtime, (Timestamp{0, 0}));
}

// Other programs

// A directory that is gone when the test is.
class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "stave-tar-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw Error(Kind::io, "mkdtemp " + pattern);
    path_ = pattern;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct Ran {
  int status;
  std::string output;  // both streams
};

Ran run(const std::string& command) {
  FILE* const pipe = popen(("export LC_ALL=C.UTF-8 TZ=UTC; exec 2>&1; " + command).c_str(), "r");
  std::string output;
  std::array<char, 4096> piece{};
  while (const std::size_t n = std::fread(piece.data(), 1, piece.size(), pipe))
    output.append(piece.data(), n);
  return {pclose(pipe), output};
}

bool installed(const std::string& program) { return run("command -v " + program).status == 0; }

void write_file(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::string archive_with_everything() {
  std::string archive;
  const auto add = [&](Type type, const std::string& name, auto change) {
    Header h = file(name);
    h.type = type;
    h.mtime.seconds = 1'500'000'000;
    change(h);
    archive += encode(h) + padded(std::string(h.size, 'c'));
  };
  const auto plain = [](Header&) {};
  add(Type::directory, "dir/", plain);
  add(Type::regular, "dir/file", [](Header& h) { h.size = 1000; });
  add(Type::regular, "dir/" + std::string(150, 'l') + "/" + std::string(90, 'm'), plain);
  add(Type::regular, "dir/" + std::string(250, 'n'), plain);
  add(Type::regular, "dir/z\xc3\xbcrich", plain);
  add(Type::hardlink, "dir/hard", [](Header& h) { h.linkname = "dir/file"; });
  add(Type::symlink, "dir/soft", [](Header& h) { h.linkname = std::string(120, 't'); });
  add(Type::fifo, "dir/fifo", plain);
  add(Type::character, "dir/null", [](Header& h) { h.device_major = 1, h.device_minor = 3; });
  add(Type::regular, "dir/owned", [](Header& h) { h.uid = 3'000'000, h.gid = 4'000'000; });
  add(Type::regular, "dir/old", [](Header& h) { h.mtime.seconds = -86400; });
  add(Type::regular, "dir/attributes", [](Header& h) { h.xattrs = {{"user.a", std::string("\0b", 2)}}; });
  return archive + trailer;
}

class OtherTar : public testing::TestWithParam<const char*> {};

TEST_P(OtherTar, ListsWhatWeWrite) {
  const std::string program = GetParam();
  if (!installed(program)) GTEST_SKIP() << program << " is not installed: its listing is not compared";
  const Scratch scratch;
  write_file(scratch.path() / "a.tar", archive_with_everything());
  const Ran listing = run(program + " --numeric-owner -tvf " + (scratch.path() / "a.tar").string());
  EXPECT_EQ(listing.status, 0) << listing.output;
  EXPECT_THAT(listing.output, HasSubstr("dir/" + std::string(150, 'l') + "/" + std::string(90, 'm')));
  EXPECT_THAT(listing.output, HasSubstr("dir/" + std::string(250, 'n')));
  EXPECT_THAT(listing.output, HasSubstr("link to dir/file"));
  EXPECT_THAT(listing.output, HasSubstr("dir/soft -> " + std::string(120, 't')));
  EXPECT_THAT(listing.output, HasSubstr("1,3"));
  EXPECT_THAT(listing.output, HasSubstr("3000000"));
  EXPECT_THAT(listing.output, HasSubstr("1969"));
  EXPECT_EQ(std::count(listing.output.begin(), listing.output.end(), '\n'), 12) << listing.output;
}

INSTANTIATE_TEST_SUITE_P(Programs, OtherTar, testing::Values("tar", "bsdtar"));

TEST(OtherTar, EverySparseFormOfGnuTarIsRead) {
  if (!installed("tar")) GTEST_SKIP() << "tar is not installed: its sparse files are not read";
  const Scratch scratch;
  const std::string folder = scratch.path().string();
  // Two fragments, as many as an old header can hold and more, and a file that is one hole.
  const std::string holes =
      "truncate -s 1000000 two none many && printf start | dd of=two conv=notrunc status=none && "
      "printf middle | dd of=two conv=notrunc bs=1 seek=500000 status=none && "
      "for i in $(seq 0 30); do printf $i | dd of=many conv=notrunc bs=1 seek=${i}9999 status=none; done";
  ASSERT_EQ(run("cd " + folder + " && " + holes).status, 0);
  for (const char* const options :
       {"--format=gnu", "--format=pax --sparse-version=0.0", "--format=pax --sparse-version=0.1",
        "--format=pax --sparse-version=1.0"}) {
    const Ran made = run("cd " + folder + " && tar --sparse " + options + " -cf a.tar two none many");
    ASSERT_EQ(made.status, 0) << made.output;
    const Outcome outcome = read_archive(file_text(scratch.path() / "a.tar"), 100 << 20);
    ASSERT_FALSE(outcome.failure) << options << ": " << outcome.failure->what();
    ASSERT_EQ(outcome.entries.size(), 3u) << options;
    for (const Entry& e : outcome.entries) {
      EXPECT_TRUE(e.content == file_text(scratch.path() / e.header.name)) << options << " " << e.header.name;
    }
  }
}

TEST(OtherTar, AttributesOfLibarchiveAreRead) {
  if (!installed("bsdtar")) GTEST_SKIP() << "bsdtar is not installed: its attributes are not read";
  const Scratch scratch;
  write_file(scratch.path() / "a.tar", archive_with_everything());
  const std::string there = scratch.path().string();
  // From archive to archive: bsdtar copies the entries without a file system that would have to hold the
  // attributes.
  const Ran copied = run("bsdtar --format=pax -cf " + there + "/b.tar @" + there + "/a.tar");
  ASSERT_EQ(copied.status, 0) << copied.output;
  const std::vector<Entry> ours = read_archive(file_text(scratch.path() / "a.tar")).entries;
  const std::vector<Entry> theirs = read_archive(file_text(scratch.path() / "b.tar")).entries;
  ASSERT_EQ(ours.size(), theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i)
    EXPECT_TRUE(ours[i].header == theirs[i].header) << ours[i].header.name;
}

}  // namespace
}  // namespace stave::tar
