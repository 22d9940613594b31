// Decompression of anything: an error of the expected kinds or bytes, the same
// however the stream arrives. And blocks made of the same bytes come back.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "stave/base/error.h"
#include "stave/compress/compress.h"
#include "stave/compress/deflate_scan.h"

namespace {

using namespace stave;
using namespace stave::compress;

// A bomb is somebody else's business (limits::layer_bytes); here it would only take time.
constexpr std::uint64_t most = 16 * 1024 * 1024;

// A Source that hands out at most `piece` bytes at a time.
class Trickle : public Source {
 public:
  Trickle(std::string_view bytes, std::size_t piece) : rest_(bytes), piece_(piece) {}
  std::size_t read(MutableBytes out) override { return rest_.read(out.first(std::min(piece_, out.size()))); }

 private:
  BytesSource rest_;
  std::size_t piece_;
};

void require(bool holds) {
  if (!holds) std::abort();
}

// The plain bytes, or the kind of failure.
std::pair<std::string, Kind> decompress_all(std::string_view bytes, Format format, std::size_t piece) {
  Trickle in(bytes, piece);
  try {
    return {read_all(*decompress(in, format), most, "fuzz"), Kind::internal};
  } catch (const Error& error) {
    require(error.kind() == Kind::invalid || error.kind() == Kind::limit ||
            error.kind() == Kind::unsupported);
    return {{}, error.kind()};
  }
}

void scan(std::string_view bytes) {
  try {
    const DeflateScan found = scan_deflate(as_bytes(bytes));
    require(found.last_header < found.end && found.end <= 8 * bytes.size());
  } catch (const Error& error) {
    require(error.kind() == Kind::internal);
  }
}

void round_trip(std::string_view plain, const Codec& codec, std::size_t block_size) {
  StringSink sink;
  BlockCompressor compressor(codec);
  BlockWriter writer(codec, sink);
  Block block;
  for (std::size_t at = 0; at < plain.size(); at += block_size) {
    compressor.compress(as_bytes(plain.substr(at, block_size)), block);
    writer.append(block);
  }
  require(std::move(writer).finish() == sink.text().size());
  BytesSource in(sink.text());
  require(read_all(*decompress(in, codec.format), most, "fuzz") == plain);
}

}  // namespace

// The first byte chooses what is done, the second the size of pieces.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t piece = data[1] + 1u;
  switch (data[0] % 4) {
    case 0:
    case 1: {
      const Format format = data[0] % 4 == 0 ? Format::gzip : Format::zstd;
      require(decompress_all(rest, format, SIZE_MAX) == decompress_all(rest, format, piece));
      break;
    }
    case 2:
      scan(rest);
      break;
    default:
      round_trip(rest, Codec::parse(data[0] % 8 == 3 ? "gzip:" + std::to_string(data[0] % 13) : "zstd:1"),
                 piece);
  }
  return 0;
}
