// Blocks: each compressed on its own, and the frame that makes one stream of them.
//
// libdeflate makes whole streams only. The seam between two of them is made here: the final bit of the last
// deflate block is cleared, and an empty stored block (RFC 1951, 3.2.4) fills up to a byte, where the next
// block can begin.

#include <fmt/format.h>
#include <libdeflate.h>
#include <zlib.h>
#include <zstd.h>

#include <array>
#include <utility>

#include "stave/base/error.h"
#include "stave/compress/compress.h"
#include "stave/compress/deflate_scan.h"

namespace stave::compress {
namespace {

struct FreeDeflate {
  void operator()(libdeflate_compressor* compressor) const { libdeflate_free_compressor(compressor); }
};
using Deflate = std::unique_ptr<libdeflate_compressor, FreeDeflate>;

struct FreeZstd {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
using Zstd = std::unique_ptr<ZSTD_CCtx, FreeZstd>;

[[noreturn]] void no_memory(Format format) {
  throw Error(Kind::io, fmt::format("not enough memory to compress as {}", name(format)));
}

void check_writable(const Codec& codec) {
  if (codec.format == Format::xz || codec.format == Format::bzip2) {
    throw Error(
        Kind::unsupported,
        fmt::format("{} is read by nobody who reads images, so it is not written", name(codec.format)),
        "use gzip or zstd");
  }
}

Deflate make_deflate(int level) {
  if (level < 0 || level > 12) throw Error(Kind::usage, fmt::format("gzip has no level {}", level));
  Deflate compressor(libdeflate_alloc_compressor(level));
  if (!compressor) no_memory(Format::gzip);
  return compressor;
}

void check_zstd(std::size_t code) {
  if (!ZSTD_isError(code)) return;
  throw Error(Kind::internal, fmt::format("libzstd could not compress: {}", ZSTD_getErrorName(code)));
}

Zstd make_zstd(int level) {
  if (level < 1 || level > 19) throw Error(Kind::usage, fmt::format("zstd has no level {}", level));
  Zstd context(ZSTD_createCCtx());
  if (!context) no_memory(Format::zstd);
  check_zstd(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level));
  check_zstd(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, 1));
  check_zstd(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1));
  return context;
}

// Makes the finished deflate stream in `bytes` one that can be followed by another.
void open_end(std::vector<std::byte>& bytes) {
  const DeflateScan scan = scan_deflate(bytes);
  if ((scan.end + 7) / 8 != bytes.size())
    throw Error(Kind::internal, "libdeflate wrote more than one stream");
  bytes[scan.last_header / 8] &= ~(std::byte{1} << (scan.last_header % 8));
  if (scan.end % 8 != 0) bytes.back() &= std::byte{0xff} >> (8 - scan.end % 8);
  bytes.resize((scan.end + 3 + 7) / 8);  // BFINAL 0, BTYPE 00, zeros up to a byte
  for (const int b : {0x00, 0x00, 0xff, 0xff}) bytes.push_back(static_cast<std::byte>(b));  // LEN, NLEN
}

void compress_gzip(libdeflate_compressor* compressor, Bytes plain, Block& out) {
  out.crc32 = libdeflate_crc32(0, plain.data(), plain.size());
  out.bytes.resize(libdeflate_deflate_compress_bound(compressor, plain.size()));
  const std::size_t size =
      libdeflate_deflate_compress(compressor, plain.data(), plain.size(), out.bytes.data(), out.bytes.size());
  if (size == 0) throw Error(Kind::internal, "libdeflate exceeded its own bound");
  out.bytes.resize(size);
  open_end(out.bytes);
}

void compress_zstd(ZSTD_CCtx* context, Bytes plain, Block& out) {
  const std::size_t bound = ZSTD_compressBound(plain.size());
  check_zstd(bound);
  out.bytes.resize(bound);
  check_zstd(ZSTD_CCtx_reset(context, ZSTD_reset_session_only));
  const std::size_t size =
      ZSTD_compress2(context, out.bytes.data(), out.bytes.size(), plain.data(), plain.size());
  check_zstd(size);
  out.bytes.resize(size);
}

template <std::size_t n>
Bytes view(const std::array<std::uint8_t, n>& bytes) {
  return std::as_bytes(std::span(bytes));
}

std::array<std::uint8_t, 4> little_endian(std::uint32_t value) {
  return {static_cast<std::uint8_t>(value), static_cast<std::uint8_t>(value >> 8),
          static_cast<std::uint8_t>(value >> 16), static_cast<std::uint8_t>(value >> 24)};
}

}  // namespace

struct BlockCompressor::State {
  Format format;
  Deflate deflate;
  Zstd zstd;
};

BlockCompressor::BlockCompressor(Codec codec) {
  check_writable(codec);
  state_ = std::make_unique<State>();
  state_->format = codec.format;
  if (codec.format == Format::gzip) state_->deflate = make_deflate(codec.level);
  if (codec.format == Format::zstd) state_->zstd = make_zstd(codec.level);
}

BlockCompressor::BlockCompressor(BlockCompressor&&) noexcept = default;
BlockCompressor& BlockCompressor::operator=(BlockCompressor&&) noexcept = default;
BlockCompressor::~BlockCompressor() = default;

void BlockCompressor::compress(Bytes plain, Block& out) {
  out.bytes.clear();
  out.crc32 = 0;
  out.plain_size = plain.size();
  if (plain.empty()) return;
  if (state_->format == Format::gzip) {
    compress_gzip(state_->deflate.get(), plain, out);
  } else if (state_->format == Format::zstd) {
    compress_zstd(state_->zstd.get(), plain, out);
  } else {
    out.bytes.assign(plain.begin(), plain.end());
  }
}

BlockWriter::BlockWriter(Codec codec, Sink& sink) : codec_(codec), sink_(sink) {
  check_writable(codec);
  if (codec_.format != Format::gzip) return;
  // RFC 1952, 2.3: deflate, no flags, no time, no extra flags, no known system. Nothing here depends on who
  // writes.
  write(view(std::array<std::uint8_t, 10>{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}));
}

void BlockWriter::append(const Block& block) {
  if (codec_.format == Format::gzip) {
    static_assert(sizeof(z_off_t) == 8, "blocks may be larger than 2 GiB");
    // 0.5 us for a block of 1 MiB: preparing the operator (crc32_combine_gen) would gain nothing.
    crc32_ = static_cast<std::uint32_t>(
        crc32_combine(crc32_, block.crc32, static_cast<z_off_t>(block.plain_size)));
  }
  plain_size_ += block.plain_size;
  write(block.bytes);
}

std::uint64_t BlockWriter::finish() && {
  if (codec_.format == Format::gzip) {
    write(view(
        std::array<std::uint8_t, 2>{0x03, 0x00}));  // a final block of fixed codes that holds only its end
    write(view(little_endian(crc32_)));
    write(view(little_endian(static_cast<std::uint32_t>(plain_size_))));  // modulo 2^32: RFC 1952, 2.3.1
  } else if (codec_.format == Format::zstd && size_ == 0) {
    // RFC 8878, 3.1.1: magic, single segment with checksum, content size 0, a last raw block of 0 bytes,
    // XXH64 of nothing.
    write(
        view(std::array<std::uint8_t, 13>{0x28, 0xb5, 0x2f, 0xfd, 0x24, 0, 1, 0, 0, 0x99, 0xe9, 0xd8, 0x51}));
  }
  return size_;
}

void BlockWriter::write(Bytes bytes) {
  if (bytes.empty()) return;
  sink_.write(bytes);
  size_ += bytes.size();
}

}  // namespace stave::compress
