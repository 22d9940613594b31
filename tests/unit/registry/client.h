// What tests of the registry's client stand on: settings that wait for nobody, blobs in
// memory, manifests in one line, and failures as words.

#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stave/base/error.h"
#include "stave/registry/registry.h"
#include "support/fake_registry.h"

namespace stave::testing {

using registry::Network;
using registry::Pushed;
using registry::Repository;
using registry::Settings;
using test::FakeRegistry;
using test::Fault;

// A new directory, removed with everything in it.
class Scratch {
 public:
  Scratch() {
    std::string pattern = "/tmp/stave-registry-XXXXXX";
    if (!::mkdtemp(pattern.data())) std::abort();
    path_ = pattern;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The server speaks plain http only, which is tried when https did not answer: it never does, so the
// connection has to be given up soon.
inline Settings impatient() {
  Settings settings;
  settings.tls_verify = false;
  settings.chunk_bytes = 4 << 20;
  settings.http.connect_timeout = std::chrono::milliseconds(400);
  settings.http.stall_timeout = std::chrono::milliseconds(3000);
  settings.http.attempts = 3;
  settings.http.first_wait = std::chrono::milliseconds(1);
  settings.http.longest_wait = std::chrono::milliseconds(5);
  return settings;
}

inline spec::Reference named(const std::string& host, const std::string& path) {
  return spec::Reference{.registry = host, .path = path, .tag = {}, .digest = {}};
}

class MemoryBlobs : public content::BlobSource {
 public:
  spec::Descriptor add(std::string bytes) {
    const Digest digest = digest_of(bytes);
    const std::uint64_t size = bytes.size();
    blobs_.insert_or_assign(digest, std::move(bytes));
    return {.media_type = std::string(spec::media::oci_layer), .digest = digest, .size = size};
  }
  // Keeps other bytes under it.
  void lie(const Digest& digest, std::string bytes) { blobs_.insert_or_assign(digest, std::move(bytes)); }

  std::unique_ptr<Source> find(const Digest& digest) const override {
    const auto found = blobs_.find(digest);
    return found == blobs_.end() ? nullptr : std::make_unique<BytesSource>(found->second);
  }
  std::optional<std::uint64_t> find_size(const Digest& digest) const override {
    const auto found = blobs_.find(digest);
    return found == blobs_.end() ? std::nullopt : std::optional<std::uint64_t>(found->second.size());
  }
  std::string describe() const override { return "the test's memory"; }

 private:
  std::map<Digest, std::string> blobs_;
};

// Bytes that do not repeat: shifted or swapped pieces show.
inline std::string noise(std::size_t size, std::uint64_t seed = 1) {
  std::string text(size, '\0');
  std::uint64_t state = seed * 0x9e3779b97f4a7c15ULL + 1;
  for (char& c : text) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    c = static_cast<char>(state);
  }
  return text;
}

inline std::string manifest_of(const Digest& config, const Digest& layer, const std::string& more = {},
                               std::string_view type = spec::media::oci_manifest) {
  const auto descriptor = [](std::string_view media_type, const Digest& digest) {
    return R"({"mediaType":")" + std::string(media_type) + R"(","digest":")" + digest.str() +
           R"(","size":1})";
  };
  return R"({"schemaVersion":2,"mediaType":")" + std::string(type) + R"(","config":)" +
         descriptor(spec::media::oci_config, config) + R"(,"layers":[)" +
         descriptor(spec::media::oci_layer, layer) + "]" + more + "}";
}

inline std::string some_manifest(const std::string& more = {}) {
  return manifest_of(digest_of("config"), digest_of("layer"), more);
}

inline spec::Descriptor described(const std::string& text,
                                  std::string_view type = spec::media::oci_manifest) {
  return {.media_type = std::string(type), .digest = digest_of(text), .size = text.size()};
}

// "kind: what" and the hint of what a call fails with; "fine" when it does not.
template <class Call>
std::string failure(Call&& call) {
  try {
    call();
  } catch (const Error& e) {
    return std::string(name(e.kind())) + ": " + e.what() + " | " + e.hint();
  }
  return "fine";
}

inline std::string all_of(Source& source) { return read_all(source, 1ull << 30, "a blob"); }

// The bytes of a blob, verified, or why not.
inline std::string pulled(const Repository& from, const spec::Descriptor& blob) {
  const auto source = content::open_verified(from, blob);
  return all_of(*source);
}

class RegistryTest : public ::testing::Test {
 protected:
  std::shared_ptr<const Network> network() {
    if (!network_) network_ = std::make_shared<const Network>(settings);
    return network_;
  }
  Repository repository(const std::string& path = "me/app") {
    return Repository(network(), context, named(fake.host(), path));
  }
  Pushed push(const Repository& to, const spec::Descriptor& blob, const std::vector<std::string>& from = {}) {
    told = 0;
    return to.push_blob(blobs, blob, from, [this](std::uint64_t n) { told += n; });
  }

  FakeRegistry fake;
  Settings settings = impatient();
  Context context;
  MemoryBlobs blobs;
  std::uint64_t told = 0;

 private:
  std::shared_ptr<const Network> network_;
};

}  // namespace stave::testing
