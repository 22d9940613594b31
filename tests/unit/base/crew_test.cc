// Crew: everything handed over is worked on, and of several failures the first in the
// order of the handing over comes out.

#include "stave/base/crew.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>

#include "stave/base/error.h"

namespace stave {
namespace {

struct Slot {
  int number = 0;
};
using Numbers = Crew<Slot>;

void hand_over(Numbers& crew, int number) {
  Slot& slot = crew.take();
  slot.number = number;
  crew.hand_over(slot);
}

// What the failure of handing over all of [0, count), or of finishing, says.
std::string failure_of(Numbers& crew, int count) {
  try {
    for (int i = 0; i < count; ++i) hand_over(crew, i);
    crew.finish();
    return "none";
  } catch (const Error& e) {
    return e.what();
  }
}

TEST(Crew, EverythingIsDoneWhenItIsFinished) {
  for (const unsigned threads : {0u, 1u, 2u, 7u}) {
    for (const std::size_t slots : {1u, 2u, 9u}) {
      std::vector<std::atomic<int>> done(500);
      Numbers crew(threads, slots,
                   [&](Slot& slot, unsigned) { ++done[static_cast<std::size_t>(slot.number)]; });
      EXPECT_EQ(failure_of(crew, 500), "none");
      for (const auto& times : done) EXPECT_EQ(times, 1);
    }
  }
}

TEST(Crew, CanBeFinishedManyTimes) {
  std::atomic<int> done = 0;
  Numbers crew(3, 4, [&](Slot&, unsigned) { ++done; });
  for (int round = 1; round <= 50; ++round) {
    EXPECT_EQ(failure_of(crew, 3), "none");
    EXPECT_EQ(done, 3 * round);
  }
}

TEST(Crew, TheFailureThatWasHandedOverFirstIsThrown) {
  for (const unsigned threads : {0u, 1u, 2u, 7u}) {
    for (int round = 0; round < 50; ++round) {
      Numbers crew(threads, 8, [](Slot& slot, unsigned) {
        // The first of them takes the longest.
        if (slot.number == 11) std::this_thread::sleep_for(std::chrono::microseconds(300));
        if (slot.number >= 11) throw Error(Kind::io, "slot " + std::to_string(slot.number));
      });
      EXPECT_EQ(failure_of(crew, 64), "slot 11");
      EXPECT_EQ(failure_of(crew, 64), "slot 11") << "asked again";
    }
  }
}

TEST(Crew, WhatCameBeforeAFailureIsDone) {
  for (int round = 0; round < 50; ++round) {
    std::vector<std::atomic<bool>> done(64);
    Numbers crew(4, 8, [&](Slot& slot, unsigned) {
      if (slot.number == 20) throw Error(Kind::io, "slot 20");
      done[static_cast<std::size_t>(slot.number)] = true;
    });
    EXPECT_EQ(failure_of(crew, 64), "slot 20");
    for (std::size_t i = 0; i < 20; ++i) EXPECT_TRUE(done[i]) << i;
  }
}

TEST(Crew, NoMoreSlotsThanGivenAreInUse) {
  std::atomic<int> in_use = 0;
  std::atomic<int> most = 0;
  Numbers crew(7, 3, [&](Slot&, unsigned) { --in_use; });
  for (int i = 0; i < 500; ++i) {
    Slot& slot = crew.take();
    most = std::max(most.load(), ++in_use);
    crew.hand_over(slot);
  }
  crew.finish();
  EXPECT_LE(most, 3);
}

TEST(Crew, EachWorkerIsOneThread) {
  std::vector<std::thread::id> ids(3);
  std::atomic<bool> same = true;
  Numbers crew(3, 6, [&](Slot&, unsigned worker) {
    auto& id = ids.at(worker);
    if (id == std::thread::id()) id = std::this_thread::get_id();
    if (id != std::this_thread::get_id()) same = false;
  });
  EXPECT_EQ(failure_of(crew, 300), "none");
  EXPECT_TRUE(same);
}

TEST(Crew, WhoGivesUpDoesNotWaitForWhatIsQueued) {
  std::atomic<int> done = 0;
  {
    Numbers crew(1, 10, [&](Slot&, unsigned) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ++done;
    });
    for (int i = 0; i < 10; ++i) hand_over(crew, i);
  }
  EXPECT_LT(done, 10);
}

}  // namespace
}  // namespace stave
