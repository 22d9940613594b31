// From an image's config to a runtime's (image-spec, conversion.md; runtime-spec
// 1.2, config.md): how a container of this image is run.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stave/fs/fs.h"
#include "stave/rootfs/userns.h"
#include "stave/spec/spec.h"

namespace stave::rootfs {

struct Volume {
  std::string source;       // absolute host path
  std::string destination;  // absolute, in the container
  bool read_only = false;
};

// A mount of any sort, as the runtime is told of it (runtime-spec, config.md, "Mounts").
struct Mount {
  std::string destination;  // absolute, in the container
  std::string type;         // "bind", "tmpfs"
  std::string source;
  std::vector<std::string> options = {};
};

enum class Network : std::uint8_t { host, none };

// What is wanted beside, or instead of, what the image says.
struct Wishes {
  std::vector<std::string> arguments = {};                  // instead of Cmd
  std::optional<std::vector<std::string>> entrypoint = {};  // instead of Entrypoint; Cmd is dropped then
  std::vector<std::string> env = {};                        // "NAME=value", over the image's
  std::optional<std::string> workdir = {};
  std::optional<std::string> user = {};  // as Config.User
  std::vector<Volume> volumes = {};
  Network network = Network::none;
  bool terminal = false;
  bool read_only = false;
  std::string hostname = {};  // empty: "stave"
  bool rootless = false;      // for a user namespace: no sysfs of its own, no cgroup, no devices
  // A user namespace that the runtime is to make, for a bundle that an ordinary user runs; none: it is
  // started as the root that there is.
  std::optional<Ids> user_namespace = {};
  std::vector<Mount> mounts = {};              // behind the volumes, in this order
  std::vector<std::string> capabilities = {};  // instead of the usual ones
  bool unmasked = false;                       // nothing of /proc and /sys is hidden or read-only
  // Whoever is not there can be changed to, and be given files: the calls do nothing and succeed (seccomp).
  bool pretend_ids = false;
  std::uint64_t most_processes = 0;  // 0: as the host has it. Needs a cgroup with the controller pids
  bool one_id = false;               // nobody but uid and gid 0 exists: no other user, no additional groups
};

// The text of config.json. `root` is the image's root file system, in which names of User are looked up
// (etc/passwd and etc/group, resolved inside and read with a limit). Throws Kind::invalid for a user that is
// in neither, Kind::usage for an image that says no command when none is wished, Kind::denied for another
// user than root where there is one id only, Kind::unsupported for another system than Linux.
std::string runtime_config(const spec::Config& config, const fs::Dir& root, const Wishes& wishes);

}  // namespace stave::rootfs
