// How a build is shown.

#include "stave/cli/build_screen.h"

#include <fmt/format.h>

#include "stave/base/text.h"
#include "stave/cli/progress.h"
#include "stave/cli/width.h"
#include "stave/json/json.h"

namespace stave::cli {
namespace {

// "[builder 2/4]"
std::string head(const build::Watcher::Step& step) {
  return fmt::format("[{} {}/{}]", step.stage, step.index, step.count);
}

std::string seconds(std::uint64_t milliseconds) {
  return milliseconds < 100'000 ? fmt::format("{:.1f} s", static_cast<double>(milliseconds) / 1000)
                                : elapsed(milliseconds / 1000);
}

// A line that ends with \r is drawn over: the last of them is what a person would see.
std::string_view last_drawn(std::string_view line) {
  while (line.ends_with('\r')) line.remove_suffix(1);
  const std::size_t back = line.rfind('\r');
  return back == line.npos ? line : line.substr(back + 1);
}

std::string_view word_of(build::Watcher::State state) {
  switch (state) {
    case build::Watcher::State::started:
      return "started";
    case build::Watcher::State::cached:
      return "cached";
    case build::Watcher::State::done:
      return "done";
    case build::Watcher::State::failed:
      return "failed";
  }
  return "";
}

class Events : public build::Watcher {
 public:
  explicit Events(Output write) : write_(std::move(write)) {}

  void step(const Step& step, State state, std::string_view note) override {
    json::Object event = begin("step", step);
    event.string("stage", step.stage);
    event.number("index", step.index);
    event.number("count", step.count);
    event.string("text", step.text);
    event.string("state", word_of(state));
    event.string("note", note);
    write(std::move(event));
  }
  void output(const Step& step, std::string_view bytes) override {
    json::Object event = begin("output", step);
    event.string("text", printable_text(bytes));
    write(std::move(event));
  }
  void warning(const containerfile::Containerfile& file, const containerfile::Warning& warning) override {
    json::Object event;
    event.string("event", "warning");
    event.string("rule", warning.rule);
    event.string("message", warning.message);
    event.string("file", file.text.name);
    event.number("line", warning.where.line);
    write(std::move(event));
  }
  void explain(const Step& step, std::string_view why) override {
    json::Object event = begin("explain", step);
    event.string("why", why);
    write(std::move(event));
  }

 private:
  static json::Object begin(std::string_view name, const Step& step) {
    json::Object event;
    event.string("event", name);
    event.number("step", static_cast<std::uint64_t>(step.number));
    return event;
  }
  // JSON is UTF-8: bytes that are not become what `printable` makes of them, line by line.
  static std::string printable_text(std::string_view bytes) {
    if (is_utf8(bytes)) return std::string(bytes);
    std::string text;
    for (const auto& line : split(bytes, '\n')) text += (text.empty() ? "" : "\n") + printable(line);
    return text;
  }
  void write(json::Object event) {
    const std::string line = std::move(event).finish() + "\n";
    const std::lock_guard lock(mutex_);
    try {
      write_(line);
    } catch (const std::exception&) {
      // Nobody watches any more.
    }
  }

  const Output write_;
  std::mutex mutex_;
};

}  // namespace

void BuildLines::say(const std::string& line) {
  try {
    how_.write(line + "\n");
  } catch (const std::exception&) {
    // Work does not stop because nobody can watch it.
  }
}

void BuildLines::step(const Step& step, State state, std::string_view note) {
  const std::lock_guard lock(mutex_);
  const std::string text = one_line(step.text, how_.utf8);
  if (state == State::started) {
    running_[step.number] = {.since = how_.milliseconds(), .line = {}, .tail = {}};
    if (!how_.quiet) say(fmt::format("{} {}", head(step), fit(text, 200, how_.utf8)));
    return;
  }
  if (state == State::cached) {
    ++cached_;
    if (!how_.quiet) say(fmt::format("{} {}  cached", head(step), fit(text, 200, how_.utf8)));
    return;
  }
  auto& running = running_[step.number];
  flush(step, running);
  const std::string took = seconds(how_.milliseconds() - running.since);
  if (state == State::failed && how_.quiet && !running.tail.empty()) {
    Running replay;
    const std::string tail = std::move(running.tail);
    lines_of(step, replay, tail);
    if (!replay.line.empty()) say(fmt::format("{} | {}", head(step), one_line(replay.line, how_.utf8)));
  }
  if (state == State::failed) {
    say(fmt::format("{} failed after {}{}{}", head(step), took, note.empty() ? "" : ": ",
                    one_line(note, how_.utf8)));
  } else {
    ++built_;
    if (!how_.quiet) say(fmt::format("{} done in {}{}{}", head(step), took, note.empty() ? "" : ", ", note));
  }
  running_.erase(step.number);
}

void BuildLines::lines_of(const Step& step, Running& running, std::string_view bytes) {
  // What never ends a line is shown in pieces: nothing is kept without bound.
  constexpr std::size_t longest = 4096;
  running.line += bytes;
  for (;;) {
    std::size_t end = running.line.find('\n');
    const bool cut = end == running.line.npos && running.line.size() > longest;
    if (cut) end = longest;
    if (end == running.line.npos) return;
    say(fmt::format("{} | {}", head(step),
                    one_line(last_drawn(std::string_view(running.line).substr(0, end)), how_.utf8)));
    running.line.erase(0, cut ? end : end + 1);
  }
}

void BuildLines::output(const Step& step, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  auto& running = running_[step.number];
  if (!how_.quiet) return lines_of(step, running, bytes);
  running.tail += bytes;
  if (running.tail.size() > 2 * tail_bytes) running.tail.erase(0, running.tail.size() - tail_bytes);
}

void BuildLines::flush(const Step& step, Running& running) {
  if (running.line.empty()) return;
  say(fmt::format("{} | {}", head(step), one_line(last_drawn(running.line), how_.utf8)));
  running.line.clear();
}

void BuildLines::warning(const containerfile::Containerfile& file, const containerfile::Warning& warning) {
  const std::lock_guard lock(mutex_);
  if (how_.quiet) return;
  const auto shown =
      containerfile::show(file.text, warning.where, fmt::format("{} ({})", warning.message, warning.rule));
  std::string text;
  for (const auto& line : split(shown, '\n'))
    text += (text.empty() ? "stave: warning: " : "\n") + one_line(line, how_.utf8);
  say(text);
}

void BuildLines::explain(const Step& step, std::string_view why) {
  const std::lock_guard lock(mutex_);
  say(fmt::format("{} built because {}", head(step), one_line(why, how_.utf8)));
}

std::unique_ptr<build::Watcher> build_events(Output write) {
  return std::make_unique<Events>(std::move(write));
}

}  // namespace stave::cli
