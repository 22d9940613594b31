// Inflater: one deflate stream (RFC 1951) after another, without gzip around them. ISA-L
// does it where it was built in, zlib everywhere; both must give the same bytes and take
// the same number of them. Internal to compress.

#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "stave/base/stream.h"

namespace stave::compress {

class Inflater {
 public:
  virtual ~Inflater() = default;

  // A new stream begins with the next byte.
  virtual void restart() = 0;

  // What one call did. A decoder reads ahead by less than 8 bytes: when the stream is done, `unused` bytes
  // of what was handed in, in this call or before, come after its end.
  struct Step {
    std::size_t taken = 0;
    std::size_t given = 0;
    std::size_t unused = 0;
    bool done = false;
    // Not empty: the stream is damaged, and how. Nothing that was given in this call counts.
    std::string damage = {};
  };
  // Takes all of `in`, or fills `out`, or is done.
  virtual Step inflate(Bytes in, MutableBytes out) = 0;
};

// How many bytes Step::unused is at most.
inline constexpr std::size_t inflate_reads_ahead = 8;

std::unique_ptr<Inflater> zlib_inflater();
// nullptr: this stave was built without ISA-L.
std::unique_ptr<Inflater> isal_inflater();

// The faster of those there are.
std::unique_ptr<Inflater> best_inflater();

// Of the ISA-L that is built in; empty without.
std::string isal_version();

}  // namespace stave::compress
