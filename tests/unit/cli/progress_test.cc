// Progress as it is seen: what each display writes is a function of the calls and the clock.

#include "stave/cli/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "stave/base/text.h"
#include "stave/cli/width.h"
#include "stave/json/json.h"

namespace stave::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// A screen that keeps what is written, with a clock and a width that the test moves.
struct Fake {
  std::string text;
  std::uint64_t now = 0;
  unsigned columns = 80;

  Screen screen(bool utf8 = false) {
    return {[this](std::string_view bytes) { text += bytes; }, [this] { return now; },
            [this] { return columns; }, utf8};
  }
  // What was written since the last call.
  std::string take() { return std::exchange(text, {}); }
};

// A terminal that knows what the display needs: line feeds, carriage returns, cursor up, erase to the end of
// the line. Lines that are too long go on in the next row.
class Terminal {
 public:
  explicit Terminal(std::size_t columns) : columns_(columns) {}

  void write(std::string_view text) {
    while (!text.empty()) {
      if (text.starts_with("\x1b[")) {
        const std::size_t end = text.find_first_of("AKJ");
        const std::string number(text.substr(2, end - 2));
        if (text[end] == 'A') row_ -= std::min<std::size_t>(row_, number.empty() ? 1 : std::stoul(number));
        if (text[end] == 'K') rows_[row_].resize(std::min(rows_[row_].size(), column_));
        EXPECT_NE(text[end], 'J');
        text.remove_prefix(end + 1);
      } else {
        put(text[0]);
        text.remove_prefix(1);
      }
    }
  }
  const std::vector<std::string>& rows() const { return rows_; }

 private:
  void put(char c) {
    if (c == '\n') {
      ++row_;
      column_ = 0;
    } else if (c == '\r') {
      column_ = 0;
    } else {
      if (column_ == columns_) {
        ++row_;
        column_ = 0;
      }
      if (rows_.size() <= row_) rows_.resize(row_ + 1);
      rows_[row_].resize(std::max(rows_[row_].size(), column_ + 1), ' ');
      rows_[row_][column_++] = c;
    }
    if (rows_.size() <= row_) rows_.resize(row_ + 1);
  }

  std::size_t columns_;
  std::vector<std::string> rows_ = {""};
  std::size_t row_ = 0;
  std::size_t column_ = 0;
};

TEST(Board, DrawsOverItself) {
  Fake fake;
  Board board(fake.screen());
  const int layer = board.begin("layer", 4096);
  board.redraw();
  EXPECT_EQ(fake.take(), "");  // not yet worth a line

  fake.now = 1000;
  board.advance(layer, 1024);
  board.redraw();
  EXPECT_EQ(fake.take(), "- layer  [#####...............]  1.00 KiB / 4.00 KiB  1.00 KiB/s  0:03\n");

  fake.now = 1100;
  board.advance(layer, 1024);
  board.redraw();
  EXPECT_EQ(fake.take(),
            "\r\x1b[K\x1b[1A\\ layer  [##########..........]  2.00 KiB / 4.00 KiB  1.82 KiB/s  0:01\x1b[K\n");

  board.end(layer, "sha256:0", true);
  board.redraw();
  EXPECT_EQ(fake.take(), "\r\x1b[K\x1b[1A+ layer: sha256:0 (2.00 KiB in 0:01)\x1b[K\n");
  board.redraw();
  EXPECT_EQ(fake.take(), "");
}

TEST(Board, DrawsEighthsWhereTheLocaleHasThem) {
  Fake fake;
  Board board(fake.screen(true));
  const int layer = board.begin("layer é", 160);
  fake.now = 1000;
  board.advance(layer, 81);
  board.redraw();
  EXPECT_EQ(fake.take(), "⠋ layer é  │██████████▏         │      81 B / 160 B      81 B/s  0:00\n");
  board.end(layer, "", true);
  board.redraw();
  EXPECT_THAT(fake.take(), HasSubstr("✓ layer é (81 B in 0:01)"));
}

TEST(Board, UnknownTotalHasNoBar) {
  Fake fake;
  Board board(fake.screen());
  const int task = board.begin("fetch", 0);
  fake.now = 2000;
  board.advance(task, 2048);
  board.redraw();
  EXPECT_EQ(fake.take(), "| fetch  2.00 KiB  1.00 KiB/s  0:02\n");
}

TEST(Board, TotalThatWasTooSmallIsForgotten) {
  Fake fake;
  Board board(fake.screen());
  board.advance(board.begin("fetch", 10), 20);
  fake.now = 400;
  board.redraw();
  EXPECT_THAT(fake.take(), Not(HasSubstr("#")));
}

TEST(Board, RateIsThatOfTheLastSeconds) {
  Fake fake;
  Board board(fake.screen());
  const int task = board.begin("fetch", 0);
  board.advance(task, 1024 * 1024);
  for (fake.now = 1000; fake.now <= 10000; fake.now += 100) board.redraw();
  EXPECT_THAT(fake.text.substr(fake.text.rfind("fetch")), Not(HasSubstr("/s")));
}

TEST(Board, WarningsStandAbove) {
  Fake fake;
  Board board(fake.screen());
  board.begin("layer", 0);
  fake.now = 400;
  board.redraw();
  fake.take();
  board.warn("odd \x1b[31m\n thing");
  board.redraw();
  EXPECT_EQ(fake.take(), "\r\x1b[K\x1b[1Astave: warning: odd ?[31m? thing\x1b[K\n| layer  0:00\n");
}

TEST(Board, ShortTasksLeaveNothingButTheirResults) {
  Fake fake;
  Board board(fake.screen());
  board.end(board.begin("quick", 10), "", true);
  board.end(board.begin("telling", 10), "done it", true);
  board.redraw();
  EXPECT_EQ(fake.take(), "+ telling: done it\n");
}

TEST(Board, FailureIsLeftToTheError) {
  Fake fake;
  Board board(fake.screen());
  const int task = board.begin("layer", 10);
  fake.now = 5000;
  board.redraw();
  fake.take();
  board.end(task, "", false);
  board.redraw();
  EXPECT_EQ(fake.take(), "\r\x1b[K\x1b[1A\x1b[K\n\x1b[1A");
}

TEST(Board, ShowsAFewTasksAndCountsTheRest) {
  Fake fake;
  Board board(fake.screen());
  for (int i = 0; i < 9; ++i) board.begin("task " + std::to_string(i), 0);
  fake.now = 1000;
  board.redraw();
  EXPECT_THAT(split(fake.take(), '\n'), ElementsAre("- task 0  0:01", "- task 1  0:01", "- task 2  0:01",
                                                    "- task 3  0:01", "- task 4  0:01", "  and 4 more", ""));
}

TEST(Board, LeavesOutWhatDoesNotFit) {
  Fake fake;
  Board board(fake.screen());
  const int task = board.begin("a layer with quite a long name", 4096);
  fake.now = 1000;
  board.advance(task, 1024);
  const auto at = [&](unsigned columns) {
    fake.columns = columns;
    board.hide();
    fake.take();
    board.redraw();
    return fake.take();
  };
  EXPECT_EQ(
      at(96),
      "- a layer with quite a long name  [#####...............]  1.00 KiB / 4.00 KiB  1.00 KiB/s  0:03\n");
  EXPECT_EQ(at(90), "- a layer with quite a long name  1.00 KiB / 4.00 KiB  1.00 KiB/s  0:03\n");
  EXPECT_EQ(at(60), "- a layer with quite a lo~  1.00 KiB / 4.00 KiB  1.00 KiB/s\n");
  EXPECT_EQ(at(40), "- a layer with qu~  1.00 KiB / 4.00 KiB\n");
  EXPECT_EQ(at(20), "- a layer with qui~\n");
  EXPECT_EQ(at(2), "~\n");
  EXPECT_EQ(at(1), "~\n");
}

TEST(Board, NarrowedTerminalIsCountedInItsNewRows) {
  Fake fake;
  Board board(fake.screen());
  board.advance(board.begin("layer", 4096), 1024);
  fake.now = 1000;
  board.redraw();
  EXPECT_EQ(display_width(fake.take()), 71u);  // the line end counts as one
  fake.columns = 30;
  board.redraw();
  EXPECT_THAT(fake.take(), testing::StartsWith("\r\x1b[K\x1b[3A"));
}

RC_GTEST_PROP(Board, LeavesOnlyWhatIsForGood, ()) {
  const auto columns = *rc::gen::inRange<unsigned>(2, 120);
  Fake fake;
  fake.columns = columns;
  Board board(fake.screen());
  std::vector<int> tasks;
  std::string kept;
  const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 6));
  for (const int step : steps) {
    fake.now += *rc::gen::inRange<std::uint64_t>(0, 700);
    if (step == 0)
      tasks.push_back(
          board.begin("label " + std::to_string(tasks.size()), *rc::gen::inRange<std::uint64_t>(0, 5000)));
    if (step == 1 && !tasks.empty()) board.advance(tasks.back(), *rc::gen::inRange<std::uint64_t>(0, 2000));
    if (step == 2 && !tasks.empty()) {
      board.end(tasks.back(), "", false);
      tasks.pop_back();
    }
    if (step == 3) {
      const std::string message(*rc::gen::inRange<std::size_t>(0, 100), 'w');
      board.warn(message);
      kept += "stave: warning: " + message + "\n";
    }
    if (step == 4) board.redraw();
    if (step == 5) board.hide();
  }
  board.hide();

  Terminal terminal(columns);
  terminal.write(fake.text);
  Terminal wanted(columns);
  wanted.write(kept);
  auto rows = terminal.rows();
  while (rows.size() > wanted.rows().size() && rows.back().empty()) rows.pop_back();
  RC_ASSERT(rows == wanted.rows());
}

TEST(LiveProgress, PrintedTextStaysWhole) {
  std::string text;
  {
    std::atomic<std::uint64_t> now = 0;
    LiveProgress live({[&](std::string_view bytes) { text += bytes; }, [&] { return now.load(); },
                       [] { return 80u; }, false});
    const int task = live.begin("layer", 0);
    now = 1000;
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    live.aside([&] { text += "result\n"; });
    live.end(task, "", true);
  }
  Terminal terminal(80);
  terminal.write(text);
  EXPECT_THAT(terminal.rows(), ElementsAre("result", "+ layer", ""));
}

TEST(LiveProgress, ManyThreadsOneDisplay) {
  std::string text;
  {
    std::atomic<std::uint64_t> now = 0;
    LiveProgress live({[&](std::string_view bytes) { text += bytes; }, [&] { return now += 10; },
                       [] { return 80u; }, false});
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int round = 0; round < 50; ++round) {
          const int task = live.begin("x", 100);
          live.advance(task, 100);
          live.aside([&] { text += "printed\n"; });
          live.end(task, "r", true);
        }
      });
    }
  }
  Terminal terminal(80);
  terminal.write(text);
  EXPECT_EQ(std::count(terminal.rows().begin(), terminal.rows().end(), "printed"), 200);
  EXPECT_EQ(std::count_if(terminal.rows().begin(), terminal.rows().end(),
                          [](const auto& row) { return row.starts_with("+ x: r"); }),
            200);
}

TEST(LiveProgress, ClosedTerminalStopsNothing) {
  LiveProgress live({[](std::string_view) { throw std::runtime_error("closed"); },
                     [] { return std::uint64_t{0}; },
                     {},
                     false});
  live.warn("x");
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

TEST(PlainProgress, OneLineAtTheEndAndOneBeforeIfItIsLong) {
  Fake fake;
  const auto plain = plain_progress(fake.screen());
  plain->end(plain->begin("quick", 10), "", true);
  const int slow = plain->begin("slow", 2048);
  plain->advance(slow, 1024);
  fake.now = 1500;
  plain->advance(slow, 512);
  plain->advance(slow, 512);
  plain->warn("odd");
  plain->end(slow, "sha256:0", true);
  plain->end(plain->begin("bad\r", 0), "", false);
  EXPECT_EQ(fake.text,
            "quick: done\nslow (2.00 KiB)...\nstave: warning: odd\nslow: sha256:0 (2.00 KiB in 1.5 s)\nbad?: "
            "failed\n");
}

TEST(PlainProgress, AnnouncesATaskOnce) {
  Fake fake;
  const auto plain = plain_progress(fake.screen());
  const int slow = plain->begin("slow", 0);
  for (fake.now = 0; fake.now < 10000; fake.now += 500) plain->advance(slow, 1);
  EXPECT_EQ(fake.text, "slow...\n");
}

TEST(JsonProgress, OneObjectOnEachLine) {
  Fake fake;
  const auto progress = json_progress(fake.screen());
  const int task = progress->begin("layer \"1\"", 10);
  fake.now = 250;
  progress->advance(task, 4);
  fake.now = 300;
  progress->advance(task, 6);
  progress->warn("a\nb");
  progress->end(task, "ok", true);
  EXPECT_EQ(fake.text,
            "{\"event\":\"begin\",\"task\":1,\"label\":\"layer \\\"1\\\"\",\"total\":10}\n"
            "{\"event\":\"progress\",\"task\":1,\"bytes\":4,\"total\":10}\n"
            "{\"event\":\"warn\",\"message\":\"a\\nb\"}\n"
            "{\"event\":\"end\",\"task\":1,\"bytes\":10,\"result\":\"ok\",\"ok\":true}\n");
}

TEST(JsonProgress, AtMostFiveTimesASecond) {
  Fake fake;
  const auto progress = json_progress(fake.screen());
  const int task = progress->begin("x", 0);
  for (fake.now = 0; fake.now < 1000; ++fake.now) progress->advance(task, 1);
  EXPECT_LE(split(fake.text, '\n').size(), 1 + 5 + 1u);
}

RC_GTEST_PROP(JsonProgress, IsAlwaysJson, (const std::string& label, const std::string& result)) {
  Fake fake;
  const auto progress = json_progress(fake.screen());
  progress->end(progress->begin(label, ~0ull), result, false);
  progress->warn(label);
  std::vector<std::string> lines = split(fake.text, '\n');
  lines.pop_back();
  RC_ASSERT(lines.size() == 3u);
  for (const std::string& line : lines) RC_ASSERT(json::parse(line, "line").is_object());
}

TEST(QuietProgress, OnlyWarns) {
  Fake fake;
  const auto quiet = quiet_progress(fake.screen());
  quiet->end(quiet->begin("x", 1), "y", false);
  quiet->warn("odd");
  EXPECT_EQ(fake.text, "stave: warning: odd\n");
}

TEST(Progress, UnknownTasksAreIgnored) {
  Fake fake;
  Board board(fake.screen());
  board.advance(7, 1);
  board.end(7, "x", true);
  board.redraw();
  EXPECT_EQ(fake.text, "");
}

TEST(Elapsed, ReadsAsAClock) {
  EXPECT_EQ(elapsed(0), "0:00");
  EXPECT_EQ(elapsed(185), "3:05");
  EXPECT_EQ(elapsed(3723), "1:02:03");
}

}  // namespace
}  // namespace stave::cli
