// Programs of the host, found.

#include "stave/runtime/program.h"

#include <sys/stat.h>
#include <unistd.h>

#include "stave/base/text.h"

namespace stave::runtime {
namespace {

bool is_executable(const std::string& path) {
  struct stat found = {};
  return ::stat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

std::optional<std::string> find_program(const std::string& name, std::string_view search_path) {
  if (name.empty()) return std::nullopt;
  if (name.find('/') != std::string::npos) return is_executable(name) ? std::optional(name) : std::nullopt;
  auto directories = split(search_path, ':');
  for (const char* usual : {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}) {
    directories.emplace_back(usual);
  }
  for (const auto& directory : directories) {
    if (!directory.starts_with('/')) continue;  // what is run must not depend on where we stand
    std::string path = directory;
    path.append("/").append(name);
    if (is_executable(path)) return path;
  }
  return std::nullopt;
}

}  // namespace stave::runtime
