// Which directories are worth a thread, and the threads.

#include "stave/layer/unpack_plant.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <unordered_set>

#include "stave/base/crew.h"
#include "stave/base/error.h"
#include "stave/layer/tree_node.h"
#include "stave/layer/unpack_files.h"

namespace stave::layer {
namespace {

using Node = Tree::Node;

// A directory with more below it is made by the caller, and what is in it divided again; one that is deeper
// as well, because each level is an open descriptor, of which many threads would need many.
constexpr std::uint64_t most_below = 500;
constexpr std::uint64_t most_levels = 16;

class Planting {
 public:
  Planting(const Context& context, Owners owners, const Place& place)
      : context_(context),
        owners_(owners),
        place_(place),
        crew_(Files::threads(context), 4 * std::size_t{Files::homes(context)},
              [this](Part& part, unsigned) { plant_part(part); }) {}

  bool run(const Tree& tree, const fs::Dir& root) {
    measure(tree.root());
    try {
      fs::Planter planter(root, attributes(tree.root()));
      std::string path;
      plant_children(planter, tree.root(), path, true);
      if (!planter.finish()) all_xattrs_ = false;
    } catch (const Error&) {
      crew_.finish();  // what was handed over before comes before it in path order, and so does its failure
      throw;
    }
    crew_.finish();
    return all_xattrs_;
  }

 private:
  struct Part {
    std::optional<fs::Planter> planter;
    const Node* directory = nullptr;
    std::string path;
  };
  struct Extent {
    std::uint64_t below = 0;
    std::uint64_t levels = 0;
  };

  // Finds the directories that are to be divided.
  Extent measure(const Node& node) {
    Extent extent;
    for (const auto& [name, child] : node.children) {
      const Extent of_child = measure(*child);
      extent.below += of_child.below + 1;
      extent.levels = std::max(extent.levels, of_child.levels + 1);
    }
    if (extent.below > most_below || extent.levels > most_levels) divided_.insert(&node);
    return extent;
  }

  fs::Attributes attributes(const Node& node) const { return attributes_of(node.inode->meta, owners_); }

  // What is in a directory, in path order. With `divide`, directories that are small enough go to the crew.
  void plant_children(fs::Planter& planter, const Node& node, std::string& path, bool divide) {
    const std::size_t size = path.size();
    for (const auto& [name, child] : node.children) {
      context_.check();
      if (size != 0) path += '/';
      path += name;
      if (!child->is_directory()) {
        place_(planter, path, *child->inode);
      } else if (divide && divided_.find(child.get()) == divided_.end()) {
        hand_over(planter, *child, path);
      } else {
        planter.directory(path, attributes(*child));
        plant_children(planter, *child, path, divide);
      }
      path.resize(size);
    }
  }

  void hand_over(fs::Planter& planter, const Node& directory, const std::string& path) {
    Part& part = crew_.take();
    part.planter = planter.branch(path, attributes(directory));
    part.directory = &directory;
    part.path = path;
    crew_.hand_over(part);
  }

  void plant_part(Part& part) {
    plant_children(*part.planter, *part.directory, part.path, false);
    if (!part.planter->finish()) all_xattrs_ = false;
    part.planter.reset();
  }

  const Context& context_;
  Owners owners_;
  const Place& place_;
  std::unordered_set<const Node*> divided_;
  std::atomic<bool> all_xattrs_ = true;
  Crew<Part> crew_;  // the last member: its threads use the others
};

}  // namespace

bool plant_tree(const Context& context, const Tree& tree, const fs::Dir& root, Owners owners,
                const Place& place) {
  return Planting(context, owners, place).run(tree, root);
}

}  // namespace stave::layer
