// Decompression as a stream: gzip by zlib, zstd by libzstd. Both formats allow
// files to be laid end to end, and both end well only at the end of a member or
// frame; whatever else the bytes do is an error that names where it was seen.

#define ZLIB_CONST  // zlib.h: next_in points to const

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>

#include "stave/base/error.h"
#include "stave/compress/compress.h"
#include "stave/compress/feed.h"

namespace stave::compress {
namespace {

// The largest zstd window we make room for: 2^27 is 128 MiB, what `zstd -d` takes without --long, and 16
// times what RFC 8878, 3.1.1.1.2 asks of every decoder.
constexpr int zstd_window_log = 27;

[[noreturn]] void fail(Kind kind, Format format, std::uint64_t offset, std::string_view what) {
  throw Error(kind, fmt::format("{} stream, byte {}: {}", name(format), offset, what));
}

[[noreturn]] void ends_early(Format format, std::uint64_t offset) {
  throw Error(Kind::invalid, fmt::format("{} stream, byte {}: ends early", name(format), offset),
              "the file was cut: fetch or make it again");
}

class PlainSource : public Source {
 public:
  explicit PlainSource(Source& in) : in_(in) {}
  std::size_t read(MutableBytes out) override { return in_.read(out); }

 private:
  Source& in_;
};

// RFC 1952. zlib reads the header with all its optional fields and checks CRC-32 and length of each member.
class GzipSource : public Source {
 public:
  explicit GzipSource(Source& in) : feed_(in) {
    constexpr int gzip_only = 16;
    if (inflateInit2(&stream_, MAX_WBITS + gzip_only) != Z_OK) {
      throw Error(Kind::io, "not enough memory to decompress gzip");
    }
  }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;
  ~GzipSource() override { inflateEnd(&stream_); }

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
    inflateReset(&stream_);
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

  // One call of inflate; how many bytes came out of it.
  std::size_t inflate_some(MutableBytes out) {
    const Bytes in = feed_.look(1);
    const uInt room = static_cast<uInt>(std::min<std::size_t>(out.size(), 1u << 30));
    stream_.next_in = reinterpret_cast<const Bytef*>(in.data());
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = room;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    feed_.take(in.size() - stream_.avail_in);
    const std::size_t produced = room - stream_.avail_out;

    if (result == Z_STREAM_END) {
      in_member_ = false;
    } else if (result == Z_MEM_ERROR) {
      throw Error(Kind::io, "not enough memory to decompress gzip");
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      fail(Kind::invalid, Format::gzip, feed_.offset(), stream_.msg ? stream_.msg : "damaged");
    } else if (in.empty() && produced == 0) {
      ends_early(Format::gzip, feed_.offset());
    }
    return produced;
  }

  Feed feed_;
  z_stream stream_{};
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
        ZSTD_isError(ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, zstd_window_log))) {
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
        fail(Kind::limit, Format::zstd, feed_.offset(), "the frame needs a window of more than 128 MiB");
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

}  // namespace

std::unique_ptr<Source> decompress(Source& in, Format format) {
  switch (format) {
    case Format::none:
      return std::make_unique<PlainSource>(in);
    case Format::gzip:
      return std::make_unique<UntilBroken>(std::make_unique<GzipSource>(in));
    case Format::zstd:
      return std::make_unique<UntilBroken>(std::make_unique<ZstdSource>(in));
    case Format::xz:
    case Format::bzip2:
      break;
  }
  refuse(format);
}

}  // namespace stave::compress
