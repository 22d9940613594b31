// Running a RUN: a process over the file system that the layers so far make, and
// what it changed there as a changeset.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/base/context.h"
#include "stave/hash/digest.h"
#include "stave/layer/changeset.h"
#include "stave/layer/stack.h"
#include "stave/layer/tree.h"
#include "stave/spec/spec.h"

namespace stave::build {

// What a step is mounted, all parsed and looked up. `target` is absolute, in the container.
struct StepMount {
  enum class Kind : std::uint8_t {
    directory,  // `source` on this host, read-only or with writes that are thrown away
    cache,      // `source` on this host, written to; held under its lock for `locked`
    tmpfs,      // of `size` bytes
    file,       // `content`, on a private tmpfs: a secret
    socket      // `source` on this host: ssh
  };
  Kind kind = Kind::directory;
  std::string source = {};
  std::string target = {};
  bool read_only = true;
  std::uint64_t size = 0;
  std::string content = {};
  std::uint32_t mode = 0400;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

struct StepOrder {
  const layer::Stack* stack = nullptr;  // the layers so far, the lowest first, each with its diff_id
  std::size_t base_layers = 0;          // how many of them the base image had
  const layer::Tree* tree = nullptr;    // what they make
  spec::Platform platform;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  // "NAME=value", all of it; secrets too
  std::string working_directory;         // absolute; made if it is not there
  std::string user;                      // as Config.User
  bool host_network = true;              // else none but a loopback
  bool insecure = false;
  std::vector<StepMount> mounts;
  std::optional<std::int64_t> newest_mtime;  // SOURCE_DATE_EPOCH
  std::uint64_t timeout_seconds = 0;         // 0: none
  std::string hostname;                      // empty: "buildkitsandbox"
  std::vector<std::string> hosts;            // "1.2.3.4 name": lines more of /etc/hosts
  std::function<void(std::string_view)> output;
};

// What a step did. `changes` reads its contents below `directory` of the cache until `keeps` is dropped.
struct StepDone {
  int exit_code = 0;
  layer::Changeset changes;
  std::shared_ptr<const void> keeps;
};

class Runner {
 public:
  virtual ~Runner() = default;
  // Runs it. An exit code other than 0 is an answer; Kind::denied, with the reason, where this host cannot;
  // Kind::limit when the time was up. Nothing is left mounted or running in any case. May be called from
  // several threads.
  virtual StepDone run(const Context& context, const StepOrder& order) = 0;
  // A step's changes became the layer `diff_id` on top of `below`: what is on the disk serves as that layer
  // for the steps to come.
  virtual void keep(const StepDone& done, const std::vector<Digest>& below, const Digest& diff_id) = 0;
};

// Where and with what. `words` starts the program anew as one without threads, which then calls
// `run_step_child` with what it reads on standard input: how the command line does that is its own business.
struct RunnerGround {
  std::string cache;    // directory of the cache
  std::string runtime;  // name or path wanted; empty: any
  std::string search_path;
  std::vector<std::string> words;
  std::vector<std::string> environment;
  bool in_user_namespace = false;  // this process is root of one that it entered
  bool one_id = false;             // and nobody else is mapped there
  std::string ids;                 // Ids::str of it; empty: none
};

// Throws Kind::not_found or Kind::denied, with what to do, where no RUN can work: before step 1.
std::unique_ptr<Runner> make_runner(const RunnerGround& ground, const Context& context);
// The part of the step that runs in a process of its own: sets up mounts, runs the runtime, gives the exit
// code of the process; `order` is what the runner wrote.
int run_step_child(const std::string& order);

}  // namespace stave::build
