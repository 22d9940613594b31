// How registries are talked to: options first, then the environment, then the
// places where podman and docker keep what they know.

#include "stave/cli/network.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/cli/grounds.h"
#include "stave/fs/fs.h"

namespace stave::cli {
namespace {

constexpr std::uint64_t password_bytes = 64 * 1024;  // more does not fit into a header field

// $XDG_CONFIG_HOME, else ~/.config; empty when nothing says where. The XDG specification: relative paths are
// to be ignored.
std::string config_home(const Surroundings& surroundings) {
  const auto given = surroundings.env("XDG_CONFIG_HOME");
  if (given && given->starts_with('/')) return *given;
  const auto home = surroundings.env("HOME");
  return home && home->starts_with('/') ? *home + "/.config" : "";
}

void add_auth_files(const Invocation& invocation, registry::Settings& settings) {
  const auto& surroundings = invocation.surroundings;
  auto only = invocation.arguments.get("--authfile");
  if (only && only->empty()) throw Error(Kind::usage, "--authfile: the path is empty");
  if (!only) only = surroundings.env("REGISTRY_AUTH_FILE");
  if (only) {
    settings.auth_files = {*only};
    settings.login_file = *only;
    return;
  }
  auto& files = settings.auth_files;
  const auto runtime = surroundings.env("XDG_RUNTIME_DIR");
  const bool session = runtime && runtime->starts_with('/');
  // Without a session podman keeps them there, which it may as root only; we read it, and write where anybody
  // may.
  files.push_back(session ? *runtime + "/containers/auth.json"
                          : fmt::format("/run/containers/{}/auth.json", ::getuid()));
  if (session) settings.login_file = files.back();
  if (const auto home = config_home(surroundings); !home.empty()) {
    files.push_back(home + "/containers/auth.json");
    if (settings.login_file.empty()) settings.login_file = files.back();
  }
  const auto docker = surroundings.env("DOCKER_CONFIG");
  const auto home = surroundings.env("HOME");
  if (docker) {
    files.push_back(*docker + "/config.json");
  } else if (home) {
    files.push_back(*home + "/.docker/config.json");
  }
  if (home) files.push_back(*home + "/.dockercfg");
}

void add_registries_files(const Invocation& invocation, registry::Settings& settings) {
  const auto& surroundings = invocation.surroundings;
  const auto home = config_home(surroundings);
  auto given = invocation.arguments.get("--registries-conf");
  if (!given) given = surroundings.env("CONTAINERS_REGISTRIES_CONF");
  if (given && ::access(given->c_str(), F_OK) != 0)
    throw Error(Kind::not_found, fmt::format("there is no registries.conf at {}", quote(*given)));
  const std::string own = home + "/containers/registries.conf";
  const bool own_is_there = !given && !home.empty() && ::access(own.c_str(), F_OK) == 0;
  settings.registries_files = {given ? *given : own_is_there ? own : "/etc/containers/registries.conf"};
  // podman: who has a file of their own does not hear of the system's.
  if (!own_is_there) settings.registries_directories.emplace_back("/etc/containers/registries.conf.d");
  if (!home.empty()) settings.registries_directories.push_back(home + "/containers/registries.conf.d");
  if (!home.empty()) settings.certificate_directories.push_back(home + "/containers/certs.d");
  for (const char* each : {"/etc/containers/certs.d", "/etc/docker/certs.d"})
    settings.certificate_directories.emplace_back(each);
  settings.certificate_directory = invocation.arguments.get("--cert-dir").value_or("");
}

std::uint64_t number_of(const std::string& text, const char* option, std::uint64_t least,
                        std::uint64_t most) {
  const auto number = parse_number(text);
  if (!number || *number < least || *number > most)
    throw Error(Kind::usage,
                fmt::format("{}: {} is not a number from {} to {}", option, quote(text), least, most));
  return *number;
}

void add_http(const Invocation& invocation, http::Options& http) {
  const auto& arguments = invocation.arguments;
  http.user_agent = "stave/" STAVE_VERSION;
  if (const auto rate = arguments.get("--limit-rate")) {
    const auto bytes = parse_size(*rate);
    if (!bytes || *bytes == 0)
      throw Error(Kind::usage,
                  fmt::format("--limit-rate: {} is no number of bytes in a second", quote(*rate)),
                  "write 500K, 10M");
    http.rate = *bytes;
  }
  if (const auto timeout = arguments.get("--timeout")) {
    http.stall_timeout = std::chrono::seconds(number_of(*timeout, "--timeout", 1, 24 * 3600));
    http.connect_timeout = std::min(http.connect_timeout, http.stall_timeout);
  }
  if (const auto retries = arguments.get("--retries"))
    http.attempts = static_cast<unsigned>(number_of(*retries, "--retries", 0, 100)) + 1;
  // HTTP_PROXY in capitals is not among them: a web server puts a header of its clients there (httpoxy).
  for (const char* name :
       {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"}) {
    if (const auto value = invocation.surroundings.env(name)) http.proxies.emplace(name, *value);
  }
}

std::string password_of_stdin() {
  fs::PipeSource input(STDIN_FILENO, "standard input");
  std::string password = read_all(input, password_bytes, "the password on standard input");
  if (password.ends_with('\n')) password.pop_back();
  if (password.ends_with('\r')) password.pop_back();
  if (password.empty()) throw Error(Kind::usage, "--password-stdin: standard input is empty");
  return password;
}

}  // namespace

std::vector<Option> network_options() {
  std::vector<Option> options = {
      {.names = "--authfile",
       .value = "FILE",
       .help = "where credentials are kept, instead of the usual files",
       .completes = Completes::file},
      {.names = "--creds",
       .value = "USER",
       .help = "the user to be; the password is in STAVE_CREDS or on stdin"},
      {.names = "--password-stdin", .value = "", .help = "read the password from standard input"},
      {.names = "--tls-verify",
       .value = "true|false",
       .help = "false: take any certificate, and plain http",
       .choices = {"true", "false"}},
      {.names = "--cert-dir",
       .value = "DIR",
       .help = "authorities (*.crt), and our certificate (*.cert, *.key)",
       .completes = Completes::directory},
      {.names = "--registries-conf",
       .value = "FILE",
       .help = "this registries.conf",
       .completes = Completes::file},
      {.names = "--limit-rate", .value = "SIZE", .help = "bytes in a second, in both directions together"},
      {.names = "--timeout", .value = "SECONDS", .help = "give up a connection on which nothing comes (60)"},
      {.names = "--retries", .value = "N", .help = "how often to try again what can pass (4)"}};
  for (auto& option : options) option.group = "Registries";
  return options;
}

std::optional<registry::Credentials> find_credentials(const Invocation& invocation,
                                                      const std::optional<std::string>& user) {
  // The message must not repeat what may be a password.
  if (user && user->find(':') != std::string::npos)
    throw Error(Kind::usage, "a user name holds no ':', and a password is not to be in an argument",
                "every user of this machine can read arguments: use STAVE_CREDS or --password-stdin");
  if (user && user->empty()) throw Error(Kind::usage, "the user name is empty");
  const auto variable = invocation.surroundings.env("STAVE_CREDS");
  if (invocation.arguments.has("--password-stdin")) {
    if (!user) throw Error(Kind::usage, "--password-stdin: whose password is it?", "name the user, too");
    return registry::Credentials{.user = *user, .password = password_of_stdin()};
  }
  if (!variable) return std::nullopt;
  const std::size_t colon = variable->find(':');
  if (!user && colon == std::string::npos)
    throw Error(Kind::usage, "STAVE_CREDS is not USER:PASSWORD", "name the user if it is only the password");
  if (!user)
    return registry::Credentials{.user = variable->substr(0, colon), .password = variable->substr(colon + 1)};
  const bool whole = variable->starts_with(*user + ":");
  return registry::Credentials{.user = *user, .password = whole ? variable->substr(colon + 1) : *variable};
}

registry::Settings connection_settings(const Invocation& invocation) {
  registry::Settings settings;
  add_auth_files(invocation, settings);
  add_registries_files(invocation, settings);
  const auto& surroundings = invocation.surroundings;
  settings.helper_path = surroundings.env("PATH").value_or("");
  settings.environment = surroundings.environment;
  settings.environment.erase("STAVE_CREDS");
  if (const auto verify = invocation.arguments.get("--tls-verify")) settings.tls_verify = *verify == "true";
  if (const auto cache = find_cache(surroundings)) settings.state_directory = *cache + "/uploads";
  add_http(invocation, settings.http);
  return settings;
}

registry::Settings network_settings(const Invocation& invocation) {
  auto settings = connection_settings(invocation);
  const auto user = invocation.arguments.get("--creds");
  settings.credentials = find_credentials(invocation, user);
  if (user && !settings.credentials)
    throw Error(Kind::usage, fmt::format("--creds {}: there is no password", quote(*user)),
                "put it into STAVE_CREDS, or give --password-stdin");
  return settings;
}

}  // namespace stave::cli
