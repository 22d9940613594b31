// The watching process: makes the namespaces' first process, passes on signals,
// and cleans up. What happens inside is in container_inside.cc.

#include "stave/rootfs/container.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/rootfs/container_inside.h"
#include "stave/rootfs/pipe.h"
#include "stave/rootfs/run_directory.h"
#include "stave/runtime/watch.h"

namespace stave::rootfs {
namespace {

// Two lines of text, of which no part is longer than a runtime's log entry.
constexpr std::size_t answer_bytes = 1024 * 1024;

// A terminal as it was: a runtime that is killed leaves it raw.
class Terminal {
 public:
  explicit Terminal(bool used) : used_(used && ::tcgetattr(STDIN_FILENO, &before_) == 0) {}
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() {
    if (!used_) return;
    // In the background, setting it would stop us.
    sigset_t background;
    sigset_t before;
    sigemptyset(&background);
    sigaddset(&background, SIGTTOU);
    ::sigprocmask(SIG_BLOCK, &background, &before);
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
  }

 private:
  termios before_ = {};
  bool used_;
};

// From the process inside: the code, the message and the hint with a NUL between.
std::string render(const Ended& ended) {
  std::string text = fmt::format("{}", ended.code);
  for (const auto* part : {&ended.message, &ended.hint}) {
    text += '\0';
    text += *part;
  }
  return text;
}

std::optional<Ended> parse(const std::string& text) {
  const auto parts = split(text, '\0');
  const auto code = parts.size() == 3 ? parse_number(parts[0]) : std::nullopt;
  if (!code || *code > 255) return std::nullopt;
  return Ended{static_cast<int>(*code), parts[1], parts[2]};
}

// The life of the process inside. Never returns into what its parent was doing.
[[noreturn]] void live_inside(const Container& container, const runtime::Watch& watch, Pipe& life,
                              const Pipe& answer, const std::function<void(std::string_view)>& say) {
  life.in = fs::Fd();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  pollfd alive = {.fd = life.out.get(), .events = 0, .revents = 0};
  if (::poll(&alive, 1, 0) != 0) ::_exit(0);  // the parent died before it could take us along
  // What is typed at the terminal (^C) is for the parent, which passes it on; one that the container uses as
  // its own belongs to both.
  if (!container.terminal) ::setpgid(0, 0);
  Ended ended;
  try {
    ended = run_inside(container, watch, say);
  } catch (const Error& error) {
    ended = {125, error.what(), error.hint()};
  } catch (const std::exception& error) {
    ended = {125, fmt::format("a defect of stave: {}", error.what()), {}};
  }
  const std::string text = render(ended);
  (void)!::write(answer.in.get(), text.data(), text.size());
  ::_exit(0);
}

// Goes away with the last process of the run.
class Leftovers {
 public:
  explicit Leftovers(const Container& container) : container_(container) {}
  Leftovers(const Leftovers&) = delete;
  Leftovers& operator=(const Leftovers&) = delete;
  ~Leftovers() {
    if (!container_.keeps_directory) remove_run(container_.id, container_.directory, container_.runtimes);
  }

 private:
  const Container& container_;
};

// The first process of a new pid namespace; 0 in it. Whoever is started here later is in ours again.
pid_t fork_into_pid_namespace() {
  const fs::Fd ours(::open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC));
  if (::unshare(CLONE_NEWPID) != 0) {
    throw Error(Kind::denied, fmt::format("this process may make no containers: {}", std::strerror(errno)),
                "inside of another container, that one has to be privileged");
  }
  const pid_t pid = ::fork();
  if (pid < 0) throw_errno(errno, "fork");
  // The root of a user namespace may not, and then nobody can be started here after the first process is
  // gone; but it has no cgroups to remove either.
  if (pid > 0) (void)::setns(ours.get(), CLONE_NEWPID);
  return pid;
}

}  // namespace

Ended watch_over(const Container& container, const std::function<void(std::string_view)>& say) {
  const Leftovers leftovers(container);
  const Terminal terminal(container.terminal);
  const runtime::Watch watch;
  Pipe life;
  Pipe answer;
  const pid_t inside = fork_into_pid_namespace();
  if (inside == 0) live_inside(container, watch, life, answer, say);

  const auto waited = watch.wait(inside, {.typed = !container.terminal, .impatient = true});
  const auto ended = parse(answer.read_rest(answer_bytes));
  if (waited.impatiently) return {.code = 128 + SIGINT};
  if (ended) return *ended;
  return {.code = waited.code};  // killed, by somebody else
}

}  // namespace stave::rootfs
