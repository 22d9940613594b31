// Tree: nodes are shared between the tree before and after an edit, and copied
// only along the way to what changes. So an unchanged subtree is the same
// pointer, and finding the changes costs only what changed.

#include "stave/layer/tree.h"

#include <fmt/format.h>

#include <deque>
#include <unordered_map>
#include <vector>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/layer/path.h"

namespace stave::layer {

struct Tree::Node {
  std::shared_ptr<const Inode> inode;
  std::map<std::string, NodePtr, std::less<>> children;  // sorted by bytes

  bool is_directory() const { return inode->meta.type == Type::directory; }
  const Node* child(std::string_view name) const {
    const auto found = children.find(name);
    return found == children.end() ? nullptr : found->second.get();
  }
};

namespace {

using Node = Tree::Node;
using NodePtr = std::shared_ptr<Node>;

std::shared_ptr<const Tree::Inode> new_directory(const Timestamp& mtime) {
  Tree::Inode inode;
  inode.meta.mtime = mtime;
  return std::make_shared<const Tree::Inode>(std::move(inode));
}

NodePtr new_node(std::shared_ptr<const Tree::Inode> inode) {
  auto node = std::make_shared<Node>();
  node->inode = std::move(inode);
  return node;
}

// The node to change: the one at hand when nobody else holds it, else a copy of it (its children stay
// shared).
Node& own(NodePtr& pointer) {
  if (pointer.use_count() != 1) pointer = std::make_shared<Node>(*pointer);
  return *pointer;
}

std::vector<std::string_view> components(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  if (parts.size() > limits::path_depth) {
    throw Error(Kind::limit,
                fmt::format("a path of {} components; the limit is {}", parts.size(), limits::path_depth));
  }
  return parts;
}

const Node* find_node(const NodePtr& root, std::string_view path) {
  const Node* node = root.get();
  for (const auto part : components(path)) {
    if (!node->is_directory()) return nullptr;
    node = node->child(part);
    if (node == nullptr) return nullptr;
  }
  return node;
}

// Takes away what `now` still has of `below`; what the current layer put (another pointer) stays.
// Says whether anything of it stays.
bool remove_of_below(const Node& below, NodePtr& now) {
  if (now.get() == &below) return false;
  if (!now->is_directory() || !below.is_directory()) return true;
  for (const auto& [name, old] : below.children) {
    const auto found = now->children.find(name);
    if (found == now->children.end()) continue;
    if (found->second == old || !remove_of_below(*old, found->second)) own(now).children.erase(name);
  }
  return now->inode != below.inode || !now->children.empty();
}

}  // namespace

Tree::Tree() : root_(new_node(new_directory({}))), below_(root_) {}

bool Tree::empty() const { return root_->children.empty(); }

const Tree::Inode* Tree::find(std::string_view path) const {
  const Node* node = find_node(root_, path);
  return node == nullptr ? nullptr : node->inode.get();
}

namespace {

// Follows symlinks as a process chrooted at `root` does. `follow_link` decides for each symlink met; the
// default follows.
std::string resolve_from(const NodePtr& root, std::string_view path, bool follow_last,
                         const std::function<bool(std::string_view)>& follow_link) {
  std::deque<std::string> todo;
  for (const auto& part : split(path, '/')) todo.push_back(part);
  std::string at;
  int links = 0;
  while (!todo.empty()) {
    const std::string part = std::move(todo.front());
    todo.pop_front();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      at.resize(parent(at).size());
      continue;
    }
    const Node* directory = find_node(root, at);
    if (directory != nullptr && !directory->is_directory()) {
      throw Error(Kind::not_found,
                  fmt::format("{}: {} is not a directory in the image", quote(path), quote("/" + at)));
    }
    const std::string next = join(at, part);
    const Node* node = directory == nullptr ? nullptr : directory->child(part);
    const bool last = todo.empty();
    const bool link = node != nullptr && node->inode->meta.type == Type::symlink;
    if (!link || (last && !follow_last) || !follow_link(next)) {
      at = next;
      continue;
    }
    if (++links > limits::symlinks_followed) {
      throw Error(Kind::limit,
                  fmt::format("{}: too many symlinks in the image, or a loop of them", quote(path)));
    }
    const std::string& text = node->inode->meta.link;
    if (text.starts_with('/')) at.clear();
    const auto parts = split(text, '/');
    todo.insert(todo.begin(), parts.begin(), parts.end());
  }
  return at;
}

}  // namespace

std::string Tree::resolve(std::string_view path, Follow follow) const {
  return resolve_from(root_, path, follow == Follow::all, [](std::string_view) { return true; });
}

// A symlink of the layers below is not followed: the directory that is needed replaces it.
std::string Tree::resolve_in_layer(std::string_view path) const {
  const Node* node = root_.get();
  for (const auto part : components(path)) {
    const Node* child = node->child(part);
    if (child == nullptr) return std::string(path);
    if (child->inode->meta.type == Type::symlink) break;
    node = child;
  }
  if (node->is_directory() && find_node(root_, path) == node) return std::string(path);
  return resolve_from(root_, path, false, [&](std::string_view link) {
    return find_node(root_, link) != find_node(below_, link);
  });
}

// The node of the directory at `path`, made where it is missing, along with its parents. In a layer that is
// applied, whatever is in the way is replaced.
NodePtr& Tree::directory_for(std::string_view path, const Timestamp& mtime, bool of_layer) {
  NodePtr* at = &root_;
  for (const auto part : components(path)) {
    Node& directory = own(*at);
    auto found = directory.children.find(part);
    if (found == directory.children.end()) {
      found = directory.children.emplace(std::string(part), new_node(new_directory(mtime))).first;
    } else if (!found->second->is_directory()) {
      if (!of_layer) throw Error(Kind::internal, fmt::format("{} is no directory", quote(path)));
      found->second = new_node(new_directory(mtime));
    }
    at = &found->second;
  }
  own(*at);
  return *at;
}

void Tree::put(std::string_view path, std::shared_ptr<const Inode> inode, const Timestamp& parent_mtime) {
  if (path.empty()) {
    if (inode->meta.type != Type::directory) throw Error(Kind::usage, "the root of an image is a directory");
    own(root_).inode = std::move(inode);
    return;
  }
  NodePtr& directory = directory_for(parent(path), parent_mtime, false);
  auto& slot = own(directory).children[std::string(basename(path))];
  const bool keep_children = slot && slot->is_directory() && inode->meta.type == Type::directory;
  if (!keep_children) slot = new_node(nullptr);
  own(slot).inode = std::move(inode);
}

void Tree::remove(std::string_view path) {
  if (path.empty()) throw Error(Kind::usage, "the root of an image cannot be removed");
  if (find_node(root_, path) == nullptr) {
    throw Error(Kind::not_found,
                fmt::format("{} does not exist in the image", quote("/" + std::string(path))));
  }
  own(directory_for(parent(path), {}, false)).children.erase(std::string(basename(path)));
}

void Tree::begin_layer() { below_ = root_; }

void Tree::apply(const Context& context, LayerReader& layer) {
  begin_layer();
  edit(context, layer, [](const Step&) { return Origin{}; });
  begin_layer();
}

void Tree::edit(const Context& context, LayerReader& layer,
                const std::function<Origin(const Step&)>& origin_of) {
  Step step;
  while (layer.next(step)) {
    context.check();
    apply_step(step, origin_of(step));
  }
}

void Tree::apply(const Changeset& layer) {
  begin_layer();
  for (const Change& change : layer) {
    if (change.removal) {
      apply_step(Step{.meaning = Meaning::whiteout, .entry = change.entry}, {});
    } else if (change.entry.meta.type == Type::hardlink) {
      put_entry(change.entry, target_of(change.entry));
    } else {
      put_entry(change.entry,
                std::make_shared<const Inode>(Inode{change.entry.meta, change.stamp, change.contents}));
    }
  }
  begin_layer();
}

void Tree::apply_step(const Step& step, const Origin& origin) {
  const std::string& path = step.entry.path;
  if (step.meaning == Meaning::entry) {
    auto inode = step.entry.meta.type == Type::hardlink
                     ? target_of(step.entry)
                     : std::make_shared<const Inode>(Inode{step.entry.meta, origin.stamp, origin.contents});
    put_entry(step.entry, std::move(inode));
    return;
  }
  const Node* below = find_node(below_, path);
  const Node* now = find_node(root_, path);
  if (below == nullptr || now == nullptr) return;
  if (step.meaning == Meaning::opaque) {
    if (!now->is_directory() || !below->is_directory()) return;
    NodePtr& directory = directory_for(path, {}, true);
    for (const auto& [name, old] : below->children) {
      const auto found = directory->children.find(name);
      if (found != directory->children.end() && !remove_of_below(*old, found->second))
        directory->children.erase(found);
    }
    return;
  }
  if (path.empty()) return;
  Node& directory = own(directory_for(parent(path), {}, true));
  const auto found = directory.children.find(basename(path));
  if (!remove_of_below(*below, found->second)) directory.children.erase(found);
}

void Tree::put_entry(const Entry& entry, std::shared_ptr<const Inode> inode) {
  if (entry.path.empty()) {
    own(root_).inode = std::move(inode);
    return;
  }
  NodePtr& directory = directory_for(resolve_in_layer(parent(entry.path)), {}, true);
  auto& slot = directory->children[std::string(basename(entry.path))];
  const bool keep_children = slot && slot->is_directory() && inode->meta.type == Type::directory;
  if (!keep_children) slot = new_node(nullptr);
  own(slot).inode = std::move(inode);
}

std::shared_ptr<const Tree::Inode> Tree::target_of(const Entry& hardlink) const {
  const Node* target = find_node(root_, resolve_in_layer(hardlink.meta.link));
  if (target == nullptr || target->is_directory()) {
    throw Error(Kind::invalid, fmt::format("{} is a hardlink to {}, which {}", quote(hardlink.path),
                                           quote(hardlink.meta.link),
                                           target == nullptr ? "does not exist" : "is a directory"));
  }
  return target->inode;
}

namespace {

// Collects the changes from one tree to another by comparing pointers.
class Collector {
 public:
  // Says whether anything at or below `path` changed.
  bool collect(const std::string& path, const Node* below, const Node& now) {
    if (below == &now) return false;
    const std::size_t mark = changes_.size();
    const bool put = below == nullptr || below->inode != now.inode;
    if (!path.empty()) append(path, now);
    bool changed = put && !path.empty();
    if (now.is_directory()) changed |= collect_children(path, below, now);
    // A directory that was copied on the way to an edit that came to nothing.
    if (!changed) changes_.resize(mark);
    return changed;
  }

  Changeset take() { return std::move(changes_); }

 private:
  bool collect_children(const std::string& path, const Node* below, const Node& now) {
    bool changed = false;
    const bool both = below != nullptr && below->is_directory();
    if (both) {
      for (const auto& [name, node] : below->children) {
        if (now.child(name) != nullptr) continue;
        changes_.emplace_back().removal = true;
        changes_.back().entry.path = join(path, name);
        changed = true;
      }
    }
    for (const auto& [name, node] : now.children) {
      changed |= collect(join(path, name), both ? below->child(name) : nullptr, *node);
    }
    return changed;
  }

  void append(const std::string& path, const Node& node) {
    Change& change = changes_.emplace_back();
    change.entry = {path, node.inode->meta};
    change.stamp = node.inode->stamp;
    if (node.inode->meta.type != Type::regular) return;
    // Names that share an inode are one file: the first in order carries it, the others link to that one.
    const auto [first, is_first] = written_.emplace(node.inode.get(), path);
    if (is_first) {
      change.contents = node.inode->contents;
    } else {
      change.entry.meta.type = Type::hardlink;
      change.entry.meta.size = 0;
      change.entry.meta.link = first->second;
    }
  }

  Changeset changes_;
  std::unordered_map<const Tree::Inode*, std::string> written_;
};

}  // namespace

Changeset Tree::take_changes() {
  Collector collector;
  collector.collect("", below_.get(), *root_);
  begin_layer();
  return collector.take();
}

namespace {

void visit_node(const std::string& path, const Node& node,
                const std::function<void(const std::string&, const Tree::Inode&)>& each) {
  if (!path.empty()) each(path, *node.inode);
  for (const auto& [name, child] : node.children) visit_node(join(path, name), *child, each);
}

}  // namespace

void Tree::visit(const std::function<void(const std::string&, const Inode&)>& each) const {
  visit_node("", *root_, each);
}

}  // namespace stave::layer
