// Ranges, pipes and holes: the bytes are those of the file, and what ends early says so.

#include <gtest/gtest.h>
#include <poll.h>

#include <rapidcheck/gtest.h>

#include <csignal>
#include <thread>

#include "unit/fs/scratch.h"

namespace stave::fs {
namespace {

std::shared_ptr<const Fd> shared(Fd fd) { return std::make_shared<const Fd>(std::move(fd)); }

Fd file_of(std::string_view text) {
  TempFile file = TempFile::anonymous("");
  file.write(as_bytes(text));
  return std::move(file).release();
}

std::string range(const Fd& fd, std::uint64_t offset, std::size_t size) {
  std::string out(size, '?');
  read_at(fd, offset, std::as_writable_bytes(std::span(out)), "test");
  return out;
}

std::string range_skipping_holes(const Fd& fd, std::uint64_t offset, std::size_t size) {
  std::string out(size, '?');
  read_at_skipping_holes(fd, offset, std::as_writable_bytes(std::span(out)), "test");
  return out;
}

RC_GTEST_PROP(FileSource, IsTheRange, (const std::string& text)) {
  const auto offset = *rc::gen::inRange<std::size_t>(0, text.size() + 1);
  const auto size = *rc::gen::inRange<std::size_t>(0, text.size() - offset + 1);
  FileSource source(shared(file_of(text)), offset, size, "test");
  RC_ASSERT(read_all(source, 1 << 20, "test") == text.substr(offset, size));
}

TEST(FileSource, ManyShareOneDescriptor) {
  const auto fd = shared(file_of("abcdef"));
  FileSource a(fd, 0, 3, "a");
  FileSource b(fd, 3, 3, "b");
  EXPECT_EQ(read_all(b, 10, "b"), "def");
  EXPECT_EQ(read_all(a, 10, "a"), "abc");
}

TEST(FileSource, FileThatEndsEarlyHasChanged) {
  FileSource source(shared(file_of("abc")), 0, 4, "test");
  EXPECT_EQ(failure([&] { read_all(source, 10, "test"); }), "changed");
}

TEST(FileSource, RangeBeyondAllFilesIsInvalid) {
  EXPECT_EQ(failure([] { FileSource(shared(file_of("")), ~0ull, 1, "test"); }), "invalid");
  EXPECT_EQ(failure([] { FileSource(shared(file_of("")), 1, ~0ull, "test"); }), "invalid");
}

TEST(ReadAt, FileThatEndsEarlyHasChanged) {
  const Fd fd = file_of("abc");
  EXPECT_EQ(range(fd, 1, 2), "bc");
  EXPECT_EQ(failure([&] { range(fd, 1, 3); }), "changed");
  EXPECT_EQ(failure([&] { range_skipping_holes(fd, 1, 3); }), "changed");
  EXPECT_EQ(failure([&] { range_skipping_holes(fd, 7, 1); }), "changed");
}

TEST(ReadAt, NothingIsNothing) { EXPECT_EQ(range(file_of(""), 0, 0), ""); }

// Data and holes of whole and broken pages, in a file that may end in a hole.
RC_GTEST_PROP(Holes, ReadAsZeros, ()) {
  TempFile temp = TempFile::anonymous("");
  const Fd file = std::move(temp).release();
  std::string expected;
  const auto parts = *rc::gen::container<std::vector<std::pair<bool, std::size_t>>>(
      rc::gen::pair(rc::gen::arbitrary<bool>(), rc::gen::inRange<std::size_t>(1, 60000)));
  for (const auto& [is_data, size] : parts) {
    const std::string piece(size, is_data ? 'x' : '\0');
    if (is_data)
      RC_ASSERT(::pwrite(file.get(), piece.data(), size, static_cast<::off_t>(expected.size())) > 0);
    expected += piece;
  }
  RC_ASSERT(::ftruncate(file.get(), static_cast<::off_t>(expected.size())) == 0);
  const auto offset = *rc::gen::inRange<std::size_t>(0, expected.size() + 1);
  const auto size = *rc::gen::inRange<std::size_t>(0, expected.size() - offset + 1);
  RC_ASSERT(range_skipping_holes(file, offset, size) == expected.substr(offset, size));
  RC_ASSERT(range(file, offset, size) == expected.substr(offset, size));
}

TEST(Holes, EndOfTheFileIsNoHole) {
  const Fd file = file_of("");
  ASSERT_EQ(::ftruncate(file.get(), 1 << 20), 0);
  EXPECT_EQ(range_skipping_holes(file, 0, 1 << 20), std::string(1 << 20, '\0'));
  EXPECT_EQ(failure([&] { range_skipping_holes(file, 1, 1 << 20); }), "changed");
}

TEST(Holes, FileSystemWithoutThemIsRead) {
  const Fd version = Dir::open("/proc").open_file("version");
  EXPECT_EQ(range_skipping_holes(version, 0, 5), "Linux");
}

TEST(ReadFile, HasALimit) {
  const Fd fd = file_of("12345");
  EXPECT_EQ(read_file(fd, 5, "test"), "12345");
  EXPECT_EQ(failure([&] { read_file(fd, 4, "test"); }), "limit");
  EXPECT_EQ(read_file(file_of(""), 0, "test"), "");
}

TEST(ReadFile, LimitHoldsForFilesThatClaimToBeEmpty) {
  const Fd fd = Dir::open("/proc").open_file("kallsyms");  // size 0, says stat
  EXPECT_EQ(failure([&] { read_file(fd, 100000, "kallsyms"); }), "limit");
  EXPECT_GT(read_file(Dir::open("/proc").open_file("cpuinfo"), 1 << 24, "cpuinfo").size(), 0u);
}

struct Pipe {
  explicit Pipe(int flags = 0) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | flags) != 0) std::abort();
    read_end = Fd(ends[0]);
    write_end = Fd(ends[1]);
  }
  Fd read_end, write_end;
};

TEST(Pipe, NonBlockingEndsCarryEverything) {
  Pipe pipe(O_NONBLOCK);
  const std::string text(1 << 20, 'p');
  std::jthread writer([&] {
    PipeSink(pipe.write_end.get(), "test").write(as_bytes(text));
    pipe.write_end = Fd();
  });
  PipeSource source(pipe.read_end.get(), "test");
  EXPECT_EQ(read_all(source, 1 << 21, "test"), text);
}

TEST(Pipe, ReaderThatHasGoneIsSaid) {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  pipe.read_end = Fd();
  const auto write = [&] { PipeSink(pipe.write_end.get(), "standard output").write(as_bytes("x")); };
  EXPECT_EQ(failure(write), "io");
  EXPECT_NE(message(write).find("standard output"), std::string::npos);
  std::signal(SIGPIPE, before);
}

TEST(Pipe, DescriptorThatIsNoneIsIo) {
  std::byte byte;
  EXPECT_EQ(failure([&] { PipeSource(-1, "nothing").read(MutableBytes(&byte, 1)); }), "io");
}

}  // namespace
}  // namespace stave::fs
