// VerifyingSource: a blob is what its descriptor says, or it is an error.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "stave/base/error.h"
#include "stave/hash/digest.h"

namespace stave {
namespace {

// What reading `served` gives when `promised` was promised, in reads of `piece` bytes; the error is kept
// apart.
struct Outcome {
  std::string given;
  std::optional<Kind> failure;
};

Outcome read(std::string_view served, const Digest& digest, std::uint64_t size, std::size_t piece = 7) {
  VerifyingSource source(std::make_unique<BytesSource>(served), digest, size);
  Outcome outcome;
  std::vector<std::byte> buffer(piece);
  try {
    while (const std::size_t n = source.read(buffer)) outcome.given += as_text(Bytes(buffer).first(n));
    EXPECT_EQ(source.read(buffer), 0u);  // the end stays the end
  } catch (const Error& error) {
    outcome.failure = error.kind();
    EXPECT_THROW(source.read(buffer), Error);  // and a failure never turns into an end
  }
  return outcome;
}

RC_GTEST_PROP(VerifyingSource, TheRightBytesComeThrough, (const std::string& bytes)) {
  const auto algorithm = *rc::gen::element(Algorithm::sha256, Algorithm::sha512);
  const auto piece = *rc::gen::inRange<std::size_t>(1, 50);
  const Outcome outcome = read(bytes, digest_of(as_bytes(bytes), algorithm), bytes.size(), piece);
  RC_ASSERT(outcome.given == bytes);
  RC_ASSERT(!outcome.failure);
}

RC_GTEST_PROP(VerifyingSource, OtherBytesAreAMismatch,
              (const std::string& promised, const std::string& served)) {
  RC_PRE(promised != served);
  const Outcome outcome = read(served, digest_of(promised), promised.size());
  RC_ASSERT(outcome.failure == Kind::mismatch);
  RC_ASSERT(outcome.given.size() <= promised.size());
}

TEST(VerifyingSource, AnEndlessBlobStopsAtItsSize) {
  const Outcome outcome = read(std::string(100'000, 'a'), digest_of("aaaa"), 4);
  EXPECT_EQ(outcome.failure, Kind::mismatch);
  EXPECT_EQ(outcome.given, "aaaa");
}

TEST(VerifyingSource, AnEmptyBlobIsVerifiedToo) {
  EXPECT_EQ(read("", digest_of(""), 0).failure, std::nullopt);
  EXPECT_EQ(read("", digest_of("x"), 0).failure, Kind::mismatch);
  EXPECT_EQ(read("x", digest_of(""), 0).failure, Kind::mismatch);
}

TEST(VerifyingSource, TheRightDigestWithTheWrongSizeIsAMismatch) {
  EXPECT_EQ(read("abc", digest_of("abc"), 4).failure, Kind::mismatch);
  EXPECT_EQ(read("abc", digest_of("abc"), 2).failure, Kind::mismatch);
  EXPECT_EQ(read("abc", digest_of("abc"), ~0ull).failure, Kind::mismatch);
}

TEST(VerifyingSource, SaysBothDigests) {
  VerifyingSource source(std::make_unique<BytesSource>(std::string_view("abd")), digest_of("abc"), 3);
  std::vector<std::byte> buffer(3);
  source.read(buffer);
  try {
    source.read(buffer);
    FAIL() << "nothing was verified";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()), digest_of("abc").str() + " arrived as " + digest_of("abd").str());
  }
}

// A Source that breaks off with an error of its own.
class BrokenSource : public Source {
  std::size_t read(MutableBytes) override { throw Error(Kind::io, "disk on fire"); }
};

TEST(VerifyingSource, AFailureBelowComesThroughUnchanged) {
  VerifyingSource source(std::make_unique<BrokenSource>(), digest_of("abc"), 3);
  std::vector<std::byte> buffer(3);
  try {
    source.read(buffer);
    FAIL() << "read from a broken source";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Kind::io);
  }
}

}  // namespace
}  // namespace stave
