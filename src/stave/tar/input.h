// The bytes of an archive as the reader takes them: forward, with the offset
// known at every moment, and pulled in large pieces, since a tar of small files asks for 512 bytes a million
// times.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "stave/base/error.h"
#include "stave/base/stream.h"
#include "stave/tar/block.h"

namespace stave::tar {

// What is wrong, and at which byte of the archive.
[[noreturn]] void fail(std::uint64_t offset, std::string_view what, Kind kind = Kind::invalid,
                       std::string hint = {});
[[noreturn]] void fail_truncated(std::uint64_t offset);

class Input {
 public:
  explicit Input(Source& source) : source_(source) {}

  std::uint64_t offset() const { return offset_; }

  // A part of `out`, at least one byte of it; 0 only at the end of the source (or for an empty `out`).
  std::size_t read(MutableBytes out);

  // As much of `out` as there is.
  std::size_t read_full(MutableBytes out);

  // All of it, or Kind::invalid: the archive is truncated.
  void get(MutableBytes out);
  void get(Block& block) { get(std::as_writable_bytes(std::span(block))); }
  void skip(std::uint64_t count);
  // The zeros behind a content, or as many of them as there are; less than a block.
  void skip_padding(std::uint64_t count);

  // Reads to the end of the source; was there anything but zeros?
  bool drain();

 private:
  Bytes buffered() const { return Bytes(buffer_).subspan(begin_, end_ - begin_); }
  void consume(std::size_t count);
  bool refill();  // the buffer is empty; false at the end of the source

  Source& source_;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t offset_ = 0;
};

}  // namespace stave::tar
