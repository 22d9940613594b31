// stave login, stave logout: credentials are asked for, tried, and kept; and
// forgotten again.

#include <fmt/format.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/cli/network.h"
#include "stave/cli/verbs.h"
#include "stave/registry/registry.h"
#include "stave/spec/reference.h"

namespace stave::cli {
namespace {

// While it lives, what is typed is not shown. A signal only asks us to stop, so this always ends.
class Unseen {
 public:
  Unseen() : used_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!used_) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;
  ~Unseen() {
    if (used_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }

 private:
  termios before_ = {};
  bool used_;
};

// A line that is typed. Kind::cancelled when nothing is, or on ^C.
std::string ask(const Invocation& invocation, std::string_view question) {
  constexpr std::size_t most = 4096;  // what the kernel takes as one line (termios(3))
  invocation.surroundings.err(question);
  std::string line;
  for (;;) {
    invocation.context.check();
    pollfd waiting = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 50) <= 0) continue;
    char c = 0;
    const ssize_t count = ::read(STDIN_FILENO, &c, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw Error(Kind::cancelled, "nothing was typed");
    if (c == '\n') return line;
    if (line.size() == most) throw Error(Kind::limit, "the line that was typed is too long");
    line += c;
  }
}

std::string ask_unseen(const Invocation& invocation, std::string_view question) {
  std::string line;
  {
    const Unseen unseen;
    line = ask(invocation, question);
  }
  invocation.surroundings.err("\n");
  return line;
}

// "host[:port]" or "host[:port]/path"; gives the host.
std::string host_of(const std::string& name) {
  if (name.find("://") != std::string::npos)
    throw Error(Kind::usage, fmt::format("{} is not the name of a registry", quote(name)),
                "leave out what is before //, and the //");
  const auto parsed = spec::Reference::parse(name + (name.find('/') == std::string::npos ? "/x" : ""));
  if (parsed.registry.empty() || !parsed.tag.empty() || parsed.digest)
    throw Error(Kind::usage, fmt::format("{} is not the name of a registry", quote(name)),
                "it has a '.' or a port, or is localhost: registry.example, localhost:5000");
  return parsed.registry;
}

registry::Credentials credentials_for(const Invocation& invocation, const std::string& host) {
  auto user = invocation.arguments.get("--user");
  if (auto found = find_credentials(invocation, user)) return *std::move(found);
  if (!invocation.surroundings.stdin_is_terminal)
    throw Error(Kind::usage,
                fmt::format("nobody is there to be asked for the password of {}", printable(host)),
                "give --user USER and --password-stdin, or STAVE_CREDS");
  if (!user) user = ask(invocation, fmt::format("user for {}: ", printable(host)));
  auto password = ask_unseen(invocation, fmt::format("password of {}: ", printable(*user)));
  if (user->empty() || password.empty()) throw Error(Kind::usage, "user and password cannot be empty");
  return {.user = *std::move(user), .password = std::move(password)};
}

int run_login(const Invocation& invocation) {
  const auto& name = invocation.arguments.positionals().front();
  const std::string host = host_of(name);
  auto settings = connection_settings(invocation);
  if (invocation.arguments.has("--get")) {
    const auto slash = std::min(name.find('/'), name.size());
    const auto found = registry::CredentialFiles(settings).find(
        invocation.context, host, slash == name.size() ? "" : name.substr(slash + 1));
    if (!found)
      throw Error(Kind::not_found, fmt::format("nobody is logged in to {}", printable(name)),
                  fmt::format("stave login {}", printable(name)));
    invocation.print((found->user.empty() ? "<token>" : printable(found->user)) + "\n");
    return 0;
  }
  const auto credentials = credentials_for(invocation, host);
  const registry::Network network(std::move(settings));
  network.check_login(invocation.context, host, credentials);
  const std::string place = network.files().save(invocation.context, name, credentials);
  if (!invocation.quiet)
    invocation.surroundings.err(fmt::format("logged in to {} as {}; kept in {}{}\n", printable(name),
                                            printable(credentials.user), place,
                                            place.starts_with("the file") ? " (base64, not encrypted)" : ""));
  return 0;
}

int run_logout(const Invocation& invocation) {
  const bool all = invocation.arguments.has("--all");
  const auto& given = invocation.arguments.positionals();
  if (all == !given.empty()) throw Error(Kind::usage, "logout takes a registry, or --all");
  const registry::CredentialFiles files(connection_settings(invocation));
  auto names = all ? files.hosts(invocation.context) : given;
  for (const auto& name : names) {
    if (files.erase(invocation.context, name)) {
      invocation.print(printable(name) + "\n");
      continue;
    }
    const std::string message =
        fmt::format("{}: its credentials are not where `stave login` keeps them", printable(name));
    if (all) {
      invocation.context.progress->warn(message);
    } else if (files.find(invocation.context, name, "")) {
      throw Error(Kind::not_found, message, "name the file with --authfile");
    } else {
      throw Error(Kind::not_found, fmt::format("nobody is logged in to {}", printable(name)));
    }
  }
  return 0;
}

// Those that say how to reach a registry; `drop` are asked for in another way, or not at all.
std::vector<Option> options_without(const std::vector<std::string>& drop) {
  auto options = network_options();
  std::erase_if(options, [&](const Option& option) {
    return std::find(drop.begin(), drop.end(), option.long_name()) != drop.end();
  });
  return options;
}

}  // namespace

Command login_verb() {
  Command verb{
      .name = "login",
      .summary = "keep user and password of a registry",
      .description =
          "Asks the registry whether it lets this user in, and then keeps user and password where "
          "podman, skopeo and docker look for them, too: in `$XDG_RUNTIME_DIR/containers/auth.json`, or "
          "`~/.config/containers/auth.json` where there is no session; or in the credential helper that "
          "this file, or `registries.conf`, names.\n\n"
          "A password is never an argument. It is asked for on a terminal, or comes from `STAVE_CREDS` "
          "(USER:PASSWORD) or standard input. The file is for its owner only, and not encrypted."};
  verb.positionals = {{.name = "REGISTRY", .help = "host[:port], or a part of it: host/team"}};
  verb.options = {{.names = "-u,--user", .value = "USER", .help = "the user; asked for if not given"},
                  {.names = "--get", .value = "", .help = "only print who is logged in"}};
  for (auto& option : options_without({"--creds", "--limit-rate"})) verb.options.push_back(std::move(option));
  verb.examples = {{"stave login registry.example.com", "ask for user and password, and keep them"},
                   {"stave login -u ci --password-stdin localhost:5000 <token", "without a person"}};
  verb.run = run_login;
  return verb;
}

Command logout_verb() {
  Command verb{
      .name = "logout",
      .summary = "forget user and password of a registry",
      .description =
          "Takes the credentials of a registry out of the file, or the helper, in which `stave login` "
          "keeps them, and prints its name. Other files that podman and docker read are left alone."};
  verb.positionals = {{.name = "REGISTRY", .help = "host[:port]", .least = 0}};
  verb.options = {{.names = "-a,--all", .value = "", .help = "of every registry"}};
  for (auto& option : options_without({"--creds", "--password-stdin", "--tls-verify", "--cert-dir",
                                       "--limit-rate", "--timeout", "--retries"}))
    verb.options.push_back(std::move(option));
  verb.examples = {{"stave logout registry.example.com", "forget one"},
                   {"stave logout --all", "forget all that `stave login` kept"}};
  verb.run = run_logout;
  return verb;
}

}  // namespace stave::cli
