// auth.json and config.json (containers-auth.json(5)).

#include "stave/registry/credentials_document.h"

#include <fmt/format.h>

#include <algorithm>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/json/json.h"
#include "stave/registry/secrets.h"

namespace stave::registry {
namespace {

constexpr std::string_view hub = "docker.io";
// What docker calls its hub since its first registry protocol, and has to until today.
constexpr const char* hub_key = "https://index.docker.io/v1/";

// "host/a/b", "host/a", "host".
std::vector<std::string> lookup_order(std::string_view host, std::string_view path) {
  std::vector<std::string> keys;
  std::string key(host);
  if (!path.empty()) key.append("/").append(path);
  while (key.size() > host.size()) {
    keys.push_back(key);
    key.resize(key.rfind('/'));
  }
  keys.emplace_back(host);
  return keys;
}

}  // namespace

std::string host_of_key(std::string_view key) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!key.starts_with(scheme)) continue;
    key.remove_prefix(scheme.size());
    key = key.substr(0, key.find('/'));
  }
  // Of a repository it is the key of nothing but that.
  if (key == "index.docker.io" || key == "registry-1.docker.io") return std::string(hub);
  return std::string(key);
}

std::string helper_key(std::string_view host) {
  const std::string known = host_of_key(host);
  return known == hub ? hub_key : known;
}

struct CredentialsDocument::Body {
  std::string path;
  bool old = path.ends_with(".dockercfg");  // the document is what is "auths" elsewhere
  bool docker = path.ends_with("/config.json");
  json::Value root = {};

  const json::Value* entries() const;
  std::optional<Credentials> credentials_of(const std::string& key, const json::Value& entry) const;
  std::string string_of(const std::string& key, const json::Value& entry, const char* name) const;
};

CredentialsDocument::~CredentialsDocument() = default;

CredentialsDocument::CredentialsDocument(std::string_view text, const std::string& path)
    : body_(std::make_unique<Body>(Body{.path = path})) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    body_->root = json::Value::object();
  } else {
    body_->root = parse_secret(quote(path), [&] { return json::parse(text, "file"); });
  }
  if (!body_->root.is_object()) throw Error(Kind::invalid, quote(path) + ": expected an object");
}

const json::Value* CredentialsDocument::Body::entries() const {
  if (old) return &root;
  const auto* auths = json::find(root, "auths");
  if (auths != nullptr && !auths->is_object())
    throw Error(Kind::invalid, quote(path) + ": /auths: expected an object");
  return auths;
}

std::string CredentialsDocument::Body::string_of(const std::string& key, const json::Value& entry,
                                                 const char* name) const {
  const auto* value = json::find(entry, name);
  if (value == nullptr) return {};
  if (!value->is_string())
    throw Error(Kind::invalid, fmt::format("{}: {} of {} is no string", quote(path), name, quote(key)));
  return value->get<std::string>();
}

std::optional<Credentials> CredentialsDocument::Body::credentials_of(const std::string& key,
                                                                     const json::Value& entry) const {
  if (!entry.is_object())
    throw Error(Kind::invalid, fmt::format("{}: {} is no object", quote(path), quote(key)));
  Credentials credentials{.user = string_of(key, entry, "username"),
                          .password = string_of(key, entry, "password"),
                          .identity_token = string_of(key, entry, "identitytoken")};
  if (const auto encoded = string_of(key, entry, "auth"); !encoded.empty()) {
    const auto decoded = find_base64(encoded);
    const auto colon = decoded ? decoded->find(':') : std::string::npos;
    if (colon == std::string::npos)
      throw Error(Kind::invalid,
                  fmt::format("{}: \"auth\" of {} is not USER:PASSWORD in base64", quote(path), quote(key)),
                  fmt::format("`stave login {}` writes it anew", printable(host_of_key(key))));
    credentials.user = decoded->substr(0, colon);
    credentials.password = decoded->substr(colon + 1);
    // Docker once wrote them.
    while (credentials.password.ends_with('\0')) credentials.password.pop_back();
  }
  if (credentials.empty()) return std::nullopt;
  return credentials;
}

std::optional<Credentials> CredentialsDocument::find(std::string_view host, std::string_view path) const {
  const auto* all = body_->entries();
  if (all == nullptr) return std::nullopt;
  for (const auto& key : lookup_order(host, path)) {
    const auto found = all->find(key);
    if (found == all->end()) continue;
    if (auto credentials = body_->credentials_of(key, *found)) return credentials;
  }
  // Docker's ways to write a host.
  const std::string known = host_of_key(host);
  for (const auto& [key, entry] : all->items()) {
    if (key == host || host_of_key(key) != known) continue;
    if (auto credentials = body_->credentials_of(key, entry)) return credentials;
  }
  return std::nullopt;
}

std::vector<std::string> CredentialsDocument::hosts() const {
  std::vector<std::string> hosts;
  if (const auto* all = body_->entries()) {
    for (const auto& [key, entry] : all->items()) {
      if (body_->credentials_of(key, entry)) hosts.push_back(host_of_key(key));
    }
  }
  return hosts;
}

std::optional<std::string> CredentialsDocument::find_helper(std::string_view host) const {
  const auto* helpers = body_->old ? nullptr : json::find(body_->root, "credHelpers");
  if (helpers == nullptr) return std::nullopt;
  if (!helpers->is_object())
    throw Error(Kind::invalid, quote(body_->path) + ": /credHelpers: expected an object");
  for (const auto& [key, value] : helpers->items()) {
    if (host_of_key(key) != host_of_key(host)) continue;
    auto name = body_->string_of("credHelpers", *helpers, key.c_str());
    if (!name.empty()) return name;
  }
  return std::nullopt;
}

std::optional<std::string> CredentialsDocument::find_store() const {
  if (body_->old) return std::nullopt;
  auto name = body_->string_of("the document", body_->root, "credsStore");
  return name.empty() ? std::nullopt : std::optional(std::move(name));
}

std::vector<std::string> CredentialsDocument::helped_hosts() const {
  std::vector<std::string> hosts;
  const auto* helpers = body_->old ? nullptr : json::find(body_->root, "credHelpers");
  if (helpers == nullptr || !helpers->is_object()) return hosts;
  for (const auto& [key, value] : helpers->items()) hosts.push_back(host_of_key(key));
  return hosts;
}

void CredentialsDocument::put(const std::string& host, const Credentials& credentials) {
  body_->entries();  // whatever is there is an object
  auto& all = body_->old ? body_->root : body_->root["auths"];
  if (all.is_null()) all = json::Value::object();
  // The key that is there already, so that nobody finds two.
  std::string key = body_->docker || body_->old ? helper_key(host) : host_of_key(host);
  for (const auto& [each, entry] : all.items()) {
    if (each == host || host_of_key(each) == host_of_key(host)) {
      key = each;
      break;
    }
  }
  auto& entry = all[key];
  if (!entry.is_object()) entry = json::Value::object();
  for (const char* name : {"username", "password", "auth", "identitytoken"}) entry.erase(name);
  if (!credentials.user.empty() || !credentials.password.empty())
    entry["auth"] = base64(credentials.user + ":" + credentials.password);
  if (!credentials.identity_token.empty()) entry["identitytoken"] = credentials.identity_token;
}

bool CredentialsDocument::erase(std::string_view host) {
  const auto* there = body_->entries();
  if (there == nullptr) return false;
  auto& all = body_->old ? body_->root : body_->root["auths"];
  std::vector<std::string> keys;
  for (const auto& [key, entry] : all.items()) {
    if (key == host || host_of_key(key) == host_of_key(host)) keys.push_back(key);
  }
  for (const auto& key : keys) all.erase(key);
  return !keys.empty();
}

std::string CredentialsDocument::text() const { return json::print_pretty(body_->root) + "\n"; }

}  // namespace stave::registry
