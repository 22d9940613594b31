// Credential files: the files and helpers together, in the order in which podman
// and docker ask them, and the one file that login writes.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/fs/fs.h"
#include "stave/registry/auth.h"
#include "stave/registry/credential_helper.h"
#include "stave/registry/credentials_document.h"
#include "stave/registry/named_file.h"

namespace stave::registry {
namespace {

// In credential-helpers of registries.conf: not a helper, but the files.
constexpr std::string_view the_files = "containers-auth.json";

std::optional<Credentials> find_in_file(const Context& context, const Settings& settings,
                                        const std::string& file, std::string_view host,
                                        std::string_view path) {
  const auto text = find_text(file);
  if (!text) return std::nullopt;
  const CredentialsDocument document(*text, file);
  // docker: the helper of a host is the only one who is asked for it.
  if (const auto helper = document.find_helper(host))
    return CredentialHelper(settings, *helper).get(context, helper_key(host));
  if (auto found = document.find(host, path)) return found;
  if (const auto store = document.find_store())
    return CredentialHelper(settings, *store).get(context, helper_key(host));
  return std::nullopt;
}

// Where the file is that a name stands for: who made a symlink of it wants that one changed.
std::filesystem::path target_of(std::filesystem::path path) {
  constexpr int most = 40;  // as the kernel
  std::error_code error;
  for (int i = 0; i < most && std::filesystem::is_symlink(path, error); ++i) {
    const auto link = std::filesystem::read_symlink(path, error);
    path = link.is_absolute() ? link : path.parent_path() / link;
  }
  return path;
}

// The login file, open for a change: nobody else changes it until this goes.
class Editing {
 public:
  explicit Editing(const std::string& named)
      : path_(target_of(named)),
        directory_(fs::Dir::create(path_.has_parent_path() ? path_.parent_path().string() : ".", 0700)),
        lock_(fs::Lock::take(directory_.handle(), fs::Lock::Mode::exclusive)),
        document_(find_text(path_.string()).value_or(""), path_.string()) {}

  CredentialsDocument& document() { return document_; }
  void write() {
    auto file = fs::TempFile::in(directory_, 0600);
    file.write(as_bytes(document_.text()));
    std::move(file).publish(path_.filename().string(), fs::TempFile::Existing::replace);
  }

 private:
  std::filesystem::path path_;
  fs::Dir directory_;
  fs::Lock lock_;
  CredentialsDocument document_;
};

void check_login_file(const Settings& settings) {
  if (settings.login_file.empty())
    throw Error(Kind::usage, "nothing says where credentials are kept",
                "give --authfile FILE, or set REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR or HOME");
}

// The helper that has to keep the credentials of a host; nullopt: the file itself does.
std::optional<std::string> keeper(const CredentialsDocument& document,
                                  const std::vector<std::string>& helpers, std::string_view host) {
  if (auto helper = document.find_helper(host)) return helper;
  if (auto store = document.find_store()) return store;
  if (!helpers.empty() && helpers.front() != the_files) return helpers.front();
  return std::nullopt;
}

// Helpers know hosts by their keys.
void add_listed(const Context& context, const CredentialHelper& helper, std::set<std::string>& hosts) {
  for (const auto& [server, user] : helper.list(context)) hosts.insert(host_of_key(server));
}

}  // namespace

std::optional<Credentials> CredentialFiles::find(const Context& context, std::string_view host,
                                                 std::string_view path) const {
  const auto registries = Registries::load(settings_);
  for (const auto& helper : registries.credential_helpers()) {
    if (helper != the_files) {
      if (auto found = CredentialHelper(settings_, helper).get(context, helper_key(host))) return found;
      continue;
    }
    for (const auto& file : settings_.auth_files) {
      if (auto found = find_in_file(context, settings_, file, host, path)) return found;
    }
  }
  return std::nullopt;
}

std::string CredentialFiles::save(const Context& context, std::string_view host,
                                  const Credentials& credentials) const {
  // Basic joins them with the first ':' (RFC 7617, 2).
  if (credentials.user.find(':') != std::string::npos)
    throw Error(Kind::usage, "a user name cannot hold ':'");
  check_login_file(settings_);
  Editing editing(settings_.login_file);
  auto& document = editing.document();
  const auto helper = keeper(document, Registries::load(settings_).credential_helpers(), host);
  if (helper) {
    const CredentialHelper program(settings_, *helper);
    program.store(context, helper_key(host), credentials);
    if (document.erase(host)) editing.write();  // it would be older than what the helper has
    return program.describe();
  }
  document.put(std::string(host), credentials);
  editing.write();
  return "the file " + quote(settings_.login_file);
}

bool CredentialFiles::erase(const Context& context, std::string_view host) const {
  check_login_file(settings_);
  const auto helpers = Registries::load(settings_).credential_helpers();
  const auto text = find_text(settings_.login_file);
  bool erased = false;
  if (const auto helper =
          keeper(CredentialsDocument(text.value_or(""), settings_.login_file), helpers, host)) {
    const CredentialHelper program(settings_, *helper);
    // Some helpers say yes to everything.
    erased = program.get(context, helper_key(host)) && program.erase(context, helper_key(host));
  }
  if (!text) return erased;
  Editing editing(settings_.login_file);
  if (!editing.document().erase(host)) return erased;
  editing.write();
  return true;
}

std::vector<std::string> CredentialFiles::hosts(const Context& context) const {
  std::set<std::string> hosts;
  const auto registries = Registries::load(settings_);
  for (const auto& helper : registries.credential_helpers()) {
    if (helper != the_files) add_listed(context, CredentialHelper(settings_, helper), hosts);
  }
  for (const auto& file : settings_.auth_files) {
    const auto text = find_text(file);
    if (!text) continue;
    const CredentialsDocument document(*text, file);
    for (const auto& host : document.hosts()) hosts.insert(host);
    if (const auto store = document.find_store())
      add_listed(context, CredentialHelper(settings_, *store), hosts);
    for (const auto& host : document.helped_hosts()) {
      const auto helper = document.find_helper(host);
      if (helper && CredentialHelper(settings_, *helper).get(context, helper_key(host))) hosts.insert(host);
    }
  }
  return {hosts.begin(), hosts.end()};
}

}  // namespace stave::registry
