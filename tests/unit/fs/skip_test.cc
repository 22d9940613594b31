// Skipping in a file: nothing is read, and it ends where the range ends.

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "unit/content/layout.h"

namespace stave::fs {
namespace {

struct Range {
  testing::Scratch scratch;
  std::unique_ptr<FileSource> source;

  Range() {
    testing::write(scratch.path("f"), "0123456789");
    const auto fd = std::make_shared<const Fd>(::open(scratch.path("f").c_str(), O_RDONLY | O_CLOEXEC));
    source = std::make_unique<FileSource>(fd, 2, 6, "f");  // "234567"
  }
};

TEST(FileSourceSkip, ReadsOnBehindIt) {
  Range range;
  EXPECT_EQ(range.source->skip(2), 2u);
  EXPECT_EQ(read_all(*range.source, 100, "f"), "4567");
}

TEST(FileSourceSkip, StopsAtTheEndOfTheRange) {
  Range range;
  EXPECT_EQ(range.source->skip(100), 6u);
  EXPECT_EQ(range.source->skip(1), 0u);
  EXPECT_EQ(read_all(*range.source, 100, "f"), "");
}

TEST(FileSourceSkip, ReadsNothing) {
  Range range;
  std::filesystem::resize_file(range.scratch.path("f"), 0);
  EXPECT_EQ(range.source->skip(6), 6u);
}

}  // namespace
}  // namespace stave::fs
