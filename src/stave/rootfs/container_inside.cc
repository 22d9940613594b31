// Inside: mounts that nobody else sees, then one runtime after the other until one
// of them works on this host.

#include "stave/rootfs/container_inside.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <optional>
#include <string>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/fs/make.h"
#include "stave/rootfs/copy_tree.h"
#include "stave/rootfs/overlay.h"
#include "stave/rootfs/run_directory.h"
#include "stave/rootfs/runtime_config.h"

namespace stave::rootfs {
namespace {

// What a runtime says of one container is a few lines.
constexpr std::uint64_t log_bytes = 4 * 1024 * 1024;

// --- mounts ---

void leave_the_hosts_mounts() {
  const auto check = [](int result, std::string_view what) {
    if (result == 0) return;
    throw Error(Kind::denied, fmt::format("this host runs no containers: {}: {}", what, std::strerror(errno)),
                "inside of another container, that one has to be privileged");
  };
  check(::unshare(CLONE_NEWNS), "a mount namespace of our own");
  // What the host unmounts goes away here as well; what is mounted here stays here.
  check(::mount(nullptr, "/", nullptr, MS_SLAVE | MS_REC, nullptr), "making the mounts our own");
  // A runtime finds its container's processes in it, and those are counted anew.
  check(::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr), "mounting /proc");
}

std::string path_of(const fs::Dir& dir) { return fmt::format("/proc/self/fd/{}", dir.fd()); }

void provide_root(const Container& container, const fs::Dir& run,
                  const std::function<void(std::string_view)>& say) {
  const bool alone = container.lowers.empty();
  if (alone && container.root.empty()) return;
  std::vector<fs::Dir> lowers;
  if (alone) lowers.push_back(fs::Dir::open(container.root));
  for (const auto& path : container.lowers) lowers.push_back(fs::Dir::open(path));
  const int refused = mount_overlay({.lowers = &lowers,
                                     .upper = run.open_dir("upper"),
                                     .work = run.open_dir("work"),
                                     .target = run.open_dir("bundle/rootfs"),
                                     .in_user_namespace = container.in_user_namespace});
  if (refused == 0) return;
  if (!alone) throw Error(Kind::unsupported, fmt::format("{}: {}", no_overlay, std::strerror(refused)));
  say(fmt::format("{} ({}): the root file system is copied", no_overlay, std::strerror(refused)));
  const auto scratch = run.make_dir("scratch", 0700);
  copy_tree(Context{}, lowers.front(), run.open_dir("bundle/rootfs"), scratch);
}

// --- runtimes ---

class Attempts {
 public:
  Attempts(const Container& container, const runtime::Watch& watch, const fs::Dir& run)
      : container_(container), watch_(watch), run_(run) {}

  Ended run(const std::function<void(std::string_view)>& say) {
    std::vector<std::string> reasons;
    for (std::size_t i = 0; i < container_.runtimes.size(); ++i) {
      const auto& runtime = container_.runtimes[i];
      const auto job = job_of(container_.id, container_.directory);
      const auto attempt = start(runtime, job, false);
      if (!attempt.refusal) return {.code = attempt.code};
      reasons.push_back(fmt::format("{}: {}", runtime.name, attempt.refusal->message));
      const bool last = i + 1 == container_.runtimes.size();
      const bool its_own_fault = attempt.refusal->why == runtime::Refusal::Why::other;
      if (!its_own_fault || (last && reasons.size() == 1)) return not_started(runtime, *attempt.refusal);
      if (!last) {
        if (works(runtime)) return not_started(runtime, *attempt.refusal);
        say(fmt::format("{} does not work on this host; trying {}", runtime.name,
                        container_.runtimes[i + 1].name));
      }
    }
    return {.code = 125,
            .message = "no runtime works on this host: " + join(reasons, "; "),
            .hint = "what each needs of the host is in its own documentation; STAVE_RUNTIME names another"};
  }

 private:
  struct Attempt {
    int code = 0;
    std::optional<runtime::Refusal> refusal;
  };

  static Ended not_started(const runtime::Runtime& runtime, const runtime::Refusal& refusal) {
    return {.code = refusal.exit_code(),
            .message = fmt::format("{}: {}", runtime.name, refusal.message),
            .hint = refusal.hint()};
  }

  Attempt start(const runtime::Runtime& runtime, const runtime::Job& job, bool silent) {
    run_.remove_tree("log");
    const pid_t child = watch_.start({.words = runtime::words_to_run(runtime, job),
                                      .environment = environment(),
                                      .with_input = !silent && (container_.input || container_.terminal),
                                      .silent = silent});
    Attempt attempt{.code = watch_.wait(child, {}).code, .refusal = {}};
    if (attempt.code != 0) attempt.refusal = runtime::find_refusal(read_log());
    if (!run_.list("state").empty()) {
      // It was killed before it could clean up.
      watch_.wait(watch_.start({.words = runtime::words_to_delete(runtime, job),
                                .environment = environment(),
                                .with_input = false,
                                .silent = true}),
                  {});
    }
    return attempt;
  }

  // Runtimes look for helpers (criu, newuidmap), and want nothing of the caller's environment: variables of
  // systemd (LISTEN_FDS, NOTIFY_SOCKET) would go on into the container.
  static std::vector<std::string> environment() {
    return {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  }

  std::string read_log() const {
    if (!run_.find("log")) return {};
    return fs::read_file(run_.open_file("log"), log_bytes, "the runtime's log");
  }

  // Does it run anything at all here? This program in the host's own root file system, which surely can be
  // run. Only asked when a container was refused: it costs as much as one.
  bool works(const runtime::Runtime& runtime) {
    std::array<char, PATH_MAX> self{};
    const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size());
    if (length <= 0 || static_cast<std::size_t>(length) == self.size()) return true;
    const auto job = job_of(container_.id, container_.directory + "/probe");
    if (!run_.find("probe")) make_probe(std::string(self.data(), static_cast<std::size_t>(length)));
    const auto attempt = start(
        runtime, {job.id, job.bundle, container_.directory + "/state", container_.directory + "/log"}, true);
    return !attempt.refusal || attempt.refusal->why != runtime::Refusal::Why::other;
  }

  void make_probe(const std::string& program) {
    const auto bundle = run_.make_dir("probe", 0700).make_dir("bundle", 0700);
    const auto target = bundle.make_dir("rootfs", 0700);
    if (::mount("/", path_of(target).c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0)
      throw_errno(errno, "a bind mount of /");
    spec::Config config;
    config.platform.os = "linux";
    config.cmd = {program, "version"};
    const Wishes wishes{
        .read_only = true, .rootless = container_.in_user_namespace, .one_id = container_.in_user_namespace};
    fs::TempFile file = fs::TempFile::in(bundle, 0600);
    file.write(as_bytes(runtime_config(config, fs::Dir::open("/"), wishes)));
    std::move(file).publish("config.json", fs::TempFile::Existing::replace, false);
  }

  const Container& container_;
  const runtime::Watch& watch_;
  const fs::Dir& run_;
};

}  // namespace

Ended run_inside(const Container& container, const runtime::Watch& watch,
                 const std::function<void(std::string_view)>& say) {
  leave_the_hosts_mounts();
  const auto run = fs::Dir::open(container.directory);
  provide_root(container, run, say);
  if (container.prepare) container.prepare(run);
  return Attempts(container, watch, run).run(say);
}

}  // namespace stave::rootfs
