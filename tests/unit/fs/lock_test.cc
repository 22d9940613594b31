// Lock: exclusive means alone, in one process as between several.

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

#include "unit/fs/scratch.h"

namespace stave::fs {
namespace {

using Mode = Lock::Mode;

class LockOf : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    scratch_.directory("d");
    scratch_.file("f");
    const bool directory = GetParam()[0] == 'd';
    fd_ = Fd(
        ::open(scratch_.path(GetParam()).c_str(), O_CLOEXEC | (directory ? O_RDONLY | O_DIRECTORY : O_RDWR)));
    ASSERT_TRUE(fd_);
  }
  bool is_free(Mode mode) const { return Lock::try_take(fd_, mode).has_value(); }

  Scratch scratch_;
  Fd fd_;
};

TEST_P(LockOf, ExclusiveIsAloneInOneProcess) {
  {
    const Lock lock = Lock::take(fd_, Mode::exclusive);
    EXPECT_FALSE(is_free(Mode::exclusive));
    EXPECT_FALSE(is_free(Mode::shared));
  }
  EXPECT_TRUE(is_free(Mode::exclusive));
}

TEST_P(LockOf, SharedIsShared) {
  const Lock lock = Lock::take(fd_, Mode::shared);
  EXPECT_TRUE(is_free(Mode::shared));
  EXPECT_FALSE(is_free(Mode::exclusive));
}

TEST_P(LockOf, ExclusiveIsAloneAmongProcesses) {
  const Lock lock = Lock::take(fd_, Mode::exclusive);
  EXPECT_EQ(in_child([&] { return is_free(Mode::shared) ? 1 : 0; }), 0);
}

TEST_P(LockOf, MovedLockIsStillHeld) {
  Lock lock = Lock::take(fd_, Mode::exclusive);
  const Lock moved = std::move(lock);
  EXPECT_FALSE(is_free(Mode::shared));
}

TEST_P(LockOf, ForkedChildDoesNotKeepIt) {
  int gate[2];
  ASSERT_EQ(::pipe2(gate, O_CLOEXEC), 0);
  pid_t child = -1;
  {
    const Lock lock = Lock::take(fd_, Mode::exclusive);
    child = ::fork();
    if (child == 0) {
      ::close(gate[1]);
      char byte = 0;
      ::_exit(static_cast<int>(::read(gate[0], &byte, 1)));  // until the parent closes its end
    }
  }
  EXPECT_TRUE(is_free(Mode::exclusive));
  ::close(gate[1]);
  ::close(gate[0]);
  ::waitpid(child, nullptr, 0);
}

TEST_P(LockOf, TakeWaitsThroughSignals) {
  struct ::sigaction action{};
  action.sa_handler = [](int) {};  // no SA_RESTART: flock gives EINTR
  struct ::sigaction before{};
  ::sigaction(SIGUSR1, &action, &before);
  std::atomic<bool> taken = false;
  {
    std::optional<Lock> lock = Lock::take(fd_, Mode::exclusive);
    std::jthread waiting([&] {
      const Lock mine = Lock::take(fd_, Mode::exclusive);
      taken = true;
    });
    for (int i = 0; i < 10; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ::pthread_kill(waiting.native_handle(), SIGUSR1);
    }
    EXPECT_FALSE(taken);
    lock.reset();
  }
  EXPECT_TRUE(taken);
  ::sigaction(SIGUSR1, &before, nullptr);
}

INSTANTIATE_TEST_SUITE_P(Lock, LockOf, ::testing::Values("d", "f"),
                         [](const auto& test) { return test.param[0] == 'd' ? "directory" : "file"; });

}  // namespace
}  // namespace stave::fs
