// Settings: everything that talking to registries depends on and that only the
// program knows: files, environment, options. Read by cli, handed down as values.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "stave/http/http.h"

namespace stave::registry {

// Who somebody is to a registry. Never part of a message, a log or a document but for the files of
// `CredentialFiles`.
struct Credentials {
  std::string user = {};
  std::string password = {};
  std::string identity_token =
      {};  // instead of both: an OAuth2 refresh token (docker's config.json, "identitytoken")

  bool empty() const { return user.empty() && password.empty() && identity_token.empty(); }
  friend bool operator==(const Credentials&, const Credentials&) = default;
};

struct Settings {
  // Where credentials are looked for, first to last, as podman and docker document it: --authfile, else
  // REGISTRY_AUTH_FILE, else $XDG_RUNTIME_DIR/containers/auth.json, $XDG_CONFIG_HOME/containers/auth.json,
  // $DOCKER_CONFIG/config.json or ~/.docker/config.json, ~/.dockercfg. One that does not exist holds nothing.
  std::vector<std::string> auth_files = {};
  std::string login_file = {};   // where login saves; the first of those in which it may
  std::string helper_path = {};  // PATH: where docker-credential-NAME is looked for
  std::map<std::string, std::string> environment = {};  // for those helpers
  std::optional<Credentials> credentials = {};          // --creds: instead of all files

  // registries.conf (containers-registries.conf(5)): the first that exists, then its drop-in directories.
  std::vector<std::string> registries_files = {};
  std::vector<std::string> registries_directories = {};
  std::vector<std::string> certificate_directories = {};  // certs.d, first to last (containers-certs.d(5))
  std::string certificate_directory = {};                 // --cert-dir: instead of those, for whatever host
  std::optional<bool> tls_verify = {};                    // --tls-verify; nullopt: as registries.conf says

  std::string state_directory = {};         // where uploads under way are remembered; empty: nowhere
  unsigned ranges = 4;                      // of one large blob at a time; 1: never in parallel
  std::uint64_t chunk_bytes = 64ull << 20;  // of one PATCH; 0: a blob goes in one piece
  http::Options http = {};
};

}  // namespace stave::registry
