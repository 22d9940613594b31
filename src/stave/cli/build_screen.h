// How a build is shown: a line when a step begins, its output with the step before
// it, a line when it is over; JSON lines for programs; nothing but the output of
// what failed with -q.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "stave/build/watcher.h"
#include "stave/cli/command.h"

namespace stave::cli {

// Lines for people. Output of steps that run at the same time does not mix within a line.
class BuildLines : public build::Watcher {
 public:
  struct How {
    Output write;
    std::function<std::uint64_t()> milliseconds;
    bool utf8 = false;
    bool quiet = false;  // only what a step printed that failed
  };
  explicit BuildLines(How how) : how_(std::move(how)) {}

  void step(const Step& step, State state, std::string_view note) override;
  void output(const Step& step, std::string_view bytes) override;
  void warning(const containerfile::Containerfile& file, const containerfile::Warning& warning) override;
  void explain(const Step& step, std::string_view why) override;

  std::size_t built() const { return built_; }
  std::size_t cached() const { return cached_; }

 private:
  // Kept of a quiet step's output, for when it fails.
  static constexpr std::size_t tail_bytes = 64 * 1024;
  struct Running {
    std::uint64_t since = 0;
    std::string line;  // what came of a line whose end did not come yet
    std::string tail;
  };
  void say(const std::string& line);
  void flush(const Step& step, Running& running);
  void lines_of(const Step& step, Running& running, std::string_view bytes);

  const How how_;
  std::mutex mutex_;
  std::map<int, Running> running_;
  std::size_t built_ = 0;
  std::size_t cached_ = 0;
};

// {"event":"step","step":3,"stage":"builder","index":2,"count":4,"text":"RUN
// make","state":"started","note":""}
// {"event":"output","step":3,"text":"…"}, {"event":"warning",…}, {"event":"explain","step":3,"why":"…"}
std::unique_ptr<build::Watcher> build_events(Output write);

}  // namespace stave::cli
