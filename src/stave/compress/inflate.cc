// Inflater by zlib, which is always there, and the choice between it and ISA-L.

#include "stave/compress/inflate.h"

#define ZLIB_CONST  // zlib.h: next_in points to const

#include <zlib.h>

#include <algorithm>

#include "stave/base/error.h"

namespace stave::compress {
namespace {

class ZlibInflater final : public Inflater {
 public:
  ZlibInflater() {
    if (inflateInit2(&stream_, -MAX_WBITS) != Z_OK)
      throw Error(Kind::io, "not enough memory to decompress gzip");
  }
  ZlibInflater(const ZlibInflater&) = delete;
  ZlibInflater& operator=(const ZlibInflater&) = delete;
  ~ZlibInflater() override { inflateEnd(&stream_); }

  void restart() override { inflateReset(&stream_); }

  Step inflate(Bytes in, MutableBytes out) override {
    constexpr std::size_t most = 1u << 30;
    const auto bytes_in = static_cast<uInt>(std::min(in.size(), most));
    const auto room = static_cast<uInt>(std::min(out.size(), most));
    stream_.next_in = reinterpret_cast<const Bytef*>(in.data());
    stream_.avail_in = bytes_in;
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = room;
    const int result = ::inflate(&stream_, Z_NO_FLUSH);
    Step step{.taken = bytes_in - stream_.avail_in, .given = room - stream_.avail_out};
    step.done = result == Z_STREAM_END;
    if (result == Z_MEM_ERROR) throw Error(Kind::io, "not enough memory to decompress gzip");
    if (!step.done && result != Z_OK && result != Z_BUF_ERROR)
      step.damage = stream_.msg == nullptr ? "damaged" : stream_.msg;
    return step;
  }

 private:
  z_stream stream_{};
};

}  // namespace

std::unique_ptr<Inflater> zlib_inflater() { return std::make_unique<ZlibInflater>(); }

std::unique_ptr<Inflater> best_inflater() {
  auto isal = isal_inflater();
  return isal ? std::move(isal) : zlib_inflater();
}

}  // namespace stave::compress
