// OCI runtimes (runc, crun): which there are, what they are told, and what they
// say when they cannot do it.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stave::runtime {

struct Runtime {
  std::string name;  // "runc"
  std::string path;
};

// Those to be tried, in this order: runc, which works where crun refuses (hybrid cgroups, low limits), then
// crun. `wanted`, unless empty, is the name or path of the only one. Throws Kind::not_found when there is
// none.
std::vector<Runtime> find_runtimes(const std::string& wanted, std::string_view search_path);

// One container, as a runtime is told of it: all of these are paths but the id.
struct Job {
  std::string id;      // of no other container on this host: it names its cgroup
  std::string bundle;  // the directory of config.json
  std::string state;   // a private directory for the runtime's own notes
  std::string log;     // what it says itself goes there, as JSON lines
};

// The command that runs the container and gives its exit code, and the one that takes away what is left of it
// after everybody was killed: a cgroup. `runc run` and `crun run` differ in nothing that is needed here.
std::vector<std::string> words_to_run(const Runtime& runtime, const Job& job);
std::vector<std::string> words_to_delete(const Runtime& runtime, const Job& job);

// Why a container was not started.
struct Refusal {
  enum class Why : std::uint8_t {
    no_program,      // what is to be run is not in the container
    not_executable,  // it is, and cannot be executed
    other            // the container could not be made
  };
  Why why = Why::other;
  std::string message;  // of the runtime's words, what tells something; safe for a terminal

  // As shells and podman have them: 127, 126, 125.
  int exit_code() const;
  // What to do about it; may be empty.
  std::string hint() const;
};

// What a log says of level error; nullopt if nothing, and so the exit code is the container's. Lines that are
// no log entries count for nothing.
std::optional<Refusal> find_refusal(std::string_view log);

}  // namespace stave::runtime
