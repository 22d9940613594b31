// stave run: a process in a container of an image. Everything that takes long or
// can go wrong happens here; then the program becomes the one that watches over
// the container (verb_watch.cc), which must have no threads.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/cli/grounds.h"
#include "stave/cli/operand.h"
#include "stave/cli/userns.h"
#include "stave/cli/verbs.h"
#include "stave/cli/words.h"
#include "stave/rootfs/foresee.h"
#include "stave/rootfs/kept.h"
#include "stave/rootfs/run_directory.h"
#include "stave/rootfs/runtime_config.h"

namespace stave::cli {
namespace {

std::string cache_of(const Surroundings& surroundings) {
  if (const auto cache = find_cache(surroundings)) return *cache;
  throw Error(Kind::usage, "nothing says where root file systems are to be kept",
              "set HOME or XDG_CACHE_HOME to an absolute path");
}

bool exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

// "SRC:DST" or "SRC:DST:ro".
rootfs::Volume parse_volume(const std::string& text) {
  const auto parts = split(text, ':');
  const bool has_mode = parts.size() == 3 && (parts[2] == "ro" || parts[2] == "rw");
  if ((parts.size() != 2 && !has_mode) || parts[0].empty() || !parts[1].starts_with('/')) {
    throw Error(Kind::usage, fmt::format("--volume: {} is not SRC:DST or SRC:DST:ro", quote(text)),
                "DST is an absolute path in the container");
  }
  const std::string source = std::filesystem::absolute(parts[0]).lexically_normal().string();
  if (!exists(source)) {
    throw Error(Kind::not_found, fmt::format("--volume: {} does not exist", quote(parts[0])),
                "it is a file or directory of this host; make it first");
  }
  return {.source = source, .destination = parts[1], .read_only = has_mode && parts[2] == "ro"};
}

std::vector<std::string> parse_env(const Invocation& invocation) {
  std::vector<std::string> env;
  for (const auto& given : invocation.arguments.all("--env")) {
    if (given.find('=') != std::string::npos) {
      env.push_back(given);
      continue;
    }
    const auto& ours = invocation.surroundings.environment;
    if (const auto found = ours.find(given); found != ours.end()) env.push_back(given + "=" + found->second);
  }
  return env;
}

// How names are resolved on the host is how they are to be resolved in its network.
void share_names(std::vector<rootfs::Volume>& volumes) {
  for (const char* path : {"/etc/resolv.conf", "/etc/hosts"}) {
    const bool taken = std::any_of(volumes.begin(), volumes.end(), [&](const rootfs::Volume& volume) {
      return volume.destination == path || volume.destination == "/etc";
    });
    if (!taken && exists(path)) volumes.push_back({.source = path, .destination = path, .read_only = true});
  }
}

rootfs::Wishes wishes_of(const Invocation& invocation, Standing standing) {
  const auto& arguments = invocation.arguments;
  const auto& words = arguments.positionals();
  rootfs::Wishes wishes{
      .arguments = {words.begin() + 1, words.end()},
      .env = parse_env(invocation),
      .workdir = arguments.get("--workdir"),
      .user = arguments.get("--user"),
      .network = arguments.get("--network") == "none" ? rootfs::Network::none : rootfs::Network::host,
      .terminal = arguments.has("--tty"),
      .read_only = arguments.has("--read-only"),
      .rootless = standing != Standing::root,
      .one_id = standing == Standing::one_id};
  if (const auto entrypoint = arguments.get("--entrypoint")) wishes.entrypoint = parse_command(*entrypoint);
  for (const auto& volume : arguments.all("--volume")) wishes.volumes.push_back(parse_volume(volume));
  if (wishes.network == rootfs::Network::host) share_names(wishes.volumes);
  return wishes;
}

// The kernel's name for machines whose programs it hands to an emulator (binfmt_misc), as Debian and qemu
// register them.
std::string emulator_of(const std::string& architecture) {
  if (architecture == "amd64") return "x86_64";
  if (architecture == "arm64") return "aarch64";
  if (architecture == "386") return "i386";
  return architecture;
}

void check_machine(const spec::Platform& offered) {
  const auto here = this_platform();
  if (offered.os != here.os || offered.architecture == here.architecture) return;  // runtime_config refuses
  // These processors run the older programs themselves.
  if (here.architecture == "amd64" && offered.architecture == "386") return;
  if (here.architecture == "arm64" && offered.architecture == "arm") return;
  if (exists("/proc/sys/fs/binfmt_misc/qemu-" + emulator_of(offered.architecture))) return;
  throw Error(
      Kind::unsupported,
      fmt::format("the image is for {}, and this machine is {}", printable(offered.str()), here.str()),
      "choose another with --platform, or install an emulator (Debian: qemu-user-static)");
}

void check_terminal(const Invocation& invocation) {
  if (!invocation.arguments.has("--tty") || invocation.surroundings.stdin_is_terminal) return;
  throw Error(Kind::usage, "-t: standard input is no terminal", "leave -t out, or use -i alone for a pipe");
}

// A descriptor that stays open in the program this one becomes.
std::string handed_over(const fs::Fd& fd) {
  if (::fcntl(fd.get(), F_SETFD, 0) != 0) throw_errno(errno, "handing over a lock");
  return std::to_string(fd.get());
}

// Becomes the program that watches over the container.
[[noreturn]] void become_watcher(const Invocation& invocation, const rootfs::Kept& kept,
                                 const rootfs::RunDirectory& run,
                                 const std::vector<runtime::Runtime>& runtimes, Standing standing) {
  std::vector<std::string> words = {watching_verb,
                                    "--id",
                                    run.id,
                                    "--directory",
                                    run.path,
                                    "--root",
                                    kept.path,
                                    "--hold",
                                    handed_over(kept.lock),
                                    "--hold",
                                    handed_over(run.lock)};
  for (const auto& runtime : runtimes) words.insert(words.end(), {"--runtime", runtime.path});
  if (standing != Standing::root) words.emplace_back("--in-user-namespace");
  for (const char* flag : {"--tty", "--interactive", "--quiet"}) {
    if (invocation.arguments.has(flag)) words.emplace_back(flag);
  }
  invocation.surroundings.err("");  // takes a live display off the terminal
  invocation.surroundings.restart(std::move(words), invocation.surroundings.environment);
  throw Error(Kind::internal, "the program was started again and went on");
}

// A name is an image's, also where a directory or file is called the same: only an image says what to run.
Operand parse_image(const std::string& text) {
  auto operand = Operand::parse(text);
  if (operand.is == Operand::Is::image || text == "-") return operand;
  return {.is = Operand::Is::image, .text = text, .words = place::Words::parse(text)};
}

int run_container(const Invocation& invocation) {
  check_terminal(invocation);
  const auto& surroundings = invocation.surroundings;
  const auto runtimes = runtime::find_runtimes(surroundings.env("STAVE_RUNTIME").value_or(""),
                                               surroundings.env("PATH").value_or(""));
  const Standing standing = stand_as_root(invocation, Range::if_any);
  const auto wishes = wishes_of(invocation, standing);
  const auto layers =
      open_layers(invocation, parse_image(invocation.arguments.positionals()[0]), grounds_of(invocation));
  if (!layers.image) throw Error(Kind::usage, fmt::format("{} is no image", quote(layers.name)));
  check_machine(layers.image->config.platform);

  const auto& context = invocation.context;
  const std::string cache = cache_of(surroundings);
  rootfs::remove_left_over_runs(cache, runtimes);
  const auto owners = standing == Standing::one_id ? layer::Owners::aside : layer::Owners::real;
  const auto name = rootfs::name_of_kept(layers.image->config.diff_ids, owners, ids_in_use(invocation));
  const auto kept = rootfs::keep(context, cache, name, layers.stack, owners);
  const auto config = rootfs::runtime_config(layers.image->config, fs::Dir::open(kept.path), wishes);
  if (const auto refusal = rootfs::foresee_refusal(config, fs::Dir::open(kept.path))) {
    report(surroundings, Error(Kind::not_found, refusal->message, refusal->hint()));
    return refusal->exit_code();
  }
  const auto run = rootfs::make_run_directory(cache, config);
  context.check();
  become_watcher(invocation, kept, run, runtimes, standing);
}

// Whatever is stave's own failure is 125, so that it is never taken for the container's (podman's numbers).
int run_run(const Invocation& invocation) {
  try {
    return run_container(invocation);
  } catch (const Error& error) {
    const int code = report(invocation.surroundings, error);
    return error.kind() == Kind::cancelled ? code : 125;
  }
}

}  // namespace

Command run_verb() {
  Command verb{
      .name = "run",
      .summary = "run a command in a container of an image",
      .description =
          "Unpacks the image once, keeps it in the cache, and runs the command over it: what the container "
          "writes goes to an overlay that is removed at the end. The process is started by runc or crun, "
          "whichever works on this host; STAVE_RUNTIME names another. Words behind IMAGE belong to the "
          "container, also if they look like options.\n\n"
          "Root or an ordinary user may do it. A user with a range in /etc/subuid and /etc/subgid has the "
          "users of the image; without one there is only root in the container, which is the user "
          "outside.\n\n"
          "The exit code is that of the command; 125 if stave failed, 126 if the command cannot be executed, "
          "127 if there is none, 128 and the number of the signal that ended it. Signals are passed on; "
          "the second SIGINT kills. Nothing stays mounted, whatever happens to stave."};
  verb.positionals = {{.name = "IMAGE", .help = "an image in any place", .completes = Completes::image},
                      {.name = "ARG",
                       .help = "instead of the command or the arguments that the image says",
                       .least = 0,
                       .most = 0,
                       .completes = Completes::file}};
  verb.options = {
      {.names = "--platform",
       .value = "P",
       .help = "which image of several; default: this machine's",
       .completes = Completes::platform},
      {.names = "-e,--env",
       .value = "NAME[=VALUE]",
       .help = "a variable; without VALUE the one that stave has",
       .repeatable = true},
      {.names = "-v,--volume",
       .value = "SRC:DST[:ro]",
       .help = "a file or directory of this host at DST in the container",
       .repeatable = true,
       .completes = Completes::file},
      {.names = "-w,--workdir", .value = "DIR", .help = "where the command starts"},
      {.names = "-u,--user", .value = "USER[:GROUP]", .help = "who runs it: names of the image, or numbers"},
      {.names = "--entrypoint", .value = "CMD", .help = "instead of the image's; '' for none"},
      {.names = "--network",
       .value = "NET",
       .help = "host: this host's (default); none: only a loopback",
       .choices = {"host", "none"}},
      {.names = "-i,--interactive", .value = "", .help = "pass on standard input"},
      {.names = "-t,--tty", .value = "", .help = "give it the terminal on standard input"},
      {.names = "--read-only", .value = "", .help = "the root file system cannot be written to"},
  };
  verb.examples = {
      {"stave run hello:scratch world", "the image's entrypoint with an argument"},
      {"stave run -it alpine", "a shell"},
      {"stave run --env NAME=x --volume ./data:/data:ro app:2 --verbose", "--verbose is app's"},
  };
  verb.passes_on = true;
  verb.run = run_run;
  return verb;
}

}  // namespace stave::cli
