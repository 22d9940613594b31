// A Source that can be stopped and whose progress is shown.

#pragma once

#include <algorithm>
#include <cstdint>

#include "stave/base/context.h"
#include "stave/base/stream.h"

namespace stave {

// Passes on the bytes of another Source, advances a task by them, and throws Kind::cancelled when a stop was
// requested.
class WatchedSource final : public Source {
 public:
  WatchedSource(const Context& context, Source& source, Task& task)
      : context_(context), source_(source), task_(task) {}
  std::size_t read(MutableBytes out) override {
    context_.check();
    const std::size_t n = source_.read(out);
    task_.advance(n);
    return n;
  }
  std::uint64_t skip(std::uint64_t count) override {
    constexpr std::uint64_t piece = 16 * 1024 * 1024;  // between two looks at whether to stop
    std::uint64_t done = 0;
    while (done < count) {
      context_.check();
      const std::uint64_t wanted = std::min(piece, count - done);
      const std::uint64_t n = source_.skip(wanted);
      task_.advance(n);
      done += n;
      if (n != wanted) break;
    }
    return done;
  }

 private:
  const Context& context_;
  Source& source_;
  Task& task_;
};

}  // namespace stave
