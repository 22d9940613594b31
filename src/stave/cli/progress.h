// Progress, shown. A live display for a person at a terminal, plain lines for
// logs, JSON lines for programs, or warnings only. All of them write only to the
// Output they are given, take the time from the clock they are given, and can
// be called from any thread. A failing Output is nobody's failure: work does not
// stop because nobody can watch it.

#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "stave/base/context.h"
#include "stave/cli/command.h"

namespace stave::cli {

// Where progress is shown.
struct Screen {
  Output write;
  std::function<std::uint64_t()> milliseconds;  // a clock that only goes forward
  std::function<unsigned()> columns;            // of the terminal, as wide as it is by now; only for live
  bool utf8 = false;                            // only for live
};

// The live display without its thread: what `redraw` writes depends on nothing but the calls and the clock.
// It owns the last lines of the terminal: at most `most_lines` tasks and one that counts the rest; what stays
// for good (warnings, results) goes above.
class Board : public Progress {
 public:
  static constexpr std::size_t most_lines = 5;
  // A task that is over before this many milliseconds, and has no result to tell, is never shown.
  static constexpr std::uint64_t patience = 300;

  explicit Board(Screen screen) : screen_(std::move(screen)) {}

  int begin(std::string_view label, std::uint64_t total) override;
  void advance(int task, std::uint64_t bytes) override;
  void end(int task, std::string_view result, bool success) override;
  void warn(std::string_view message) override;

  // Writes the display as it should be now over what it wrote before. Call it and hide() from one thread at a
  // time.
  void redraw() { write_frame(true); }
  // Takes the display off the terminal until the next redraw; only what is for good stays.
  void hide() { write_frame(false); }
  // Is there something that only a redraw would show?
  bool wants_redraw() const;

 private:
  struct Sample {
    std::uint64_t at;
    std::uint64_t bytes;
  };
  struct Running {
    std::string label;
    std::uint64_t total = 0;
    std::uint64_t bytes = 0;
    std::uint64_t since = 0;
    std::vector<Sample> samples = {};  // of the last seconds, for the rate
  };

  std::string line_of(Running& task, std::uint64_t now, std::size_t columns) const;
  std::vector<std::string> task_lines(std::uint64_t now, std::size_t columns);
  void write_frame(bool with_tasks);
  std::string frame(std::size_t columns, bool with_tasks);

  const Screen screen_;
  mutable std::mutex mutex_;           // of everything below
  std::map<int, Running> running_;     // in the order of their beginnings
  std::vector<std::string> for_good_;  // lines, without their ends, that are still to be written above
  std::vector<std::size_t> drawn_;     // widths of the lines that the last redraw left on the terminal
  int next_ = 1;
};

// A Board that redraws itself ten times a second from a thread that begins with the first task; the
// destructor joins it and leaves the terminal as a program that only ever printed lines would.
class LiveProgress final : public Progress {
 public:
  explicit LiveProgress(Screen screen) : board_(std::move(screen)) {}
  LiveProgress(const LiveProgress&) = delete;
  LiveProgress& operator=(const LiveProgress&) = delete;
  ~LiveProgress() override;

  int begin(std::string_view label, std::uint64_t total) override;
  void advance(int task, std::uint64_t bytes) override { board_.advance(task, bytes); }
  void end(int task, std::string_view result, bool success) override;
  void warn(std::string_view message) override;

  // Calls `print`, which writes whole lines to the same terminal, while the display is out of the way.
  void aside(const std::function<void()>& print);

 private:
  void wake();
  void draw();

  Board board_;
  std::mutex terminal_;  // held by whoever writes
  std::mutex mutex_;     // of what follows
  std::condition_variable changed_;
  std::thread drawer_;
  bool over_ = false;
};

// A line when a task takes longer than a second (seen when it advances), a line when it ends, no control
// characters.
std::unique_ptr<Progress> plain_progress(Screen screen);

// One JSON object on each line, `progress` of a task at most five times a second:
//   {"event":"begin","task":1,"label":"layer","total":1024}            total 0: unknown
//   {"event":"progress","task":1,"bytes":512,"total":1024}
//   {"event":"end","task":1,"bytes":1024,"result":"sha256:…","ok":true}
//   {"event":"warn","message":"…"}
std::unique_ptr<Progress> json_progress(Screen screen);

// Only warnings, as "stave: warning: …" lines.
std::unique_ptr<Progress> quiet_progress(Screen screen);

// "0:12", "3:05", "1:02:03".
std::string elapsed(std::uint64_t seconds);

// "stave: warning: …", harmless to a terminal.
std::string warning_line(std::string_view message, bool utf8 = true);

}  // namespace stave::cli
