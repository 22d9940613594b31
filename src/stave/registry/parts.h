// What a Network is made of, and the one way in which a request of this module is
// sent: with the scheme, the credentials and the second try that the place needs. Internal.

#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "stave/registry/registry.h"

namespace stave::registry {

// A request to a registry. What becomes of its reply is for who asks.
struct Ask {
  std::string method = "GET";
  std::string rest;  // behind the repository's path: "manifests/latest"
  http::Headers headers = {};
  std::string body = {};
  Source* stream = nullptr;
  std::uint64_t stream_size = 0;
  Scope scope = {};
  std::optional<http::Url> url = {};  // instead of `rest`: what the registry itself named
};

class Network::Parts {
 public:
  explicit Parts(Settings given);

  // Sends it, and once more with what a 401 asked for: after that a 401 is the answer. A request with a
  // stream cannot be sent again: its 401 comes back at once, learnt from, and whoever sends it can ask anew.
  http::Reply send(const Context& context, const Location& location, const Ask& ask) const;
  // The URL of something of the repository there.
  http::Url url(const Context& context, const Location& location, std::string_view rest) const;
  // A URL that a registry named, relative to `base`: only http and https, and never from https to http.
  static http::Url named_url(const http::Url& base, const std::string& reference);

  const Settings settings;
  const Registries registries;
  const CredentialFiles files;
  const http::Client client;
  const Authorizer authorizer;
  mutable std::atomic<unsigned> streams = 0;  // blobs that are being read

 private:
  bool speaks_plain(const Context& context, const Location& location) const;

  mutable std::mutex mutex_;
  mutable std::map<std::string, bool> plain_;  // by api_host, for insecure ones only
};

}  // namespace stave::registry
