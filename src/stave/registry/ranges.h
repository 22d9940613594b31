// Blobs as they come from a registry: a stream that goes on where it was when a
// connection breaks, and that may be read in several ranges at once. Not verified: the
// digest is for who asks. Internal.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "stave/base/stream.h"
#include "stave/hash/digest.h"
#include "stave/registry/reach.h"

namespace stave::registry {

// The bytes of a blob from `offset` on; nullptr if no place has it. Kind::io when it cannot be had for
// settings.http.attempts times with less than 1 MiB between; Kind::mismatch when its size changes on the way.
std::unique_ptr<Source> open_blob(std::shared_ptr<const Reach> reach, const Digest& digest,
                                  std::uint64_t offset);

// "bytes FIRST-LAST/TOTAL" (RFC 9110, 14.4); nullopt if it is none. `*` for TOTAL is no total; "bytes */N" is
// not one of these but what a 416 says.
struct ContentRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::optional<std::uint64_t> total = {};
  friend bool operator==(const ContentRange&, const ContentRange&) = default;
};
std::optional<ContentRange> parse_content_range(std::string_view text);

}  // namespace stave::registry
