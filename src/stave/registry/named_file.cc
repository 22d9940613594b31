// Files at well-known places.

#include "stave/registry/named_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/fs/fs.h"

namespace stave::registry {
namespace {

constexpr std::uint64_t file_bytes = 1024 * 1024;

}  // namespace

std::optional<std::string> find_text(const std::string& path) {
  if (path.empty()) return std::nullopt;
  // A fifo must not stop us.
  const fs::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw_errno(errno, quote(path));
  }
  if (fs::stat(file).type == fs::FileType::directory)
    throw Error(Kind::invalid, quote(path) + " is a directory, not a file");
  // "/dev/null" is how people say "none".
  if (fs::stat(file).type != fs::FileType::regular) return std::string();
  return fs::read_file(file, file_bytes, quote(path));
}

std::vector<std::string> names_in(const std::string& directory, std::string_view ending) {
  std::vector<std::string> names;
  if (!is_directory(directory)) return names;
  for (auto& name : fs::Dir::open(directory).list()) {
    if (name.size() > ending.size() && name.ends_with(ending)) names.push_back(std::move(name));
  }
  return names;
}

bool is_directory(const std::string& path) {
  struct stat found = {};
  return !path.empty() && ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

}  // namespace stave::registry
