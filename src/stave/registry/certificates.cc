// certs.d.

#include "stave/registry/certificates.h"

#include <fmt/format.h>

#include <algorithm>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/registry/named_file.h"

namespace stave::registry {
namespace {

bool holds(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string with_ending(std::string_view name, std::string_view old, std::string_view ending) {
  return std::string(name.substr(0, name.size() - old.size())).append(ending);
}

http::Tls read_directory(const std::string& directory) {
  http::Tls tls;
  for (const auto& name : names_in(directory, ".crt")) tls.authorities.push_back(directory + "/" + name);
  const auto certificates = names_in(directory, ".cert");
  const auto keys = names_in(directory, ".key");
  for (const auto& name : certificates) {
    if (holds(keys, with_ending(name, ".cert", ".key"))) continue;
    throw Error(Kind::invalid, fmt::format("{}: there is no key for {}", quote(directory), quote(name)),
                "a client's certificate NAME.cert needs NAME.key; authorities end in .crt");
  }
  for (const auto& name : keys) {
    if (holds(certificates, with_ending(name, ".key", ".cert"))) continue;
    throw Error(Kind::invalid,
                fmt::format("{}: there is no certificate for the key {}", quote(directory), quote(name)),
                "a client's key NAME.key needs NAME.cert");
  }
  if (!certificates.empty()) {
    tls.certificate = directory + "/" + certificates.front();
    tls.key = directory + "/" + with_ending(certificates.front(), ".cert", ".key");
  }
  return tls;
}

// What comes from a name must stay below the directory.
bool is_component(std::string_view host) {
  return !host.empty() && host != "." && host != ".." && host.find('/') == std::string_view::npos;
}

}  // namespace

http::Tls find_certificates(const Settings& settings, const std::vector<std::string>& hosts) {
  if (!settings.certificate_directory.empty()) {
    if (!is_directory(settings.certificate_directory))
      throw Error(Kind::not_found,
                  fmt::format("{}: there is no such directory", quote(settings.certificate_directory)),
                  "--cert-dir names a directory with *.crt, *.cert and *.key");
    return read_directory(settings.certificate_directory);
  }
  for (const auto& directory : settings.certificate_directories) {
    for (const auto& host : hosts) {
      const std::string path = directory + "/" + host;
      if (is_component(host) && is_directory(path)) return read_directory(path);
    }
  }
  return {};
}

}  // namespace stave::registry
