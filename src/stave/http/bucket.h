// Bucket: how many bytes may go now, so that no more than `rate` go in a second.
// Internal to http; used by the loop's thread only.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace stave::http {

// Fills by the time that it is told of, holds a tenth of a second, and may be overdrawn by one piece.
class Bucket {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Bucket(std::uint64_t rate) : rate_(static_cast<double>(rate)) {}

  bool limits() const { return rate_ > 0; }
  void fill(Time now) {
    if (!limits()) return;
    const double seconds = std::chrono::duration<double>(now - filled_).count();
    filled_ = now;
    level_ = std::min(level_ + std::max(seconds, 0.0) * rate_, rate_ / 10);
  }
  bool empty() const { return limits() && level_ <= 0; }
  void take(std::size_t bytes) {
    if (limits()) level_ -= static_cast<double>(bytes);
  }
  // Until something may go again.
  std::chrono::milliseconds wait() const {
    if (!empty()) return {};
    const double needed = -level_ / rate_ * 1000;
    return std::chrono::milliseconds(static_cast<std::int64_t>(std::min(needed, 1000.0)) + 1);
  }

 private:
  double rate_;
  double level_ = 0;
  Time filled_{};
};

}  // namespace stave::http
