// Tokens: how a token server is asked for one (distribution's token specification,
// and its OAuth2 form for identity tokens). Internal to registry.

#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "stave/base/context.h"
#include "stave/http/http.h"
#include "stave/registry/registries.h"
#include "stave/registry/settings.h"

namespace stave::registry {

struct TokenServer {
  http::Url realm;
  std::string service;
};

struct Token {
  std::string text;
  std::chrono::seconds lifetime{60};  // from when it was asked for
};

// Kind::denied for a realm that is no place to send anything to: no http, or plain http although the registry
// was asked over https (`plain`).
TokenServer token_server(const std::string& realm, const std::string& service, const Location& location,
                         bool plain);

// Kind::denied with the server's words when it refuses, or when the credentials would go over plain http to
// another machine.
Token ask_for_token(const Context& context, const http::Client& client, const Location& location,
                    const TokenServer& server, const std::vector<std::string>& scopes,
                    const std::optional<Credentials>& credentials);

// May a password be sent there? Over https; to this machine itself; or where somebody said "insecure".
bool may_hear_secrets(bool plain, std::string_view host, const Location& location);

}  // namespace stave::registry
