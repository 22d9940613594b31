// A container: one process over a root file system, through an OCI runtime, in
// namespaces that end with whoever watches over it. Nothing of it can outlive
// the watching process, whatever kills that.
//
// Two processes do it. The first (which called `watch_over`) passes on signals and cleans up. The second is
// the first one of a pid namespace and has a mount namespace of its own: it mounts the root file system and
// starts the runtime. When the first dies the kernel kills the second (PR_SET_PDEATHSIG), with the second
// everything in its pid namespace (pid_namespaces(7)), and with the last of them the mounts are gone.

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/fs/fs.h"
#include "stave/runtime/runtime.h"

namespace stave::rootfs {

inline constexpr std::string_view no_overlay = "the kernel refuses an overlay here";

struct Container {
  std::string id;
  std::string root;       // a kept tree, which is not written to
  std::string directory;  // of this run (run_directory.h)
  bool in_user_namespace = false;
  bool terminal = false;                        // standard input is one, and the container gets one
  bool input = false;                           // standard input is passed on; else it is /dev/null
  std::vector<runtime::Runtime> runtimes = {};  // tried in this order
  // (`root` may be empty: the root file system is in `directory`/bundle/rootfs already.)
  // Trees in overlay form to lie on top of each other, the topmost first, instead of `root`. Without an
  // overlay it ends with 125 and `no_overlay` in its message then.
  std::vector<std::string> lowers = {};
  // Called in the mount namespace when the root file system is there, in `directory`, before anything runs:
  // for more mounts, and for a config.json that needs to see it.
  std::function<void(const fs::Dir& run)> prepare = {};
  bool keeps_directory = false;  // what was written there outlives the run
};

// How it ended: the exit code of the container, or 125 to 127 and why it was not started.
struct Ended {
  int code = 0;
  std::string message = {};  // empty: the container was started
  std::string hint = {};
};

// Runs it to its end. This process must have one thread, and take no signals by handlers: all are queued and
// passed on meanwhile; the second SIGINT kills. `say` is told, in a line, what somebody should know although
// it works (overlayfs was refused, so the root was copied; a runtime does not work here). Removes
// `directory`. Throws Kind::denied where the host allows no containers.
Ended watch_over(const Container& container, const std::function<void(std::string_view)>& say);

}  // namespace stave::rootfs
