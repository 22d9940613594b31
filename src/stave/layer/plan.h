// Plan: where every byte of a layer's tar will be, known from metadata alone
// before the first file is opened, and the cuts that divide it into blocks
// which any thread can make (docs/format.md).

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "stave/base/stream.h"
#include "stave/layer/changeset.h"

namespace stave::layer {

// How the tar is cut into blocks. Part of the format: with other numbers a layer has another digest.
struct Cuts {
  std::uint64_t least;  // a natural cut needs a block of at least this many bytes
  std::uint64_t mean;   // from there, natural cuts come once in so many bytes
  std::uint64_t
      most;  // no block is longer, but for the header of the entry that it begins with and the trailer

  // gzip has a window of 32 KiB, so blocks of a few hundred KiB lose little and balance well over cores;
  // zstd's window at level 3 is 2 MiB, and its ratio falls by more than 3 % with blocks under 1 MiB.
  static constexpr Cuts gzip() { return {128 * 1024, 256 * 1024, 1024 * 1024}; }
  static constexpr Cuts zstd() { return {512 * 1024, 1536 * 1024, 4 * 1024 * 1024}; }
};

// The layout of a changeset as a tar. Holds a reference to the changeset, which must outlive it unchanged.
// Costs 8 bytes an entry beyond it.
class Plan {
 public:
  // Throws Kind::invalid for what a layer cannot say: a name that reads as a whiteout, a NUL in a name;
  // Kind::limit beyond limits::layer_bytes (naming the file that does not fit any more); Kind::internal, a
  // defect of the caller, for an order or a duplicate that would corrupt.
  Plan(const Changeset& changes, const Cuts& cuts);

  std::uint64_t size() const { return size_; }  // of the whole tar, its two final zero blocks included
  std::size_t block_count() const { return blocks_.size(); }
  std::uint64_t block_offset(std::size_t block) const { return blocks_[block].offset; }
  std::uint64_t block_size(std::size_t block) const;

  // Tells of every change with bytes in the block: its header, and where that begins relative to the block.
  void describe(
      std::size_t block,
      const std::function<void(const Change&, const std::string& header, std::int64_t at)>& tell) const;

  // Writes the block's bytes into `out` (resized), reading the file ranges that fall in it. Thread-safe.
  void make(std::size_t block, std::vector<std::byte>& out) const;

 private:
  struct Block {
    std::uint64_t offset;  // in the tar
    std::size_t entry;     // the first entry that has bytes in it
  };
  void check_removals() const;
  void cut(std::uint64_t offset, std::size_t entry);
  void lay_out(std::size_t entry, const Cuts& cuts);
  void emit(std::size_t entry, std::uint64_t from, std::uint64_t to, std::byte* out) const;

  const Changeset& changes_;
  std::vector<std::uint64_t> offsets_;  // of each entry's header
  std::vector<Block> blocks_;
  std::uint64_t size_ = 0;
};

// The tar header of a change: what is encoded for it.
tar::Header header_of(const Change& change);

}  // namespace stave::layer
