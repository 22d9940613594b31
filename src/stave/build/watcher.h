// Who is told how a build goes. All calls may come from any thread.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "stave/containerfile/instructions.h"

namespace stave::build {

class Watcher {
 public:
  virtual ~Watcher() = default;

  enum class State : std::uint8_t { started, cached, done, failed };
  struct Step {
    int number = 0;      // unique in the build, from 1
    std::string stage;   // "builder", "stage-0"; with several platforms "linux/arm64 builder"
    unsigned index = 0;  // of the step in its stage, from 1
    unsigned count = 0;  // of steps in its stage
    std::string text;    // "COPY a b"
  };
  virtual void step(const Step& step, State state,
                    std::string_view note) = 0;  // note: "4.2 kB", why it failed
  // What a RUN prints, in the pieces in which it comes; not made safe for a terminal yet.
  virtual void output(const Step& step, std::string_view bytes) = 0;
  virtual void warning(const containerfile::Containerfile& file, const containerfile::Warning& warning) = 0;
  // --explain: why a step was not taken from the cache: "2 inputs changed: src/a.c (content), src/b.c (new)".
  virtual void explain(const Step& step, std::string_view why) = 0;
};

Watcher& no_watcher();

}  // namespace stave::build
