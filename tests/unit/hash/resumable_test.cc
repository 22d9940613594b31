// ResumableHasher and ContentKeys: a hash that was interrupted is the hash, and keys tell
// contents apart.

#include "stave/hash/resumable.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>

#include "stave/base/error.h"
#include "stave/hash/content_key.h"

namespace stave {
namespace {

std::string long_text() {
  return *rc::gen::resize(1000, rc::gen::container<std::string>(rc::gen::arbitrary<char>()));
}

RC_GTEST_PROP(ResumableHasher, TakenUpAnywhereItIsTheHashOfAll, ()) {
  const std::string text = long_text();
  const auto cut = *rc::gen::inRange<std::size_t>(0, text.size() + 1);
  ResumableHasher first;
  first.update(as_bytes(text).first(cut));
  const auto state = first.state();
  RC_ASSERT(state.bytes == cut - cut % ResumableHasher::step);
  ResumableHasher second(state);
  RC_ASSERT(second.size() == state.bytes);
  second.update(as_bytes(text).subspan(state.bytes));
  RC_ASSERT(second.size() == text.size());
  RC_ASSERT(std::move(second).finish() == digest_of(text));
}

RC_GTEST_PROP(ResumableHasher, PiecesMakeNoDifference, ()) {
  const std::string text = long_text();
  const auto piece = *rc::gen::inRange<std::size_t>(1, 200);
  ResumableHasher hasher;
  for (std::size_t at = 0; at < text.size(); at += piece)
    hasher.update(as_bytes(text).subspan(at, std::min(piece, text.size() - at)));
  RC_ASSERT(std::move(hasher).finish() == digest_of(text));
}

// The length that is part of the hash (FIPS 180-4, 5.1.1) is kept in two halves of 32 bits.
TEST(ResumableHasher, CountsBeyondFourGibibits) {
  constexpr std::uint64_t far = 640ull << 20;
  std::string text(1 << 20, 'x');
  Hasher all;
  ResumableHasher first;
  for (std::uint64_t at = 0; at < far; at += text.size()) {
    all.update(text);
    first.update(as_bytes(text));
  }
  ResumableHasher second(first.state());
  EXPECT_EQ(std::move(second).finish(), std::move(all).finish());
}

TEST(ResumableHasher, DoesNotBeginWithinAMessageBlock) {
  EXPECT_THROW(ResumableHasher({.words = {}, .bytes = 63}), Error);
}

TEST(ResumableHasher, IsFinishedOnce) {
  ResumableHasher hasher;
  static_cast<void>(std::move(hasher).finish());
  EXPECT_THROW(hasher.update({}), Error);
}

RC_GTEST_PROP(ContentKeys, EqualBytesHaveEqualKeysWhateverCameBefore, ()) {
  const std::string text = long_text(), before = long_text();
  const auto secret = make_key_secret();
  ContentKeys one(secret), other(secret);
  static_cast<void>(other.of(as_bytes(before)));
  RC_ASSERT(one.of(as_bytes(text)) == other.of(as_bytes(text)));
}

RC_GTEST_PROP(ContentKeys, OneBitMakesAnotherKey, ()) {
  std::string text = long_text();
  text += 'x';
  ContentKeys keys(KeySecret{1, 2, 3});
  const auto before = keys.of(as_bytes(text));
  text[*rc::gen::inRange<std::size_t>(0, text.size())] ^= static_cast<char>(1 << *rc::gen::inRange(0, 8));
  RC_ASSERT(keys.of(as_bytes(text)) != before);
}

// Additional data is padded with zeros to whole blocks; only its length tells these apart.
TEST(ContentKeys, ZerosAtTheEndCount) {
  ContentKeys keys(KeySecret{1});
  EXPECT_NE(keys.of(as_bytes(std::string(15, '\0'))), keys.of(as_bytes(std::string(16, '\0'))));
  EXPECT_NE(keys.of({}), keys.of(as_bytes(std::string(1, '\0'))));
}

TEST(ContentKeys, AnotherSecretMakesAnotherKey) {
  EXPECT_NE(ContentKeys(KeySecret{1}).of(as_bytes("text")), ContentKeys(KeySecret{2}).of(as_bytes("text")));
  EXPECT_NE(make_key_secret(), make_key_secret());
}

}  // namespace
}  // namespace stave
