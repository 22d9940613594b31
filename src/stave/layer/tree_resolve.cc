// Following a path through a tree as a process chrooted there would. Texts of
// symlinks come from layers, so neither their length nor what they say costs
// more than a step for each component.

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/layer/path.h"
#include "stave/layer/tree_node.h"

namespace stave::layer {
namespace {

// Nothing comes after it: "" and "/./".
bool is_nothing(std::string_view rest) {
  while (!rest.empty()) {
    const std::string_view part = next_component(rest);
    if (!part.empty() && part != ".") return false;
  }
  return true;
}

class Way {
 public:
  Way(const Tree::Node& root, std::string_view path, const Walking& how)
      : path_(path), how_(how), todo_{path}, nodes_{&root} {}

  std::string go(std::uint64_t& steps) {
    while (!todo_.empty()) {
      ++steps;
      const std::string_view part = next_component(todo_.back());
      if (todo_.back().empty()) todo_.pop_back();
      if (part.empty()) continue;
      check_directory();
      if (part == ".") continue;
      if (part == "..") {
        up();
      } else {
        down(part);
      }
    }
    return std::move(at_);
  }

 private:
  void check_directory() const {
    const Tree::Node* here = nodes_.back();
    if (!how_.strict || here == nullptr || here->is_directory()) return;
    throw Error(Kind::not_found,
                fmt::format("{}: {} is not a directory in the image", quote(path_), quote("/" + at_)));
  }

  void up() {
    if (nodes_.size() == 1) return;  // clamped at the root
    nodes_.pop_back();
    at_.resize(parent(at_).size());
  }

  void down(std::string_view part) {
    const Tree::Node* here = nodes_.back();
    const Tree::Node* node = here == nullptr ? nullptr : here->child(part);
    const std::size_t size = at_.size();
    if (!at_.empty()) at_ += '/';
    at_ += part;
    const bool link = node != nullptr && node->inode->meta.type == Type::symlink;
    if (link && (how_.follow_last || !is_last()) && how_.follows(at_, *node)) {
      at_.resize(size);
      return follow(node->inode->meta.link);
    }
    if (nodes_.size() > limits::path_depth) {
      throw limits::path_depth.exceeded(
          fmt::format("{} leads deeper than {} directories", quote(path_), limits::path_depth.value()));
    }
    nodes_.push_back(node);
  }

  bool is_last() const { return std::all_of(todo_.begin(), todo_.end(), is_nothing); }

  void follow(std::string_view text) {
    if (++links_ > limits::symlinks_followed) {
      throw Error(Kind::limit,
                  fmt::format("{}: too many symlinks in the image, or a loop of them", quote(path_)));
    }
    if (text.starts_with('/')) {
      nodes_.resize(1);
      at_.clear();
    }
    todo_.push_back(text);
  }

  std::string_view path_;
  const Walking& how_;
  std::vector<std::string_view> todo_;    // what is left to go, the next on top
  std::vector<const Tree::Node*> nodes_;  // from the root to here; nullptr where nothing is
  std::string at_;
  int links_ = 0;
};

}  // namespace

std::string_view next_component(std::string_view& path) {
  const std::size_t slash = path.find('/');
  const std::string_view part = path.substr(0, slash);
  path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  return part;
}

const Tree::Node* find_node(const Tree::Node& root, std::string_view path) {
  const Tree::Node* node = &root;
  while (!path.empty() && node != nullptr) node = node->child(next_component(path));
  return node;
}

std::string resolve_from(const Tree::Node& root, std::string_view path, const Walking& how,
                         std::uint64_t& steps) {
  return Way(root, path, how).go(steps);
}

std::string Tree::resolve(std::string_view path, Follow follow) const {
  std::uint64_t steps = 0;
  const Walking how{.follow_last = follow == Follow::all,
                    .strict = true,
                    .follows = [](std::string_view, const Node&) { return true; }};
  return resolve_from(*root_, path, how, steps);
}

}  // namespace stave::layer
