// Ahead: a Source read by a thread of its own, a little ahead of who asks. What costs
// time on both sides of it (decompressing here, writing there) happens at once.

#pragma once

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "stave/base/stream.h"

namespace stave {

// Gives the bytes of `source`, which must outlive it, and then its end or its failure: both come where they
// would have come without a thread between, and a failure comes again each time. Nobody else may touch
// `source` meanwhile. The destructor waits for the read that is under way. Costs 2 MiB.
class Ahead final : public Source {
 public:
  explicit Ahead(Source& source) : source_(source) {
    for (Piece& piece : ring_) piece.bytes.resize(piece_size);
    try {
      thread_ = std::jthread([this] { run(); });
    } catch (const std::system_error&) {
      // No thread is to be had: whoever asks reads by themselves.
    }
  }
  Ahead(const Ahead&) = delete;
  Ahead& operator=(const Ahead&) = delete;
  ~Ahead() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
  }

  std::size_t read(MutableBytes out) override {
    if (out.empty()) return 0;
    if (!thread_.joinable()) return source_.read(out);
    if (begin_ == end_ && !next_piece()) return 0;
    const Piece& piece = ring_[(given_ - 1) % pieces];
    const std::size_t n = std::min(out.size(), end_ - begin_);
    std::memcpy(out.data(), piece.bytes.data() + begin_, n);
    begin_ += n;
    return n;
  }

 private:
  // As many decoders work best: ISA-L and libzstd copy their window at each call.
  static constexpr std::size_t piece_size = 512 * 1024;
  static constexpr std::size_t pieces = 4;
  struct Piece {
    std::vector<std::byte> bytes;
    std::size_t size = 0;
  };

  // The thread: fills pieces while there is room for one.
  void run() {
    for (std::size_t made = 0;; ++made) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stopping_ || made < released_ + pieces; });
        if (stopping_) return;
      }
      Piece& piece = ring_[made % pieces];
      std::exception_ptr failure;
      bool end = false;
      piece.size = 0;
      try {
        while (piece.size < piece_size && !end) {
          const std::size_t n = source_.read(MutableBytes(piece.bytes).subspan(piece.size));
          end = n == 0;
          piece.size += n;
        }
      } catch (...) {
        failure = std::current_exception();
      }
      const std::lock_guard lock(mutex_);
      made_ = made + 1;
      ended_ = end || failure;
      failure_ = failure;
      changed_.notify_all();
      if (ended_) return;
    }
  }

  // Goes on to the next piece that holds anything; false at the end.
  bool next_piece() {
    std::unique_lock lock(mutex_);
    for (;;) {
      released_ = given_;
      changed_.notify_all();
      changed_.wait(lock, [&] { return given_ < made_ || ended_; });
      if (given_ == made_) {
        if (failure_) std::rethrow_exception(failure_);
        return false;
      }
      begin_ = 0;
      end_ = ring_[given_++ % pieces].size;
      if (end_ != 0) return true;
    }
  }

  Source& source_;
  std::array<Piece, pieces> ring_;
  std::size_t begin_ = 0;  // in the piece that is being given
  std::size_t end_ = 0;
  std::size_t given_ = 0;  // pieces handed to who reads, the current one included

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t made_ = 0;
  std::size_t released_ = 0;
  bool ended_ = false;
  bool stopping_ = false;
  std::exception_ptr failure_;
  std::jthread thread_;  // the last member: joined before anything it uses goes
};

}  // namespace stave
