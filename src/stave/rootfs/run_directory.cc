// Directories of runs. Whoever makes or removes one holds a lock on the directory
// above, so that none is taken for left over before it is locked itself.

#include "stave/rootfs/run_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "stave/base/error.h"
#include "stave/base/text.h"

namespace stave::rootfs {
namespace {

constexpr std::string_view prefix = "stave-";

std::string random_id() {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) throw_errno(errno, "getrandom");
  return fmt::format("{}{:016x}", prefix, number);
}

fs::Fd try_lock(const fs::Dir& runs, const std::string& name) {
  fs::Fd fd(::openat(runs.fd(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return {};
  return fd;
}

// Runs `words` with nothing to read or say, and waits. How it ends is of no interest.
void run_silently(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::array<char*, 1> environment = {nullptr};
  posix_spawn_file_actions_t actions;
  if (::posix_spawn_file_actions_init(&actions) != 0) return;
  for (const int fd : {0, 1, 2}) ::posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  pid_t pid = 0;
  if (::posix_spawn(&pid, argv.front(), &actions, nullptr, argv.data(), environment.data()) == 0) {
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) continue;
  }
  ::posix_spawn_file_actions_destroy(&actions);
}

}  // namespace

runtime::Job job_of(const std::string& id, const std::string& path) {
  return {.id = id, .bundle = path + "/bundle", .state = path + "/state", .log = path + "/log"};
}

RunDirectory make_run_directory(const std::string& cache, std::string_view config) {
  const auto runs = fs::Dir::create(cache + "/run", 0700);
  const auto lock = fs::Lock::take(runs.handle(), fs::Lock::Mode::exclusive);
  RunDirectory made{.id = random_id(), .path = {}, .lock = {}};
  const auto dir = runs.make_dir(made.id, 0700);
  made.path = dir.name();
  made.lock = try_lock(runs, made.id);
  if (!made.lock) throw_errno(errno, quote(made.path));
  const auto bundle = dir.make_dir("bundle", 0700);
  for (const char* name : {"bundle/rootfs", "state", "upper", "work"}) dir.make_dir(name, 0700);
  fs::TempFile file = fs::TempFile::in(bundle, 0600);
  file.write(as_bytes(config));
  std::move(file).publish("config.json", fs::TempFile::Existing::fail, false);
  return made;
}

void remove_left_over_runs(const std::string& cache, const std::vector<runtime::Runtime>& runtimes) {
  const auto runs = fs::Dir::create(cache + "/run", 0700);
  const auto lock = fs::Lock::try_take(runs.handle(), fs::Lock::Mode::exclusive);
  if (!lock) return;  // who has it does the same
  for (const auto& name : runs.list()) {
    if (!name.starts_with(prefix)) continue;
    const auto held = try_lock(runs, name);
    if (held) remove_run(name, runs.name() + "/" + name, runtimes);
  }
}

void remove_run(const std::string& id, const std::string& path,
                const std::vector<runtime::Runtime>& runtimes) {
  try {
    const auto run = fs::Dir::open(path);
    // A runtime that noted something was killed before it could remove its cgroup, and still fails to while
    // the processes in there are dying. It keeps its notes then, and so do we.
    const auto noted = [&] { return run.find("state") && !run.list("state").empty(); };
    for (const auto& runtime : runtimes) {
      if (noted()) run_silently(runtime::words_to_delete(runtime, job_of(id, path)));
    }
    if (noted()) {
      for (const auto& name : run.list()) {
        if (name != "state") run.remove_tree(name);
      }
      return;
    }
    const std::size_t slash = path.rfind('/');
    fs::Dir::open(path.substr(0, slash)).remove_tree(path.substr(slash + 1));
  } catch (const Error&) {
    // It may hold what only somebody else can remove: ids of a range that was taken away since.
  }
}

}  // namespace stave::rootfs
