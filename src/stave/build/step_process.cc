// Starting, listening, ending. The process is asked to end (SIGINT twice, rootfs::watch_over)
// so that it can wait until the last process of the step is gone.

#include "stave/build/step_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "stave/base/text.h"
#include "stave/fs/fs.h"
#include "stave/rootfs/pipe.h"

namespace stave::build {
namespace {

using Clock = std::chrono::steady_clock;

// How long a request to stop may wait to be seen, and until what was asked to end is asked again.
constexpr int patience_milliseconds = 20;
// After this many times it is killed.
constexpr int most_requests = 250;
// An answer is a code and two lines.
constexpr std::size_t answer_bytes = 1024 * 1024;

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  result.reserve(words.size() + 1);
  for (auto& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

// posix_spawn: this process has threads, and as much memory as it likes.
class Started {
 public:
  explicit Started(const StepProcess& process) {
    for (rootfs::Pipe* pipe : {&order_, &output_, &answer_}) move_up(*pipe);
    const fs::Fd held(::fcntl(process.held, F_DUPFD_CLOEXEC, held_fd + 1));
    if (!held) throw_errno(errno, "fcntl");
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_adddup2(&actions, order_.out.get(), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, output_.in.get(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, output_.in.get(), STDERR_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, answer_.in.get(), answer_fd);
    ::posix_spawn_file_actions_adddup2(&actions, held.get(), held_fd);
    // A session of its own: what is typed at the terminal (^C) is for the build, which ends its steps.
    ::posix_spawnattr_setflags(&attributes,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    sigset_t signals;
    sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes, &signals);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGCHLD}) sigaddset(&signals, number);
    ::posix_spawnattr_setsigdefault(&attributes, &signals);
    auto words = process.words;
    auto environment = process.environment;
    const int error = ::posix_spawn(&pid_, words.front().c_str(), &actions, &attributes,
                                    pointers(words).data(), pointers(environment).data());
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw_errno(error, quote(words.front()));
    order_.out = fs::Fd();
    output_.in = fs::Fd();
    answer_.in = fs::Fd();
  }
  Started(const Started&) = delete;
  Started& operator=(const Started&) = delete;
  ~Started() {
    if (pid_ <= 0) return;
    end();
  }

  int order() const { return order_.in.get(); }
  void close_order() { order_.in = fs::Fd(); }
  int output() const { return output_.out.get(); }
  int answer() const { return answer_.out.get(); }

  // Until it ended by itself.
  void wait() {
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
    pid_ = -1;
  }

  // Ends it. Nobody listens to the step any more, so it may not be kept from dying by a full pipe either.
  void end() {
    for (int i = 0;; ++i) {
      const pid_t ended = ::waitpid(pid_, nullptr, WNOHANG);
      if (ended == pid_ || (ended < 0 && errno != EINTR)) break;
      ::kill(pid_, i < most_requests ? SIGINT : SIGKILL);
      ::poll(nullptr, 0, patience_milliseconds);
    }
    pid_ = -1;
  }

 private:
  // Out of the way of the descriptors that the process gets: one that were one of them would be closed in it.
  static void move_up(rootfs::Pipe& pipe) {
    for (fs::Fd* fd : {&pipe.in, &pipe.out}) {
      if (fd->get() > held_fd) continue;
      fs::Fd moved(::fcntl(fd->get(), F_DUPFD_CLOEXEC, held_fd + 1));
      if (!moved) throw_errno(errno, "fcntl");
      *fd = std::move(moved);
    }
  }

  rootfs::Pipe order_;
  rootfs::Pipe output_;
  rootfs::Pipe answer_;
  pid_t pid_ = -1;
};

// Writes the order and reads what comes, all at once: each of the pipes may be full.
class Conversation {
 public:
  Conversation(const Context& context, const StepProcess& process, Started& started)
      : context_(context), process_(process), started_(started), rest_(process.order) {
    ::fcntl(started.order(), F_SETFL, O_NONBLOCK);
    if (process.timeout_seconds != 0) end_ = Clock::now() + std::chrono::seconds(process.timeout_seconds);
  }

  // The answer; the output may be longer in coming than the process lives.
  std::string run() {
    while (output_open_ || answer_open_) {
      context_.check();
      if (end_ && Clock::now() >= *end_) {
        throw Error(Kind::limit, fmt::format("the step ran for more than {} s", process_.timeout_seconds),
                    "--step-timeout gives it more");
      }
      std::array<pollfd, 3> fds = {
          pollfd{.fd = output_open_ ? started_.output() : -1, .events = POLLIN, .revents = 0},
          pollfd{.fd = answer_open_ ? started_.answer() : -1, .events = POLLIN, .revents = 0},
          pollfd{.fd = rest_.empty() ? -1 : started_.order(), .events = POLLOUT, .revents = 0}};
      if (::poll(fds.data(), fds.size(), patience_milliseconds) < 0 && errno != EINTR)
        throw_errno(errno, "poll");
      if (fds[0].revents != 0) output_open_ = hear();
      if (fds[1].revents != 0) answer_open_ = take_answer();
      if (fds[2].revents != 0) tell();
    }
    return answer_;
  }

 private:
  bool hear() {
    const ssize_t n = ::read(started_.output(), buffer_.data(), buffer_.size());
    if (n < 0) return errno == EINTR;
    if (n > 0 && process_.output) process_.output({buffer_.data(), static_cast<std::size_t>(n)});
    return n > 0;
  }
  bool take_answer() {
    const ssize_t n = ::read(started_.answer(), buffer_.data(), buffer_.size());
    if (n < 0) return errno == EINTR;
    answer_.append(buffer_.data(), static_cast<std::size_t>(n));
    if (answer_.size() > answer_bytes) throw Error(Kind::limit, "the step's process talks too much");
    return n > 0;
  }
  void tell() {
    const ssize_t n = ::write(started_.order(), rest_.data(), rest_.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    rest_.remove_prefix(n < 0 ? rest_.size() : static_cast<std::size_t>(n));
    if (rest_.empty()) started_.close_order();
  }

  const Context& context_;
  const StepProcess& process_;
  Started& started_;
  std::string_view rest_;
  std::string answer_;
  std::optional<Clock::time_point> end_;
  bool output_open_ = true;
  bool answer_open_ = true;
  std::array<char, 64 * 1024> buffer_{};
};

}  // namespace

ChildAnswer run_process(const Context& context, const StepProcess& process) {
  Started started(process);
  const std::string answer = Conversation(context, process, started).run();
  started.wait();
  if (answer.empty())
    throw Error(Kind::io, "the process of the step was killed", "by the kernel, if memory ran out");
  return parse_answer(answer);
}

}  // namespace stave::build
