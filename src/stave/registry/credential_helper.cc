// Credential helpers: no shell, no argument but the verb, secrets through a file
// without a name.

#include "stave/registry/credential_helper.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <vector>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/fs/fs.h"
#include "stave/json/json.h"
#include "stave/registry/secrets.h"

namespace stave::registry {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t answer_bytes = 1024 * 1024;  // a list of thousands of registries
constexpr std::chrono::seconds patience{30};       // somebody may have to unlock a keyring

// What every helper says when it has nothing (docker-credential-helpers, credentials/error.go).
constexpr std::string_view nothing_there = "credentials not found in native keychain";

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 128 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

std::string find_helper(std::string_view search_path, const std::string& file) {
  for (const auto& directory : split(search_path, ':')) {
    if (!directory.starts_with('/')) continue;  // what is run must not depend on where we stand
    std::string path = directory;
    path.append("/").append(file);
    struct stat found = {};
    if (::stat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode) && ::access(path.c_str(), X_OK) == 0)
      return path;
  }
  return {};
}

// A file in memory that holds `text`, to be read from its beginning. A pipe could break, or fill up.
fs::Fd input_of(const std::string& text) {
  fs::Fd file(::memfd_create("stave-helper", MFD_CLOEXEC));
  if (!file) throw_errno(errno, "memfd_create");
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t count = ::write(file.get(), text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno(errno, "memfd");
    written += static_cast<std::size_t>(count);
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) throw_errno(errno, "memfd");
  return file;
}

// A started program, which does not outlive this.
class Child {
 public:
  Child(const std::string& path, const std::string& action,
        const std::map<std::string, std::string>& environment, int in, int out) {
    std::vector<std::string> words = {path, action};
    std::vector<std::string> variables;
    variables.reserve(environment.size());
    for (const auto& [name, value] : environment)
      variables.push_back(std::string(name).append("=").append(value));
    auto argv = pointers(words);
    auto envp = pointers(variables);
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    ::posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    // We ignore a broken pipe and handle ^C; the helper is a program like any other.
    sigset_t standard;
    sigset_t blocked;
    sigemptyset(&blocked);
    sigemptyset(&standard);
    sigaddset(&standard, SIGPIPE);
    ::posix_spawnattr_setsigdefault(&attributes, &standard);
    ::posix_spawnattr_setsigmask(&attributes, &blocked);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    const int error = ::posix_spawn(&pid_, path.c_str(), &files, &attributes, argv.data(), envp.data());
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
    if (error != 0) {
      pid_ = -1;
      throw_errno(error, quote(path));
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
  }

  // Its exit code, once it has ended.
  std::optional<int> find_end() {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> result;
    result.reserve(words.size() + 1);
    for (auto& word : words) result.push_back(word.data());
    result.push_back(nullptr);
    return result;
  }

  pid_t pid_ = -1;
};

struct Finished {
  int code = 0;
  std::string output;
};

// Takes what is in the pipe by now; false when nobody can write to it any more.
bool drain(const fs::Fd& out, std::string& text, const std::string& what) {
  std::array<char, 4096> piece{};
  for (;;) {
    pollfd waiting = {.fd = out.get(), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 0) <= 0) return true;
    const ssize_t count = ::read(out.get(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.append(piece.data(), static_cast<std::size_t>(count));
    if (text.size() > answer_bytes)
      throw Error(Kind::limit, fmt::format("{}: an answer of more than {}", what, human_size(answer_bytes)));
  }
}

// Reads what the child says until it has ended; descendants that keep the pipe are not waited for.
Finished watch(const Context& context, Child& child, const fs::Fd& out, const std::string& what) {
  const auto deadline = Clock::now() + patience;
  Finished finished;
  bool open = true;
  for (;;) {
    context.check();
    if (Clock::now() >= deadline)
      throw Error(Kind::io, fmt::format("{}: no answer within {} s", what, patience.count()));
    const auto code = child.find_end();
    if (open) open = drain(out, finished.output, what);
    if (code) {
      finished.code = *code;
      return finished;
    }
    // Nobody tells us of an end without output: look now and then.
    pollfd waiting = {.fd = open ? out.get() : -1, .events = POLLIN, .revents = 0};
    ::poll(&waiting, 1, open ? 50 : 2);
  }
}

// docker's convention for an identity token in a store of user names and passwords.
constexpr std::string_view token_user = "<token>";

}  // namespace

CredentialHelper::CredentialHelper(const Settings& settings, std::string_view name)
    : settings_(settings), name_(name) {
  if (!is_name(name))
    throw Error(Kind::invalid, fmt::format("{} is not the name of a credential helper", quote(name)),
                "letters, digits, '.', '_' and '-': what is behind \"docker-credential-\"");
  path_ = find_helper(settings.helper_path, "docker-credential-" + name_);
  if (path_.empty())
    throw Error(Kind::not_found, fmt::format("there is no program docker-credential-{} in PATH", name_),
                "install it, or take it out of credHelpers, credsStore or credential-helpers");
}

CredentialHelper::Answer CredentialHelper::ask(const Context& context, const char* action,
                                               const std::string& input, const Credentials& secret) const {
  const std::string what = fmt::format("docker-credential-{} {}", name_, action);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno(errno, "pipe");
  const fs::Fd out(ends[0]);
  fs::Fd in_of_child(ends[1]);
  const fs::Fd file = input_of(input);
  Child child(path_, action, settings_.environment, file.get(), in_of_child.get());
  in_of_child = fs::Fd();
  auto finished = watch(context, child, out, what);
  if (finished.code == 0) return {true, std::move(finished.output)};
  if (finished.output.find(nothing_there) != std::string::npos) return {};
  const std::string words = without_secrets(finished.output, secret);
  throw Error(Kind::io, words.empty() ? fmt::format("{}: it failed with code {}", what, finished.code)
                                      : fmt::format("{}: {}", what, words));
}

std::optional<Credentials> CredentialHelper::get(const Context& context, const std::string& server) const {
  const auto answer = ask(context, "get", server + "\n", {});
  if (!answer.found) return std::nullopt;
  const std::string what = fmt::format("docker-credential-{} get", name_);
  const auto document = parse_secret(what, [&] { return json::parse(answer.text, "answer"); });
  const json::Node node(document, what);
  node.expect_object();
  Credentials credentials;
  credentials.user = node.string_or_empty("Username");
  (credentials.user == token_user ? credentials.identity_token : credentials.password) =
      node.string_or_empty("Secret");
  if (credentials.user == token_user) credentials.user.clear();
  if (credentials.empty()) return std::nullopt;
  return credentials;
}

void CredentialHelper::store(const Context& context, const std::string& server,
                             const Credentials& credentials) const {
  const bool token = !credentials.identity_token.empty();
  const auto& secret = token ? credentials.identity_token : credentials.password;
  if (!is_utf8(secret) || !is_utf8(credentials.user))
    throw Error(Kind::unsupported,
                fmt::format("docker-credential-{} takes UTF-8 only, and this is none", name_));
  json::Object object;
  object.string("ServerURL", server);
  object.string("Username", token ? token_user : std::string_view(credentials.user));
  object.string("Secret", secret);
  if (!ask(context, "store", std::move(object).finish() + "\n", credentials).found)
    throw Error(Kind::io, fmt::format("docker-credential-{} store: {}", name_, nothing_there));
}

bool CredentialHelper::erase(const Context& context, const std::string& server) const {
  return ask(context, "erase", server + "\n", {}).found;
}

std::map<std::string, std::string> CredentialHelper::list(const Context& context) const {
  const auto answer = ask(context, "list", "\n", {});
  if (!answer.found) return {};
  const std::string what = fmt::format("docker-credential-{} list", name_);
  const auto document = parse_secret(what, [&] { return json::parse(answer.text, "answer"); });
  return json::Node(document, what).string_map();
}

}  // namespace stave::registry
