// Asking for the lock again and again: flock(2) itself can neither be given a time
// nor be interrupted by a stop request.

#include "stave/content/lock_wait.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "stave/base/text.h"

namespace stave::content {
namespace {

// Whoever holds the lock does so for milliseconds (a small pack) to minutes; short enough that a gap between
// two of them is met, long enough to cost nothing.
constexpr std::chrono::milliseconds pause(2);
constexpr std::chrono::seconds patience(1);

}  // namespace

fs::Lock wait_for_lock(const Context& context, const fs::Dir& root, fs::Lock::Mode mode) {
  const auto begun = std::chrono::steady_clock::now();
  for (bool told = false;;) {
    if (auto lock = fs::Lock::try_take(root.handle(), mode)) return std::move(*lock);
    context.check();
    if (!told && std::chrono::steady_clock::now() - begun >= patience) {
      told = true;
      context.progress->warn(fmt::format("waiting for others who work in {}", quote(root.name())));
    }
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace stave::content
