// Programs: started, read, waited for.

#include "stave/build/program.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/fs/fs.h"

namespace stave::build {
namespace {

constexpr std::size_t errors_bytes = 16 * 1024;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno(errno, "pipe");
    out = fs::Fd(ends[0]);
    in = fs::Fd(ends[1]);
  }
  fs::Fd out;
  fs::Fd in;
};

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> all;
  for (const auto& word : words) all.push_back(const_cast<char*>(word.c_str()));
  all.push_back(nullptr);
  return all;
}

// A started program, which does not outlive this.
class Child {
 public:
  Child(const Program& program, int out, int err) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
    if (program.input >= 0)
      ::posix_spawn_file_actions_adddup2(&files, program.input, STDIN_FILENO);
    else
      ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&files, err, STDERR_FILENO);
    sigset_t standard;
    sigset_t blocked;
    sigemptyset(&blocked);
    sigemptyset(&standard);
    sigaddset(&standard, SIGPIPE);
    ::posix_spawnattr_setsigdefault(&attributes, &standard);
    ::posix_spawnattr_setsigmask(&attributes, &blocked);
    // A group of its own: what it starts is killed with it.
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(&attributes,
                               POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    auto argv = pointers(program.words);
    auto envp = pointers(program.environment);
    const int error = ::posix_spawn(&pid_, argv[0], &files, &attributes, argv.data(), envp.data());
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
    if (error != 0) {
      pid_ = -1;
      throw_errno(error, quote(program.words.front()));
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ > 0) {
      ::kill(-pid_, SIGKILL);
      wait();
    }
  }
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
};

}  // namespace

Ran run_program(const Context& context, const Program& program, Sink& out) {
  Pipe output;
  Pipe errors;
  Child child(program, output.in.get(), errors.in.get());
  output.in = fs::Fd();
  errors.in = fs::Fd();
  Ran ran;
  std::vector<std::byte> buffer(64 * 1024);
  bool more_output = true;
  bool more_errors = true;
  while (more_output || more_errors) {
    context.check();
    std::array<pollfd, 2> ends = {pollfd{more_output ? output.out.get() : -1, POLLIN, 0},
                                  pollfd{more_errors ? errors.out.get() : -1, POLLIN, 0}};
    if (::poll(ends.data(), ends.size(), 100) < 0 && errno != EINTR) throw_errno(errno, "poll");
    if (ends[0].revents != 0) {
      const ssize_t count = ::read(output.out.get(), buffer.data(), buffer.size());
      if (count > 0) out.write(Bytes(buffer.data(), static_cast<std::size_t>(count)));
      if (count == 0) more_output = false;
    }
    if (ends[1].revents != 0) {
      const ssize_t count = ::read(errors.out.get(), buffer.data(), buffer.size());
      if (count == 0) more_errors = false;
      if (count > 0)
        ran.errors.append(reinterpret_cast<const char*>(buffer.data()), static_cast<std::size_t>(count));
      if (ran.errors.size() > errors_bytes) ran.errors.erase(0, ran.errors.size() - errors_bytes);
    }
  }
  ran.code = child.wait();
  return ran;
}

}  // namespace stave::build
