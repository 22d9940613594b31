// Digests: the grammar of image-spec descriptor.md ("Digests"), hashing by
// OpenSSL, and the check that a stream is what its digest says.

#include "stave/hash/digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstring>

#include "stave/base/error.h"
#include "stave/base/text.h"

namespace stave {
namespace {

constexpr std::string_view lower_hex = "0123456789abcdef";

constexpr std::size_t raw_size(Algorithm algorithm) { return algorithm == Algorithm::sha256 ? 32 : 64; }

std::optional<Algorithm> find_algorithm(std::string_view text) {
  if (text == "sha256") return Algorithm::sha256;
  if (text == "sha512") return Algorithm::sha512;
  return std::nullopt;
}

bool is_lower_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// algorithm ::= component ([+._-] component)*, component ::= [a-z0-9]+
bool is_algorithm(std::string_view text) {
  bool in_component = false;
  for (const char c : text) {
    const bool separator = c == '+' || c == '.' || c == '_' || c == '-';
    if (!is_lower_alnum(c) && !(separator && in_component)) return false;
    in_component = !separator;
  }
  return in_component;
}

// encoded ::= [a-zA-Z0-9=_-]+
bool is_encoded(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_lower_alnum(c) || (c >= 'A' && c <= 'Z') || c == '=' || c == '_' || c == '-';
  });
}

// Says why `text`, which Digest::find refused, is no digest.
[[noreturn]] void refuse(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == text.npos || !is_algorithm(text.substr(0, colon)) || !is_encoded(text.substr(colon + 1))) {
    throw Error(Kind::invalid, fmt::format("{} is not a digest", quote(text)),
                "a digest is written algorithm:hex, such as sha256: and 64 hex digits");
  }
  const auto algorithm = find_algorithm(text.substr(0, colon));
  if (!algorithm) {
    throw Error(Kind::unsupported, fmt::format("digest {}: unknown algorithm", quote(text)),
                "sha256 and sha512 are understood");
  }
  throw Error(Kind::invalid, fmt::format("digest {}: {} needs {} lower-case hex digits", quote(text),
                                         name(*algorithm), 2 * raw_size(*algorithm)));
}

// The implementation of `algorithm`. Fetching takes locks and searches the providers, so it happens once; the
// result is kept until the process ends, because OpenSSL's own exit handler may run before any destructor of
// ours.
const EVP_MD* implementation(Algorithm algorithm) {
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA2-256", nullptr);
  static const EVP_MD* const sha512 = EVP_MD_fetch(nullptr, "SHA2-512", nullptr);
  return algorithm == Algorithm::sha256 ? sha256 : sha512;
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

std::string_view name(Algorithm algorithm) { return algorithm == Algorithm::sha256 ? "sha256" : "sha512"; }

std::optional<Digest> Digest::find(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == text.npos) return std::nullopt;
  const auto algorithm = find_algorithm(text.substr(0, colon));
  const std::string_view hex = text.substr(colon + 1);
  if (!algorithm || hex.size() != 2 * raw_size(*algorithm)) return std::nullopt;

  Digest digest;
  digest.algorithm_ = *algorithm;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const std::size_t high = lower_hex.find(hex[i]);
    const std::size_t low = lower_hex.find(hex[i + 1]);
    if (high == lower_hex.npos || low == lower_hex.npos) return std::nullopt;
    digest.raw_[i / 2] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return digest;
}

Digest Digest::parse(std::string_view text) {
  if (const auto digest = find(text)) return *digest;
  refuse(text);
}

Digest Digest::from_raw(Algorithm algorithm, Bytes raw) {
  if (raw.size() != raw_size(algorithm)) {
    throw Error(Kind::internal, fmt::format("a raw {} value has {} bytes, not {}", name(algorithm),
                                            raw_size(algorithm), raw.size()));
  }
  Digest digest;
  digest.algorithm_ = algorithm;
  std::memcpy(digest.raw_.data(), raw.data(), raw.size());
  return digest;
}

Bytes Digest::raw() const { return std::as_bytes(std::span(raw_)).first(raw_size(algorithm_)); }

std::string Digest::hex() const {
  std::string text;
  text.reserve(2 * raw_.size());
  for (std::size_t i = 0; i < raw_size(algorithm_); ++i) {
    text += lower_hex[raw_[i] >> 4];
    text += lower_hex[raw_[i] & 15];
  }
  return text;
}

std::string Digest::str() const { return fmt::format("{}:{}", name(algorithm_), hex()); }

std::string Digest::short_hex() const { return hex().substr(0, 12); }

struct Hasher::State {
  Algorithm algorithm;
  std::unique_ptr<EVP_MD_CTX, FreeContext> context;
};

Hasher::Hasher(Algorithm algorithm)
    : state_(new State{algorithm, std::unique_ptr<EVP_MD_CTX, FreeContext>(EVP_MD_CTX_new())}) {
  const EVP_MD* md = implementation(algorithm);
  if (!md || !state_->context || EVP_DigestInit_ex2(state_->context.get(), md, nullptr) != 1) {
    throw Error(Kind::unsupported, fmt::format("OpenSSL on this machine offers no {}", name(algorithm)),
                "look at openssl.cnf: a provider with SHA-2 (default or fips) must be active");
  }
}

Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;
Hasher::~Hasher() = default;

void Hasher::update(Bytes bytes) {
  if (!state_) throw Error(Kind::internal, "a hasher was used after finish()");
  if (EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) != 1) {
    throw Error(Kind::internal, fmt::format("OpenSSL failed to update a {}", name(state_->algorithm)));
  }
}

Digest Hasher::finish() && {
  const std::unique_ptr<State> state = std::move(state_);
  if (!state) throw Error(Kind::internal, "a hasher was finished twice");
  std::array<std::byte, EVP_MAX_MD_SIZE> raw;
  unsigned size = 0;
  if (EVP_DigestFinal_ex(state->context.get(), reinterpret_cast<unsigned char*>(raw.data()), &size) != 1) {
    throw Error(Kind::internal, fmt::format("OpenSSL failed to finish a {}", name(state->algorithm)));
  }
  return Digest::from_raw(state->algorithm, Bytes(raw).first(size));
}

Digest digest_of(Bytes bytes, Algorithm algorithm) {
  Hasher hasher(algorithm);
  hasher.update(bytes);
  return std::move(hasher).finish();
}

VerifyingSource::VerifyingSource(std::unique_ptr<Source> source, const Digest& digest, std::uint64_t size)
    : source_(std::move(source)), want_(digest), size_(size), hasher_(digest.algorithm()) {}

std::size_t VerifyingSource::read(MutableBytes out) {
  if (out.empty() || verified_) return 0;
  if (seen_ < size_) {
    const std::size_t room = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), size_ - seen_));
    const std::size_t n = source_->read(out.first(room));
    if (n == 0) {
      throw Error(Kind::mismatch, fmt::format("{} ends after {} of {} bytes", want_.str(), seen_, size_));
    }
    hasher_.update(Bytes(out).first(n));
    seen_ += n;
    return n;
  }

  // Giving the source away makes a failure final: asked again, we must not take the next end for the right
  // one.
  const std::unique_ptr<Source> source = std::move(source_);
  if (!source) throw Error(Kind::mismatch, fmt::format("{} was read on after it failed", want_.str()));
  std::byte beyond;
  if (source->read(MutableBytes(&beyond, 1)) != 0) {
    throw Error(Kind::mismatch, fmt::format("{} goes on after its {} bytes", want_.str(), size_));
  }
  const Digest got = std::move(hasher_).finish();
  if (got != want_) throw Error(Kind::mismatch, fmt::format("{} arrived as {}", want_.str(), got.str()));
  verified_ = true;
  return 0;
}

}  // namespace stave
