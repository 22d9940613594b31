// Watching over a child.

#include "stave/runtime/watch.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "stave/base/error.h"

namespace stave::runtime {
namespace {

// What is left alone: it stops or continues a process (job control works on us as on any program), or tells
// of a defect, or is everybody's business by itself (the size of a terminal).
constexpr auto left_alone = {SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGSEGV, SIGBUS,  SIGFPE,
                             SIGILL,  SIGTRAP, SIGABRT, SIGSYS,  SIGPIPE, SIGURG,  SIGPROF, SIGWINCH};

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  result.reserve(words.size() + 1);
  for (auto& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

// What shells make of how a process ended.
int code_of(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

// Takes in everybody who ended; the code of `child` if it is among them.
std::optional<int> reap(pid_t child) {
  std::optional<int> code;
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, WNOHANG);
    if (ended == 0 || (ended < 0 && errno != EINTR)) return code;
    if (ended == child) code = code_of(status);
  }
}

}  // namespace

Watch::Watch() {
  sigfillset(&queued_);
  for (const int number : left_alone) sigdelset(&queued_, number);
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action = {};
    // Who started us with nohup wants it ignored; blocked, it would be queued nevertheless.
    if (::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN)
      sigdelset(&queued_, number);
  }
  // Ignored (some supervisors start programs so), nobody would tell us how a child ended.
  std::signal(SIGCHLD, SIG_DFL);
  sigaddset(&queued_, SIGCHLD);
  if (::sigprocmask(SIG_BLOCK, &queued_, &before_) != 0) throw_errno(errno, "sigprocmask");
}

Watch::~Watch() { restore(); }

void Watch::restore() const { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

pid_t Watch::start(const Program& program) const {
  auto words = program.words;
  auto environment = program.environment;
  const auto argv = pointers(words);
  const auto envp = pointers(environment);
  const pid_t pid = ::fork();
  if (pid < 0) throw_errno(errno, "fork");
  if (pid > 0) return pid;
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null >= 0 && !program.with_input) ::dup2(null, STDIN_FILENO);
  if (null >= 0 && program.silent) {
    ::dup2(null, STDOUT_FILENO);
    ::dup2(null, STDERR_FILENO);
  }
  restore();
  ::execve(argv.front(), argv.data(), envp.data());
  ::_exit(127);
}

Watch::Ended Watch::wait(pid_t child, const Passing& passing) const {
  Ended ended;
  int interrupts = 0;
  for (;;) {
    siginfo_t info = {};
    const int number = ::sigwaitinfo(&queued_, &info);
    if (number == SIGCHLD) {
      if (const auto code = reap(child)) {
        ended.code = *code;
        return ended;
      }
    } else if (number == SIGINT && passing.impatient && ++interrupts == 2) {
      ended.impatiently = true;
      ::kill(child, SIGKILL);
    } else if (number > 0 && (passing.typed || info.si_code != SI_KERNEL)) {
      ::kill(child, number);
    }
  }
}

}  // namespace stave::runtime
