// Decompression as a stream: gzip by an Inflater, zstd by libzstd. Both formats allow
// files to be laid end to end, and both end well only at the end of a member or
// frame; whatever else the bytes do is an error that names where it was seen.

#include <fmt/format.h>
#include <libdeflate.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <bit>

#include "stave/base/ahead.h"
#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/compress/compress.h"
#include "stave/compress/feed.h"
#include "stave/compress/inflate.h"

namespace stave::compress {
namespace {

// The largest zstd window we make room for, as libzstd wants it said. 128 MiB is 16 times what RFC 8878,
// 3.1.1.1.2 asks of every decoder; libzstd knows none below 2^10.
int zstd_window_log() {
  return std::max(static_cast<int>(std::bit_width(limits::zstd_window.value())) - 1, 10);
}

[[noreturn]] void fail(Kind kind, Format format, std::uint64_t offset, std::string_view what) {
  throw Error(kind, fmt::format("{} stream, byte {}: {}", name(format), offset, what));
}

[[noreturn]] void ends_early(Format format, std::uint64_t offset) {
  throw Error(Kind::invalid, fmt::format("{} stream, byte {}: ends early", name(format), offset),
              "the file was cut: fetch or make it again");
}

// The header of a gzip member (RFC 1952, 2.3), with all its optional fields, passed over byte by byte: a name
// may be as long as it likes.
class GzipHeader {
 public:
  explicit GzipHeader(Feed& feed) : feed_(feed) {}

  void pass() {
    if (next() != 0x1f || next() != 0x8b) refuse("incorrect header check");
    if (next() != 8) refuse("unknown compression method");
    const unsigned flags = next();
    if ((flags & 0xe0u) != 0) refuse("unknown header flags set");
    skip(6);  // the time, extra flags, the operating system
    if ((flags & extra) != 0) {
      const unsigned low = next();
      skip(low + 256 * next());
    }
    if ((flags & name) != 0) skip_text();
    if ((flags & comment) != 0) skip_text();
    if ((flags & checksum) != 0) check();
  }

 private:
  static constexpr unsigned checksum = 2, extra = 4, name = 8, comment = 16;

  unsigned next() {
    const Bytes bytes = feed_.look(1);
    if (bytes.empty()) ends_early(Format::gzip, feed_.offset());
    const std::byte byte = bytes[0];
    crc32_ = libdeflate_crc32(crc32_, &byte, 1);
    feed_.take(1);
    return std::to_integer<unsigned>(byte);
  }
  void skip(std::size_t count) {
    while (count-- != 0) next();
  }
  void skip_text() {
    while (next() != 0) {
    }
  }
  // The lower half of the CRC-32 of all that came before.
  void check() {
    const std::uint32_t want = crc32_ & 0xffffu;
    const unsigned low = next();
    if (low + 256 * next() != want) refuse("header crc mismatch");
  }
  [[noreturn]] void refuse(std::string_view what) const {
    fail(Kind::invalid, Format::gzip, feed_.offset(), what);
  }

  Feed& feed_;
  std::uint32_t crc32_ = 0;
};

class PlainSource : public Source {
 public:
  explicit PlainSource(Source& in) : in_(in) {}
  std::size_t read(MutableBytes out) override { return in_.read(out); }

 private:
  Source& in_;
};

// RFC 1952: members laid end to end, each a header, a deflate stream, and its CRC-32 and length.
class GzipSource : public Source {
 public:
  GzipSource(Source& in, std::unique_ptr<Inflater> inflater) : feed_(in), inflater_(std::move(inflater)) {}

  std::size_t read(MutableBytes out) override {
    if (out.empty()) return 0;
    for (;;) {
      if (!in_member_ && !begin_member()) return 0;
      const std::size_t n = inflate_some(out);
      if (n != 0) return n;
    }
  }

 private:
  // Goes into the next member; false if there is none and the stream ends well.
  bool begin_member() {
    const Bytes next = feed_.look(1);
    if (next.empty() && any_member_) return false;
    if (next.empty()) ends_early(Format::gzip, feed_.offset());
    if (any_member_ && next[0] == std::byte{0}) return skip_padding();
    if (any_member_ && next[0] != std::byte{0x1f}) {
      fail(Kind::invalid, Format::gzip, feed_.offset(), "what follows the last member is no gzip");
    }
    GzipHeader(feed_).pass();
    inflater_->restart();
    crc32_ = 0;
    size_ = 0;
    in_member_ = any_member_ = true;
    return true;
  }

  // Tapes and disk images are filled up with zeros; GNU gzip passes over them in silence, so do we. Gives
  // false, the end.
  bool skip_padding() {
    for (Bytes next = feed_.look(1); !next.empty(); next = feed_.look(1)) {
      const auto other =
          std::find_if(next.begin(), next.end(), [](std::byte b) { return b != std::byte{0}; });
      feed_.take(static_cast<std::size_t>(other - next.begin()));
      if (other != next.end()) {
        fail(Kind::invalid, Format::gzip, feed_.offset(),
             "what follows the zeros after the last member is no gzip");
      }
    }
    return false;
  }

  // One call of the decoder; how many bytes came out of it.
  std::size_t inflate_some(MutableBytes out) {
    const Bytes in = feed_.look(1);
    const Inflater::Step step = inflater_->inflate(in, out);
    feed_.take(step.taken);
    if (!step.damage.empty()) fail(Kind::invalid, Format::gzip, feed_.offset(), step.damage);
    if (!step.done && in.empty() && step.given == 0) ends_early(Format::gzip, feed_.offset());
    crc32_ = libdeflate_crc32(crc32_, out.data(), step.given);
    size_ += step.given;
    if (step.done) {
      feed_.give_back(step.unused);
      end_member();
    }
    return step.given;
  }

  // CRC-32, and the length modulo 2^32 (RFC 1952, 2.3.1).
  void end_member() {
    constexpr std::size_t trailer_size = 8;
    const Bytes trailer = feed_.look(trailer_size);
    if (trailer.size() < trailer_size) ends_early(Format::gzip, feed_.offset() + trailer.size());
    if (little_endian(trailer.first(4)) != crc32_)
      fail(Kind::invalid, Format::gzip, feed_.offset(), "incorrect data check");
    if (little_endian(trailer.subspan(4, 4)) != size_)
      fail(Kind::invalid, Format::gzip, feed_.offset() + 4, "incorrect length check");
    feed_.take(trailer_size);
    in_member_ = false;
  }

  static std::uint32_t little_endian(Bytes four) {
    std::uint32_t number = 0;
    for (std::size_t i = 4; i-- != 0;) number = number << 8 | std::to_integer<std::uint32_t>(four[i]);
    return number;
  }

  Feed feed_;
  std::unique_ptr<Inflater> inflater_;
  std::uint32_t crc32_ = 0;
  std::uint32_t size_ = 0;  // modulo 2^32
  bool in_member_ = false;
  bool any_member_ = false;
};

struct FreeDecoder {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// RFC 8878. Frames that carry a checksum are held to it by libzstd.
class ZstdSource : public Source {
 public:
  explicit ZstdSource(Source& in) : feed_(in), context_(ZSTD_createDCtx()) {
    if (!context_ ||
        ZSTD_isError(ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, zstd_window_log()))) {
      throw Error(Kind::io, "not enough memory to decompress zstd");
    }
  }

  std::size_t read(MutableBytes out) override {
    if (out.empty()) return 0;
    for (;;) {
      if (!in_frame_ && !begin_frame()) return 0;
      const std::size_t n = decompress_some(out);
      if (n != 0) return n;
    }
  }

 private:
  // Goes into the next frame; false if there is none. Looking at the magic ourselves keeps libzstd's decoders
  // for the formats before RFC 8878 out of reach: nothing in an image was ever written in them.
  bool begin_frame() {
    constexpr std::size_t magic_size = 4;
    const Bytes next = feed_.look(magic_size);
    if (next.empty() && any_frame_) return false;
    if (next.empty()) ends_early(Format::zstd, feed_.offset());
    if (sniff(next) != Format::zstd) {
      fail(Kind::invalid, Format::zstd, feed_.offset(),
           any_frame_ ? "what follows the last frame is no zstd" : "no zstd frame begins here");
    }
    in_frame_ = any_frame_ = true;
    return true;
  }

  // One call of libzstd; how many bytes came out of it.
  std::size_t decompress_some(MutableBytes out) {
    const Bytes in = feed_.look(1);
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    const std::size_t result = ZSTD_decompressStream(context_.get(), &output, &input);
    feed_.take(input.pos);
    if (ZSTD_isError(result)) refuse(result);
    if (result == 0) {
      in_frame_ = false;
    } else if (in.empty() && output.pos == 0) {
      ends_early(Format::zstd, feed_.offset());
    }
    return output.pos;
  }

  [[noreturn]] void refuse(std::size_t result) const {
    switch (ZSTD_getErrorCode(result)) {
      case ZSTD_error_memory_allocation:
        throw Error(Kind::io, "not enough memory to decompress zstd");
      case ZSTD_error_frameParameter_windowTooLarge:
        throw limits::zstd_window.exceeded(
            fmt::format("zstd stream, byte {}: the frame needs a window of more than {}", feed_.offset(),
                        limits::zstd_window.shown()));
      case ZSTD_error_dictionary_wrong:
        fail(Kind::unsupported, Format::zstd, feed_.offset(), "the frame needs a dictionary");
      default:
        fail(Kind::invalid, Format::zstd, feed_.offset(), ZSTD_getErrorName(result));
    }
  }

  Feed feed_;
  std::unique_ptr<ZSTD_DCtx, FreeDecoder> context_;
  bool in_frame_ = false;
  bool any_frame_ = false;
};

// A decoder until it fails for the first time. What a codec's state is worth after a failure is not ours to
// know, so nothing asks it again and a damaged stream never comes to a good end.
class UntilBroken : public Source {
 public:
  explicit UntilBroken(std::unique_ptr<Source> source) : source_(std::move(source)) {}
  std::size_t read(MutableBytes out) override {
    std::unique_ptr<Source> source = std::move(source_);
    if (!source) throw Error(Kind::invalid, "a compressed stream was read on after it failed");
    const std::size_t n = source->read(out);
    source_ = std::move(source);
    return n;
  }

 private:
  std::unique_ptr<Source> source_;
};

[[noreturn]] void refuse(Format format) {
  const std::string_view tool = format == Format::xz ? "xz" : "bzip2";
  throw Error(Kind::unsupported, fmt::format("{} is not read here", name(format)),
              fmt::format("{} -dc FILE | stave … --layer -", tool));
}

std::unique_ptr<Source> decoder_of(Source& in, Format format) {
  switch (format) {
    case Format::none:
      return std::make_unique<PlainSource>(in);
    case Format::gzip:
      return std::make_unique<UntilBroken>(std::make_unique<GzipSource>(in, best_inflater()));
    case Format::zstd:
      return std::make_unique<UntilBroken>(std::make_unique<ZstdSource>(in));
    case Format::xz:
    case Format::bzip2:
      break;
  }
  refuse(format);
}

// Owns what its thread reads.
class DecodedAhead : public Source {
 public:
  explicit DecodedAhead(std::unique_ptr<Source> decoder) : decoder_(std::move(decoder)), ahead_(*decoder_) {}
  std::size_t read(MutableBytes out) override { return ahead_.read(out); }

 private:
  std::unique_ptr<Source> decoder_;
  Ahead ahead_;
};

}  // namespace

std::unique_ptr<Source> decompress(Source& in, Format format, unsigned jobs) {
  auto decoder = decoder_of(in, format);
  if (jobs <= 1) return decoder;
  return std::make_unique<DecodedAhead>(std::move(decoder));
}

}  // namespace stave::compress
