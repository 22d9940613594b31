// Ring: bytes on their way from one thread to another, in a fixed piece of
// memory. Internal to http.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "stave/base/stream.h"

namespace stave::http {

// The numbers are kept under the owner's lock; the bytes are touched without it: what `room` gave belongs to
// the one writer until `put`, what `held` gave to the one reader until `take`.
class Ring {
 public:
  Ring() = default;
  explicit Ring(std::size_t capacity)
      : bytes_(std::make_unique_for_overwrite<std::byte[]>(capacity)), capacity_(capacity) {}

  std::size_t capacity() const { return capacity_; }
  std::size_t size() const { return static_cast<std::size_t>(written_ - read_); }
  std::size_t free() const { return capacity_ - size(); }

  // As much as lies in one piece; more may follow behind the end.
  MutableBytes room() {
    const std::size_t at = capacity_ == 0 ? 0 : static_cast<std::size_t>(written_ % capacity_);
    return {bytes_.get() + at, std::min(free(), capacity_ - at)};
  }
  void put(std::size_t count) { written_ += count; }
  Bytes held() const {
    const std::size_t at = capacity_ == 0 ? 0 : static_cast<std::size_t>(read_ % capacity_);
    return {bytes_.get() + at, std::min(size(), capacity_ - at)};
  }
  void take(std::size_t count) { read_ += count; }

  // Goes back to the first byte, if none of them was written over, nor is being (`full`: no more will be).
  bool rewind(bool full) {
    if (written_ > capacity_ || (written_ == capacity_ && !full)) return false;
    read_ = 0;
    return true;
  }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t capacity_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t read_ = 0;
};

}  // namespace stave::http
