// A program of the host that is run to its end: git, xz. No shell, a clean
// environment, and what it prints is bounded. Internal to build.

#pragma once

#include <string>
#include <vector>

#include "stave/base/context.h"
#include "stave/base/stream.h"

namespace stave::build {

struct Program {
  std::vector<std::string> words;        // the first one is the file
  std::vector<std::string> environment;  // "NAME=value", all of it
  int input = -1;                        // a descriptor; -1: /dev/null
};

struct Ran {
  int code = 0;
  std::string errors;  // the end of what it said, of standard error
};

// Runs it; its standard output goes to `out`. Killed when the context is asked to stop (Kind::cancelled), and
// when `out` throws.
Ran run_program(const Context& context, const Program& program, Sink& out);

}  // namespace stave::build
