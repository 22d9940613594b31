// Below: a sorted map, in which what is below a directory stands behind it.

#include "stave/validate/below.h"

namespace stave::validate {

std::optional<tar::Type> Below::find(std::string_view path) const {
  if (path.empty()) return tar::Type::directory;
  const auto found = entries_.find(path);
  if (found == entries_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string> Below::symlink_above(std::string_view path) const {
  for (auto above = layer::parent(path); !above.empty(); above = layer::parent(above)) {
    if (find(above) == tar::Type::symlink) return std::string(above);
  }
  return std::nullopt;
}

void Below::put(const std::string& path, tar::Type type) {
  if (path.empty()) return;
  if (type != tar::Type::directory) remove_inside(path);
  // A directory that a layer leaves out is there all the same.
  for (auto above = layer::parent(path); !above.empty() && !entries_.contains(above);
       above = layer::parent(above))
    entries_.emplace(above, tar::Type::directory);
  entries_.insert_or_assign(path, type);
}

void Below::remove(std::string_view path) {
  remove_inside(path);
  if (const auto found = entries_.find(path); found != entries_.end()) entries_.erase(found);
}

void Below::remove_inside(std::string_view path) {
  auto first = path.empty() ? entries_.begin() : entries_.upper_bound(path);
  while (first != entries_.end() && layer::is_within(first->first, path)) first = entries_.erase(first);
}

}  // namespace stave::validate
