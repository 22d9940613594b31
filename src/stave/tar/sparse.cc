// Maps of sparse files, read and checked.

#include "stave/tar/sparse.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "stave/base/text.h"

namespace stave::tar {
namespace {

constexpr std::uint64_t largest = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t number_size = 12;
constexpr std::size_t pair_size = 2 * number_size;

void add(SparseMap& map, Fragment fragment, std::uint64_t offset) {
  if (map.size() == sparse_fragments) {
    fail(offset, fmt::format("a sparse file of more than {} fragments", sparse_fragments));
  }
  map.push_back(fragment);
}

std::uint64_t get_count(std::string_view text, std::uint64_t offset) {
  const std::optional<std::uint64_t> count = parse_number(text);
  if (!count || *count > sparse_fragments) {
    fail(offset,
         fmt::format("a sparse file of {} fragments; at most {} are read", quote(text), sparse_fragments));
  }
  return *count;
}

// Adds the pairs of `area`, up to the first that is empty: that is how GNU and BSD tar end a map.
void add_pairs(SparseMap& map, std::string_view area, std::uint64_t offset) {
  for (; area.size() >= pair_size && area[0] != '\0'; area.remove_prefix(pair_size)) {
    const auto begin = parse_numeric(area.substr(0, number_size));
    const auto length = parse_numeric(area.substr(number_size, number_size));
    if (!begin || !length || *begin < 0 || *length < 0)
      fail(offset, "a bad number in the map of a sparse file");
    add(map, {static_cast<std::uint64_t>(*begin), static_cast<std::uint64_t>(*length)}, offset);
  }
}

// Numbers, each on a line of its own, out of whole blocks.
class TextMap {
 public:
  TextMap(Input& input, std::uint64_t& stored) : input_(input), stored_(stored) {}

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (std::size_t digits = 0;; ++digits) {
      const char c = character();
      if (c == '\n' && digits != 0) return value;
      if (c < '0' || c > '9' || value > largest / 10) fail(at(), "a bad number in the map of a sparse file");
      value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
  }

  std::uint64_t at() const { return input_.offset() - (block_size - next_); }

 private:
  char character() {
    if (next_ == block_size) {
      if (stored_ < block_size) fail(at(), "the map of a sparse file does not end");
      input_.get(block_);
      stored_ -= block_size;
      next_ = 0;
    }
    return block_[next_++];
  }

  Input& input_;
  std::uint64_t& stored_;
  Block block_{};
  std::size_t next_ = block_size;
};

}  // namespace

SparseMap read_gnu_map(const Block& header, Input& input) {
  constexpr Field pairs{0, 21 * pair_size};
  constexpr std::size_t extended = 504;
  SparseMap map;
  add_pairs(map, bytes_of(header, field::gnu_sparse), input.offset() - block_size);
  bool more = header[field::gnu_extended.offset] != 0;
  // An extension without a single pair says nothing, and a stream of them would never end.
  while (more) {
    Block block;
    input.get(block);
    const std::size_t before = map.size();
    add_pairs(map, bytes_of(block, pairs), input.offset() - block_size);
    more = block[extended] != 0;
    if (more && map.size() == before) fail(input.offset() - block_size, "an empty extension of a sparse map");
  }
  return map;
}

SparseMap parse_map(const SparseRecords& records, std::uint64_t offset) {
  const std::uint64_t count = get_count(records.numblocks, offset);
  std::string_view rest = records.map;
  const auto number = [&] {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const std::optional<std::uint64_t> value = parse_number(rest.substr(0, comma));
    if (!value || *value > largest) fail(offset, "a bad number in the map of a sparse file");
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    return *value;
  };
  SparseMap map;
  while (!rest.empty()) {
    const std::uint64_t begin = number();
    add(map, {begin, number()}, offset);
  }
  if (map.size() != count) {
    fail(offset, fmt::format("a sparse map of {} fragments holds {}", count, map.size()));
  }
  return map;
}

SparseMap read_text_map(Input& input, std::uint64_t& stored) {
  TextMap text(input, stored);
  const std::uint64_t at = input.offset();
  const std::uint64_t count = text.number();
  get_count(std::to_string(count), at);
  SparseMap map;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t begin = text.number();
    add(map, {begin, text.number()}, at);
  }
  return map;
}

void check_map(SparseMap& map, std::uint64_t size, std::uint64_t stored, std::uint64_t offset) {
  std::uint64_t end = 0;
  std::uint64_t data = 0;  // cannot overflow: the fragments lie one after the other within `size`
  for (const Fragment& fragment : map) {
    if (fragment.offset < end) fail(offset, "fragments of a sparse file overlap or are out of order");
    if (fragment.offset > size || fragment.length > size - fragment.offset) {
      fail(offset, fmt::format("a fragment of a sparse file lies beyond its {} bytes", size));
    }
    end = fragment.offset + fragment.length;
    data += fragment.length;
  }
  if (data != stored) {
    fail(offset, fmt::format("a sparse file stores {} bytes where its map says {}", stored, data));
  }
  map.erase(std::remove_if(map.begin(), map.end(), [](const Fragment& f) { return f.length == 0; }),
            map.end());
}

}  // namespace stave::tar
