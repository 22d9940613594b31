// Feed: the compressed side of a decompressor. Buffers a Source, remembers how
// far into it we are (every error says so), and lets a magic number be looked
// at before anybody takes it.

#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "stave/base/limits.h"
#include "stave/base/stream.h"

namespace stave::compress {

class Feed {
 public:
  explicit Feed(Source& source) : source_(source), buffer_(remembered + limits::copy_buffer) {}

  // Of what was taken last, this many bytes may be given back.
  static constexpr std::size_t remembered = 8;

  // Reads until at least `n` bytes (not more than limits::copy_buffer) are at hand, or all there are; gives
  // what is at hand.
  Bytes look(std::size_t n) {
    if (end_ - begin_ < n && begin_ > remembered) {
      const std::size_t gone = begin_ - remembered;
      std::memmove(buffer_.data(), buffer_.data() + gone, end_ - gone);
      end_ -= gone;
      begin_ = remembered;
    }
    while (end_ - begin_ < n) {
      const std::size_t got = source_.read(MutableBytes(buffer_).subspan(end_));
      if (got == 0) break;
      end_ += got;
    }
    return Bytes(buffer_).subspan(begin_, end_ - begin_);
  }

  void take(std::size_t n) {
    begin_ += n;
    offset_ += n;
  }

  // Undoes the end of what `take` did: at most `remembered` bytes.
  void give_back(std::size_t n) {
    begin_ -= n;
    offset_ -= n;
  }

  // Where in the compressed stream the next byte stands.
  std::uint64_t offset() const { return offset_; }

 private:
  Source& source_;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t offset_ = 0;
};

}  // namespace stave::compress
