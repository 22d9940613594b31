// The last step of unpack: a tree in memory becomes directories, and files that were made
// elsewhere get their names in them. Small directories with all that is below
// are made by several threads. Internal to unpack.

#pragma once

#include <functional>
#include <string>

#include "stave/base/context.h"
#include "stave/fs/plant.h"
#include "stave/layer/tree.h"
#include "stave/layer/unpack.h"

namespace stave::layer {

// Makes every directory of `tree` below `root`, an empty one, with its attributes in the end; `place` brings
// in what is no directory, on any thread. The failure that comes first in path order is thrown. False if the
// disk would not take some of the directories' xattrs.
using Place = std::function<void(fs::Planter& planter, const std::string& path, const Tree::Inode& inode)>;
bool plant_tree(const Context& context, const Tree& tree, const fs::Dir& root, Owners owners,
                const Place& place);

}  // namespace stave::layer
