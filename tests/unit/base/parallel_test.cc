// in_order: results come in order whatever the threads do, and so do failures.

#include "stave/base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>

#include "stave/base/error.h"

namespace stave {
namespace {

Context with_jobs(unsigned jobs) {
  Context context;
  context.jobs = jobs;
  return context;
}

TEST(InOrder, TakersSeeEveryIndexOnceInOrder) {
  for (const unsigned jobs : {1u, 2u, 7u}) {
    for (const std::size_t slots : {1u, 2u, 5u}) {
      std::vector<std::size_t> ring(slots), first, second;
      in_order<std::size_t>(with_jobs(jobs), 100, ring,
                            [](std::size_t i, std::size_t& slot) { slot = i * i; },
                            {[&](std::size_t, std::size_t& slot) { first.push_back(slot); },
                             [&](std::size_t, std::size_t& slot) { second.push_back(slot); }});
      ASSERT_EQ(first.size(), 100u);
      for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(first[i], i * i);
      EXPECT_EQ(second, first);
    }
  }
}

TEST(InOrder, NoMoreSlotsThanGivenAreInUse) {
  std::atomic<int> in_use = 0;
  std::atomic<int> most = 0;
  std::vector<int> ring(3);
  in_order<int>(with_jobs(7), 200, ring,
                [&](std::size_t, int&) {
                  const int now = ++in_use;
                  int seen = most.load();
                  while (now > seen && !most.compare_exchange_weak(seen, now)) {
                  }
                },
                {[&](std::size_t, int&) { --in_use; }});
  EXPECT_LE(most.load(), 3);
}

TEST(InOrder, TheFirstFailureInOrderIsThrown) {
  for (const unsigned jobs : {1u, 2u, 7u}) {
    for (int round = 0; round < 20; ++round) {
      std::vector<int> ring(8);
      try {
        in_order<int>(with_jobs(jobs), 64, ring,
                      [](std::size_t i, int&) {
                        if (i == 11 || i == 12) throw Error(Kind::io, "block " + std::to_string(i));
                      },
                      {[](std::size_t, int&) {}});
        FAIL();
      } catch (const Error& e) {
        EXPECT_STREQ(e.what(), "block 11");
      }
    }
  }
}

TEST(InOrder, AFailingTakerStopsTheMakers) {
  std::vector<int> ring(4);
  std::atomic<int> made = 0;
  EXPECT_THROW(in_order<int>(with_jobs(2), 100000, ring, [&](std::size_t, int&) { ++made; },
                             {[](std::size_t, int&) {},
                              [](std::size_t i, int&) {
                                if (i == 3) throw Error(Kind::no_space, "full");
                              }}),
               Error);
  EXPECT_LT(made.load(), 100);
}

TEST(InOrder, AStopRequestCancels) {
  std::stop_source stop;
  Context context = with_jobs(2);
  context.stop = stop.get_token();
  std::vector<int> ring(2);
  try {
    in_order<int>(context, 1000000, ring, [](std::size_t, int&) {}, {[&](std::size_t i, int&) {
                    if (i == 5) stop.request_stop();
                  }});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::cancelled);
  }
}

}  // namespace
}  // namespace stave
