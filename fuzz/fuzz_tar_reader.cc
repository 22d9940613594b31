// Fuzzing tar::Reader: no archive, however broken, makes it crash, hang or
// leave with anything but an Error; and a header that was read and can be
// written is read back as the same header.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "fuzz_tar.h"
#include "stave/base/error.h"
#include "stave/base/stream.h"
#include "stave/tar/tar.h"

namespace {

using stave::tar::Header;
using stave::tar::Reader;

// Holes cost nothing in an archive: what is read of all files together ends here.
constexpr std::uint64_t content_budget = 1 << 16;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_round_trip(Header header) {
  header.sparse = false;                             // is not written
  header.mtime.nanoseconds = 0;                      // nor are parts of a second
  if (header.mtime.seconds == -62135596800) return;  // Go's "no time" is written as 0
  std::string archive;
  try {
    archive = stave::tar::encode(header);
  } catch (const stave::Error& error) {
    require(error.kind() == stave::Kind::invalid);
    return;
  }
  stave::BytesSource source{std::string_view(archive)};
  Reader reader(source);
  Header again;
  require(reader.next(again));
  require(again == header);
}

// Reads what the budget allows; nothing more than the header promised may come.
std::uint64_t read_content(Reader& reader, std::uint64_t size, std::uint64_t budget) {
  std::array<std::byte, 4096> piece;
  std::uint64_t total = 0;
  while (total < budget) {
    const std::size_t n = reader.read(piece);
    total += n;
    require(total <= size);
    if (n != 0) continue;
    require(total == size);
    break;
  }
  return total;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string archive = fuzz::with_checksums({reinterpret_cast<const char*>(data), size});
  stave::BytesSource source{std::string_view(archive)};
  Reader reader(source);
  std::uint64_t budget = content_budget;
  try {
    for (Header header; reader.next(header);) {
      require(!header.name.empty());
      require(reader.header_offset() < reader.content_offset() && reader.content_offset() <= size);
      check_round_trip(header);
      const std::uint64_t taken = read_content(reader, header.size, budget);
      budget -= std::min(taken, budget);
    }
    reader.drain();
  } catch (const stave::Error& error) {
    require(error.kind() == stave::Kind::invalid || error.kind() == stave::Kind::unsupported);
  }
  return 0;
}
