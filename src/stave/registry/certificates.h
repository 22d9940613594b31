// certs.d: how a registry proves who it is, and who we are (containers-certs.d(5)).
// Internal to registry.

#pragma once

#include <string>
#include <vector>

#include "stave/http/http.h"
#include "stave/registry/settings.h"

namespace stave::registry {

// For the first of `hosts` that a directory exists for; the first directory counts, others are not looked
// into. Kind::invalid for a certificate without its key, or the other way round. Of several pairs, the first
// by name: a host asks for one.
http::Tls find_certificates(const Settings& settings, const std::vector<std::string>& hosts);

}  // namespace stave::registry
