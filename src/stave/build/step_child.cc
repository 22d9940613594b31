// The process of a step: one thread, a pid and a mount namespace of its own, and a
// runtime in it. What the step is given is made here, where only the step sees it.

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/build/step_order.h"
#include "stave/rootfs/container.h"
#include "stave/rootfs/copy_tree.h"
#include "stave/rootfs/overlay.h"
#include "stave/rootfs/runtime_config.h"

namespace stave::build {
namespace {

// What BuildKit gives a step (util/entitlements, containerd's default): what packages need to install
// themselves, mknod and raw sockets among it.
const std::vector<std::string> capabilities = {
    "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
    "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
    "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
    "CAP_KILL",    "CAP_AUDIT_WRITE"};
// And more for --security=insecure.
const std::vector<std::string> more_capabilities = {
    "CAP_DAC_READ_SEARCH", "CAP_LINUX_IMMUTABLE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",       "CAP_SYS_MODULE",      "CAP_SYS_RAWIO",     "CAP_SYS_PTRACE",   "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",       "CAP_SYS_BOOT",        "CAP_SYS_NICE",      "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",  "CAP_LEASE",           "CAP_AUDIT_CONTROL", "CAP_SYSLOG",       "CAP_WAKE_ALARM"};

// /etc/hosts and /etc/resolv.conf of a host are a few KiB; with lists of blocked names megabytes.
constexpr std::uint64_t names_bytes = 16 * limits::mib;

std::string path_of(const fs::Dir& dir) { return fmt::format("/proc/self/fd/{}", dir.fd()); }

std::string read_if_there(const char* path) {
  const fs::Fd file(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  return file ? fs::read_file(file, names_bytes, path) : std::string();
}

// Everything that a step is mounted.
class Mounts {
 public:
  Mounts(const ChildOrder& order, const fs::Dir& run)
      : order_(order), run_(run), private_(run.make_dir("private", 0700)) {
    // Secrets never reach a disk.
    if (::mount("tmpfs", path_of(private_).c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") != 0)
      throw_errno(errno, "a tmpfs for the step");
    private_ = run.open_dir("private");
  }

  std::vector<rootfs::Mount> all() {
    std::string hosts = order_.host_network ? read_if_there("/etc/hosts") : std::string();
    if (hosts.empty()) hosts = "127.0.0.1\tlocalhost\n::1\tlocalhost\n";
    if (!hosts.ends_with('\n')) hosts += '\n';
    for (const auto& line : order_.hosts) hosts += line + "\n";
    for (const auto& mount : order_.mounts) {
      StepMount full = mount;
      if (mount.kind == StepMount::Kind::file && mount.source == own_hosts) full.content = hosts;
      if (mount.kind == StepMount::Kind::file && mount.source == own_resolv_conf)
        full.content = read_if_there("/etc/resolv.conf");
      add(full);
    }
    return std::move(mounts_);
  }

 private:
  void add(const StepMount& mount) {
    switch (mount.kind) {
      case StepMount::Kind::directory:
        return bind(mount.target, mount.read_only ? mount.source : throw_away(mount.source), mount.read_only);
      case StepMount::Kind::cache:
        return bind(mount.target, mount.source, mount.read_only);
      case StepMount::Kind::socket:
        return bind(mount.target, mount.source, false);
      case StepMount::Kind::file:
        return bind(mount.target, file(mount), true);
      case StepMount::Kind::tmpfs: {
        std::vector<std::string> options = {"nosuid", "nodev"};
        if (mount.size != 0) options.push_back(fmt::format("size={}", mount.size));
        mounts_.push_back({mount.target, "tmpfs", "tmpfs", std::move(options)});
        return;
      }
    }
    throw Error(Kind::internal, "a mount of no known sort");
  }

  void bind(const std::string& target, const std::string& source, bool read_only) {
    std::vector<std::string> options = {"rbind", "rprivate"};
    if (read_only) options.emplace_back("ro");
    // In a user namespace the flags of a mount of the host are locked: leaving them out would be refused.
    struct statvfs flags = {};
    if (::statvfs(source.c_str(), &flags) != 0) throw_errno(errno, quote(source));
    if ((flags.f_flag & ST_NOSUID) != 0) options.emplace_back("nosuid");
    if ((flags.f_flag & ST_NODEV) != 0) options.emplace_back("nodev");
    if ((flags.f_flag & ST_NOEXEC) != 0) options.emplace_back("noexec");
    mounts_.push_back({target, "bind", source, std::move(options)});
  }

  std::string next() { return std::to_string(++count_); }

  std::string file(const StepMount& mount) {
    const std::string name = next();
    const fs::Fd made = fs::create_file(private_, name);
    std::string_view rest = mount.content;
    while (!rest.empty()) {
      const ssize_t n = ::write(made.get(), rest.data(), rest.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) throw_errno(errno, "a file for the step");
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
    // Where nobody else exists it is root's.
    if (!order_.one_id && ::fchown(made.get(), mount.uid, mount.gid) != 0)
      throw_errno(errno, "giving a file of the step to its user");
    fs::set_mode(made, mount.mode);
    return order_.directory + "/private/" + name;
  }

  // What looks like `source`, and can be written to without anybody ever seeing it.
  std::string throw_away(const std::string& source) {
    const std::string name = "throw-away-" + next();
    const std::string path = order_.directory + "/" + name;
    const auto dir = run_.make_dir(name, 0700);
    struct stat found = {};
    if (::stat(source.c_str(), &found) != 0) throw_errno(errno, quote(source));
    if (!S_ISDIR(found.st_mode)) {
      const auto from = std::make_shared<const fs::Fd>(::open(source.c_str(), O_RDONLY | O_CLOEXEC));
      if (!*from) throw_errno(errno, quote(source));
      const fs::Fd to = fs::create_file(dir, "file");
      fs::FileSource bytes(from, 0, static_cast<std::uint64_t>(found.st_size), source);
      fs::HoleSink sink(to);
      copy(bytes, sink);
      sink.finish();
      fs::set_mode(to, found.st_mode & 07777u);
      return path + "/file";
    }
    for (const char* each : {"upper", "work", "merged"}) dir.make_dir(each, 0700);
    const std::vector<fs::Dir> lowers = [&] {
      std::vector<fs::Dir> one;
      one.push_back(fs::Dir::open(source));
      return one;
    }();
    if (rootfs::mount_overlay({.lowers = &lowers,
                               .upper = dir.open_dir("upper"),
                               .work = dir.open_dir("work"),
                               .target = dir.open_dir("merged"),
                               .in_user_namespace = order_.in_user_namespace}) != 0)
      rootfs::copy_tree(Context{}, lowers.front(), dir.open_dir("merged"), dir.open_dir("work"));
    return path + "/merged";
  }

  const ChildOrder& order_;
  const fs::Dir& run_;
  fs::Dir private_;
  std::vector<rootfs::Mount> mounts_;
  unsigned count_ = 0;
};

// Can a runtime have processes of a container counted?
bool have_pids_controller() {
  if (::access("/sys/fs/cgroup/pids", F_OK) == 0) return true;
  const auto words = split(read_if_there("/sys/fs/cgroup/cgroup.controllers"), ' ');
  for (const auto& word : words) {
    if (word == "pids" || word == "pids\n") return true;
  }
  return false;
}

// Since Linux 6.14 a pid namespace has a limit of its own, which costs nothing and which the root of a user
// namespace may set, too. Before, the same file was everybody's: nobody writes to it then.
bool limit_processes() {
  struct utsname name = {};
  if (::getpid() != 1 || ::uname(&name) != 0) return false;
  const auto release = split(name.release, '.');
  if (release.size() < 2) return false;
  const auto major = parse_number(release[0]);
  const auto minor =
      parse_number(std::string_view(release[1]).substr(0, release[1].find_first_not_of("0123456789")));
  if (!major || !minor || *major < 6 || (*major == 6 && *minor < 14)) return false;
  const fs::Fd file(::open("/proc/sys/kernel/pid_max", O_WRONLY | O_CLOEXEC));
  const std::string text = std::to_string(limits::step_processes);
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::string config_of(const ChildOrder& order, const fs::Dir& run) {
  spec::Config config;
  config.platform.os = "linux";
  config.env = order.environment;
  config.cmd = order.arguments;
  config.working_dir = order.working_directory;
  config.user = order.user;
  rootfs::Wishes wishes;
  wishes.network = order.host_network ? rootfs::Network::host : rootfs::Network::none;
  wishes.hostname = order.hostname.empty() ? "buildkitsandbox" : order.hostname;
  wishes.rootless = order.in_user_namespace;
  wishes.mounts = Mounts(order, run).all();
  wishes.capabilities = capabilities;
  wishes.unmasked = order.insecure;
  wishes.pretend_ids = wishes.one_id = order.one_id;
  if (order.insecure)
    wishes.capabilities.insert(wishes.capabilities.end(), more_capabilities.begin(), more_capabilities.end());
  // The other way takes 70 ms (runc 1.1, hybrid cgroups), three times as much as all the rest.
  if (!limit_processes() && !order.in_user_namespace && have_pids_controller())
    wishes.most_processes = limits::step_processes;
  return rootfs::runtime_config(config, run.open_dir("bundle/rootfs"), wishes);
}

void write_config(const ChildOrder& order, const fs::Dir& run) {
  fs::TempFile file = fs::TempFile::in(run.open_dir("bundle"), 0600);
  file.write(as_bytes(config_of(order, run)));
  std::move(file).publish("config.json", fs::TempFile::Existing::replace, false);
}

ChildAnswer run_order(const ChildOrder& order) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != order.parent) throw Error(Kind::cancelled, "the build is gone");
  rootfs::Container container{.id = order.id, .root = {}, .directory = order.directory};
  container.in_user_namespace = order.in_user_namespace;
  container.runtimes = order.runtimes;
  container.lowers = order.lowers;
  container.keeps_directory = true;
  container.prepare = [&](const fs::Dir& run) { write_config(order, run); };
  const auto ended = rootfs::watch_over(container, [](std::string_view) {});
  return {.code = ended.code, .message = ended.message, .hint = ended.hint};
}

}  // namespace

int run_step_child(const std::string& text) {
  for (const int fd : {answer_fd, held_fd}) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  ChildAnswer answer;
  try {
    answer = run_order(parse_order(text));
  } catch (const Error& error) {
    answer = {.code = 125, .message = error.what(), .hint = error.hint(), .kind = error.kind()};
  }
  const std::string said = render(answer);
  (void)!::write(answer_fd, said.data(), said.size());
  return answer.code;
}

}  // namespace stave::build
