// config.json. What every container gets is fixed here, what the image says is
// converted as conversion.md of the image-spec has it, and what is wished goes
// on top. Nothing depends on the host: the same image and wishes give the same bytes.

#include "stave/rootfs/runtime_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/json/json.h"
#include "stave/rootfs/user.h"

namespace stave::rootfs {
namespace {

// Nothing here needs more than this version of the runtime-spec, and crun before 1.9 takes no other minor
// one.
constexpr std::string_view oci_version = "1.0.2";

// Where programs are looked for when the image does not say: what Docker, podman and `runc spec` give.
constexpr std::string_view default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// What root of a container may do: podman's list, which is containerd's without CAP_MKNOD, CAP_NET_RAW and
// CAP_AUDIT_WRITE.
const std::vector<std::string> capabilities = {
    "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FOWNER",  "CAP_FSETID", "CAP_KILL",      "CAP_NET_BIND_SERVICE",
    "CAP_SETFCAP", "CAP_SETGID",       "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"};

// Files of the host's kernel that are no container's business (`runc spec`, and what podman hides besides).
const std::vector<std::string> masked_paths = {"/proc/acpi",          "/proc/asound",
                                               "/proc/kcore",         "/proc/keys",
                                               "/proc/latency_stats", "/proc/sched_debug",
                                               "/proc/scsi",          "/proc/timer_list",
                                               "/proc/timer_stats",   "/sys/devices/virtual/powercap",
                                               "/sys/firmware",       "/sys/fs/selinux"};
const std::vector<std::string> readonly_paths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                                 "/proc/sysrq-trigger"};

// A text of an image or a person that goes into a process: a NUL would cut it short, and JSON holds UTF-8
// only.
std::string checked(std::string text, std::string_view what) {
  if (text.find('\0') != std::string::npos || !is_utf8(text)) {
    throw Error(Kind::invalid, fmt::format("{} {} is not UTF-8, or holds a NUL", what, quote(text)));
  }
  return text;
}

std::vector<std::string> arguments_of(const spec::Config& config, const Wishes& wishes) {
  std::vector<std::string> arguments =
      wishes.entrypoint ? *wishes.entrypoint : config.entrypoint.value_or(std::vector<std::string>{});
  // Another entrypoint has no use for the arguments of the image's own (Docker's rule).
  const auto& rest =
      !wishes.arguments.empty() || wishes.entrypoint || !config.cmd ? wishes.arguments : *config.cmd;
  arguments.insert(arguments.end(), rest.begin(), rest.end());
  if (arguments.empty() || arguments[0].empty()) {
    throw Error(Kind::usage, "the image does not say what to run", "name a command behind the image");
  }
  for (const auto& argument : arguments) checked(argument, "the argument");
  return arguments;
}

std::string_view name_of(std::string_view variable) { return variable.substr(0, variable.find('=')); }

// Of a name given twice the last value counts, at the place of the first.
void set_variable(std::vector<std::string>& env, const std::string& variable) {
  const std::size_t equals = checked(variable, "the environment variable").find('=');
  if (equals == std::string::npos || equals == 0) {
    throw Error(Kind::invalid, fmt::format("the environment variable {} is no NAME=value", quote(variable)));
  }
  for (auto& existing : env) {
    if (name_of(existing) == name_of(variable)) {
      existing = variable;
      return;
    }
  }
  env.push_back(variable);
}

void default_variable(std::vector<std::string>& env, std::string_view name, std::string_view value) {
  if (std::any_of(env.begin(), env.end(), [&](const std::string& each) { return name_of(each) == name; }))
    return;
  env.push_back(fmt::format("{}={}", name, value));
}

std::vector<std::string> environment_of(const spec::Config& config, const Wishes& wishes, const User& user) {
  std::vector<std::string> env;
  for (const auto& variable : config.env) set_variable(env, variable);
  for (const auto& variable : wishes.env) set_variable(env, variable);
  default_variable(env, "PATH", default_path);
  default_variable(env, "HOME", checked(user.home, "the home directory"));
  if (wishes.terminal) default_variable(env, "TERM", "xterm");
  return env;
}

std::string workdir_of(const spec::Config& config, const Wishes& wishes) {
  std::string workdir = checked(wishes.workdir.value_or(config.working_dir), "the working directory");
  if (workdir.starts_with('/')) return workdir;
  if (wishes.workdir) {
    throw Error(Kind::usage, fmt::format("the working directory {} is not absolute", quote(workdir)),
                "it is a path in the container, such as /srv");
  }
  return "/" + workdir;  // config.md does not require a leading slash; Docker reads it so
}

User user_of(const spec::Config& config, const fs::Dir& root, const Wishes& wishes) {
  User user = find_user(wishes.user.value_or(config.user), root);
  if (!wishes.one_id) return user;
  if (wishes.pretend_ids) user = {.home = user.home};
  if (user.uid != 0 || user.gid != 0) {
    throw Error(Kind::denied,
                fmt::format("user {}: there is no id for it: without a subordinate range the only user of a "
                            "container is root, which is you",
                            quote(wishes.user.value_or(config.user))),
                "run it with `--user 0`, or have an administrator give you a range: `usermod --add-subuids "
                "100000-165535 --add-subgids 100000-165535 NAME`");
  }
  user.groups.clear();
  return user;
}

std::string print_process(const spec::Config& config, const fs::Dir& root, const Wishes& wishes) {
  const User user = user_of(config, root, wishes);
  json::Object who;
  who.number("uid", user.uid);
  who.number("gid", user.gid);
  who.number("umask", 022);
  if (!user.groups.empty()) {
    std::vector<std::string> groups;
    for (const auto gid : user.groups) groups.push_back(std::to_string(gid));
    who.text("additionalGids", json::print_array(groups));
  }
  json::Object capable;
  const auto& allowed = wishes.capabilities.empty() ? capabilities : wishes.capabilities;
  capable.text("bounding", json::print_strings(allowed));
  // Somebody else than root has none until a program with file capabilities or setuid gives them. None are
  // inheritable or ambient, so no program gets them unasked (CVE-2022-24769).
  if (user.uid == 0) {
    capable.text("effective", json::print_strings(allowed));
    capable.text("permitted", json::print_strings(allowed));
  }

  json::Object process;
  if (wishes.terminal) process.boolean("terminal", true);
  process.text("user", std::move(who).finish());
  process.text("args", json::print_strings(arguments_of(config, wishes)));
  process.text("env", json::print_strings(environment_of(config, wishes, user)));
  process.string("cwd", workdir_of(config, wishes));
  process.text("capabilities", std::move(capable).finish());
  // Setuid programs of the image (su, sudo) work as their authors meant, as in podman and docker.
  process.boolean("noNewPrivileges", false);
  return std::move(process).finish();
}

std::string print_mount(std::string_view destination, std::string_view type, std::string_view source,
                        const std::vector<std::string>& options) {
  json::Object mount;
  mount.string("destination", destination);
  mount.string("type", type);
  mount.string("source", source);
  mount.strings_unless_empty("options", options);
  return std::move(mount).finish();
}

// What programs on Linux expect (runtime-spec, config-linux.md, "Default Filesystems"), as `runc spec` and
// `runc spec --rootless` have it.
std::vector<std::string> system_mounts(bool rootless) {
  std::vector<std::string> pts = {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"};
  if (!rootless) pts.emplace_back("gid=5");  // the group tty, which a user namespace may lack
  std::vector<std::string> mounts = {
      print_mount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}),
      print_mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
      print_mount("/dev/pts", "devpts", "devpts", pts),
      print_mount("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}),
      print_mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"})};
  if (rootless) {
    // The kernel gives a sysfs only to who owns the network namespace.
    mounts.push_back(print_mount("/sys", "bind", "/sys", {"rbind", "nosuid", "noexec", "nodev", "ro"}));
  } else {
    mounts.push_back(print_mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}));
    mounts.push_back(
        print_mount("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}));
  }
  return mounts;
}

// A mount point as "/a/b". What is wrong with it the runtime would say less clearly, or not at all.
std::string mount_point(const std::string& path, Kind kind) {
  std::string clean;
  bool climbs = false;
  for (const auto& part : split(checked(path, "the volume"), '/')) {
    climbs = climbs || part == "..";
    if (!part.empty() && part != ".") clean += "/" + part;
  }
  if (!path.starts_with('/') || climbs || clean.empty()) {
    throw Error(kind, fmt::format("the volume {} is no absolute path below /, without ..", quote(path)));
  }
  return clean;
}

// Volumes in the order of their paths, so that one inside another is mounted after it.
std::vector<std::string> volume_mounts(const spec::Config& config, const Wishes& wishes) {
  std::map<std::string, std::string> mounts;
  // Empty directories would hide what the image has there; tmpcopyup (runtime-spec 1.1, config.md, "Linux
  // mount options"; runc and crun have it for longer) copies it first.
  for (const auto& [path, value] : config.volumes) {
    const auto where = mount_point(path, Kind::invalid);
    mounts[where] = print_mount(where, "tmpfs", "tmpfs", {"nosuid", "nodev", "relatime", "tmpcopyup"});
  }
  for (const auto& volume : wishes.volumes) {
    const auto where = mount_point(volume.destination, Kind::usage);
    std::vector<std::string> options = {"rbind", "rprivate"};
    if (volume.read_only) options.emplace_back("ro");
    mounts[where] = print_mount(where, "bind", checked(volume.source, "the volume"), options);
  }
  std::vector<std::string> ordered;
  for (auto& [where, mount] : mounts) ordered.push_back(std::move(mount));
  return ordered;
}

// conversion.md, "Annotation Fields": a label of the same name wins.
std::map<std::string, std::string> annotations_of(const spec::Config& config) {
  std::map<std::string, std::string> annotations = config.labels;
  annotations.erase("");  // the runtime-spec allows no empty name
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) annotations.emplace(fmt::format("org.opencontainers.image.{}", name), value);
  };
  std::vector<std::string> ports;
  for (const auto& [port, value] : config.exposed_ports) ports.push_back(port);
  add("os", config.platform.os);
  add("os.version", config.platform.os_version);
  add("os.features", join(config.platform.os_features, ","));
  add("architecture", config.platform.architecture);
  add("variant", config.platform.variant);
  add("author", config.author);
  add("created", config.created);
  add("stopSignal", config.stop_signal);
  add("exposedPorts", join(ports, ","));
  return annotations;
}

std::string print_map(const std::vector<IdRange>& ranges) {
  std::vector<std::string> lines;
  for (const auto& range : ranges) {
    json::Object line;
    line.number("containerID", range.inside);
    line.number("hostID", range.outside);
    line.number("size", range.count);
    lines.push_back(std::move(line).finish());
  }
  return json::print_array(lines);
}

// Where nobody else exists, the calls that give a file or a process to somebody fail, and with them adduser,
// su and every package manager. Answered with 0 they do nothing. (capset as well: sudo and su drop what they
// need no more.)
std::string print_pretence() {
  json::Object rule;
  rule.text("names", json::print_strings(
                         {"chown",       "chown32",   "fchown",      "fchown32",  "lchown",      "lchown32",
                          "fchownat",    "setuid",    "setuid32",    "setgid",    "setgid32",    "setreuid",
                          "setreuid32",  "setregid",  "setregid32",  "setresuid", "setresuid32", "setresgid",
                          "setresgid32", "setgroups", "setgroups32", "setfsuid",  "setfsuid32",  "setfsgid",
                          "setfsgid32",  "capset"}));
  rule.string("action", "SCMP_ACT_ERRNO");
  rule.number("errnoRet", 0);
  json::Object seccomp;
  seccomp.string("defaultAction", "SCMP_ACT_ALLOW");
  seccomp.text("syscalls", json::print_array({std::move(rule).finish()}));
  return std::move(seccomp).finish();
}

std::string print_linux(const Wishes& wishes) {
  std::vector<std::string> kinds = {"pid", "ipc", "uts", "mount"};
  if (wishes.network == Network::none) kinds.emplace_back("network");
  if (!wishes.rootless) kinds.emplace_back("cgroup");
  if (wishes.user_namespace) kinds.emplace_back("user");
  std::vector<std::string> namespaces;
  for (const auto& kind : kinds) {
    json::Object one;
    one.string("type", kind);
    namespaces.push_back(std::move(one).finish());
  }
  json::Object on_linux;
  if (wishes.user_namespace) {
    on_linux.text("uidMappings", print_map(wishes.user_namespace->uids));
    on_linux.text("gidMappings", print_map(wishes.user_namespace->gids));
  }
  if (!wishes.rootless) {
    // No device but those that every container has (config-linux.md, "Default Devices").
    json::Object resources;
    resources.text("devices", R"([{"allow":false,"access":"rwm"}])");
    if (wishes.most_processes != 0)
      resources.text("pids", fmt::format(R"({{"limit":{}}})", wishes.most_processes));
    on_linux.text("resources", std::move(resources).finish());
  }
  on_linux.text("namespaces", json::print_array(namespaces));
  if (wishes.pretend_ids) on_linux.text("seccomp", print_pretence());
  if (!wishes.unmasked) {
    on_linux.text("maskedPaths", json::print_strings(masked_paths));
    on_linux.text("readonlyPaths", json::print_strings(readonly_paths));
  }
  return std::move(on_linux).finish();
}

}  // namespace

std::string runtime_config(const spec::Config& config, const fs::Dir& root, const Wishes& wishes) {
  if (config.platform.os != "linux") {
    throw Error(Kind::unsupported,
                fmt::format("an image for {} cannot be run here", quote(config.platform.os)),
                "only those for linux can");
  }
  auto mounts = system_mounts(wishes.rootless);
  for (auto& mount : volume_mounts(config, wishes)) mounts.push_back(std::move(mount));
  for (const auto& mount : wishes.mounts) {
    mounts.push_back(print_mount(mount_point(mount.destination, Kind::usage), mount.type,
                                 checked(mount.source, "the mount"), mount.options));
  }

  json::Object root_object;
  root_object.string("path", "rootfs");
  root_object.boolean("readonly", wishes.read_only);
  json::Object object;
  object.string("ociVersion", oci_version);
  object.text("process", print_process(config, root, wishes));
  object.text("root", std::move(root_object).finish());
  object.string("hostname", wishes.hostname.empty() ? "stave" : wishes.hostname);
  object.text("mounts", json::print_array(mounts));
  object.string_map_unless_empty("annotations", annotations_of(config));
  object.text("linux", print_linux(wishes));
  return json::print_pretty(json::parse(std::move(object).finish(), "config.json")) + "\n";
}

}  // namespace stave::rootfs
