// What the process of a step is told, and what it answers: JSON over pipes.
// Internal to build.

#pragma once

#include <string>
#include <vector>

#include "stave/base/error.h"
#include "stave/build/runner.h"
#include "stave/runtime/runtime.h"

namespace stave::build {

// The descriptor that the answer is written to.
inline constexpr int answer_fd = 3;
// The one that is the lock of the run.
inline constexpr int held_fd = 4;

// Sources of mounts of the sort `file` whose content the process finds itself.
inline constexpr std::string_view own_hosts = "stave:hosts";
inline constexpr std::string_view own_resolv_conf = "stave:resolv.conf";

struct ChildOrder {
  int parent = 0;  // the process that must be there
  std::string id;
  std::string directory;            // of the run (rootfs::RunDirectory)
  std::vector<std::string> lowers;  // the topmost first; none: the root file system is in the directory
  std::vector<runtime::Runtime> runtimes;
  bool in_user_namespace = false;
  bool one_id = false;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::string working_directory;
  std::string user;
  bool host_network = true;
  bool insecure = false;
  std::vector<StepMount> mounts;  // targets without symlinks
  std::string hostname;
  std::vector<std::string> hosts;
};

std::string render(const ChildOrder& order);
ChildOrder parse_order(const std::string& text);

struct ChildAnswer {
  int code = 0;
  std::string message = {};  // why it was not started
  std::string hint = {};
  Kind kind = Kind::denied;
};

std::string render(const ChildAnswer& answer);
ChildAnswer parse_answer(const std::string& text);

}  // namespace stave::build
