// Fuzzing layers: arbitrary bytes as the tar of a lower and then of an upper
// layer, through the reader, the checker and a tree. Whatever they hold, nothing but
// an Error comes out; what the tree is then can be packed, and packed it is the same tree; and the
// difference of the two turns the lower into the upper.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "stave/base/error.h"
#include "stave/base/stream.h"
#include "stave/layer/compare.h"
#include "stave/layer/plan.h"
#include "stave/layer/reader.h"
#include "stave/layer/tree.h"

namespace {

using namespace stave;

void require(bool condition) {
  if (!condition) std::abort();
}

// Says whether the layer could be read to its end.
bool apply(layer::Tree& tree, std::string_view tar) {
  try {
    layer::LayerChecker checker;
    BytesSource source(tar);
    layer::LayerReader reader(source,
                              [&](const layer::Step& step, bool sparse) { checker.see(step, sparse); });
    tree.apply(Context{}, reader);
    checker.end(reader.ended_properly(), reader.drain());
    return true;
  } catch (const Error& error) {
    require(error.kind() != Kind::internal);
    return false;
  }
}

std::map<std::string, layer::Metadata> everything(const layer::Tree& tree) {
  std::map<std::string, layer::Metadata> all;
  tree.visit([&](const std::string& path, const layer::Tree::Inode& inode) { all[path] = inode.meta; });
  return all;
}

// An edit that reads the layer has the changes which make the same tree of what was below.
void check_changes(const layer::Tree& below, const layer::Tree& expected, std::string_view tar) {
  layer::Tree edited = below;
  BytesSource source(tar);
  layer::LayerReader reader(source);
  edited.edit(Context{}, reader, [](const layer::Step&) { return layer::Tree::Origin{}; });
  const layer::Changeset changes = edited.take_changes();
  layer::Tree again = below;
  again.apply(changes);
  require(everything(again) == everything(expected));
  try {
    const layer::Plan plan(changes, layer::Cuts::gzip());
    require(plan.size() % 512 == 0);
  } catch (const Error& error) {
    // A tar can say what we would not write: a device beyond 2^21, attributes over the limit.
    require(error.kind() == Kind::invalid || error.kind() == Kind::limit);
  }
}

// The difference of two trees, applied to the one, is the other.
void check_difference(const layer::Tree& below, const layer::Tree& tree) {
  layer::Compare how;
  how.ignore.add(layer::Aspect::content);  // nobody keeps it here
  layer::Tree again = below;
  again.apply(layer::changeset_of(tree, layer::compare(Context{}, below, tree, how)));
  for (const auto& difference : layer::compare(Context{}, again, tree, how)) require(difference.path.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // The first byte says how many blocks belong to the lower layer.
  const std::size_t split =
      bytes.empty() ? 0 : std::min(bytes.size(), 1 + 512 * static_cast<std::size_t>(data[0]));
  const std::string_view lower = bytes.substr(bytes.empty() ? 0 : 1, split == 0 ? 0 : split - 1);
  const std::string_view upper = bytes.substr(split);
  layer::Tree tree;
  apply(tree, lower);
  const layer::Tree below = tree;
  if (!apply(tree, upper)) return 0;
  check_changes(below, tree, upper);
  check_difference(below, tree);
  return 0;
}
