// OpenSSL's EVP interface keeps its states to itself; the one below it, which it calls
// deprecated for new protocols, shows them, and is the same code underneath.

#define OPENSSL_SUPPRESS_DEPRECATED

#include "stave/hash/resumable.h"

#include <openssl/sha.h>

#include <algorithm>

#include "stave/base/error.h"

namespace stave {

struct ResumableHasher::Sha256 {
  SHA256_CTX context{};
  std::uint64_t size = 0;
};

ResumableHasher::ResumableHasher() : sha256_(std::make_unique<Sha256>()) { SHA256_Init(&sha256_->context); }

ResumableHasher::ResumableHasher(const State& state) : ResumableHasher() {
  if (state.bytes % step != 0) throw Error(Kind::internal, "a hash was to be taken up within a block");
  SHA256_CTX& context = sha256_->context;
  std::copy(state.words.begin(), state.words.end(), std::begin(context.h));
  context.Nl = static_cast<SHA_LONG>(state.bytes << 3);  // the length in bits, in two halves
  context.Nh = static_cast<SHA_LONG>(state.bytes >> 29);
  sha256_->size = state.bytes;
}

ResumableHasher::ResumableHasher(ResumableHasher&&) noexcept = default;
ResumableHasher& ResumableHasher::operator=(ResumableHasher&&) noexcept = default;
ResumableHasher::~ResumableHasher() = default;

void ResumableHasher::update(Bytes bytes) {
  if (!sha256_) throw Error(Kind::internal, "a hasher was used after finish()");
  SHA256_Update(&sha256_->context, bytes.data(), bytes.size());
  sha256_->size += bytes.size();
}

std::uint64_t ResumableHasher::size() const { return sha256_->size; }

ResumableHasher::State ResumableHasher::state() const {
  State state;
  std::copy(std::begin(sha256_->context.h), std::end(sha256_->context.h), state.words.begin());
  state.bytes = sha256_->size - sha256_->size % step;
  return state;
}

Digest ResumableHasher::finish() && {
  const std::unique_ptr<Sha256> sha256 = std::move(sha256_);
  if (!sha256) throw Error(Kind::internal, "a hasher was finished twice");
  std::array<unsigned char, SHA256_DIGEST_LENGTH> raw{};
  SHA256_Final(raw.data(), &sha256->context);
  return Digest::from_raw(Algorithm::sha256, std::as_bytes(std::span(raw)));
}

}  // namespace stave
