// Byte streams: the few that everything else is made of.

#include "stave/base/stream.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"

namespace stave {

std::uint64_t Source::skip(std::uint64_t count) {
  std::vector<std::byte> buffer(static_cast<std::size_t>(std::min<std::uint64_t>(count, 64 * 1024)));
  std::uint64_t done = 0;
  while (done < count) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), count - done));
    const std::size_t n = read(MutableBytes(buffer).first(want));
    if (n == 0) break;
    done += n;
  }
  return done;
}

std::size_t read_full(Source& source, MutableBytes out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const std::size_t n = source.read(out.subspan(done));
    if (n == 0) break;
    done += n;
  }
  return done;
}

std::uint64_t copy(Source& source, Sink& sink) {
  std::vector<std::byte> buffer(limits::copy_buffer);
  std::uint64_t total = 0;
  while (const std::size_t n = source.read(buffer)) {
    sink.write(Bytes(buffer).first(n));
    total += n;
  }
  return total;
}

std::string read_all(Source& source, limits::Cap limit, std::string_view what) {
  std::string text;
  const std::uint64_t most = limit.value();
  std::vector<std::byte> buffer(64 * 1024);
  while (const std::size_t n = source.read(buffer)) {
    if (text.size() + n > most) {
      throw limit.exceeded(std::string(what) + " is larger than " + std::to_string(most) + " bytes");
    }
    text.append(as_text(Bytes(buffer).first(n)));
  }
  return text;
}

std::uint64_t CappedSource::counted(std::uint64_t bytes) {
  if (bytes > left_) throw limit_.exceeded(what_ + " is larger than " + human_size(limit_.value()));
  left_ -= bytes;
  return bytes;
}

std::size_t CappedSource::read(MutableBytes out) {
  return static_cast<std::size_t>(counted(source_.read(out)));
}

std::uint64_t CappedSource::skip(std::uint64_t count) {
  // One byte past the limit is enough to know; the rest need not be passed over.
  return counted(source_.skip(std::min(count, left_ == UINT64_MAX ? left_ : left_ + 1)));
}

std::size_t BytesSource::read(MutableBytes out) {
  const std::size_t n = std::min(out.size(), rest_.size());
  if (n != 0) std::memcpy(out.data(), rest_.data(), n);
  rest_ = rest_.subspan(n);
  return n;
}

std::size_t TeeSource::read(MutableBytes out) {
  const std::size_t n = source_.read(out);
  if (n != 0) sink_.write(out.first(n));
  return n;
}

std::size_t PrefixedSource::read(MutableBytes out) {
  if (taken_ == prefix_.size()) return rest_.read(out);
  const std::size_t n = std::min(out.size(), prefix_.size() - taken_);
  std::memcpy(out.data(), prefix_.data() + taken_, n);
  taken_ += n;
  return n;
}

}  // namespace stave
