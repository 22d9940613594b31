// Where the blocks of a deflate stream are. libdeflate gives one finished stream
// and does not say where its last block begins; whoever wants to append more
// must walk the Huffman codes. Nothing is decompressed on the way.

#pragma once

#include <cstdint>

#include "stave/base/stream.h"

namespace stave::compress {

// Bits are counted from the first byte's least significant bit (RFC 1951, 3.1.1).
struct DeflateScan {
  std::uint64_t last_header = 0;  // the position of the last block's BFINAL
  std::uint64_t end = 0;          // the first position after the last block
};

// Walks the deflate stream (RFC 1951) that `stream` begins with up to the end of its final block. Meant for
// streams that a compressor of this process made: distances are not checked. It never reads outside of
// `stream`, though, and throws Kind::internal if the codes make no sense or the stream has no end. Costs
// 4 to 8 % of what libdeflate's level 6 takes for the same bytes.
DeflateScan scan_deflate(Bytes stream);

}  // namespace stave::compress
