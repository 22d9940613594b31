// Writing names of a tree into a changeset, so that names of one file become one
// file and links to it. Internal to layer.

#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "stave/layer/changeset.h"
#include "stave/layer/tree.h"

namespace stave::layer {

// A path that is extended while something lives.
class Extended {
 public:
  Extended(std::string& path, std::string_view name) : path_(path), size_(path.size()) {
    if (!path.empty()) path += '/';
    path += name;
  }
  Extended(const Extended&) = delete;
  Extended& operator=(const Extended&) = delete;
  ~Extended() { path_.resize(size_); }

 private:
  std::string& path_;
  std::size_t size_;
};

// Appends to a changeset, in whose order it is called.
class Collected {
 public:
  void put(const std::string& path, const std::shared_ptr<const Tree::Inode>& inode) {
    Change& change = changes_.emplace_back();
    change.entry = {path, inode->meta};
    change.stamp = inode->stamp;
    if (inode->meta.type != Type::regular) return;
    // Names that share an inode are one file: the first in order carries it, the others link to that one.
    if (inode.use_count() > 1) {
      const auto [first, is_first] = written_.emplace(inode.get(), path);
      if (!is_first) {
        change.entry.meta.type = Type::hardlink;
        change.entry.meta.size = 0;
        change.entry.meta.link = first->second;
        return;
      }
    }
    change.contents = inode->contents;
  }

  void remove(std::string path) {
    Change& change = changes_.emplace_back();
    change.removal = true;
    change.entry.path = std::move(path);
  }

  // What was put since `size()` was this is taken back: directories in which nothing changed.
  void shrink(std::size_t size) { changes_.resize(size); }
  std::size_t size() const { return changes_.size(); }
  Changeset take() { return std::move(changes_); }

 private:
  Changeset changes_;
  std::unordered_map<const Tree::Inode*, std::string> written_;
};

}  // namespace stave::layer
