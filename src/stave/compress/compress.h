// Compression by block, decompression by stream. A compressed layer is a row of
// blocks that were compressed independently of each other, so any thread can
// make any block and the bytes never depend on how many threads there were.
//
// gzip: one member (RFC 1952). Each block's deflate stream is made to be followed by the next one: the final
// bit of its last deflate block is cleared and an empty stored block closes it on a byte boundary; CRC-32s
// are combined. zstd: one independent frame for each block, with content size and checksum (RFC 8878). none:
// the bytes themselves.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "stave/base/stream.h"

namespace stave::compress {

enum class Format : std::uint8_t { none, gzip, zstd, xz, bzip2 };

std::string_view name(Format format);

// What the first bytes of a stream say it is (6 are enough to tell all of them); `none` if they match no
// magic. A zstd skippable frame (0x184D2A5?) counts as zstd.
Format sniff(Bytes first);

// A format that can be written, and its level.
struct Codec {
  Format format = Format::gzip;
  int level = 5;

  // "gzip", "gzip:9", "zstd:3", "none". Throws Kind::usage for another name or a level out of range
  // (gzip 0 to 12, zstd 1 to 19). Defaults: gzip 5, zstd 3.
  static Codec parse(std::string_view text);
  std::string str() const;  // "gzip:5", "zstd:3", "none"
};

// One compressed block, and the facts that the frame around all of them needs.
struct Block {
  std::vector<std::byte> bytes;
  std::uint32_t crc32 = 0;  // of the plain bytes; gzip only
  std::uint64_t plain_size = 0;
};

// The CRC-32 of RFC 1952, 8; about 14 GB/s.
std::uint32_t crc32_of(Bytes bytes);

// What tells codecs apart whose bytes may differ: format, level, the library's version and what it makes of a
// page of text. The same for equal codecs on any machine; costs a fraction of a millisecond.
std::string identity(const Codec& codec);

// Compresses blocks; keeps the codec's state so that it is made once. Not thread-safe: one for each thread.
class BlockCompressor {
 public:
  explicit BlockCompressor(Codec codec);
  BlockCompressor(BlockCompressor&&) noexcept;
  BlockCompressor& operator=(BlockCompressor&&) noexcept;
  ~BlockCompressor();

  // Replaces `out` (its memory is used again). The same bytes whatever was compressed before. `plain` may be
  // empty: that gives an empty block.
  void compress(Bytes plain, Block& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// How many bytes of a stream come before its first block.
std::uint64_t head_size(Format format);

// Writes blocks, in order, as one well-formed stream.
class BlockWriter {
 public:
  BlockWriter(Codec codec, Sink& sink);
  void append(const Block& block);
  // Closes the stream; says how many bytes it has. A stream of no blocks is a valid stream of no bytes.
  std::uint64_t finish() &&;

 private:
  void write(Bytes bytes);

  Codec codec_;
  Sink& sink_;
  std::uint32_t crc32_ = 0;
  std::uint64_t plain_size_ = 0;
  std::uint64_t size_ = 0;
};

// The plain bytes of `in`, which must outlive what is given. gzip: many members, all optional header fields,
// empty members anywhere are read, as RFC 1952 wants, and zeros after the last one, as tapes have them. zstd:
// many frames, skippable ones too. Memory is bounded whatever the stream says: Kind::limit if a zstd window
// is above 128 MiB.
//
// Throws Kind::invalid when the stream is damaged, ends early (no bytes at all are no stream) or is followed
// by something else, with the offset in the compressed stream; Kind::unsupported for a zstd dictionary, and
// for xz and bzip2 with the pipe that helps as hint. After a failure every read fails. Bytes come before the
// checksum that covers them was seen: believe none until the source said 0.
//
// With more than one job a thread of its own reads `in` and decompresses, a little ahead of who asks (Ahead);
// nobody else may read `in` before the end was reached.
std::unique_ptr<Source> decompress(Source& in, Format format, unsigned jobs = 1);

// "libdeflate 1.14", "zlib 1.2.13", "libzstd 1.5.4", "isa-l 2.30.0" (where it is built in): for `stave
// version --json`.
struct Version {
  std::string name;
  std::string version;
};
std::vector<Version> versions();

}  // namespace stave::compress
