// Root file systems that are kept: unpacked once, found again by what is in them,
// and never written to afterwards, since containers write to an overlay.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stave/base/context.h"
#include "stave/fs/fs.h"
#include "stave/hash/digest.h"
#include "stave/layer/stack.h"
#include "stave/layer/unpack.h"

namespace stave::rootfs {

struct Kept {
  std::string path;    // of the root file system
  fs::Fd lock;         // as long as it is open in some process, nobody may remove the tree
  bool fresh = false;  // it was unpacked just now
};

// The name under which a tree is kept, 64 hex digits: a digest over the diff_ids, the way owners are kept and
// `ids`, the ids of whoever unpacks it (a tree with the ids of one subordinate range is of no use to
// another).
std::string name_of_kept(const std::vector<Digest>& diff_ids, layer::Owners owners, std::string_view ids);

// The tree in `cache`/rootfs/`name`, unpacked from `stack` if it is not there. Of several processes that want
// the same one at once one unpacks, and the others wait. Throws what layer::unpack throws, and Kind::invalid
// for something else in its place.
Kept keep(const Context& context, const std::string& cache, const std::string& name,
          const layer::Stack& stack, layer::Owners owners);

}  // namespace stave::rootfs
