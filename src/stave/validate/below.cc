// Below: a tree of names.

#include "stave/validate/below.h"

#include "stave/layer/path.h"

namespace stave::validate {
namespace {

// Takes the first component off `path`.
std::string_view take_name(std::string_view& path) {
  const auto slash = path.find('/');
  const auto name = path.substr(0, slash);
  path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  return name;
}

}  // namespace

template <class Any>
Any* Below::node_at(Any* node, std::string_view path) {
  while (!path.empty()) {
    const auto found = node->children.find(take_name(path));
    if (found == node->children.end()) return nullptr;
    node = found->second.get();
  }
  return node;
}

std::optional<tar::Type> Below::find(std::string_view path) const {
  const Node* node = node_at(&root_, path);
  return node == nullptr ? std::nullopt : std::optional(node->type);
}

std::optional<std::string> Below::symlink_above(std::string_view path) const {
  std::optional<std::string> nearest;
  const std::string_view whole = path;
  const Node* node = &root_;
  for (take_name(path); !path.empty(); take_name(path)) {
    const auto above = whole.substr(0, whole.size() - path.size() - 1);
    const auto found = node->children.find(layer::basename(above));
    if (found == node->children.end()) break;
    node = found->second.get();
    if (node->type == tar::Type::symlink) nearest = std::string(above);
  }
  return nearest;
}

void Below::put(std::string_view path, tar::Type type) {
  if (path.empty()) return;
  Node* node = &root_;
  while (!path.empty()) {
    const auto name = take_name(path);
    auto found = node->children.find(name);
    if (found == node->children.end())
      found = node->children.emplace(std::string(name), std::make_unique<Node>()).first;
    node = found->second.get();
  }
  node->type = type;
  if (type != tar::Type::directory) node->children.clear();
}

void Below::remove(std::string_view path) {
  if (path.empty()) return remove_inside(path);
  Node* parent = node_at(&root_, layer::parent(path));
  if (parent == nullptr) return;
  const auto found = parent->children.find(layer::basename(path));
  if (found != parent->children.end()) parent->children.erase(found);
}

void Below::remove_inside(std::string_view path) {
  Node* node = node_at(&root_, path);
  if (node != nullptr) node->children.clear();
}

}  // namespace stave::validate
