// Keys by content that nobody can foresee: two blocks have the same key only if
// their bytes are the same, even when somebody chooses the bytes who would like it otherwise.

#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "stave/base/stream.h"

namespace stave {

using ContentKey = std::array<std::uint8_t, 16>;
using KeySecret = std::array<std::uint8_t, 16>;

// GHASH under a secret (the hash within AES-GCM, NIST SP 800-38D, 6.4), about 7 GB/s a core: several times as
// fast as SHA-256. Who does not know the secret makes two blocks of n bytes collide with a probability of at
// most n / 2^131. The keys are worthless to whom the secret is unknown, and must not be shown to those who
// choose the bytes.
//
// Not thread-safe: one for each thread.
class ContentKeys {
 public:
  explicit ContentKeys(const KeySecret& secret);
  ContentKeys(ContentKeys&&) noexcept;
  ContentKeys& operator=(ContentKeys&&) noexcept;
  ~ContentKeys();

  ContentKey of(Bytes bytes);

 private:
  struct Cipher;
  std::unique_ptr<Cipher> cipher_;
};

// A new secret, from the kernel's random numbers.
KeySecret make_key_secret();

}  // namespace stave
