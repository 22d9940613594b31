// One auth.json or config.json in memory: what it says of a host, and how that is
// changed with everything else left as it is. Internal to registry.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/registry/settings.h"

namespace stave::registry {

class CredentialsDocument {
 public:
  // `path` is for messages, and says which format it is: ".dockercfg" is docker's old one, "config.json"
  // docker's. Kind::invalid, without a word of the text.
  CredentialsDocument(std::string_view text, const std::string& path);
  ~CredentialsDocument();

  // The most specific key with credentials in it.
  std::optional<Credentials> find(std::string_view host, std::string_view path) const;
  std::vector<std::string> hosts() const;  // with credentials, as people write them

  // credHelpers of this host; nullopt: none. Helpers know hosts only.
  std::optional<std::string> find_helper(std::string_view host) const;
  std::optional<std::string> find_store() const;  // credsStore
  std::vector<std::string> helped_hosts() const;  // keys of credHelpers

  void put(const std::string& host, const Credentials& credentials);
  bool erase(std::string_view host);
  std::string text() const;

 private:
  struct Body;
  std::unique_ptr<Body> body_;
};

// "https://index.docker.io/v1/", "index.docker.io", "docker.io": "docker.io". "https://host/v2/": "host".
std::string host_of_key(std::string_view key);
// The name under which helpers, and docker, know a host.
std::string helper_key(std::string_view host);

}  // namespace stave::registry
