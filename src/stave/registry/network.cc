// Network: what all repositories share, and how one request gets through to a
// registry: over which scheme, and with which credentials.

#include "stave/registry/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/registry/errors.h"
#include "stave/registry/parts.h"

namespace stave::registry {

namespace {

// A 401 may ask for a token, and the token may have ended meanwhile; a registry that goes on asking is not
// going to be satisfied.
constexpr int unauthorized_answers = 3;

// A server that speaks plain http may wait for the end of a line where TLS greets it.
constexpr std::chrono::milliseconds longest_knock{10'000};

http::Request request_of(const Ask& ask, http::Url url, const http::Tls& tls) {
  return http::Request{.method = ask.method,
                       .url = std::move(url),
                       .headers = ask.headers,
                       .authorization = {},
                       .body = ask.body,
                       .stream = ask.stream,
                       .stream_size = ask.stream_size,
                       .tls = tls};
}

// Whether this origin answers at all, whatever it says. One attempt: what cannot be reached is no reason to
// wait, for there is another way to try.
void knock(const Context& context, const http::Client& client, const Location& location, bool plain) {
  http::Request request;
  request.url = location.url(plain, "");
  request.tls = location.tls;
  request.tls.verify = false;
  static_cast<void>(client.send(context, request));
}

}  // namespace

Network::Parts::Parts(Settings given)
    : settings(std::move(given)),
      registries(Registries::load(settings)),
      files(settings),
      client(settings.http),
      authorizer(settings, client) {}

// Who is trusted is asked over https first: most of them have a certificate, only none that we can verify.
bool Network::Parts::speaks_plain(const Context& context, const Location& location) const {
  if (!location.insecure) return false;
  {
    const std::lock_guard lock(mutex_);
    const auto known = plain_.find(location.api_host);
    if (known != plain_.end()) return known->second;
  }
  http::Options once = settings.http;
  once.attempts = 1;
  once.connect_timeout = std::min(once.connect_timeout, longest_knock);
  const http::Client client_once(once);
  bool plain = false;
  try {
    knock(context, client_once, location, false);
  } catch (const Error& e) {
    if (e.kind() == Kind::cancelled || e.kind() == Kind::unsupported) throw;
    plain = true;
    try {
      knock(context, client_once, location, true);
    } catch (const Error& second) {
      if (second.kind() == Kind::cancelled) throw;
      throw Error(Kind::io,
                  fmt::format("{} answers neither over https ({}) nor over http ({})",
                              printable(location.host), e.what(), second.what()),
                  e.hint());
    }
  }
  const std::lock_guard lock(mutex_);
  return plain_.try_emplace(location.api_host, plain).first->second;
}

http::Url Network::Parts::url(const Context& context, const Location& location, std::string_view rest) const {
  return location.url(speaks_plain(context, location), location.path + "/" + std::string(rest));
}

http::Url Network::Parts::named_url(const http::Url& base, const std::string& reference) {
  http::Url url;
  try {
    url = base.resolve(reference);
  } catch (const Error& e) {
    throw e.within("the registry goes on at " + quote(reference));
  }
  if (url.plain() && !base.plain()) {
    throw Error(
        Kind::denied,
        fmt::format("{} goes on at {}, which is not encrypted", quote(base.shown()), quote(url.shown())),
        "its address for clients is configured wrongly: it has to know that it is reached over https");
  }
  return url;
}

http::Reply Network::Parts::send(const Context& context, const Location& location, const Ask& ask) const {
  const http::Url home = url(context, location, ask.rest);
  http::Request request = request_of(ask, ask.url ? *ask.url : home, location.tls);
  if (location.insecure) request.tls.verify = false;
  // What leads elsewhere (a storage service with a signed address) gets neither a token nor a certificate.
  const bool ours = request.url.origin() == home.origin();
  if (!ours) {
    request.tls.certificate.clear();
    request.tls.key.clear();
    return client.send(context, request);
  }
  for (int i = 0;; ++i) {
    request.authorization = authorizer.authorization(context, location, ask.scope);
    http::Reply reply = client.send(context, request);
    if (reply.status != 401 || reply.url.origin() != home.origin() || i == unauthorized_answers) return reply;
    const bool again =
        authorizer.answer(context, location, home.plain(), ask.scope, reply.headers, request.authorization);
    if (!again || ask.stream != nullptr) return reply;
  }
}

Network::Network(Settings settings) : parts_(std::make_unique<Parts>(std::move(settings))) {}

Network::~Network() = default;

const Settings& Network::settings() const { return parts_->settings; }
const Registries& Network::registries() const { return parts_->registries; }
const CredentialFiles& Network::files() const { return parts_->files; }

void Network::check_login(const Context& context, std::string_view host,
                          const Credentials& credentials) const {
  // Parts of its own: these credentials are not to be mixed with those of the files.
  Settings with = parts_->settings;
  with.credentials = credentials;
  const Parts parts(std::move(with));
  const Location location = parts.registries.registry(host);
  Ask ask;
  ask.url = parts.url(context, location, "").resolve("/v2/");
  ask.scope = Scope{.path = {}, .actions = {}, .mount_from = {}};
  const std::string operation = "logging in to " + printable(host);
  http::Reply reply = parts.send(context, location, ask);
  if (reply.status / 100 == 2) return;
  Refusal refusal = read_refusal(reply);
  if (reply.status == 401 || reply.status == 403) {
    throw Error(Kind::denied, fmt::format("{}: {}", operation, refusal.text),
                "check the user name and the password; many registries want a token instead of a password");
  }
  throw error_of(refusal, operation, location, Doing::pull);
}

}  // namespace stave::registry
