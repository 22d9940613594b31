// A SHA-256 whose state can be written down and taken up again, so that a stream
// of which only the end is new need not be hashed from its beginning.

#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "stave/base/stream.h"
#include "stave/hash/digest.h"

namespace stave {

class ResumableHasher {
 public:
  // What was hashed so far, up to the last multiple of `step` bytes (FIPS 180-4, 6.2: the hash value after
  // whole message blocks). Whoever takes it up has to give the bytes behind that multiple again.
  struct State {
    std::array<std::uint32_t, 8> words{};
    std::uint64_t bytes = 0;  // a multiple of `step`
    friend bool operator==(const State&, const State&) = default;
  };
  static constexpr std::uint64_t step = 64;

  ResumableHasher();
  // Kind::internal if `state.bytes` is no multiple of `step`.
  explicit ResumableHasher(const State& state);
  ResumableHasher(ResumableHasher&&) noexcept;
  ResumableHasher& operator=(ResumableHasher&&) noexcept;
  ~ResumableHasher();

  void update(Bytes bytes);
  std::uint64_t size() const;  // bytes so far, those before the state that was taken up included
  State state() const;
  Digest finish() &&;

 private:
  struct Sha256;
  std::unique_ptr<Sha256> sha256_;
};

}  // namespace stave
