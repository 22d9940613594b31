// Programs that are not there.

#include "stave/rootfs/foresee.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/json/json.h"

namespace stave::rootfs {
namespace {

using Why = runtime::Refusal::Why;

// "/a/./b/../c" without its first slash. The kernel resolves ".." of a symlink otherwise; then this looks at
// the wrong place, so it is not answered for.
std::optional<std::string> relative(std::string_view path) {
  std::string clean;
  for (const auto& part : split(path, '/')) {
    if (part == "..") return std::nullopt;
    if (part.empty() || part == ".") continue;
    if (!clean.empty()) clean += '/';
    clean += part;
  }
  return clean;
}

// Only an image without volumes is known in full. What every container has mounted holds no programs.
bool has_volumes(const json::Value& config) {
  const auto& mounts = config["mounts"];
  return std::any_of(mounts.begin(), mounts.end(), [](const json::Value& mount) {
    const auto& where = mount["destination"].get_ref<const std::string&>();
    const bool usual = where.starts_with("/proc") || where.starts_with("/dev") || where.starts_with("/sys") ||
                       where == "/etc/resolv.conf" || where == "/etc/hosts";
    return !usual;
  });
}

std::vector<std::string> candidates(const json::Value& process, const std::string& program) {
  const auto& cwd = process["cwd"].get_ref<const std::string&>();
  if (program.starts_with('/')) return {program};
  if (program.find('/') != std::string::npos) return {cwd + "/" + program};
  std::vector<std::string> paths;
  for (const auto& variable : process["env"]) {
    const auto& text = variable.get_ref<const std::string&>();
    if (!text.starts_with("PATH=")) continue;
    for (const auto& directory : split(std::string_view(text).substr(5), ':'))
      paths.push_back((directory.starts_with('/') ? directory : cwd + "/" + directory) + "/" + program);
  }
  return paths;
}

// nullopt if it can be executed, or if that cannot be told.
std::optional<Why> look_at(const fs::Dir& root, const std::string& path) {
  const auto place = relative(path);
  if (!place) return std::nullopt;
  try {
    const fs::Fd file = root.open_in_root(*place);
    if ((fs::stat(file).mode & 0111) == 0) return Why::not_executable;
  } catch (const Error& error) {
    if (error.kind() == Kind::not_found) return Why::no_program;
    if (error.kind() == Kind::invalid) return Why::not_executable;  // a directory
  }
  return std::nullopt;
}

}  // namespace

std::optional<runtime::Refusal> foresee_refusal(std::string_view text, const fs::Dir& root) {
  const auto config = json::parse(text, "config.json");
  if (has_volumes(config)) return std::nullopt;
  const auto& process = config["process"];
  const auto& program = process["args"][0].get_ref<const std::string&>();
  Why why = Why::no_program;
  for (const auto& path : candidates(process, program)) {
    const auto refused = look_at(root, path);
    if (!refused) return std::nullopt;
    if (*refused == Why::not_executable) why = *refused;
  }
  if (why == Why::not_executable)
    return runtime::Refusal{why, fmt::format("{} of the image is not executable", quote(program))};
  return runtime::Refusal{why, fmt::format("the image has no program {}", quote(program))};
}

}  // namespace stave::rootfs
