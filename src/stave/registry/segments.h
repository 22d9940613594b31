// Segments: a range of a blob that several threads fetch in pieces, given in order.
// Internal.

#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "stave/base/stream.h"

namespace stave::registry {

// Memory: a segment for each thread, allocated as they come.
class Segments {
 public:
  static constexpr std::uint64_t segment = 4ull << 20;

  // Fills `out` with the bytes from `first` on, all of them, or throws. Called by several threads.
  using Fetch = std::function<void(std::stop_token stop, std::uint64_t first, MutableBytes out)>;

  // [first, end), at least one byte.
  Segments(std::uint64_t first, std::uint64_t end, unsigned threads, Fetch fetch);
  Segments(const Segments&) = delete;
  Segments& operator=(const Segments&) = delete;
  // Stops what is under way and waits for it.
  ~Segments();

  // As of a Source; throws what the fetch of that segment threw, after all that stood before it was given.
  std::size_t read(MutableBytes out);

 private:
  struct Slot {
    std::vector<std::byte> bytes;
    std::size_t size = 0;
    bool filled = false;
    std::exception_ptr failure;
  };
  void run();
  std::size_t size_of(std::uint64_t index) const;

  const std::uint64_t first_;
  const std::uint64_t end_;
  const std::uint64_t count_;
  const Fetch fetch_;
  std::vector<Slot> slots_;
  std::uint64_t next_ = 0;   // the next segment to be fetched
  std::uint64_t given_ = 0;  // the segment that is being given
  std::size_t taken_ = 0;    // bytes of it
  std::mutex mutex_;
  std::condition_variable changed_;
  std::stop_source stop_;
  std::vector<std::jthread> threads_;  // the last member: joined before anything they use goes
};

}  // namespace stave::registry
