// A window of segments goes round between the threads that fetch and the one that reads.

#include "stave/registry/segments.h"

#include <algorithm>
#include <cstring>
#include <system_error>
#include <utility>

#include "stave/base/error.h"

namespace stave::registry {

Segments::Segments(std::uint64_t first, std::uint64_t end, unsigned threads, Fetch fetch)
    : first_(first),
      end_(end),
      count_((end - first + segment - 1) / segment),
      fetch_(std::move(fetch)),
      slots_(std::max(1U, threads)) {
  try {
    for (std::size_t i = 0; i < slots_.size(); ++i) threads_.emplace_back([this] { run(); });
  } catch (const std::system_error&) {
    // No more threads are to be had: those there are do it.
    if (threads_.empty()) throw Error(Kind::io, "no thread is to be had to fetch a blob in ranges");
  }
}

Segments::~Segments() {
  {
    const std::lock_guard lock(mutex_);
    stop_.request_stop();
  }
  changed_.notify_all();
}

std::size_t Segments::size_of(std::uint64_t index) const {
  return static_cast<std::size_t>(std::min(segment, end_ - first_ - index * segment));
}

void Segments::run() {
  for (;;) {
    std::uint64_t index;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(
          lock, [&] { return stop_.stop_requested() || next_ == count_ || next_ < given_ + slots_.size(); });
      if (stop_.stop_requested() || next_ == count_) return;
      index = next_++;
    }
    Slot& slot = slots_[index % slots_.size()];
    std::exception_ptr failure;
    try {
      slot.bytes.resize(size_of(index));
      fetch_(stop_.get_token(), first_ + index * segment, slot.bytes);
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    slot.size = slot.bytes.size();
    slot.failure = failure;
    slot.filled = true;
    changed_.notify_all();
    if (failure) return;
  }
}

std::size_t Segments::read(MutableBytes out) {
  if (out.empty() || given_ == count_) return 0;
  Slot& slot = slots_[given_ % slots_.size()];
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return slot.filled; });
  if (slot.failure) std::rethrow_exception(slot.failure);
  lock.unlock();
  const std::size_t n = std::min(out.size(), slot.size - taken_);
  std::memcpy(out.data(), slot.bytes.data() + taken_, n);
  taken_ += n;
  if (taken_ == slot.size) {
    lock.lock();
    slot.filled = false;
    taken_ = 0;
    ++given_;
    changed_.notify_all();
  }
  return n;
}

}  // namespace stave::registry
