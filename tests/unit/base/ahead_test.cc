// Ahead: the bytes, the end and the failures of a source, as if no thread stood between.

#include "stave/base/ahead.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <string>

#include "stave/base/error.h"

namespace stave {
namespace {

// Gives `text` in pieces of any size, then ends or fails.
class Uneven : public Source {
 public:
  Uneven(std::string text, std::size_t piece, bool fails)
      : text_(std::move(text)), piece_(piece), fails_(fails) {}
  std::size_t read(MutableBytes out) override {
    ++reads;
    const std::size_t n = std::min({piece_, out.size(), text_.size() - at_});
    if (n == 0 && fails_) throw Error(Kind::io, "disk on fire");
    std::memcpy(out.data(), text_.data() + at_, n);
    at_ += n;
    given += n;
    return n;
  }
  std::atomic<std::size_t> given = 0, reads = 0;

 private:
  std::string text_;
  std::size_t piece_;
  bool fails_;
  std::size_t at_ = 0;
};

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 7 + i / 251);
  return text;
}

// What comes out, read `most` bytes at a time, until it ends or fails.
std::pair<std::string, bool> read_out(Source& source, std::size_t most) {
  std::string text;
  std::vector<std::byte> buffer(most);
  try {
    while (const std::size_t n = source.read(buffer)) text.append(as_text(Bytes(buffer).first(n)));
    return {text, false};
  } catch (const Error&) {
    return {text, true};
  }
}

RC_GTEST_PROP(Ahead, GivesTheBytesAndThenTheEndOrTheFailure, ()) {
  const std::string text = pattern(*rc::gen::inRange<std::size_t>(0, 5'000'000));
  const auto piece = *rc::gen::elementOf(std::vector<std::size_t>{1000, 300'000, 524'288, 10'000'000});
  const bool fails = *rc::gen::arbitrary<bool>();
  Uneven source(text, piece, fails);
  Ahead ahead(source);
  const auto most = *rc::gen::elementOf(std::vector<std::size_t>{512, 65'536, 1'000'000});
  RC_ASSERT(read_out(ahead, most) == std::pair(text, fails));
}

TEST(Ahead, AFailureComesAgain) {
  Uneven source("abc", 3, true);
  Ahead ahead(source);
  EXPECT_EQ(read_out(ahead, 10), std::pair(std::string("abc"), true));
  EXPECT_EQ(read_out(ahead, 10), std::pair(std::string(), true));
}

TEST(Ahead, AnEndStaysTheEnd) {
  Uneven source("abc", 3, false);
  Ahead ahead(source);
  EXPECT_EQ(read_out(ahead, 10).first, "abc");
  EXPECT_EQ(read_out(ahead, 10), std::pair(std::string(), false));
  EXPECT_EQ(source.reads, 2u);  // the text and its end: nothing is asked again
}

TEST(Ahead, NobodyWhoReadsOnMayLeave) {
  Uneven source(pattern(10'000'000), 100'000, false);
  {
    Ahead ahead(source);
    std::vector<std::byte> buffer(10);
    EXPECT_EQ(ahead.read(buffer), 10u);
  }
  EXPECT_LE(source.given, 5u * 512 * 1024);  // what is read ahead is bounded
}

}  // namespace
}  // namespace stave
