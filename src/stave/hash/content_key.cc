// The key of some bytes is the tag that AES-128-GCM gives for an empty message with
// them as additional data, always with the same nonce: no tag is ever shown, so
// nobody learns what a repeated nonce would tell.

#include "stave/hash/content_key.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <limits>

#include "stave/base/error.h"

namespace stave {
namespace {

struct FreeCipher {
  void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

void check(bool worked) {
  if (!worked) throw Error(Kind::unsupported, "OpenSSL on this machine offers no AES-128-GCM");
}

}  // namespace

struct ContentKeys::Cipher {
  std::unique_ptr<EVP_CIPHER, FreeCipher> cipher;
  std::unique_ptr<EVP_CIPHER_CTX, FreeCipher> context;
};

ContentKeys::ContentKeys(const KeySecret& secret) : cipher_(std::make_unique<Cipher>()) {
  cipher_->cipher.reset(EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr));
  cipher_->context.reset(EVP_CIPHER_CTX_new());
  check(cipher_->cipher && cipher_->context &&
        EVP_EncryptInit_ex2(cipher_->context.get(), cipher_->cipher.get(), secret.data(), nullptr, nullptr) ==
            1);
}

ContentKeys::ContentKeys(ContentKeys&&) noexcept = default;
ContentKeys& ContentKeys::operator=(ContentKeys&&) noexcept = default;
ContentKeys::~ContentKeys() = default;

ContentKey ContentKeys::of(Bytes bytes) {
  constexpr std::array<unsigned char, 12> nonce{};
  EVP_CIPHER_CTX* const context = cipher_->context.get();
  int length = 0;
  check(EVP_EncryptInit_ex2(context, nullptr, nullptr, nonce.data(), nullptr) == 1);
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min<std::size_t>(bytes.size(), std::numeric_limits<int>::max()));
    check(EVP_EncryptUpdate(context, nullptr, &length, reinterpret_cast<const unsigned char*>(piece.data()),
                            static_cast<int>(piece.size())) == 1);
    bytes = bytes.subspan(piece.size());
  }
  ContentKey key{};
  std::array<unsigned char, EVP_MAX_BLOCK_LENGTH> nothing{};
  check(EVP_EncryptFinal_ex(context, nothing.data(), &length) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(key.size()), key.data()) == 1);
  return key;
}

KeySecret make_key_secret() {
  KeySecret secret{};
  if (RAND_bytes(secret.data(), static_cast<int>(secret.size())) != 1)
    throw Error(Kind::io, "OpenSSL could not get random numbers from the kernel");
  return secret;
}

}  // namespace stave
