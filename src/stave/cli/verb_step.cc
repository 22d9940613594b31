// The hidden verb that `stave build` starts for each RUN: a process with one thread.
// main starts none for it.

#include <unistd.h>

#include <array>
#include <cerrno>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/build/runner.h"
#include "stave/cli/verbs.h"

namespace stave::cli {
namespace {

std::string read_order() {
  std::string order;
  std::array<char, 64 * 1024> piece{};
  for (;;) {
    const ssize_t count = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno(errno, "reading the step's order");
    if (count == 0) return order;
    order.append(piece.data(), static_cast<std::size_t>(count));
    if (order.size() > limits::step_order_bytes)
      throw Error(Kind::limit, "the step's order is longer than 64 MiB");
  }
}

}  // namespace

Command step_verb() {
  Command verb{.name = step_verb_name,
               .summary = "run one step of a build",
               .description = "What `stave build` starts for a RUN. Its order comes on standard input."};
  verb.run = [](const Invocation&) { return build::run_step_child(read_order()); };
  verb.hidden = true;
  return verb;
}

}  // namespace stave::cli
