// Finding what edits changed, by comparing pointers of the tree below and the
// tree at hand; and visiting a tree. Both recurse, to limits::path_depth, with
// one path that grows and shrinks.

#include <unordered_map>
#include <unordered_set>

#include "stave/layer/collect.h"
#include "stave/layer/path.h"
#include "stave/layer/tree_node.h"

namespace stave::layer {
namespace {

using Node = Tree::Node;
using Inodes = std::unordered_set<const Tree::Inode*>;

// Is it known, without looking at content, that one stands for the other? Content is never compared here, so
// a file that was put anew is a change.
bool is_same(const Tree::Inode& a, const Tree::Inode& b) {
  return &a == &b || (a.meta.type != Type::regular && a.meta == b.meta);
}

bool is_put(const Node* below, const Node& now) {
  return below == nullptr || !is_same(*below->inode, *now.inode);
}

const Node* child_of(const Node* below, std::string_view name) {
  return below != nullptr && below->is_directory() ? below->child(name) : nullptr;
}

// How many new names each file got that may have others.
void count_names(const Node* below, const Node& now, std::unordered_map<const Tree::Inode*, long>& names) {
  if (below == &now) return;
  if (now.inode->meta.type == Type::regular && now.inode.use_count() > 1 && is_put(below, now))
    ++names[now.inode.get()];
  for (const auto& [name, node] : now.children) count_names(child_of(below, name), *node, names);
}

void find_inodes(const Node& at, const Inodes& wanted, Inodes& found) {
  if (wanted.contains(at.inode.get())) found.insert(at.inode.get());
  for (const auto& [name, node] : at.children) find_inodes(*node, wanted, found);
}

// Files of the tree below that have a new name now. A link to a name of another layer is refused by podman
// and containerd, so every name of such a file has to be written.
Inodes regrouped(const Node& below, const Node& now) {
  std::unordered_map<const Tree::Inode*, long> names;
  count_names(&below, now, names);
  Inodes wanted;
  for (const auto& [inode, count] : names) wanted.insert(inode);
  Inodes found;
  if (!wanted.empty()) find_inodes(below, wanted, found);
  return found;
}

class Collector {
 public:
  explicit Collector(Inodes whole) : whole_(std::move(whole)) {}

  // Says whether anything at or below the path changed.
  bool collect(const Node* below, const Node& now) {
    if (below == &now && whole_.empty()) return false;
    const std::size_t mark = changes_.size();
    bool changed = !path_.empty() && (is_put(below, now) || whole_.contains(now.inode.get()));
    if (changed || (now.is_directory() && !path_.empty())) changes_.put(path_, now.inode);
    if (now.is_directory()) changed |= collect_children(below, now);
    // A directory in which nothing changed.
    if (!changed) changes_.shrink(mark);
    return changed;
  }

  Changeset take() { return changes_.take(); }

 private:
  bool collect_children(const Node* below, const Node& now) {
    bool changed = false;
    if (below != nullptr && below->is_directory() && below != &now) {
      for (const auto& [name, node] : below->children) {
        if (now.child(name) != nullptr) continue;
        changes_.remove(join(path_, name));
        changed = true;
      }
    }
    for (const auto& [name, node] : now.children) {
      const Extended here(path_, name);
      changed |= collect(child_of(below, name), *node);
    }
    return changed;
  }

  const Inodes whole_;  // these are written under each of their names
  std::string path_;
  Collected changes_;
};

using Each = std::function<void(const std::string&, const Tree::Inode&)>;

void visit_children(std::string& path, const Node& node, std::size_t levels, const Each& each) {
  if (levels == 0) return;
  for (const auto& [name, child] : node.children) {
    const Extended here(path, name);
    each(path, *child->inode);
    visit_children(path, *child, levels - 1, each);
  }
}

// Both sides at once, each child once, in order. Either may be absent.
void visit_changed(std::string& path, const Node* was, const Node* is, const Tree::Changed& each) {
  if (was == is) return;
  const Tree::Inode* before = was == nullptr ? nullptr : was->inode.get();
  const Tree::Inode* after = is == nullptr ? nullptr : is->inode.get();
  if (before != after && !path.empty()) each(path, before, after);
  static const decltype(Node::children) none;
  const auto& old = was == nullptr ? none : was->children;
  const auto& now = is == nullptr ? none : is->children;
  auto left = old.begin();
  auto right = now.begin();
  while (left != old.end() || right != now.end()) {
    const bool only_old = right == now.end() || (left != old.end() && left->first < right->first);
    const bool only_now = left == old.end() || (right != now.end() && right->first < left->first);
    const Extended here(path, only_old ? left->first : right->first);
    visit_changed(path, only_now ? nullptr : left->second.get(), only_old ? nullptr : right->second.get(),
                  each);
    if (!only_now) ++left;
    if (!only_old) ++right;
  }
}

}  // namespace

Changeset Tree::take_changes() {
  Collector collector(regrouped(*below_, *root_));
  collector.collect(below_.get(), *root_);
  begin_layer();
  return collector.take();
}

void Tree::visit(const std::function<void(const std::string&, const Inode&)>& each) const {
  visit_below({}, all_levels, each);
}

void Tree::visit_below(std::string_view directory, std::size_t levels, const Each& each) const {
  std::string path(directory);
  if (const Node* node = find_node(*root_, directory)) visit_children(path, *node, levels, each);
}

void Tree::visit_changes(const Tree& before, const Changed& each) const {
  std::string path;
  visit_changed(path, before.root_.get(), root_.get(), each);
}

}  // namespace stave::layer
