// Crew: threads that work through what one thread hands over piece by piece, without
// knowing how much will come. The counterpart of in_order for work whose results
// nobody takes: a fixed number of slots goes round between who fills them and who empties them.

#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace stave {

// `work(slot, worker)` is called for each slot that was handed over, on one of `threads` threads, whose
// number is `worker`; they begin in the order of the handing over. Memory is bounded by the number of slots.
//
// The failure of the slot that was handed over first is thrown, by the next call and by each one after it, so
// the error does not depend on timing: whatever was handed over before has been worked on, and of what comes
// after it nothing more is begun. All calls come from one thread.
template <class Slot>
class Crew {
 public:
  using Work = std::function<void(Slot& slot, unsigned worker)>;

  // Without threads the work is done while it is handed over; then one slot is enough.
  Crew(unsigned threads, std::size_t slots, Work work) : work_(std::move(work)), slots_(slots) {
    for (Slot& slot : slots_) free_.push_back(&slot);
    try {
      for (unsigned worker = 0; worker < threads; ++worker)
        threads_.emplace_back([this, worker] { run(worker); });
    } catch (const std::system_error&) {
      // No more threads are to be had: those there are do it, or whoever hands over.
    }
  }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  // Waits for what is being worked on, and forgets the rest.
  ~Crew() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
  }

  // A slot to be filled; waits until there is one. It is as the work left it.
  Slot& take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return failure_ || !free_.empty(); });
    throw_failure(lock);
    Slot* const slot = free_.front();
    free_.pop_front();
    return *slot;
  }

  void hand_over(Slot& slot) {
    if (threads_.empty()) {
      do_now(slot);
      return;
    }
    std::unique_lock lock(mutex_);
    queue_.push_back({handed_over_++, &slot});
    changed_.notify_all();
    throw_failure(lock);
  }

  // Waits until everything that was handed over is done.
  void finish() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return failure_ || (queue_.empty() && working_ == 0); });
    throw_failure(lock);
  }

 private:
  struct Order {
    std::size_t number;
    Slot* slot;
  };

  void do_now(Slot& slot) {
    if (failure_) std::rethrow_exception(failure_);
    try {
      work_(slot, 0);
    } catch (...) {
      failure_ = std::current_exception();
      throw;
    }
    free_.push_back(&slot);
  }

  void throw_failure(std::unique_lock<std::mutex>& lock) {
    if (!failure_) return;
    changed_.wait(lock, [&] { return working_ == 0; });
    std::rethrow_exception(failure_);
  }

  void run(unsigned worker) {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return stopping_ || failure_ || !queue_.empty(); });
      if (stopping_ || failure_) return;
      const Order order = queue_.front();
      queue_.pop_front();
      ++working_;
      lock.unlock();
      std::exception_ptr failure;
      try {
        work_(*order.slot, worker);
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      --working_;
      free_.push_back(order.slot);
      if (failure && (!failure_ || order.number < failed_)) {
        failure_ = failure;
        failed_ = order.number;
      }
      changed_.notify_all();
    }
  }

  Work work_;
  std::vector<Slot> slots_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Slot*> free_;
  std::deque<Order> queue_;
  std::size_t handed_over_ = 0;
  std::size_t working_ = 0;
  std::size_t failed_ = 0;
  std::exception_ptr failure_;
  bool stopping_ = false;
  std::vector<std::jthread> threads_;  // the last member: joined before anything they use goes
};

}  // namespace stave
