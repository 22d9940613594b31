// Digests: the grammar of image-spec descriptor.md, and hashes against the
// published vectors of FIPS 180-4.

#include "stave/hash/digest.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "stave/base/error.h"

namespace stave {
namespace {

const std::string abc_sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const std::string abc_sha512 =
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

// The kind of failure that parsing `text` is, or nothing.
std::optional<Kind> refusal(std::string_view text) {
  try {
    Digest::parse(text);
    return std::nullopt;
  } catch (const Error& error) {
    return error.kind();
  }
}

std::string message(std::string_view text) {
  try {
    Digest::parse(text);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

rc::Gen<Digest> any_digest() {
  return rc::gen::exec([] {
    const auto algorithm = *rc::gen::element(Algorithm::sha256, Algorithm::sha512);
    const std::size_t size = algorithm == Algorithm::sha256 ? 32 : 64;
    const auto raw = *rc::gen::container<std::string>(size, rc::gen::arbitrary<char>());
    return Digest::from_raw(algorithm, as_bytes(raw));
  });
}

RC_GTEST_PROP(Digest, ParseIsTheInverseOfStr, ()) {
  const Digest digest = *any_digest();
  RC_ASSERT(Digest::parse(digest.str()) == digest);
}

RC_GTEST_PROP(Digest, StrIsTheInverseOfParse, ()) {
  const auto hex = *rc::gen::container<std::string>(64, rc::gen::elementOf(std::string("0123456789abcdef")));
  RC_ASSERT(Digest::parse("sha256:" + hex).str() == "sha256:" + hex);
  RC_ASSERT(Digest::parse("sha512:" + hex + hex).str() == "sha512:" + hex + hex);
}

RC_GTEST_PROP(Digest, IsOrderedAsItsText, ()) {
  const Digest a = *any_digest(), b = *any_digest();
  RC_ASSERT((a < b) == (a.str() < b.str()));
  RC_ASSERT((a == b) == (a.str() == b.str()));
}

RC_GTEST_PROP(Digest, FindAnswersExactlyWhereParseDoes, (std::string text)) {
  const std::string tried = *rc::gen::element(text, "sha256:" + text, "sha256:" + abc_sha256 + text);
  RC_ASSERT(Digest::find(tried).has_value() == !refusal(tried).has_value());
}

RC_GTEST_PROP(Digest, OneWrongCharacterIsInvalid, ()) {
  std::string text = "sha256:" + abc_sha256;
  const auto at = *rc::gen::inRange<std::size_t>(7, text.size());
  text[at] =
      *rc::gen::suchThat<char>([](char c) { return !std::strchr("0123456789abcdef", c) || c == '\0'; });
  RC_ASSERT(refusal(text) == Kind::invalid);
}

TEST(Digest, LengthBelongsToTheAlgorithm) {
  EXPECT_EQ(refusal("sha256:" + abc_sha256), std::nullopt);
  EXPECT_EQ(refusal("sha512:" + abc_sha512), std::nullopt);
  EXPECT_EQ(refusal("sha256:" + abc_sha512), Kind::invalid);
  EXPECT_EQ(refusal("sha512:" + abc_sha256), Kind::invalid);
  EXPECT_EQ(refusal("sha256:" + abc_sha256.substr(1)), Kind::invalid);
}

TEST(Digest, UpperCaseHexIsInvalid) {
  std::string upper = abc_sha256;
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) { return c == 'a' ? 'A' : c; });
  EXPECT_EQ(refusal("sha256:" + upper), Kind::invalid);
}

TEST(Digest, AnotherAlgorithmOfGoodGrammarIsUnsupported) {
  EXPECT_EQ(refusal("sha384:abcdef"), Kind::unsupported);
  EXPECT_EQ(refusal("blake3:" + abc_sha256), Kind::unsupported);
  EXPECT_EQ(refusal("sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564"), Kind::unsupported);
  EXPECT_EQ(refusal("multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8"), Kind::unsupported);
  EXPECT_EQ(refusal("a.b_c-d+e0:=_-Z"), Kind::unsupported);
}

TEST(Digest, BadGrammarIsInvalid) {
  for (const char* text : {"", ":", "sha256", "sha256:", ":abc", "Sha256:abc", "sha256 :abc", "md5:a b",
                           "+a:b", "a+:b", "a++b:c", "a:b:c", "a:b/c", "a:\xc3\xa9", "../x:y"}) {
    EXPECT_EQ(refusal(text), Kind::invalid) << text;
  }
}

TEST(Digest, TextAfterANulIsNotOverlooked) {
  EXPECT_EQ(refusal("sha256:" + abc_sha256 + std::string(1, '\0')), Kind::invalid);
  EXPECT_EQ(refusal(std::string(1, '\0') + "sha256:" + abc_sha256), Kind::invalid);
}

TEST(Digest, AMessageNeverCarriesRawBytes) {
  for (const std::string text : {"sha256:\x1b[31m", "\x1b]0;x\x07:a", "sha\n256:a"}) {
    const std::string said = message(text);
    EXPECT_FALSE(said.empty());
    EXPECT_TRUE(
        std::none_of(said.begin(), said.end(), [](char c) { return static_cast<unsigned char>(c) < 32; }));
  }
  EXPECT_LT(message(std::string(1'000'000, 'a')).size(), 1000u);
}

TEST(Digest, RawBytesOfAnotherLengthAreADefect) {
  EXPECT_THROW(Digest::from_raw(Algorithm::sha512, as_bytes(abc_sha256.substr(0, 32))), Error);
  EXPECT_THROW(Digest::from_raw(Algorithm::sha256, {}), Error);
}

TEST(Digest, ShortHexIsTheFirstTwelveDigits) {
  EXPECT_EQ(Digest::parse("sha512:" + abc_sha512).short_hex(), "ddaf35a19361");
}

TEST(Hasher, AgreesWithFips180) {
  EXPECT_EQ(digest_of("abc").str(), "sha256:" + abc_sha256);
  EXPECT_EQ(digest_of(as_bytes("abc"), Algorithm::sha512).str(), "sha512:" + abc_sha512);
  EXPECT_EQ(digest_of("").hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq").hex(),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(digest_of(std::string(1'000'000, 'a')).hex(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

RC_GTEST_PROP(Hasher, PiecesHashAsTheWhole, (std::vector<std::string> pieces)) {
  const auto algorithm = *rc::gen::element(Algorithm::sha256, Algorithm::sha512);
  std::string whole;
  HashingSink sink(algorithm);
  for (const std::string& piece : pieces) {
    whole += piece;
    sink.write(as_bytes(piece));
  }
  RC_ASSERT(sink.size() == whole.size());
  RC_ASSERT(std::move(sink).finish() == digest_of(as_bytes(whole), algorithm));
}

TEST(Hasher, AFinishedOneIsADefectToUse) {
  Hasher hasher;
  const Digest digest = std::move(hasher).finish();
  EXPECT_EQ(digest, digest_of(""));
  EXPECT_THROW(hasher.update("x"), Error);          // NOLINT(bugprone-use-after-move)
  EXPECT_THROW(std::move(hasher).finish(), Error);  // NOLINT(bugprone-use-after-move)
}

TEST(Hasher, AMovedOneGoesOn) {
  Hasher first;
  first.update("a");
  Hasher second = std::move(first);
  second.update("bc");
  EXPECT_EQ(std::move(second).finish(), digest_of("abc"));
}

TEST(Hasher, ThreadsDoNotDisturbEachOther) {
  std::vector<std::string> results(8);
  {
    std::vector<std::jthread> threads;
    for (std::string& result : results) {
      threads.emplace_back([&result] {
        const std::string megabyte(1'000'000, 'a');
        result = digest_of(megabyte).hex();
      });
    }
  }
  for (const std::string& result : results) EXPECT_EQ(result, results[0]);
  EXPECT_EQ(results[0], "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
}  // namespace stave
