// A Source that can be stopped and whose progress is shown.

#pragma once

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

 private:
  const Context& context_;
  Source& source_;
  Task& task_;
};

}  // namespace stave
