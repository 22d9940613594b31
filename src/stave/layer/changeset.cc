// Changeset: the order in which changes are written.

#include "stave/layer/changeset.h"

#include <algorithm>

#include "stave/layer/path.h"

namespace stave::layer {

bool written_before(const Change& a, const Change& b) {
  const std::string_view left = a.entry.path;
  const std::string_view right = b.entry.path;
  if (a.removal == b.removal) return compare(left, right) < 0;
  // A removal stands before everything else below its parent: it sorts as if it were the parent's first
  // child.
  const std::string_view up = parent(a.removal ? left : right);
  const std::string_view other = a.removal ? right : left;
  const bool removal_first = other != up && (is_within(other, up) || compare(up, other) < 0);
  return a.removal ? removal_first : !removal_first;
}

}  // namespace stave::layer
