// The two inflaters: what one gives of a stream, whole or damaged, the other gives too.

#include "stave/compress/inflate.h"

#include <gtest/gtest.h>
#include <libdeflate.h>
#include <rapidcheck/gtest.h>

#include "unit/compress/material.h"

namespace stave::compress {
namespace {

using testing::any_material;

struct Outcome {
  std::string plain;
  bool done = false;
  std::string rest;  // what comes after the end of the stream
  bool damaged = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

std::string deflated(const std::string& plain, int level) {
  const std::unique_ptr<libdeflate_compressor, void (*)(libdeflate_compressor*)> compressor(
      libdeflate_alloc_compressor(level), libdeflate_free_compressor);
  std::string stream(libdeflate_deflate_compress_bound(compressor.get(), plain.size()), '\0');
  stream.resize(libdeflate_deflate_compress(compressor.get(), plain.data(), plain.size(), stream.data(),
                                            stream.size()));
  return stream;
}

// Feeds the stream `piece` bytes at a time into room for `room`.
Outcome inflated(Inflater& inflater, const std::string& stream, std::size_t piece, std::size_t room) {
  inflater.restart();
  Outcome outcome;
  std::vector<std::byte> out(room);
  for (std::size_t at = 0;;) {
    const Bytes in = as_bytes(std::string_view(stream).substr(at, piece));
    const Inflater::Step step = inflater.inflate(in, out);
    if (!step.damage.empty()) return {.plain = {}, .done = false, .rest = {}, .damaged = true};
    at += step.taken;
    outcome.plain.append(as_text(Bytes(out).first(step.given)));
    outcome.done = step.done;
    if (step.done) outcome.rest = stream.substr(at - step.unused);
    if (step.done || (in.empty() && step.given == 0)) return outcome;
  }
}

// One of those this was built with, besides zlib's.
std::unique_ptr<Inflater> other() { return isal_inflater() ? isal_inflater() : zlib_inflater(); }

RC_GTEST_PROP(Inflaters, GiveBackWhatWasDeflated, ()) {
  const std::string plain = *any_material(300'000);
  const std::string stream = deflated(plain, *rc::gen::inRange(0, 13));
  const std::string rest = *rc::gen::arbitrary<std::string>();
  const auto piece = *rc::gen::elementOf(std::vector<std::size_t>{1, 7, 1000, 1'000'000});
  const auto room = *rc::gen::elementOf(std::vector<std::size_t>{1, 100, 65'536, 1'000'000});
  if (room == 1) RC_PRE(plain.size() < 5000);
  const Outcome whole{.plain = plain, .done = true, .rest = rest};
  RC_ASSERT(inflated(*zlib_inflater(), stream + rest, piece, room) == whole);
  RC_ASSERT(inflated(*other(), stream + rest, piece, room) == whole);
}

RC_GTEST_PROP(Inflaters, AgreeAboutAStreamThatIsCut, ()) {
  const std::string stream = deflated(*any_material(20'000), *rc::gen::inRange(0, 13));
  const std::string cut = stream.substr(0, *rc::gen::inRange<std::size_t>(0, stream.size()));
  const Outcome by_zlib = inflated(*zlib_inflater(), cut, 1000, 1000);
  RC_ASSERT(!by_zlib.done);
  RC_ASSERT(inflated(*other(), cut, 1000, 1000) == by_zlib);
}

// zlib refuses some codes that ISA-L takes (of which a part is never used). What ISA-L makes of them is then
// for the checksum to judge; what zlib takes, both must understand alike.
RC_GTEST_PROP(Inflaters, UnderstandDamageAlike, ()) {
  std::string stream = deflated(*any_material(20'000), *rc::gen::inRange(0, 13));
  for (int flips = *rc::gen::inRange(1, 4); flips != 0; --flips) {
    const auto bit = *rc::gen::inRange<std::size_t>(0, 8 * stream.size());
    stream[bit / 8] = static_cast<char>(stream[bit / 8] ^ (1 << bit % 8));
  }
  const Outcome by_zlib = inflated(*zlib_inflater(), stream, 5000, 100'000);
  if (!by_zlib.done) return;
  RC_ASSERT(inflated(*other(), stream, 5000, 100'000) == by_zlib);
}

TEST(Inflaters, ADistanceBeforeTheBeginningIsDamage) {
  // fixed codes: the literal 'a', then length 3 at distance 4 (RFC 1951, 3.2.6)
  const std::string stream("\x4b\x04\x92\x00\x00", 5);
  EXPECT_TRUE(inflated(*zlib_inflater(), stream, 100, 100).damaged);
  EXPECT_TRUE(inflated(*other(), stream, 100, 100).damaged);
}

TEST(Inflaters, ForgetTheStreamBefore) {
  const std::string one = deflated("one one one", 6), two = deflated("two", 6);
  for (Inflater* inflater : {zlib_inflater().release(), other().release()}) {
    const std::unique_ptr<Inflater> owned(inflater);
    EXPECT_EQ(inflated(*owned, one.substr(0, 4), 100, 100).done, false);
    EXPECT_EQ(inflated(*owned, two, 100, 100).plain, "two");
    EXPECT_EQ(inflated(*owned, one, 100, 100).plain, "one one one");
  }
}

}  // namespace
}  // namespace stave::compress
