// The live display: a few lines at the bottom of a terminal, drawn over
// themselves. It needs two things of a terminal (ECMA-48): cursor up and erase
// to the end of the line; and it never hides the cursor, so a
// program that is killed leaves nothing to repair.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <thread>

#include "stave/base/text.h"
#include "stave/cli/progress.h"
#include "stave/cli/width.h"

namespace stave::cli {
namespace {

// The rate is that of the last seconds: long enough to be calm, short enough to follow a network.
constexpr std::uint64_t rate_window = 3000;
constexpr std::size_t bar_columns = 20;

// A bar of eighths of a column where the font has them.
std::string bar(double part, bool utf8) {
  if (!utf8) {
    const auto full = static_cast<std::size_t>(part * bar_columns);
    return "[" + std::string(full, '#') + std::string(bar_columns - full, '.') + "]";
  }
  static constexpr std::array<std::string_view, 8> eighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto filled = static_cast<std::size_t>(part * bar_columns * 8);
  std::string out = "│";
  for (std::size_t i = 0; i < filled / 8; ++i) out += "█";
  out += eighths[filled % 8];
  return pad(out, bar_columns + 1) + "│";
}

std::string_view spinner(std::uint64_t milliseconds, bool utf8) {
  static constexpr std::array<std::string_view, 10> dots = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
  static constexpr std::array<std::string_view, 4> ascii = {"|", "/", "-", "\\"};
  const std::uint64_t step = milliseconds / 100;
  return utf8 ? dots[step % dots.size()] : ascii[step % ascii.size()];
}

// Calls an Output that may fail; see progress.h.
void show(const Output& write, std::string_view text) {
  try {
    if (!text.empty()) write(text);
  } catch (const std::exception&) {
  }
}

}  // namespace

int Board::begin(std::string_view label, std::uint64_t total) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t now = screen_.milliseconds();
  running_[next_] = {
      .label = one_line(label, screen_.utf8), .total = total, .since = now, .samples = {{now, 0}}};
  return next_++;
}

void Board::advance(int task, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto found = running_.find(task);
  if (found != running_.end()) found->second.bytes += bytes;
}

void Board::end(int task, std::string_view result, bool success) {
  const std::lock_guard lock(mutex_);
  const auto found = running_.find(task);
  if (found == running_.end()) return;
  const Running ended = std::move(found->second);
  running_.erase(found);
  const std::uint64_t took = screen_.milliseconds() - ended.since;
  // Of a failure the error says more, and there may be many after an interrupt.
  if (result.empty() && (took < patience || !success)) return;
  std::string line = success ? (screen_.utf8 ? "✓ " : "+ ") : (screen_.utf8 ? "✗ " : "! ");
  line += ended.label;
  if (!result.empty()) line += ": " + one_line(result, screen_.utf8);
  if (ended.bytes != 0) line += fmt::format(" ({} in {})", human_size(ended.bytes), elapsed(took / 1000));
  for_good_.push_back(line);
}

void Board::warn(std::string_view message) {
  const std::lock_guard lock(mutex_);
  for_good_.push_back(warning_line(message, screen_.utf8));
}

bool Board::wants_redraw() const {
  const std::lock_guard lock(mutex_);
  return !running_.empty() || !for_good_.empty() || !drawn_.empty();
}

// "label ████ 1.2 GiB / 4.0 GiB  300 MiB/s  0:12". What does not fit is left out, the least important first.
std::string Board::line_of(Running& task, std::uint64_t now, std::size_t columns) const {
  std::vector<Sample>& samples = task.samples;
  samples.push_back({now, task.bytes});
  const auto fresh = std::find_if(samples.begin(), samples.end() - 1,
                                  [&](const Sample& sample) { return now - sample.at <= rate_window; });
  samples.erase(samples.begin(), fresh);
  const std::uint64_t span = now - samples.front().at;
  const double rate =
      span == 0 ? 0
                : static_cast<double>(task.bytes - samples.front().bytes) * 1000 / static_cast<double>(span);
  // A total that was only guessed is no bound.
  const bool bounded = task.total != 0 && task.bytes <= task.total;

  std::string mark(spinner(now - task.since, screen_.utf8));
  std::vector<std::string> parts;
  if (bounded)
    parts.push_back(bar(static_cast<double>(task.bytes) / static_cast<double>(task.total), screen_.utf8));
  if (bounded) parts.push_back(fmt::format("{:>8} / {}", human_size(task.bytes), human_size(task.total)));
  if (!bounded && task.bytes != 0) parts.push_back(human_size(task.bytes));
  if (rate >= 1) parts.push_back(fmt::format("{:>8}/s", human_size(static_cast<std::uint64_t>(rate))));
  if (bounded && rate >= 1) {
    parts.push_back(elapsed(static_cast<std::uint64_t>(static_cast<double>(task.total - task.bytes) / rate)));
  } else if (!bounded) {
    parts.push_back(elapsed((now - task.since) / 1000));
  }

  // At least this much of the label is worth more than any figure.
  const std::size_t label_wanted =
      std::min<std::size_t>(display_width(task.label), std::max<std::size_t>(columns / 3, 12));
  const auto width_of = [](const std::vector<std::string>& all) {
    std::size_t width = 0;
    for (const std::string& part : all) width += 2 + display_width(part);
    return width;
  };
  if (bounded && parts.size() > 1 && 2 + label_wanted + width_of(parts) > columns) parts.erase(parts.begin());
  while (!parts.empty() && 2 + label_wanted + width_of(parts) > columns) parts.pop_back();
  const std::size_t figures = width_of(parts);
  const std::size_t room = columns > figures + 2 ? columns - figures - 2 : 0;
  std::string line = mark + " " + fit(task.label, room, screen_.utf8);
  for (const std::string& part : parts) line += "  " + part;
  return fit(line, columns, screen_.utf8);
}

std::vector<std::string> Board::task_lines(std::uint64_t now, std::size_t columns) {
  std::vector<std::string> lines;
  std::size_t more = 0;
  for (auto& [id, task] : running_) {
    if (now - task.since < patience) continue;
    if (lines.size() < most_lines) {
      lines.push_back(line_of(task, now, columns));
    } else {
      ++more;
    }
  }
  if (more != 0) lines.push_back(fit(fmt::format("  and {} more", more), columns, screen_.utf8));
  return lines;
}

// One frame: what is for good, then the display, over the rows of the last one. A terminal that became
// narrower has broken those lines anew, so they are counted in its rows as they are now. Rows are erased one
// by one: tmux 3.3 takes "erase below" in the upper left corner for a cleared screen and keeps what was there
// in its history.
std::string Board::frame(std::size_t columns, bool with_tasks) {
  const auto rows_of = [&](std::size_t width) {
    return std::max<std::size_t>(1, (width + columns - 1) / columns);
  };
  std::size_t old_rows = 0;
  for (const std::size_t width : drawn_) old_rows += rows_of(width);
  drawn_.clear();

  // The row below holds what the terminal echoed meanwhile: the "^C" of an interrupt.
  std::string text = old_rows == 0 ? std::string() : fmt::format("\r\x1b[K\x1b[{}A", old_rows);
  std::size_t rows = 0;
  const auto add = [&](const std::string& line) {
    text += line + (rows < old_rows ? "\x1b[K\n" : "\n");
    rows += rows_of(display_width(line));
  };
  for (const std::string& line : for_good_) add(line);
  for_good_.clear();
  // The last column stays free: writing into it makes some terminals break the line.
  const std::uint64_t now = screen_.milliseconds();
  for (const std::string& line : with_tasks ? task_lines(now, columns - 1) : std::vector<std::string>()) {
    add(line);
    drawn_.push_back(display_width(line));
  }
  if (rows < old_rows) {
    const std::size_t left = old_rows - rows;
    for (std::size_t i = 0; i < left; ++i) text += "\x1b[K\n";
    text += fmt::format("\x1b[{}A", left);
  }
  return text;
}

void Board::write_frame(bool with_tasks) {
  std::string text;
  {
    const std::lock_guard lock(mutex_);
    const unsigned told = screen_.columns ? screen_.columns() : 0;
    text = frame(std::max(told == 0 ? 80u : told, 2u), with_tasks);
  }
  // One write for one frame, so that it does not flicker; outside of the lock, so that a stopped terminal
  // stops nobody else.
  show(screen_.write, text);
}

LiveProgress::~LiveProgress() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  if (drawer_.joinable()) drawer_.join();
  board_.hide();
}

int LiveProgress::begin(std::string_view label, std::uint64_t total) {
  const int task = board_.begin(label, total);
  wake();
  return task;
}

void LiveProgress::end(int task, std::string_view result, bool success) {
  board_.end(task, result, success);
  wake();
}

void LiveProgress::warn(std::string_view message) {
  board_.warn(message);
  wake();
}

void LiveProgress::aside(const std::function<void()>& print) {
  const std::lock_guard lock(terminal_);
  board_.hide();
  print();
}

void LiveProgress::wake() {
  const std::lock_guard lock(mutex_);
  if (!drawer_.joinable()) drawer_ = std::thread([this] { draw(); });
  changed_.notify_all();
}

// Sleeps while there is nothing to show, and a tenth of a second between two frames.
void LiveProgress::draw() {
  std::unique_lock lock(mutex_);
  while (!over_) {
    changed_.wait(lock, [this] { return over_ || board_.wants_redraw(); });
    lock.unlock();
    {
      const std::lock_guard writing(terminal_);
      board_.redraw();
    }
    lock.lock();
    changed_.wait_for(lock, std::chrono::milliseconds(100), [this] { return over_; });
  }
}

}  // namespace stave::cli
