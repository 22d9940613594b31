// The hidden verb that `stave run` becomes: it watches over one container. main
// starts no thread for it.

#include <fcntl.h>
#include <fmt/format.h>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/cli/verbs.h"
#include "stave/fs/fs.h"
#include "stave/rootfs/container.h"

namespace stave::cli {
namespace {

// Locks that were handed over: they end with this process, and nobody it starts gets them.
std::vector<fs::Fd> held(const Arguments& arguments) {
  std::vector<fs::Fd> locks;
  for (const auto& text : arguments.all("--hold")) {
    const auto number = parse_number(text);
    if (!number || *number < 3 || *number > 1'000'000) continue;
    const auto fd = static_cast<int>(*number);
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) locks.emplace_back(fd);
  }
  return locks;
}

int watch(const Invocation& invocation) {
  const auto& arguments = invocation.arguments;
  const auto locks = held(arguments);
  rootfs::Container container{.id = arguments.get("--id").value_or(""),
                              .root = arguments.get("--root").value_or(""),
                              .directory = arguments.get("--directory").value_or(""),
                              .in_user_namespace = arguments.has("--in-user-namespace"),
                              .terminal = arguments.has("--tty"),
                              .input = arguments.has("--interactive")};
  if (container.id.empty() || container.root.empty() || container.directory.empty())
    throw Error(Kind::usage, fmt::format("{} is for `stave run` only", watching_verb));
  for (const auto& path : arguments.all("--runtime"))
    container.runtimes.push_back({path.substr(path.rfind('/') + 1), path});

  const auto ended = rootfs::watch_over(container, [&](std::string_view line) {
    if (!invocation.quiet) invocation.surroundings.err(fmt::format("{}\n", line));
  });
  if (!ended.message.empty())
    report(invocation.surroundings, Error(Kind::unsupported, ended.message, ended.hint));
  return ended.code;
}

}  // namespace

Command watch_verb() {
  Command verb{.name = watching_verb,
               .summary = "watch over a container",
               .description = "What `stave run` becomes when everything is prepared."};
  verb.options = {
      {.names = "--id", .value = "ID", .help = "of the container"},
      {.names = "--root", .value = "DIR", .help = "the kept root file system"},
      {.names = "--directory", .value = "DIR", .help = "of this run"},
      {.names = "--hold", .value = "FD", .help = "a lock to keep", .repeatable = true},
      {.names = "--runtime", .value = "PATH", .help = "one to try", .repeatable = true},
      {.names = "--in-user-namespace", .value = "", .help = "root is not the host's"},
      {.names = "-i,--interactive", .value = "", .help = "pass on standard input"},
      {.names = "-t,--tty", .value = "", .help = "give it the terminal on standard input"},
  };
  verb.run = [](const Invocation& invocation) {
    try {
      return watch(invocation);
    } catch (const Error& error) {
      report(invocation.surroundings, error);
      return 125;
    }
  };
  verb.hidden = true;
  return verb;
}

}  // namespace stave::cli
