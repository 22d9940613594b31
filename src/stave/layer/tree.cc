// Tree: layers on top of each other, and edits.

#include "stave/layer/tree.h"

#include <fmt/format.h>

#include <vector>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/layer/path.h"
#include "stave/layer/tree_node.h"

namespace stave::layer {
namespace {

using Node = Tree::Node;
using NodePtr = std::shared_ptr<Node>;

// Components looked at while one layer's paths are led through its own symlinks. Layers that people make do
// this for a handful of entries; 40 symlinks of 64 KiB for each entry would keep us busy for days.
constexpr std::uint64_t steps_through_links = 20'000'000;

std::shared_ptr<const Tree::Inode> new_directory(const Timestamp& mtime) {
  Tree::Inode inode;
  inode.meta.mtime = mtime;
  return std::make_shared<const Tree::Inode>(std::move(inode));
}

NodePtr new_node(std::shared_ptr<const Tree::Inode> inode, std::uint64_t layer) {
  auto node = std::make_shared<Node>();
  node->inode = std::move(inode);
  node->cleared_in = layer;
  return node;
}

// The node to change: the one at hand when nobody else holds it, else a copy of it (its children stay
// shared). Whoever holds the pointer must have been made ours before.
Node& own(NodePtr& pointer) {
  if (pointer.use_count() != 1) pointer = std::make_shared<Node>(*pointer);
  return *pointer;
}

bool remove_of_below(const Node& below, NodePtr& now, std::uint64_t layer);

// Takes out of a directory what it still has of the layers below. Looks at it once in each layer, so that a
// whiteout that is repeated a million times costs nothing.
void clear_of_below(const Node& below, Node& now, std::uint64_t layer) {
  if (now.cleared_in == layer) return;
  now.cleared_in = layer;
  for (const auto& [name, old] : below.children) {
    const auto found = now.children.find(name);
    if (found != now.children.end() && !remove_of_below(*old, found->second, layer))
      now.children.erase(found);
  }
}

// Takes away what `now` still has of `below`; what the current layer put (another pointer) stays.
// Says whether anything of it stays.
bool remove_of_below(const Node& below, NodePtr& now, std::uint64_t layer) {
  if (now.get() == &below) return false;
  if (!now->is_directory() || !below.is_directory()) return true;
  Node& directory = own(now);
  clear_of_below(below, directory, layer);
  if (directory.inode != below.inode) return true;
  if (directory.children.empty()) return false;
  // The layer put something in it and did not say what the directory is: the same as if the whiteout had come
  // first.
  directory.inode = new_directory({});
  return true;
}

}  // namespace

Tree::Node::~Node() {
  std::vector<NodePtr> doomed;
  const auto take_children = [&doomed](Node& node) {
    for (auto& [name, child] : node.children) {
      if (!child->children.empty()) doomed.push_back(std::move(child));
    }
    node.children.clear();
  };
  take_children(*this);
  while (!doomed.empty()) {
    const NodePtr node = std::move(doomed.back());
    doomed.pop_back();
    if (node.use_count() == 1) take_children(*node);
  }
}

Tree::Tree() : root_(new_node(new_directory({}), 0)), below_(root_) {}

bool Tree::empty() const { return root_->children.empty(); }

const Tree::Inode* Tree::find(std::string_view path) const {
  const Node* node = find_node(*root_, path);
  return node == nullptr ? nullptr : node->inode.get();
}

// The node of the directory at `path`, made where it is missing, along with its parents. In a layer that is
// applied, whatever is in the way is replaced. It and all above it are ours to change.
Tree::Node& Tree::directory_for(std::string_view path, const Timestamp& mtime, bool of_layer) {
  Node* at = &own(root_);
  std::size_t depth = 0;
  for (std::string_view rest = path; !rest.empty();) {
    const std::string_view part = next_component(rest);
    if (++depth >= limits::path_depth) {
      throw limits::path_depth.exceeded(
          fmt::format("{}: deeper than {} directories", quote(path), limits::path_depth.value()));
    }
    auto found = at->children.find(part);
    if (found == at->children.end()) {
      found = at->children.emplace(std::string(part), new_node(new_directory(mtime), layer_)).first;
    } else if (!found->second->is_directory()) {
      if (!of_layer) throw Error(Kind::internal, fmt::format("{} is no directory", quote(path)));
      found->second = new_node(new_directory(mtime), layer_);
    }
    at = &own(found->second);
  }
  return *at;
}

// A directory over a directory keeps what is in it; anything else replaces.
void Tree::put_child(Node& directory, std::string_view name, std::shared_ptr<const Inode> inode) {
  auto found = directory.children.find(name);
  if (found == directory.children.end()) found = directory.children.emplace(std::string(name), nullptr).first;
  NodePtr& slot = found->second;
  const bool keep_children = slot && slot->is_directory() && inode->meta.type == Type::directory;
  if (!keep_children) slot = new_node(nullptr, layer_);
  own(slot).inode = std::move(inode);
}

void Tree::put(std::string_view path, std::shared_ptr<const Inode> inode, const Timestamp& parent_mtime) {
  if (path.empty()) {
    if (inode->meta.type != Type::directory) throw Error(Kind::usage, "the root of an image is a directory");
    own(root_).inode = std::move(inode);
    return;
  }
  put_child(directory_for(parent(path), parent_mtime, false), basename(path), std::move(inode));
}

void Tree::remove(std::string_view path) {
  if (path.empty()) throw Error(Kind::usage, "the root of an image cannot be removed");
  if (find(path) == nullptr) {
    throw Error(Kind::not_found,
                fmt::format("{} does not exist in the image", quote("/" + std::string(path))));
  }
  Node& directory = directory_for(parent(path), {}, false);
  directory.children.erase(directory.children.find(basename(path)));
}

void Tree::begin_layer() {
  below_ = root_;
  ++layer_;
  steps_ = 0;
}

void Tree::apply(const Context& context, LayerReader& layer) {
  apply(context, layer, [](const Step&) { return Origin{}; });
}

void Tree::apply(const Context& context, LayerReader& layer,
                 const std::function<Origin(const Step&)>& origin_of) {
  begin_layer();
  edit(context, layer, origin_of);
  begin_layer();
}

void Tree::edit(const Context& context, LayerReader& layer,
                const std::function<Origin(const Step&)>& origin_of) {
  whole_or_not([&] {
    Step step;
    while (layer.next(step)) {
      context.check();
      apply_step(step, origin_of(step));
    }
  });
}

void Tree::apply(const Changeset& layer) {
  begin_layer();
  whole_or_not([&] {
    for (const Change& change : layer) {
      const Meaning meaning = change.removal ? Meaning::whiteout : Meaning::entry;
      apply_step(Step{.meaning = meaning, .entry = change.entry}, {change.stamp, change.contents, {}});
    }
  });
  begin_layer();
}

// A half of a layer is a tree that nobody made. Keeping the old root costs the copies that keeping `below_`
// costs anyway.
void Tree::whole_or_not(const std::function<void()>& work) {
  const NodePtr before = root_;
  try {
    work();
  } catch (...) {
    root_ = before;
    throw;
  }
}

void Tree::apply_step(const Step& step, const Origin& origin) {
  switch (step.meaning) {
    case Meaning::whiteout:
      return whiteout(step.entry.path);
    case Meaning::opaque:
      return make_opaque(step.entry.path);
    default:
      return put_entry(step.entry, origin);
  }
}

void Tree::whiteout(std::string_view path) {
  if (path.empty()) return;
  const std::string in = resolve_in_layer(parent(path));
  const Node* below = find_node(*below_, in);
  const Node* now = find_node(*root_, in);
  if (below == nullptr || now == nullptr) return;
  below = below->child(basename(path));
  if (below == nullptr || now->child(basename(path)) == nullptr) return;
  Node& directory = directory_for(in, {}, true);
  const auto found = directory.children.find(basename(path));
  if (!remove_of_below(*below, found->second, layer_)) directory.children.erase(found);
}

void Tree::make_opaque(std::string_view path) {
  const std::string at = resolve_in_layer(path);
  const Node* below = find_node(*below_, at);
  const Node* now = find_node(*root_, at);
  if (below == nullptr || now == nullptr || !now->is_directory() || !below->is_directory()) return;
  clear_of_below(*below, directory_for(at, {}, true), layer_);
}

void Tree::put_entry(const Entry& entry, const Origin& origin) {
  auto inode =
      entry.meta.type == Type::hardlink
          ? target_of(entry)
          : std::make_shared<const Inode>(Inode{entry.meta, origin.stamp, origin.contents, origin.digest});
  if (entry.path.empty()) {
    if (inode->meta.type != Type::directory)
      throw Error(Kind::invalid, "the root of an image is a directory");
    own(root_).inode = std::move(inode);
    return;
  }
  put_child(directory_for(resolve_in_layer(parent(entry.path)), {}, true), basename(entry.path),
            std::move(inode));
}

// Where a directory that a layer names is: symlinks of the layer itself are followed, one of the layers below
// is not, because the directory that is needed there replaces it.
std::string Tree::resolve_in_layer(std::string_view path) {
  const Node* node = root_.get();
  for (std::string_view rest = path; !rest.empty();) {
    node = node->child(next_component(rest));
    if (node == nullptr) return std::string(path);
    if (node->inode->meta.type == Type::symlink) break;
  }
  if (node->inode->meta.type != Type::symlink) return std::string(path);
  return resolve_counted(
      path, {.follow_last = true, .strict = false, .follows = [&](std::string_view at, const Node& link) {
               return &link != find_node(*below_, at);
             }});
}

std::string Tree::resolve_counted(std::string_view path, const Walking& how) {
  std::string at = resolve_from(*root_, path, how, steps_);
  if (steps_ > steps_through_links) {
    throw Error(Kind::limit,
                fmt::format("{}: the layer leads its paths through symlinks without end", quote(path)));
  }
  return at;
}

std::shared_ptr<const Tree::Inode> Tree::target_of(const Entry& hardlink) {
  const Node* target = find_node(*root_, hardlink.meta.link);
  if (target == nullptr) {
    // Below a symlink, as link(2) follows those on the way.
    const Walking how{
        .follow_last = false, .strict = false, .follows = [](std::string_view, const Node&) { return true; }};
    target = find_node(*root_, resolve_counted(hardlink.meta.link, how));
  }
  if (target == nullptr || target->is_directory()) {
    throw Error(Kind::invalid, fmt::format("{} is a hardlink to {}, which {}", quote(hardlink.path),
                                           quote(hardlink.meta.link),
                                           target == nullptr ? "does not exist" : "is a directory"));
  }
  return target->inode;
}

}  // namespace stave::layer
