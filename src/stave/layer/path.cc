// Paths inside an image.

#include "stave/layer/path.h"

#include <algorithm>

namespace stave::layer {

std::optional<std::string> clean(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const std::size_t slash = name.find('/');
    const std::string_view component = name.substr(0, slash);
    name.remove_prefix(slash == std::string_view::npos ? name.size() : slash + 1);
    if (component.empty() || component == ".") continue;
    if (component == "..") {
      if (out.empty()) return std::nullopt;
      out.resize(parent(out).size());
      continue;
    }
    if (!out.empty()) out += '/';
    out += component;
  }
  return out;
}

int compare(std::string_view a, std::string_view b) {
  const std::size_t common = std::min(a.size(), b.size());
  const std::size_t at = static_cast<std::size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(common), b.begin()).first - a.begin());
  // The end of a path sorts before everything, a '/' before every other byte.
  const auto rank = [at](std::string_view path) {
    if (at == path.size()) return -1;
    return path[at] == '/' ? 0 : static_cast<int>(static_cast<unsigned char>(path[at])) + 1;
  };
  return rank(a) - rank(b);
}

std::string_view parent(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view basename(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string join(std::string_view directory, std::string_view name) {
  if (directory.empty()) return std::string(name);
  if (name.empty()) return std::string(directory);
  std::string out(directory);
  out += '/';
  out += name;
  return out;
}

bool is_within(std::string_view path, std::string_view directory) {
  return directory.empty() ||
         (path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/'));
}

}  // namespace stave::layer
