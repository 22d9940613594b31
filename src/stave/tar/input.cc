// Buffered, positioned reading of an archive.

#include "stave/tar/input.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace stave::tar {
namespace {

// Holds the headers and contents of dozens of small files; reads of this size or more go past it, uncopied.
constexpr std::size_t buffer_size = 64 * 1024;

}  // namespace

void fail(std::uint64_t offset, std::string_view what, Kind kind, std::string hint) {
  throw Error(kind, fmt::format("tar, byte {}: {}", offset, what), std::move(hint));
}

void fail_truncated(std::uint64_t offset) {
  fail(offset, "the archive ends in the middle of an entry", Kind::invalid,
       "it is truncated: fetch or write it again");
}

bool Input::refill() {
  buffer_.resize(buffer_size);
  begin_ = 0;
  end_ = 0;
  end_ = source_.read(buffer_);
  return end_ != 0;
}

void Input::consume(std::size_t count) {
  begin_ += count;
  offset_ += count;
}

std::size_t Input::read(MutableBytes out) {
  if (out.empty()) return 0;
  if (begin_ == end_ && out.size() >= buffer_size) {  // large pieces need no copy
    const std::size_t n = source_.read(out);
    offset_ += n;
    return n;
  }
  if (begin_ == end_ && !refill()) return 0;
  const std::size_t n = std::min(out.size(), end_ - begin_);
  std::memcpy(out.data(), buffer_.data() + begin_, n);
  consume(n);
  return n;
}

std::size_t Input::read_full(MutableBytes out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const std::size_t n = read(out.subspan(done));
    if (n == 0) break;
    done += n;
  }
  return done;
}

void Input::get(MutableBytes out) {
  if (read_full(out) != out.size()) fail_truncated(offset_);
}

void Input::skip(std::uint64_t count) {
  while (count != 0) {
    // What is larger than the buffer need not pass through it; what is smaller comes with the next header.
    if (begin_ == end_ && count >= buffer_size) {
      const std::uint64_t skipped = source_.skip(count);
      offset_ += skipped;
      if (skipped != count) fail_truncated(offset_);
      return;
    }
    if (begin_ == end_ && !refill()) fail_truncated(offset_);
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(count, end_ - begin_));
    consume(n);
    count -= n;
  }
}

void Input::skip_padding(std::uint64_t count) {
  while (count != 0 && (begin_ != end_ || refill())) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(count, end_ - begin_));
    consume(n);
    count -= n;
  }
}

bool Input::drain() {
  bool other_than_zero = false;
  while (begin_ != end_ || refill()) {
    const Bytes bytes = buffered();
    const auto is_zero = [](std::byte b) { return b == std::byte{0}; };
    if (!other_than_zero) other_than_zero = !std::all_of(bytes.begin(), bytes.end(), is_zero);
    consume(bytes.size());
  }
  return other_than_zero;
}

}  // namespace stave::tar
