// Fuzzing what the cache knows of a layer: it lies where anybody of the same user may
// have written to it. What parses is rendered to the same bytes; anything else is forgotten, never
// believed and never an exception.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "stave/cache/layers_text.h"
#include "stave/hash/digest.h"

namespace {

using namespace stave;

std::string raw(const Digest& digest) { return std::string(as_text(digest.raw())); }

// What an index begins with, found in one of nothing.
std::string magic() {
  const Digest nothing = digest_of("");
  const std::string empty = cache::render({.digest = nothing, .diff_id = nothing, .blocks = {}});
  return empty.substr(0, empty.find(raw(nothing)));
}

void check(std::string_view bytes) {
  const auto layer = cache::parse(bytes);
  if (layer && cache::render(*layer) != bytes) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check(bytes);
  // No mutation finds a SHA-256: with a right one at the end, what comes before it is looked at.
  static const std::string begin = magic();
  const std::string text = begin + std::string(bytes);
  check(text + raw(digest_of(text)));
  return 0;
}
