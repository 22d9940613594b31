// Credential helpers: programs docker-credential-NAME that keep credentials, asked on
// standard input and answering on standard output (docker-credential-helpers). Internal to registry.

#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "stave/base/context.h"
#include "stave/registry/settings.h"

namespace stave::registry {

class CredentialHelper {
 public:
  // Kind::invalid for a name that is none; Kind::not_found when no directory of settings.helper_path has it.
  CredentialHelper(const Settings& settings, std::string_view name);

  // Failures are Kind::io with the helper's own words; Kind::cancelled after a stop.
  std::optional<Credentials> get(const Context& context, const std::string& server) const;
  void store(const Context& context, const std::string& server, const Credentials& credentials) const;
  bool erase(const Context& context, const std::string& server) const;    // false: it had none
  std::map<std::string, std::string> list(const Context& context) const;  // server and user

  std::string describe() const { return "the helper docker-credential-" + name_; }

 private:
  struct Answer {
    bool found = false;
    std::string text;
  };
  Answer ask(const Context& context, const char* action, const std::string& input,
             const Credentials& secret) const;

  const Settings& settings_;
  std::string name_;
  std::string path_;
};

}  // namespace stave::registry
