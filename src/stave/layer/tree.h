// Tree: what a stack of layers looks like to a process inside, without content,
// and what edits make of it. Layers go on top one by one; edits after that
// collect into a changeset that becomes the next layer.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "stave/base/context.h"
#include "stave/hash/digest.h"
#include "stave/layer/changeset.h"
#include "stave/layer/reader.h"

namespace stave::layer {

struct Walking;

inline constexpr std::size_t all_levels = std::numeric_limits<std::size_t>::max();

// A tree in memory: about 300 bytes and the name for each entry. Not thread-safe. Copying is cheap: copies
// share what they have in common until one of them changes it.
class Tree {
 public:
  // What a name stands for; names of one hardlink group share it.
  struct Inode {
    Metadata meta;  // type is never hardlink
    Stamp stamp;
    std::shared_ptr<const Contents> contents;
    std::optional<Digest> digest = {};  // SHA-256 of the content of a regular file, where it is known
  };

  Tree();  // an empty root directory, 0755 0:0

  // Puts a layer on top, as clients do: whiteouts in any order remove only what the layers below hold, a
  // directory over a directory keeps what is in it, a path below a symlink of the layers below replaces that
  // symlink by a directory (podman and containerd show it so), one below a symlink of the same layer follows
  // it inside the root. Parents that the layer leaves out are 0755 0:0. Throws Kind::invalid for a hardlink
  // to nowhere or to a directory, Kind::limit for a path deeper than limits::path_depth and for a layer whose
  // symlinks lead on without end; nothing of the layer is in the tree then. The changes of edits not yet
  // taken are no changes any more.
  void apply(const Context& context, LayerReader& layer);
  void apply(const Changeset& layer);

  // Where the content of a file comes from.
  struct Origin {
    Stamp stamp = {};
    std::shared_ptr<const Contents> contents = {};
    std::optional<Digest> digest = {};
  };
  // `origin_of` is asked for each entry while its content can be read.
  void apply(const Context& context, LayerReader& layer, const std::function<Origin(const Step&)>& origin_of);
  // The same as an edit (all or nothing), whose changes can be taken.
  void edit(const Context& context, LayerReader& layer, const std::function<Origin(const Step&)>& origin_of);

  // What is at a path that `resolve` gave (no symlink is followed); nullptr if nothing is.
  const Inode* find(std::string_view path) const;
  bool empty() const;  // nothing but the root

  enum class Follow : std::uint8_t { all, parents };
  // The path at which a process chrooted here would arrive: symlinks are followed, absolute ones and ".."
  // clamped at the root; with Follow::parents the last component is left alone, with or without a slash after
  // it. What does not exist stays as it is written. Kind::not_found when a file is used as a directory,
  // Kind::limit for a symlink loop.
  std::string resolve(std::string_view path, Follow follow) const;

  // Edits. Paths must come from `resolve`.
  // Puts a file or a directory; missing parents become 0755 0:0 with `parent_mtime`. A directory over a
  // directory keeps what is in it; anything else replaces.
  void put(std::string_view path, std::shared_ptr<const Inode> inode, const Timestamp& parent_mtime);
  // Removes a path and what is below; Kind::not_found if it does not exist. The root cannot be removed
  // (Kind::usage).
  void remove(std::string_view path);

  // The edits since the last call (or the last apply) as a changeset, sorted, with every parent and its
  // metadata, hardlink groups written with their first name as the one with content, and removals only for
  // what the tree below has. A file of the tree below that got another name is written under each of its
  // names, with the contents it was put with (none if it came from a layer). What was put and equals what was
  // there is no change, unless it is a file, whose content is not compared. The root is never among the
  // changes. After it, the edited tree is the tree below.
  Changeset take_changes();

  // Visits every entry but the root, in path order.
  void visit(const std::function<void(const std::string& path, const Inode&)>& each) const;
  // The same for what is below a directory, at most `levels` of it. Nothing is below anything else.
  void visit_below(std::string_view directory, std::size_t levels,
                   const std::function<void(const std::string& path, const Inode&)>& each) const;
  // What was applied since `before` was a copy of this: visits, in path order, every path that was put, with
  // what it was before (nullptr: not there), and every path that went, with nullptr as what it is. Costs what
  // changed.
  using Changed = std::function<void(const std::string& path, const Inode* was, const Inode* is)>;
  void visit_changes(const Tree& before, const Changed& each) const;

  struct Node;
  const Node& root() const { return *root_; }  // for what walks nodes inside of this module

 private:
  using NodePtr = std::shared_ptr<Node>;
  void begin_layer();
  void whole_or_not(const std::function<void()>& work);
  void apply_step(const Step& step, const Origin& origin);
  void whiteout(std::string_view path);
  void make_opaque(std::string_view path);
  void put_entry(const Entry& entry, const Origin& origin);
  void put_child(Node& directory, std::string_view name, std::shared_ptr<const Inode> inode);
  Node& directory_for(std::string_view path, const Timestamp& mtime, bool of_layer);
  std::shared_ptr<const Inode> target_of(const Entry& hardlink);
  std::string resolve_in_layer(std::string_view path);
  std::string resolve_counted(std::string_view path, const Walking& how);

  NodePtr root_;
  NodePtr below_;            // the tree when the current layer or edit began
  std::uint64_t layer_ = 1;  // counts those
  std::uint64_t steps_ = 0;  // taken through symlinks of the current layer
};

}  // namespace stave::layer
