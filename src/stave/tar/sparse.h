// Sparse files: an archive that stores only the fragments that hold data, and
// a map of where they belong. GNU tar alone has four forms of it (GNU tar manual, "Storing Sparse Files").

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "stave/tar/block.h"
#include "stave/tar/input.h"
#include "stave/tar/pax.h"

namespace stave::tar {

struct Fragment {
  std::uint64_t offset;  // in the expanded file
  std::uint64_t length;
};

// Fragments of one file: 1 MiB of memory, as the other things an entry may bring. A file of 512 MiB that
// alternates between 4 KiB of data and holes has that many.
inline constexpr std::size_t sparse_fragments = 65536;

using SparseMap = std::vector<Fragment>;  // as it came; `check_map` says whether it makes sense

// The old GNU form (type 'S'): four pairs in the header, more in blocks that follow it at once. Afterwards
// `input` stands where the content begins.
SparseMap read_gnu_map(const Block& header, Input& input);

// pax 0.0 and 0.1: the map is in the records. `offset` is where they were, for messages.
SparseMap parse_map(const SparseRecords& records, std::uint64_t offset);

// pax 1.0: the map is text in front of the content, filled up to a block; what it took is subtracted from
// `stored`.
SparseMap read_text_map(Input& input, std::uint64_t& stored);

// Throws Kind::invalid unless the fragments are in order, do not overlap, lie within `size` and are together
// what is `stored`. Fragments of nothing are dropped.
void check_map(SparseMap& map, std::uint64_t size, std::uint64_t stored, std::uint64_t offset);

}  // namespace stave::tar
