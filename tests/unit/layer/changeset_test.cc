// The order of a layer, against its definition: a directory, then the removals
// of its children, then its other children, each with what is below it.

#include "stave/layer/changeset.h"

#include <set>

#include "words.h"

namespace stave::layer {
namespace {

struct Node {
  std::set<std::string> removals;
  std::map<std::string, Node> children;
};

void emit(const std::string& path, const Node& node, std::string& out) {
  for (const auto& name : node.removals) out += "- " + join(path, name) + "\n";
  for (const auto& [name, child] : node.children) {
    out += "+ " + join(path, name) + "\n";
    emit(join(path, name), child, out);
  }
}

// Changes of which every parent is put, and no path is both put and removed.
Changeset any_changes(Node& root) {
  std::set<std::string> put, gone;
  for (const auto& path : *rc::gen::container<std::vector<std::string>>(any_path())) {
    const bool removal = *rc::gen::arbitrary<bool>();
    bool below_removed = false;
    for (std::string_view up = path; !up.empty(); up = parent(up))
      below_removed |= gone.contains(std::string(up));
    if (below_removed || (removal && put.contains(path))) continue;
    Node* node = &root;
    std::string at;
    for (std::string_view rest = parent(path); !rest.empty();) {
      const std::string part(rest.substr(0, rest.find('/')));
      rest.remove_prefix(std::min(rest.size(), part.size() + 1));
      put.insert(at = join(at, part));
      node = &node->children[part];
    }
    if (removal) {
      gone.insert(path);
      node->removals.emplace(basename(path));
    } else {
      put.insert(path);
      node->children[std::string(basename(path))];
    }
  }
  Changeset changes;
  for (const auto& path : put) changes.push_back(dir(path));
  for (const auto& path : gone) changes.push_back(removed(path));
  return changes;
}

RC_GTEST_PROP(WrittenBefore, SortsAsTheLayerIsEmitted, ()) {
  Node root;
  const Changeset changes = any_changes(root);
  std::string expected;
  emit("", root, expected);
  RC_ASSERT(show(sorted(changes)) == expected);
}

RC_GTEST_PROP(WrittenBefore, IsAStrictTotalOrder, ()) {
  const auto any_change = [] {
    const std::string path = *any_path();
    return *rc::gen::arbitrary<bool>() ? removed(path) : dir(path);
  };
  const Change a = any_change(), b = any_change(), c = any_change();
  const bool same = a.entry.path == b.entry.path && a.removal == b.removal;
  RC_ASSERT(!written_before(a, a));
  const bool distinct = written_before(a, b) != written_before(b, a);
  RC_ASSERT(distinct == !same);
  if (written_before(a, b) && written_before(b, c)) RC_ASSERT(written_before(a, c));
}

TEST(WrittenBefore, RemovalsOfADirectoryStandBeforeThoseBelowIt) {
  EXPECT_EQ(show(sorted({removed("d/a/x"), dir("d/a"), dir("d"), removed("d/z")})),
            "+ d\n- d/z\n+ d/a\n- d/a/x\n");
}

}  // namespace
}  // namespace stave::layer
