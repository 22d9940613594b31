// Authorizer: what each registry is told about who asks.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <utility>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/registry/auth.h"
#include "stave/registry/secrets.h"
#include "stave/registry/token.h"

namespace stave::registry {
namespace {

using Clock = std::chrono::steady_clock;

// A request that was just begun takes its token along.
constexpr std::chrono::seconds before_expiry{10};
// A token that is refused as early as that was never good.
constexpr std::chrono::seconds fresh{2};
// Of a challenge's scope; what is longer is not ours.
constexpr std::size_t scope_bytes = 4096;

void add_new(std::vector<std::string>& to, const std::vector<std::string>& more) {
  for (const auto& each : more) {
    if (!each.empty() && std::find(to.begin(), to.end(), each) == to.end()) to.push_back(each);
  }
}

const Challenge* find_scheme(const std::vector<Challenge>& challenges, std::string_view scheme) {
  const auto found = std::find_if(challenges.begin(), challenges.end(),
                                  [&](const Challenge& each) { return each.scheme == scheme; });
  return found == challenges.end() ? nullptr : &*found;
}

std::string parameter(const Challenge& challenge, const std::string& name) {
  const auto found = challenge.parameters.find(name);
  return found == challenge.parameters.end() ? "" : found->second;
}

}  // namespace

struct Authorizer::State {
  // What is known of one (registry, repository, scopes).
  struct Entry {
    bool basic = false;
    std::optional<TokenServer> server = {};
    std::vector<std::string> scopes = {};  // that are asked for: ours, and what challenges named
    std::string token = {};
    std::vector<std::string> token_scopes = {};
    Clock::time_point begun = {};
    Clock::time_point expires = {};
    bool fetching = false;
    unsigned fetched = 0;                  // times
    std::exception_ptr failure = nullptr;  // of the last time
  };

  State(const Settings& given, const http::Client& with) : settings(given), files(given), client(with) {}

  // Read once for each repository.
  std::optional<Credentials> find_credentials(const Context& context, const Location& location) {
    // --creds was said of the registry that was named.
    if (settings.credentials && !location.mirror) return settings.credentials;
    const std::string key = location.host + "/" + location.path;
    {
      const std::lock_guard lock(mutex);
      if (const auto found = credentials.find(key); found != credentials.end()) return found->second;
    }
    auto read = files.find(context, location.host, location.path);
    const std::lock_guard lock(mutex);
    return credentials.emplace(key, std::move(read)).first->second;
  }

  Entry& entry(const Location& location, const Scope& scope) {
    const auto scopes = scope.strings();
    const std::string key = join({location.host, location.path, join(scopes, " ")}, "\n");
    const auto [found, made] = entries.try_emplace(key);
    if (!made) return found->second;
    found->second.scopes = scopes;
    // A registry has one way to ask, and one token server.
    if (const auto known = hosts.find(location.host); known != hosts.end()) {
      found->second.basic = known->second.basic;
      found->second.server = known->second.server;
    }
    return found->second;
  }

  // A token for the entry, with the lock held: asks for one unless somebody just does. The failure of one is
  // that of all who waited for it.
  void fetch(const Context& context, const Location& location, Entry& entry,
             std::unique_lock<std::mutex>& lock) {
    while (entry.fetching) {
      const unsigned before = entry.fetched;
      changed.wait(lock, context.stop, [&] { return entry.fetched != before; });
      context.check();
      if (entry.failure) std::rethrow_exception(entry.failure);
      if (entry.token_scopes == entry.scopes) return;
    }
    entry.fetching = true;
    const auto server = *entry.server;
    const auto scopes = entry.scopes;
    lock.unlock();
    Token token;
    std::exception_ptr failure;
    const auto begun = Clock::now();
    try {
      token = ask_for_token(context, client, location, server, scopes, find_credentials(context, location));
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    entry.fetching = false;
    ++entry.fetched;
    entry.failure = failure;
    entry.token = std::move(token.text);
    entry.token_scopes = scopes;
    entry.begun = begun;
    entry.expires = begun + token.lifetime - before_expiry;
    changed.notify_all();
    if (failure) std::rethrow_exception(failure);
  }

  bool answer_bearer(const Context& context, const Location& location, bool plain, const Scope& scope,
                     const Challenge& challenge, const std::string& sent);
  bool answer_basic(const Context& context, const Location& location, bool plain, const Scope& scope,
                    const std::string& sent);

  struct Host {
    bool basic = false;
    std::optional<TokenServer> server = {};
  };

  Settings settings;
  CredentialFiles files;
  const http::Client& client;
  std::mutex mutex;
  std::condition_variable_any changed;
  std::map<std::string, Entry> entries;  // whose addresses stay
  std::map<std::string, Host> hosts;
  std::map<std::string, std::optional<Credentials>> credentials;
};

Authorizer::Authorizer(const Settings& settings, const http::Client& client)
    : state_(std::make_unique<State>(settings, client)) {}
Authorizer::~Authorizer() = default;

std::string Authorizer::authorization(const Context& context, const Location& location,
                                      const Scope& scope) const {
  std::unique_lock lock(state_->mutex);
  auto& entry = state_->entry(location, scope);
  if (entry.server) {
    if (entry.token.empty() || Clock::now() >= entry.expires) state_->fetch(context, location, entry, lock);
    return "Bearer " + entry.token;
  }
  if (!entry.basic) return {};
  lock.unlock();
  const auto credentials = state_->find_credentials(context, location);
  if (!credentials || !credentials->identity_token.empty()) return {};
  return "Basic " + base64(credentials->user + ":" + credentials->password);
}

bool Authorizer::answer(const Context& context, const Location& location, bool plain, const Scope& scope,
                        const http::Headers& headers, const std::string& sent) const {
  const auto challenges = parse_challenges(headers);
  if (const auto* bearer = find_scheme(challenges, "bearer"))
    return state_->answer_bearer(context, location, plain, scope, *bearer, sent);
  if (find_scheme(challenges, "basic") != nullptr)
    return state_->answer_basic(context, location, plain, scope, sent);
  return false;
}

bool Authorizer::State::answer_bearer(const Context& context, const Location& location, bool plain,
                                      const Scope& scope, const Challenge& challenge,
                                      const std::string& sent) {
  auto server = token_server(parameter(challenge, "realm"), parameter(challenge, "service"), location, plain);
  std::vector<std::string> asked;
  if (const auto text = parameter(challenge, "scope"); text.size() <= scope_bytes) asked = split(text, ' ');
  std::unique_lock lock(mutex);
  auto& known = entry(location, scope);
  auto wanted = known.scopes;
  add_new(wanted, asked);
  const bool same = known.server && known.server->realm == server.realm &&
                    known.server->service == server.service && wanted == known.scopes;
  if (same && !known.token.empty()) {
    // Somebody else has a new one already; or it was refused although it is new.
    if (sent != "Bearer " + known.token) return true;
    if (Clock::now() < known.begun + fresh) return false;
  }
  known.scopes = std::move(wanted);
  known.server = server;
  hosts[location.host] = {.basic = false, .server = std::move(server)};
  fetch(context, location, known, lock);
  return true;
}

bool Authorizer::State::answer_basic(const Context& context, const Location& location, bool plain,
                                     const Scope& scope, const std::string& sent) {
  const auto found = find_credentials(context, location);
  if (!found || !found->identity_token.empty()) return false;
  if (sent == "Basic " + base64(found->user + ":" + found->password)) return false;
  if (!may_hear_secrets(plain, location.api_host, location)) {
    throw Error(
        Kind::denied,
        fmt::format("{} asks for a password over plain http: it is not sent", printable(location.host)),
        "--tls-verify=false allows that, in a network that you trust");
  }
  const std::lock_guard lock(mutex);
  auto& known = entry(location, scope);
  known.basic = true;
  known.server.reset();
  hosts[location.host] = {.basic = true, .server = std::nullopt};
  return true;
}

}  // namespace stave::registry
