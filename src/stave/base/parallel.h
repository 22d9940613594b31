// Work that any thread can do, results that are taken in order. This is the
// engine under packing: blocks are made on all cores, hashed and written one
// after the other, and never more of them exist than there are slots.

#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "stave/base/context.h"

namespace stave {

// Calls `make(i, slot)` for i in [0, count) on `context.jobs` threads, and each of `takers` with (i, slot)
// strictly in the order of i. The first taker runs on the calling thread, every other on a thread of its own,
// so that two hashes can run side by side. A slot is handed out again when every taker is done with it:
// memory is bounded by `slots.size()` (at least 1), whatever `count` is.
//
// The first failure in the order of i (of a make or of a taker) is thrown when all threads have been joined,
// so the error does not depend on timing. A stop request ends it with Kind::cancelled.
template <class Slot>
void in_order(const Context& context, std::size_t count, std::vector<Slot>& slots,
              const std::function<void(std::size_t, Slot&)>& make,
              const std::vector<std::function<void(std::size_t, Slot&)>>& takers) {
  if (context.jobs <= 1 || count <= 1) {
    for (std::size_t i = 0; i < count; ++i) {
      context.check();
      Slot& slot = slots[i % slots.size()];
      make(i, slot);
      for (const auto& take : takers) take(i, slot);
    }
    return;
  }

  struct State {
    std::size_t made = static_cast<std::size_t>(-1);  // the index whose result the slot holds
    std::exception_ptr failure;                       // or why there is none
    std::size_t taken = 0;                            // takers that are done with it
  };
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<State> states(slots.size());
  std::size_t next = 0;      // the next index to make
  std::size_t released = 0;  // indexes below this are done with
  std::size_t failed_at = count;
  std::exception_ptr failure;
  bool stopping = false;

  // Under the mutex: keeps the failure with the lowest index and makes everybody leave.
  const auto fail = [&](std::size_t index, std::exception_ptr what) {
    if (index < failed_at || !failure) {
      failed_at = index;
      failure = std::move(what);
    }
    stopping = true;
    changed.notify_all();
  };

  const auto work = [&] {
    for (;;) {
      std::size_t index;
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return stopping || next == count || next < released + slots.size(); });
        if (stopping || next == count) return;
        index = next++;
      }
      std::exception_ptr what;
      try {
        context.check();
        make(index, slots[index % slots.size()]);
      } catch (...) {
        what = std::current_exception();
      }
      const std::lock_guard lock(mutex);
      State& state = states[index % slots.size()];
      state.made = index;
      state.failure = what;
      changed.notify_all();
    }
  };

  const auto take_all = [&](std::size_t taker) {
    for (std::size_t index = 0; index < count; ++index) {
      State& state = states[index % slots.size()];
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return stopping || state.made == index; });
        if (stopping) return;
        if (state.failure) return fail(index, state.failure);
      }
      try {
        takers[taker](index, slots[index % slots.size()]);
      } catch (...) {
        const std::lock_guard lock(mutex);
        return fail(index, std::current_exception());
      }
      const std::lock_guard lock(mutex);
      if (++state.taken == takers.size()) {
        state.taken = 0;
        ++released;
        changed.notify_all();
      }
    }
  };

  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < context.jobs && i < count; ++i) threads.emplace_back(work);
    for (std::size_t taker = 1; taker < takers.size(); ++taker) {
      threads.emplace_back([&take_all, taker] { take_all(taker); });
    }
    take_all(0);
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace stave
