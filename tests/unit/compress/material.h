// What there is to compress, and the shortest words for compressing it.

#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "stave/base/error.h"
#include "stave/base/stream.h"
#include "stave/compress/compress.h"

namespace stave::compress::testing {

enum class Kindof { zeros, text, noise, mixed, runs, skewed };

inline const std::vector<Kindof> all_kinds = {Kindof::zeros, Kindof::text, Kindof::noise,
                                              Kindof::mixed, Kindof::runs, Kindof::skewed};

// `size` bytes that compress very well, like prose, not at all, by turns, into many matches, or into very
// long codes.
inline std::string material(Kindof kind, std::size_t size, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::string bytes;
  bytes.reserve(size + 64);
  static constexpr std::string_view words[] = {"layer ",   "blob ",    "the ",   "digest ", "of\n",
                                               "usr/lib/", "whiteout", "stave ", "root:x:", "0755 "};
  while (bytes.size() < size) {
    const Kindof now = kind != Kindof::mixed ? kind : all_kinds[bytes.size() / 20000 % 3];
    const std::uint32_t r = random();
    if (now == Kindof::zeros) bytes.append(64, '\0');
    if (now == Kindof::text) bytes.append(words[r % 10]).append(std::to_string(r % 997));
    if (now == Kindof::noise) bytes.append(reinterpret_cast<const char*>(&r), 4);
    if (now == Kindof::runs) bytes.append(r % 300, static_cast<char>(r >> 24));
    if (now == Kindof::skewed) bytes += static_cast<char>(__builtin_ctz(r | 1u << 31) * 8 + (r >> 29));
  }
  bytes.resize(size);
  return bytes;
}

// Anything up to `most` bytes; sizes lean to the small ones.
inline rc::Gen<std::string> any_material(std::size_t most) {
  return rc::gen::exec([most] {
    const auto kind = *rc::gen::elementOf(all_kinds);
    const auto digits = *rc::gen::inRange(0, 22);
    const auto size = *rc::gen::inRange<std::size_t>(0, (std::size_t{1} << digits) + 1);
    return material(kind, std::min(size, most), *rc::gen::arbitrary<std::uint32_t>());
  });
}

inline rc::Gen<Codec> any_codec() {
  return rc::gen::exec([] {
    return Codec::parse(*rc::gen::element<std::string>("none", "gzip:0", "gzip:1", "gzip:2", "gzip:5",
                                                       "gzip:6", "gzip:9", "gzip:10", "gzip:12", "zstd:1",
                                                       "zstd:3", "zstd:7", "zstd:19"));
  });
}

// `bytes` cut anywhere, into empty pieces too.
inline rc::Gen<std::vector<std::string>> cut(std::string bytes) {
  return rc::gen::exec([bytes = std::move(bytes)] {
    std::vector<std::string> blocks;
    for (std::size_t at = 0; at < bytes.size() && blocks.size() < 20;) {
      const auto n = *rc::gen::inRange<std::size_t>(0, bytes.size() - at + 1);
      blocks.push_back(bytes.substr(at, n));
      at += n;
      if (blocks.size() == 20) blocks.push_back(bytes.substr(at));
    }
    return blocks;
  });
}

inline std::string compressed(const Codec& codec, const std::vector<std::string>& blocks) {
  StringSink sink;
  BlockCompressor compressor(codec);
  BlockWriter writer(codec, sink);
  Block block;
  for (const std::string& plain : blocks) {
    compressor.compress(as_bytes(plain), block);
    writer.append(block);
  }
  const std::uint64_t size = std::move(writer).finish();
  RC_ASSERT(size == sink.text().size());
  return sink.take();
}

// A Source that hands out at most `piece` bytes at a time, as a network does.
class Trickle : public Source {
 public:
  Trickle(std::string_view bytes, std::size_t piece) : rest_(bytes), piece_(piece) {}
  std::size_t read(MutableBytes out) override { return rest_.read(out.first(std::min(piece_, out.size()))); }

 private:
  BytesSource rest_;
  std::size_t piece_;
};

inline std::string decompressed(std::string_view bytes, Format format, std::size_t piece = SIZE_MAX) {
  Trickle trickle(bytes, piece);
  return read_all(*decompress(trickle, format), 1ull << 30, "test stream");
}

struct Failure {
  Kind kind;
  std::string what;
  std::string hint;
};

// How reading `bytes` fails, if it does.
inline std::optional<Failure> failure(std::string_view bytes, Format format, std::size_t piece = SIZE_MAX) {
  try {
    decompressed(bytes, format, piece);
    return std::nullopt;
  } catch (const Error& error) {
    return Failure{error.kind(), error.what(), error.hint()};
  }
}

inline std::optional<Kind> kind_of_failure(std::string_view bytes, Format format) {
  const auto failed = failure(bytes, format);
  return failed ? std::optional(failed->kind) : std::nullopt;
}

}  // namespace stave::compress::testing
