// The nodes that a Tree is made of, shared between the tree before and after an
// edit and copied only along the way to what changes. So an unchanged subtree is
// the same pointer, and finding the changes costs only what changed.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "stave/layer/tree.h"

namespace stave::layer {

struct Tree::Node {
  std::shared_ptr<const Inode> inode;
  std::map<std::string, std::shared_ptr<Node>, std::less<>> children;  // sorted by bytes
  // The layer (Tree::layer_) in which everything of the layers below was taken out of this directory, or in
  // which it was made: there is nothing to take out of it again.
  std::uint64_t cleared_in = 0;

  Node() = default;
  Node(const Node&) = default;
  Node& operator=(const Node&) = delete;
  ~Node();  // not recursive: the depth of a tree is chosen by whoever made it

  bool is_directory() const { return inode->meta.type == Type::directory; }
  const Node* child(std::string_view name) const {
    const auto found = children.find(name);
    return found == children.end() ? nullptr : found->second.get();
  }
};

// The node at a path, no symlink followed; nullptr if there is none.
const Tree::Node* find_node(const Tree::Node& root, std::string_view path);

// Takes the first component off `path`.
std::string_view next_component(std::string_view& path);

// How a path is followed through a tree.
struct Walking {
  bool follow_last = true;
  // A file in the middle is Kind::not_found, as for a process; else what is below it counts as absent.
  bool strict = true;
  // Is this symlink followed? One that is not is a thing like any other.
  std::function<bool(std::string_view path, const Tree::Node&)> follows;
};

// The path at which one arrives; `steps` is increased by the work that it took.
std::string resolve_from(const Tree::Node& root, std::string_view path, const Walking& how,
                         std::uint64_t& steps);

}  // namespace stave::layer
