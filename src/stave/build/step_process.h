// The process of a step as the build sees it: started, listened to, and ended.
// Internal to build.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/base/context.h"
#include "stave/build/step_order.h"

namespace stave::build {

struct StepProcess {
  std::vector<std::string> words;
  std::vector<std::string> environment;
  std::string order;
  int held = -1;  // a descriptor that it keeps open as long as anything of it lives: a lock
  std::uint64_t timeout_seconds = 0;  // 0: none
  std::function<void(std::string_view)> output;
};

// Runs it to its end; nothing of it is left then. May be called from several threads, whose environment and
// signals it gets nothing of. Throws Kind::cancelled and Kind::limit when it had to be ended, what its answer
// says if it was not started, and Kind::io if it died without one.
ChildAnswer run_process(const Context& context, const StepProcess& process);

}  // namespace stave::build
