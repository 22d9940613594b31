// Changeset: the order in which changes are written.

#include "stave/layer/changeset.h"

#include "stave/layer/path.h"

namespace stave::layer {

// Removals of a directory's children stand before everything else in it: as if their last component began
// with a byte below all others.
bool written_before(const Change& a, const Change& b) {
  const std::string_view left = a.entry.path;
  const std::string_view right = b.entry.path;
  if (!a.removal && !b.removal) return compare(left, right) < 0;
  if (a.removal && b.removal) {
    const std::string_view up = parent(left);
    const std::string_view other_up = parent(right);
    if (up == other_up) return compare(left, right) < 0;
    return is_within(other_up, up) || (!is_within(up, other_up) && compare(up, other_up) < 0);
  }
  const std::string_view up = parent(a.removal ? left : right);
  const std::string_view other = a.removal ? right : left;
  const bool removal_first = other != up && (is_within(other, up) || compare(up, other) < 0);
  return a.removal ? removal_first : !removal_first;
}

}  // namespace stave::layer
