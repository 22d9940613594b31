// Tokens.

#include "stave/registry/token.h"

#include <fmt/format.h>

#include <algorithm>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/json/json.h"
#include "stave/registry/secrets.h"

namespace stave::registry {
namespace {

constexpr std::uint64_t body_bytes = 1024 * 1024;
constexpr std::size_t token_bytes = 64 * 1024;  // it has to fit into a header field, with room for others

// The certificates of the registry's host hold for its token server, as podman has it; but who we are is
// nobody's business but the registry's.
http::Tls tls_for(const http::Url& realm, const Location& location) {
  http::Tls tls = location.tls;
  const auto host = http::Url::parse("https://" + location.api_host + "/").host;
  if (realm.host != host) {
    tls.certificate.clear();
    tls.key.clear();
  }
  return tls;
}

http::Request get_request(const TokenServer& server, const std::vector<std::string>& scopes,
                          const std::optional<Credentials>& credentials) {
  http::Request request{.url = server.realm};
  if (!server.service.empty()) request.url = request.url.with("service", server.service);
  for (const auto& scope : scopes) request.url = request.url.with("scope", scope);
  if (credentials) {
    if (!credentials->user.empty()) request.url = request.url.with("account", credentials->user);
    request.authorization = "Basic " + base64(credentials->user + ":" + credentials->password);
  }
  return request;
}

// RFC 6749, 6, as the token specification has it ("Refresh Token").
http::Request post_request(const TokenServer& server, const std::vector<std::string>& scopes,
                           const std::string& refresh_token) {
  http::Request request{.method = "POST", .url = server.realm};
  request.headers.add("Content-Type", "application/x-www-form-urlencoded");
  request.body = fmt::format("grant_type=refresh_token&service={}&client_id=stave&refresh_token={}",
                             http::encoded(server.service), http::encoded(refresh_token));
  if (!scopes.empty()) request.body += "&scope=" + http::encoded(join(scopes, " "));
  return request;
}

// What an answer says of itself: distribution's "errors", OAuth2's "error", Docker Hub's "details".
std::string words_of(std::string_view body) {
  try {
    const auto document = json::parse(body, "answer");
    if (const auto* errors = json::find(document, "errors"); errors != nullptr && errors->is_array()) {
      std::vector<std::string> parts;
      for (const auto& each : *errors) {
        for (const char* key : {"message", "code"}) {
          const auto* text = json::find(each, key);
          if (text == nullptr || !text->is_string()) continue;
          parts.push_back(text->get<std::string>());
          break;
        }
      }
      return join(parts, "; ");
    }
    for (const char* key : {"error_description", "details", "message", "error"}) {
      const auto* text = json::find(document, key);
      if (text != nullptr && text->is_string()) return text->get<std::string>();
    }
  } catch (const Error&) {
    // No JSON: a page for a browser has nothing to say here.
  }
  return {};
}

[[noreturn]] void refuse(int status, std::string_view body, const TokenServer& server,
                         const Location& location, const std::optional<Credentials>& credentials) {
  const std::string words = without_secrets(words_of(body), credentials.value_or(Credentials{}));
  const std::string message =
      fmt::format("{}: the token server {} answers {}{}{}", printable(location.host),
                  printable(server.realm.shown()), status, words.empty() ? "" : ": ", words);
  if (status == 401 || status == 403 || status == 400) {
    const std::string login = fmt::format("`stave login {}`", printable(location.host));
    throw Error(Kind::denied, message,
                credentials ? "are user and password right? " + login + " asks for them anew"
                            : login + " keeps user and password for it");
  }
  throw Error(Kind::io, message);
}

std::chrono::seconds lifetime_of(const json::Value& document) {
  // "If omitted, this defaults to 60 seconds ... never less" (token specification, "Token Response Fields").
  constexpr double least = 60;
  constexpr double most = 24.0 * 3600;
  const auto* value = json::find(document, "expires_in");
  if (value == nullptr || !value->is_number()) return std::chrono::seconds(60);
  return std::chrono::seconds(static_cast<int>(std::clamp(value->get<double>(), least, most)));
}

Token token_of(std::string_view body, const std::string& what) {
  const auto document = parse_secret(what, [&] { return json::parse(body, "answer"); });
  Token token;
  for (const char* key : {"token", "access_token"}) {
    const auto* text = json::find(document, key);
    if (token.text.empty() && text != nullptr && text->is_string()) token.text = text->get<std::string>();
  }
  if (token.text.empty()) throw Error(Kind::invalid, what + ": an answer without a token");
  // It goes into a header field: no line of its own may begin in it.
  const bool fine =
      token.text.size() <= token_bytes &&
      std::all_of(token.text.begin(), token.text.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!fine) throw Error(Kind::invalid, what + ": a token that no header field can hold");
  token.lifetime = lifetime_of(document);
  return token;
}

bool is_loopback(std::string_view host) {
  if (host.starts_with('[')) host = host.substr(1, host.find(']') - 1);
  const auto name = host.substr(0, host.find(':'));
  if (name == "localhost" || host == "::1") return true;
  // 127.0.0.0/8, and not "127.example.com".
  const auto parts = split(name, '.');
  return parts.size() == 4 && parts[0] == "127" &&
         std::all_of(parts.begin(), parts.end(), [](const auto& part) {
           const auto number = parse_number(part);
           return number && *number < 256;
         });
}

}  // namespace

bool may_hear_secrets(bool plain, std::string_view host, const Location& location) {
  return !plain || location.insecure || is_loopback(host);
}

TokenServer token_server(const std::string& realm, const std::string& service, const Location& location,
                         bool plain) {
  TokenServer server{.realm = {}, .service = service};
  try {
    server.realm = http::Url::parse(realm);
  } catch (const Error& error) {
    throw Error(Kind::denied, fmt::format("{} names a token server that is none: {}",
                                          printable(location.host), error.what()));
  }
  if (server.realm.plain() && !plain) {
    throw Error(
        Kind::denied,
        fmt::format("{} wants a token to be asked for at {}, over plain http, although it is spoken to "
                    "over https itself",
                    printable(location.host), printable(server.realm.shown())),
        "nothing was sent there; the registry is wrongly configured, or not what it seems");
  }
  return server;
}

Token ask_for_token(const Context& context, const http::Client& client, const Location& location,
                    const TokenServer& server, const std::vector<std::string>& scopes,
                    const std::optional<Credentials>& credentials) {
  if (credentials && !may_hear_secrets(server.realm.plain(), server.realm.host, location)) {
    throw Error(Kind::denied,
                fmt::format("{}: the token server {} is plain http: credentials are not sent there",
                            printable(location.host), printable(server.realm.shown())),
                "--tls-verify=false allows that, in a network that you trust");
  }
  const bool identity = credentials && !credentials->identity_token.empty();
  auto request = identity ? post_request(server, scopes, credentials->identity_token)
                          : get_request(server, scopes, credentials);
  request.tls = tls_for(server.realm, location);
  const std::string what = fmt::format("token server {}", printable(server.realm.shown()));
  auto reply = client.send(context, request);
  const std::string body = http::read_body(reply, body_bytes, what);
  if (reply.status != 200) refuse(reply.status, body, server, location, credentials);
  return token_of(body, what);
}

}  // namespace stave::registry
