// Auth: credentials from the files that podman and docker share, and what
// registries ask for them: Basic (RFC 7617) and Bearer tokens (distribution's token specification).

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stave/base/context.h"
#include "stave/http/http.h"
#include "stave/registry/registries.h"
#include "stave/registry/settings.h"

namespace stave::registry {

// auth.json and config.json, and the helpers that they name. Reads the files anew each time.
class CredentialFiles {
 public:
  explicit CredentialFiles(Settings settings) : settings_(std::move(settings)) {}

  // For a repository: "host/a/b" before "host/a" before "host" (containers-auth.json(5)), then docker's old
  // keys (https://index.docker.io/v1/). A file that says nothing of it does not hide the next one.
  // Kind::invalid names the file and what is wrong with it, never a value out of it; a helper that fails:
  // Kind::io, with its own words.
  std::optional<Credentials> find(const Context& context, std::string_view host, std::string_view path) const;

  // Keeps them under `host` in settings.login_file, mode 0600, written beside and renamed over, under a lock,
  // whatever else is in it kept; or hands them to the helper that the file names (credHelpers, credsStore).
  // Gives the place for people: "the file ...", "the helper ...".
  std::string save(const Context& context, std::string_view host, const Credentials& credentials) const;
  // Forgets them; false if there were none.
  bool erase(const Context& context, std::string_view host) const;
  // Every host with credentials in a file or helper, sorted.
  std::vector<std::string> hosts(const Context& context) const;

 private:
  Settings settings_;
};

// One WWW-Authenticate challenge (RFC 9110, 11.6.1): the scheme in lower case, parameters with lower-case
// names.
struct Challenge {
  std::string scheme;
  std::map<std::string, std::string> parameters;
};
// All of them, however they were spread over fields. What cannot be parsed is left out.
std::vector<Challenge> parse_challenges(const http::Headers& headers);

// What is going to be done, for which a token is asked (distribution token scope): "repository:PATH:ACTIONS".
struct Scope {
  std::string path;              // empty: none, as for login
  std::string actions = "pull";  // "pull", "pull,push", "pull,delete"
  std::string mount_from = {};   // another repository, which is to be pulled from, too

  std::vector<std::string> strings() const;
};

// Knows what to say to each registry, and learns it from its challenges. Thread-safe; tokens are kept until
// shortly before they expire, and one thread asks for one while the others wait.
class Authorizer {
 public:
  Authorizer(const Settings& settings, const http::Client& client);
  ~Authorizer();

  // The Authorization for a request to this place; empty: nothing is known to be needed.
  std::string authorization(const Context& context, const Location& location, const Scope& scope) const;
  // After a 401 with these headers, to a request that carried `sent`: true if it is worth asking again. A
  // realm that is plain http while the registry was https, or no http at all, is Kind::denied; so is a token
  // server that refuses, with its words. Basic is never sent over plain http but to a loopback address or
  // where the location is insecure.
  bool answer(const Context& context, const Location& location, bool plain, const Scope& scope,
              const http::Headers& headers, const std::string& sent) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stave::registry
