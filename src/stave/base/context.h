// Context: what every call that takes long is handed. Cancellation, progress and
// the number of threads come down from the caller as values; nothing below
// looks at signals, terminals or the machine by itself.

#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

namespace stave {

// Told how long work is going. Implementations must be callable from any thread.
class Progress {
 public:
  virtual ~Progress() = default;

  // A task begins: `label` names it for a person, `total` is its size in bytes (0: unknown). Gives its
  // handle.
  virtual int begin(std::string_view label, std::uint64_t total) = 0;
  virtual void advance(int task, std::uint64_t bytes) = 0;
  // The task is over; `result` (may be empty) says what came of it. Without success nothing came of it.
  virtual void end(int task, std::string_view result, bool success) = 0;

  // Something the person should know although the work goes on.
  virtual void warn(std::string_view message) = 0;
};

// A Progress that nobody watches.
Progress& no_progress();

struct Context {
  std::stop_token stop = {};            // asked to stop: long work throws Kind::cancelled soon after
  Progress* progress = &no_progress();  // never null
  unsigned jobs = 1;                    // threads that may work at once, at least 1; never changes a result

  // Throws Kind::cancelled when a stop was requested.
  void check() const;
};

// A task of a Progress, ended by `done`; one that is dropped counts as failed.
class Task {
 public:
  Task(const Context& context, std::string_view label, std::uint64_t total)
      : progress_(*context.progress), id_(progress_.begin(label, total)) {}
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    if (!done_) progress_.end(id_, {}, false);
  }

  void advance(std::uint64_t bytes) { progress_.advance(id_, bytes); }
  void done(std::string_view result = {}) {
    done_ = true;
    progress_.end(id_, result, true);
  }

 private:
  Progress& progress_;
  int id_;
  bool done_ = false;
};

}  // namespace stave
