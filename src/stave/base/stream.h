// Byte streams. Writers push into a Sink, readers pull from a Source; a tar, a
// compressor, a hash and a file all meet here and know nothing of each other.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "stave/base/limits.h"

namespace stave {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline Bytes as_bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Something bytes can be pulled from, once, forward.
class Source {
 public:
  virtual ~Source() = default;

  // Fills a part of `out` (at least one byte unless `out` is empty) and says how much; 0 is the end.
  // Throws Error when the bytes cannot be had or turn out to be wrong.
  virtual std::size_t read(MutableBytes out) = 0;

  // Passes over `count` bytes, unread where that is possible (a file), and says how many; fewer only at the
  // end.
  virtual std::uint64_t skip(std::uint64_t count);
};

// Something bytes can be pushed into. What they become is known only when its owner finishes it.
class Sink {
 public:
  virtual ~Sink() = default;

  // Takes all of `bytes` or throws.
  virtual void write(Bytes bytes) = 0;
};

// Pulls until `out` is full or the source ends; says how much came.
std::size_t read_full(Source& source, MutableBytes out);

// Moves everything that is left in `source` into `sink`; says how many bytes that were.
std::uint64_t copy(Source& source, Sink& sink);

// All that is left in `source`. Throws Kind::limit, naming `what`, once it exceeds `limit` bytes.
std::string read_all(Source& source, limits::Cap limit, std::string_view what);

// A Source over memory that outlives it.
class BytesSource : public Source {
 public:
  explicit BytesSource(Bytes bytes) : rest_(bytes) {}
  explicit BytesSource(std::string_view text) : rest_(as_bytes(text)) {}
  std::size_t read(MutableBytes out) override;

 private:
  Bytes rest_;
};

// A Source of which no more than a limit is taken: what would go past it throws Kind::limit, naming `what`.
class CappedSource : public Source {
 public:
  CappedSource(Source& source, limits::Cap limit, std::string what)
      : source_(source), limit_(limit), left_(limit.value()), what_(std::move(what)) {}
  std::size_t read(MutableBytes out) override;
  std::uint64_t skip(std::uint64_t count) override;

 private:
  std::uint64_t counted(std::uint64_t bytes);

  Source& source_;
  limits::Cap limit_;
  std::uint64_t left_;
  std::string what_;
};

// A Sink that keeps everything in one string.
class StringSink : public Sink {
 public:
  void write(Bytes bytes) override { text_.append(as_text(bytes)); }
  const std::string& text() const { return text_; }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

// A Sink that only counts.
class CountingSink : public Sink {
 public:
  void write(Bytes bytes) override { count_ += bytes.size(); }
  std::uint64_t count() const { return count_; }

 private:
  std::uint64_t count_ = 0;
};

// A Source that hands every byte it passes on to a Sink as well.
class TeeSource : public Source {
 public:
  TeeSource(Source& source, Sink& sink) : source_(source), sink_(sink) {}
  std::size_t read(MutableBytes out) override;

 private:
  Source& source_;
  Sink& sink_;
};

// A Source whose first bytes were already taken off it (to sniff a format) and are put back in front.
class PrefixedSource : public Source {
 public:
  PrefixedSource(std::string prefix, Source& rest) : prefix_(std::move(prefix)), rest_(rest) {}
  std::size_t read(MutableBytes out) override;

 private:
  std::string prefix_;
  std::size_t taken_ = 0;
  Source& rest_;
};

}  // namespace stave
