// Source::skip: as if what is skipped had been read.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "stave/base/stream.h"

namespace stave {
namespace {

RC_GTEST_PROP(Skip, IsLikeReadingAndForgetting, (const std::string& text)) {
  BytesSource source(text);
  const auto count = *rc::gen::inRange<std::size_t>(0, text.size() + 3);
  RC_ASSERT(source.skip(count) == std::min(count, text.size()));
  RC_ASSERT(read_all(source, 1 << 20, "text") == text.substr(std::min(count, text.size())));
}

TEST(Skip, OfNothingReadsNothing) {
  BytesSource source(std::string_view("x"));
  EXPECT_EQ(source.skip(0), 0u);
  EXPECT_EQ(read_all(source, 10, "x"), "x");
}

TEST(Skip, PassesWhatASourceChecks) {  // a TeeSource still hands on every byte
  const std::string text(200 * 1024, 'x');
  BytesSource source(text);
  StringSink copy;
  TeeSource tee(source, copy);
  EXPECT_EQ(tee.skip(text.size()), text.size());
  EXPECT_EQ(copy.text(), text);
}

}  // namespace
}  // namespace stave
