// Registries: where a name leads. registries.conf version 2, certs.d, and the
// one historical exception: docker.io is spoken to at another host.

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "stave/http/http.h"
#include "stave/registry/settings.h"
#include "stave/spec/reference.h"

namespace stave::registry {

// One place that holds a repository.
struct Location {
  std::string host;      // as people write it, with port: "localhost:5000"; what credentials are kept for
  std::string api_host;  // that requests go to: "registry-1.docker.io" for docker.io
  std::string path;      // of the repository there: "library/alpine"
  bool insecure =
      false;            // the certificate is not verified, and plain http is tried when https does not answer
  bool mirror = false;  // only for pulling; failing is no reason to give up
  bool digests_only = false;  // a mirror that must not be asked for tags (pull-from-mirror)
  bool tags_only = false;
  http::Tls tls = {};

  http::Url url(bool plain, std::string_view rest) const;  // ".../v2/REST"
};

// What the files say. Immutable; cheap to copy is not needed.
class Registries {
 public:
  // Kind::invalid naming file, line and column of what is wrong in one of them; a version 1 file is
  // Kind::unsupported.
  static Registries load(const Settings& settings);

  // Where a name with a registry may be pulled from, mirrors first, its own place last. The longest prefix
  // wins; wildcards "*.example.com" as documented. Kind::denied for one that is blocked.
  std::vector<Location> pull_locations(const spec::Reference& reference) const;
  // Where it is pushed to, listed, deleted: its own place.
  Location push_location(const spec::Reference& reference) const;
  // A registry alone, for login: "localhost:5000".
  Location registry(std::string_view host) const;

  // What a name without a registry may mean, first to last: the alias, else each of
  // unqualified-search-registries, else docker.io/library/NAME.
  std::vector<spec::Reference> candidates(const spec::Reference& name) const;

  // Where credentials are looked for, first to last: names of helpers, or "containers-auth.json" for the
  // files.
  const std::vector<std::string>& credential_helpers() const;

 private:
  struct Rules;

  Registries(Settings settings, std::shared_ptr<const Rules> rules);
  Location location(std::string_view name, bool insecure) const;

  Settings settings_;
  std::shared_ptr<const Rules> rules_;
};

// "docker.io/alpine" is "docker.io/library/alpine"; "index.docker.io" is "docker.io". Others are as they are.
spec::Reference normalized(spec::Reference reference);

}  // namespace stave::registry
