// Progress as lines: plain ones for logs, JSON for programs, warnings for
// those who asked for quiet. The live display is in progress_live.cc.

#include "stave/cli/progress.h"

#include <fmt/format.h>

#include "stave/base/text.h"
#include "stave/cli/width.h"
#include "stave/json/json.h"

namespace stave::cli {
namespace {

// Milliseconds after which a plain task is announced, and between two `progress` lines of a JSON task.
constexpr std::uint64_t announce_after = 1000;
constexpr std::uint64_t report_every = 200;

// Tasks that are counted, and lines that leave whole. Its mutex is held while a line is written: the order of
// lines is the order of events.
class Lines : public Progress {
 public:
  explicit Lines(Screen screen) : screen_(std::move(screen)) {}

  int begin(std::string_view label, std::uint64_t total) override {
    const std::lock_guard lock(mutex_);
    const std::uint64_t now = screen_.milliseconds();
    const int id = next_++;
    on_begin(id, tasks_[id] = {std::string(label), total, 0, now, now});
    return id;
  }
  void advance(int task, std::uint64_t bytes) override {
    const std::lock_guard lock(mutex_);
    const auto found = tasks_.find(task);
    if (found == tasks_.end()) return;
    found->second.bytes += bytes;
    on_advance(task, found->second, screen_.milliseconds());
  }
  void end(int task, std::string_view result, bool success) override {
    const std::lock_guard lock(mutex_);
    const auto found = tasks_.find(task);
    if (found == tasks_.end()) return;
    on_end(task, found->second, result, success);
    tasks_.erase(found);
  }
  void warn(std::string_view message) override {
    const std::lock_guard lock(mutex_);
    on_warn(message);
  }

 protected:
  struct Counted {
    std::string label;
    std::uint64_t total = 0;
    std::uint64_t bytes = 0;
    std::uint64_t since = 0;
    std::uint64_t told = 0;  // when this task was last written about
  };

  virtual void on_begin(int, const Counted&) {}
  virtual void on_advance(int, Counted&, std::uint64_t) {}
  virtual void on_end(int, const Counted&, std::string_view, bool) {}
  virtual void on_warn(std::string_view message) { say(warning_line(message) + "\n"); }

  void say(std::string_view line) {
    try {
      screen_.write(line);
    } catch (const std::exception&) {
      // Nobody watches any more; see progress.h.
    }
  }
  std::uint64_t now() const { return screen_.milliseconds(); }

 private:
  const Screen screen_;
  std::mutex mutex_;
  std::map<int, Counted> tasks_;
  int next_ = 1;
};

class Plain final : public Lines {
 public:
  using Lines::Lines;

 private:
  void on_advance(int, Counted& task, std::uint64_t now) override {
    if (task.told != task.since || now - task.since < announce_after) return;
    task.told = now;
    const std::string size = task.total == 0 ? "" : fmt::format(" ({})", human_size(task.total));
    say(fmt::format("{}{}...\n", one_line(task.label), size));
  }
  void on_end(int, const Counted& task, std::string_view result, bool success) override {
    const std::string what = !result.empty() ? one_line(result) : success ? "done" : "failed";
    const std::uint64_t took = now() - task.since;
    const std::string size = task.bytes == 0 ? ""
                                             : fmt::format(" ({} in {}.{} s)", human_size(task.bytes),
                                                           took / 1000, took % 1000 / 100);
    say(fmt::format("{}: {}{}\n", one_line(task.label), what, size));
  }
};

class JsonLines final : public Lines {
 public:
  using Lines::Lines;

 private:
  // JSON is UTF-8; other bytes are shown escaped.
  static std::string text(std::string_view bytes) {
    return is_utf8(bytes) ? std::string(bytes) : printable(bytes);
  }

  void put(const json::Value& event) { say(json::print(event) + "\n"); }

  void on_begin(int id, const Counted& task) override {
    put({{"event", "begin"}, {"task", id}, {"label", text(task.label)}, {"total", task.total}});
  }
  void on_advance(int id, Counted& task, std::uint64_t now) override {
    if (now - task.told < report_every) return;
    task.told = now;
    put({{"event", "progress"}, {"task", id}, {"bytes", task.bytes}, {"total", task.total}});
  }
  void on_end(int id, const Counted& task, std::string_view result, bool success) override {
    put({{"event", "end"}, {"task", id}, {"bytes", task.bytes}, {"result", text(result)}, {"ok", success}});
  }
  void on_warn(std::string_view message) override { put({{"event", "warn"}, {"message", text(message)}}); }
};

class Quiet final : public Lines {
 public:
  using Lines::Lines;
};

}  // namespace

std::unique_ptr<Progress> plain_progress(Screen screen) { return std::make_unique<Plain>(std::move(screen)); }
std::unique_ptr<Progress> json_progress(Screen screen) {
  return std::make_unique<JsonLines>(std::move(screen));
}
std::unique_ptr<Progress> quiet_progress(Screen screen) { return std::make_unique<Quiet>(std::move(screen)); }

std::string elapsed(std::uint64_t seconds) {
  if (seconds >= 3600) return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
  return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

std::string warning_line(std::string_view message, bool utf8) {
  return fmt::format("stave: warning: {}", one_line(message, utf8));
}

}  // namespace stave::cli
