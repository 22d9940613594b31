// Usage: where the bytes of an image are, by directory and by layer; which were
// shipped in vain because a later layer hides them, and which more than once.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "stave/hash/digest.h"
#include "stave/inspect/origins.h"

namespace stave::inspect {

// Files are what is not a directory, each counted once whatever names it has; bytes are those of contents.
struct Amount {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;

  void add(std::uint64_t size) { ++files, bytes += size; }
  void add(const Amount& other) { files += other.files, bytes += other.bytes; }
  friend bool operator==(const Amount&, const Amount&) = default;
};

struct LayerUsage {
  Amount visible;   // what is still there in the end
  Amount hidden;    // what a later layer replaced or removed: shipped in vain
  Amount repeated;  // of both, what was shipped before with the same content
};

struct DirectoryUsage {
  std::string path;
  Amount visible;
};

// A content that was shipped more than once.
struct Repeated {
  struct Place {
    std::size_t layer;
    std::string path;
    std::string why;  // of the same path: what else changed ("mode"), or "again"; of another: empty
  };
  Digest digest;
  std::uint64_t size;
  std::vector<Place> places;  // in the order of layers and paths, at least two

  std::uint64_t waste() const { return size * (places.size() - 1); }
};

struct Usage {
  std::vector<LayerUsage> layers;           // the lowest first
  std::vector<DirectoryUsage> directories;  // the biggest first, then in path order
  std::vector<Repeated> repeated;           // what wastes most first, then in path order

  // Sums over the layers. `visible` is the sum over the directories, too.
  LayerUsage total;
};

// Of what is at or below `directory` (a path that Layered::get gave). Every file counts for the directory
// that it is in, or the one above it that is `levels` below `directory`, so that the directories add up. Of
// trees that were read with digests; without, nothing is known to be repeated.
Usage usage_of(const Layered& layered, const std::string& directory, std::size_t levels);

}  // namespace stave::inspect
