// What verbs that talk to registries have in common: the options, files and
// variables that say how.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "stave/cli/command.h"
#include "stave/registry/registry.h"
#include "stave/registry/settings.h"

namespace stave::cli {

// --authfile, --creds, --password-stdin, --tls-verify, --cert-dir, --registries-conf, --limit-rate,
// --timeout, --retries: under the heading "Registries", for every verb that takes an image.
std::vector<Option> network_options();

// Everything that options, environment and well-known files say. Kind::usage for what makes no sense. A
// password comes from STAVE_CREDS ("USER:PASSWORD", or the password of --creds USER) or, with
// --password-stdin, from standard input.
registry::Settings network_settings(const Invocation& invocation);

// The same without credentials: for who asks for them in another way.
registry::Settings connection_settings(const Invocation& invocation);

// The password of --password-stdin or STAVE_CREDS, and who it belongs to: `user`, or the one of STAVE_CREDS.
// nullopt if neither was given.
std::optional<registry::Credentials> find_credentials(const Invocation& invocation,
                                                      const std::optional<std::string>& user);

}  // namespace stave::cli
