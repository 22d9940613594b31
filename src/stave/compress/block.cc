// Blocks: each compressed on its own, and the frame that makes one stream of them.
//
// libdeflate makes whole streams only. The seam between two of them is made here: the final bit of the last
// deflate block is cleared, and an empty stored block (RFC 1951, 3.2.4) fills up to a byte, where the next
// block can begin.

#include <fmt/format.h>
#include <libdeflate.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
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

// Says whether a block is worth compressing (docs/format.md, "Frames"): of eight pages of it, evenly spread,
// the lowest level that looks for matches has to save a fiftieth at least. libdeflate itself comes to the
// same end for such a block, at 94 MB/s instead of 13 GB/s.
constexpr std::size_t sample_pages = 8;
constexpr std::size_t sample_page = 4096;
constexpr std::size_t least_sampled = 64 * 1024;

bool compresses(libdeflate_compressor* probe, Bytes plain, std::vector<std::byte>& room) {
  if (plain.size() < least_sampled) return true;
  std::array<std::byte, sample_pages * sample_page> sample;
  const std::size_t stride = (plain.size() - sample_page) / (sample_pages - 1);
  for (std::size_t i = 0; i < sample_pages; ++i)
    std::copy_n(plain.begin() + static_cast<std::ptrdiff_t>(i * stride), sample_page,
                sample.begin() + static_cast<std::ptrdiff_t>(i * sample_page));
  room.resize(sample.size() - sample.size() / 50);
  // 0: it does not fit.
  return libdeflate_deflate_compress(probe, sample.data(), sample.size(), room.data(), room.size()) != 0;
}

void compress_gzip(libdeflate_compressor* compressor, Bytes plain, Block& out) {
  out.crc32 = crc32_of(plain);
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

std::uint32_t crc32_of(Bytes bytes) { return libdeflate_crc32(0, bytes.data(), bytes.size()); }

struct BlockCompressor::State {
  Format format;
  Deflate deflate;
  Deflate probe;  // none: nothing is stored that was to be compressed, or all of it is
  Deflate store;
  Zstd zstd;
  std::vector<std::byte> room;  // for the probe
  Block zeros;  // the last block of nothing but zeros: sparse files have thousands of one size
};

BlockCompressor::BlockCompressor(Codec codec) {
  check_writable(codec);
  state_ = std::make_unique<State>();
  state_->format = codec.format;
  if (codec.format == Format::gzip) {
    state_->deflate = make_deflate(codec.level);
    if (codec.level != 0) {
      state_->probe = make_deflate(1);
      state_->store = make_deflate(0);
    }
  }
  if (codec.format == Format::zstd) state_->zstd = make_zstd(codec.level);
}

BlockCompressor::BlockCompressor(BlockCompressor&&) noexcept = default;
BlockCompressor& BlockCompressor::operator=(BlockCompressor&&) noexcept = default;
BlockCompressor::~BlockCompressor() = default;

namespace {

bool is_zero(Bytes bytes) {
  return bytes.front() == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

}  // namespace

void BlockCompressor::compress(Bytes plain, Block& out) {
  out.bytes.clear();
  out.crc32 = 0;
  out.plain_size = plain.size();
  if (plain.empty()) return;
  if (state_->format == Format::none) {
    out.bytes.assign(plain.begin(), plain.end());
    return;
  }
  const bool zero = is_zero(plain);
  if (zero && plain.size() == state_->zeros.plain_size) {
    out = state_->zeros;
    return;
  }
  if (state_->format == Format::gzip) {
    const bool worth_it = !state_->probe || compresses(state_->probe.get(), plain, state_->room);
    compress_gzip((worth_it ? state_->deflate : state_->store).get(), plain, out);
  } else {
    compress_zstd(state_->zstd.get(), plain, out);
  }
  if (zero) state_->zeros = out;
}

namespace {

// RFC 1952, 2.3: deflate, no flags, no time, no extra flags, no known system. Nothing here depends on who
// writes.
constexpr std::array<std::uint8_t, 10> gzip_head{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};

}  // namespace

std::uint64_t head_size(Format format) { return format == Format::gzip ? gzip_head.size() : 0; }

BlockWriter::BlockWriter(Codec codec, Sink& sink) : codec_(codec), sink_(sink) {
  check_writable(codec);
  if (codec_.format == Format::gzip) write(view(gzip_head));
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

std::string identity(const Codec& codec) {
  // Prose has literals, matches of many lengths and distances: enough for another version's parser to choose
  // otherwise somewhere.
  std::string page;
  for (unsigned i = 0; page.size() < 32 * 1024; ++i)
    page +=
        fmt::format("{} layers over {} trees, {:x} of them changed. ", i % 97, i * i % 1009, i * 2654435761U);
  Block block;
  BlockCompressor(codec).compress(as_bytes(page), block);
  std::string text = fmt::format("{} {:08x}", codec.str(), crc32_of(block.bytes));
  for (const auto& each : versions()) text += fmt::format(" {} {}", each.name, each.version);
  return text;
}

}  // namespace stave::compress
