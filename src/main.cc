// The program `stave`: reads its surroundings once, turns signals into a stop
// request, and hands everything to cli::run. The only file that touches argv,
// environ, the clock, the terminal and signals. What can only be done by a process
// without threads (entering a user namespace, watching over a container) is done
// before the first one is started.

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "stave/cli/command.h"
#include "stave/cli/userns.h"
#include "stave/cli/verbs.h"

extern char** environ;

namespace stave {
namespace {

// What a signal handler can reach has to be global: it is called without an argument of ours.
std::atomic<int> first_signal = 0;
int signal_pipe = -1;

// The first SIGINT asks, the second one is obeyed on the spot. Only async-signal-safe calls in here
// (signal-safety(7)).
void on_signal(int number) {
  const int saved = errno;
  int none = 0;
  if (!first_signal.compare_exchange_strong(none, number) && number == SIGINT) _exit(128 + SIGINT);
  const char byte = 0;
  (void)!write(signal_pipe, &byte, 1);
  errno = saved;
}

// While it lives, SIGINT, SIGTERM and SIGHUP request a stop. A thread has to do that, because stop callbacks
// are more than a handler may call; handlers rather than blocked signals, because a blocked signal stays
// blocked in every program we start.
class Signals {
 public:
  Signals() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return;  // without it, signals kill as they always did
    read_end_ = ends[0];
    signal_pipe = ends[1];
    waiter_ = std::thread([this] {
      char byte = 0;
      ssize_t count = 0;
      do count = read(read_end_, &byte, 1);
      while (count < 0 && errno == EINTR);
      if (count == 1) source_.request_stop();
    });
    struct sigaction action = {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
      struct sigaction before = {};
      sigaction(number, nullptr, &before);
      // Who started us with nohup or in the background wants it ignored.
      if (before.sa_handler != SIG_IGN) sigaction(number, &action, nullptr);
    }
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals() {
    if (!waiter_.joinable()) return;
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, SIG_DFL);
    close(signal_pipe);  // the waiter reads the end of it
    waiter_.join();
    close(read_end_);
  }

  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  int read_end_ = -1;
  std::thread waiter_;
};

// Writes all of `text` to `fd`. A reader that went away counts as a request to stop: nobody wants the rest.
void write_all(int fd, std::string_view name, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count >= 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EPIPE && fd == STDOUT_FILENO) {
      int none = 0;
      first_signal.compare_exchange_strong(none, SIGPIPE);
      throw Error(Kind::cancelled, std::string(name) + " was closed");
    } else if (errno != EINTR) {
      throw_errno(errno, name);
    }
  }
}

// Columns of the terminal on `fd`; 0 if it is none or does not know.
unsigned columns_of(int fd) {
  struct winsize size = {};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

// Those this process may run on; std::thread::hardware_concurrency counts those of the machine (glibc 2.36).
unsigned usable_processors() {
  cpu_set_t usable;
  CPU_ZERO(&usable);
  // Fails on machines with more processors than the set holds (1024).
  if (sched_getaffinity(0, sizeof usable, &usable) != 0) return std::thread::hardware_concurrency();
  return static_cast<unsigned>(CPU_COUNT(&usable));
}

// POSIX: LC_ALL before LC_CTYPE before LANG, and an empty one counts as unset. setlocale would cost a
// millisecond to say the same.
bool speaks_utf8(const cli::Surroundings& surroundings) {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (const auto locale = surroundings.env(name)) {
      return locale->find("UTF-8") != std::string::npos || locale->find("utf8") != std::string::npos;
    }
  }
  return false;
}

std::map<std::string, std::string> read_environment() {
  std::map<std::string, std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

// Becomes this program anew. Returns only to throw.
void restart(std::vector<std::string> words, const std::map<std::string, std::string>& environment) {
  std::vector<char*> argv;
  std::string name = "stave";
  argv.push_back(name.data());
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::vector<std::string> variables;
  for (const auto& [key, value] : environment) variables.push_back(key + "=" + value);
  std::vector<char*> envp;
  for (auto& variable : variables) envp.push_back(variable.data());
  envp.push_back(nullptr);
  execve("/proc/self/exe", argv.data(), envp.data());
  throw_errno(errno, "starting stave again (/proc/self/exe)");
}

cli::Surroundings read_surroundings(std::stop_token stop, std::map<std::string, std::string> environment) {
  cli::Surroundings surroundings;
  surroundings.environment = std::move(environment);
  surroundings.stdin_is_terminal = isatty(STDIN_FILENO) != 0;
  surroundings.stdout_is_terminal = isatty(STDOUT_FILENO) != 0;
  surroundings.stderr_is_terminal = isatty(STDERR_FILENO) != 0;
  const unsigned columns = columns_of(surroundings.stdout_is_terminal ? STDOUT_FILENO : STDERR_FILENO);
  if (columns != 0) surroundings.columns = columns;
  surroundings.processors = usable_processors();
  surroundings.now = std::time(nullptr);
  surroundings.stop = std::move(stop);
  surroundings.out = [](std::string_view text) { write_all(STDOUT_FILENO, "standard output", text); };
  surroundings.err = [](std::string_view text) { write_all(STDERR_FILENO, "standard error", text); };
  surroundings.columns_now = [] { return columns_of(STDERR_FILENO); };
  surroundings.milliseconds = [] {
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
  };
  surroundings.signal = [] { return first_signal.load(); };
  surroundings.utf8 = speaks_utf8(surroundings);
  return surroundings;
}

// A program that is started with one of 0, 1, 2 closed would open its next file there and print into it. What
// takes their place can only be used the wrong way round, so reading and writing still fail.
void fill_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

}  // namespace
}  // namespace stave

int main(int argc, char** argv) {
  stave::fill_standard_descriptors();
  // Not ignored but handled by doing nothing: what is ignored stays ignored in the programs we start.
  std::signal(SIGPIPE, [](int) {});
  // A file over the limit of `ulimit -f` is an error, not the end: there is something to
  // clean up.
  std::signal(SIGXFSZ, [](int) {});
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  auto environment = stave::read_environment();
  try {
    stave::cli::enter_namespace_if_asked(environment);
  } catch (const stave::Error& error) {
    return stave::cli::report(stave::read_surroundings({}, std::move(environment)), error);
  }
  // Who watches over a container has one thread, and takes its signals itself.
  std::optional<stave::Signals> signals;
  const bool watches = !words.empty() && (words.front() == stave::cli::watching_verb ||
                                          words.front() == stave::cli::step_verb_name);
  if (!watches) signals.emplace();
  auto surroundings =
      stave::read_surroundings(signals ? signals->token() : std::stop_token(), std::move(environment));
  surroundings.words = words;
  surroundings.restart = stave::restart;
  return stave::cli::run(stave::cli::with_builtins(stave::cli::program()), words, surroundings);
}
