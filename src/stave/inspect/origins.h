// Origins: which layer put a path, changed it, took it away. What `ls --layers`
// tells, what `cat` and `ls` say of a path that is not there, and what `du` counts.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "stave/base/context.h"
#include "stave/layer/compare.h"
#include "stave/layer/path.h"
#include "stave/layer/stack.h"
#include "stave/layer/tree.h"

namespace stave::inspect {

// The trees that a stack of layers makes, one layer after the other. They share what they have in common, so
// this costs little more than the last of them. Layers are counted from 0, and every file has a stamp that
// says where it is (layer::read_stack).
class Layered {
 public:
  // Reads every layer once, verified; with Digests::yes the content of every file is hashed.
  static Layered read(const Context& context, const layer::Stack& stack, layer::Digests digests);
  // Trees that are there already, the lowest first.
  explicit Layered(std::vector<layer::Tree> after) : after_(std::move(after)) {}

  std::size_t size() const { return after_.size(); }
  const layer::Tree& after(std::size_t layer) const { return after_[layer]; }
  const layer::Tree& before(std::size_t layer) const { return layer == 0 ? empty_ : after_[layer - 1]; }
  const layer::Tree& tree() const { return after_.empty() ? empty_ : after_.back(); }

  // The path at which a process would arrive, which exists (layer::Tree::resolve). Kind::not_found says which
  // directory above it is there, and which layer removed it.
  std::string get(std::string_view path, layer::Tree::Follow follow) const;

 private:
  std::vector<layer::Tree> after_;
  layer::Tree empty_;
};

// What a layer did to a path.
struct Event {
  enum class What : std::uint8_t { added, changed, again, removed };
  std::size_t layer = 0;
  What what = What::added;
  layer::Aspects aspects;  // of what was changed. Content counts as changed unless both digests are known

  friend bool operator==(const Event&, const Event&) = default;
};

std::string_view name(Event::What what);

// The story of every path of a stack. A directory that a layer names and leaves as it was is no event: layers
// name every parent of what they change. A file that is shipped again as it was is one (`again`).
class Origins {
 public:
  // Costs what the layers changed: about 100 bytes and the path for each.
  explicit Origins(const Layered& layered);

  // In the order of the layers; empty for a directory that no layer names, but one put something in it.
  const std::vector<Event>& of(const std::string& path) const;
  // Every path that ends with its removal, in path order, and what it was.
  struct Gone {
    std::string path;
    layer::Metadata was;
  };
  // Below a directory, at most `levels` of it.
  std::vector<Gone> gone_below(std::string_view directory, std::size_t levels) const;

 private:
  const Layered& layered_;
  std::map<std::string, std::vector<Event>, layer::PathLess> events_;
};

}  // namespace stave::inspect
