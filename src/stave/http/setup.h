// Setup: a request as options of a curl handle. Internal to http.

#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "stave/http/curl.h"
#include "stave/http/http.h"
#include "stave/http/transfer.h"

namespace stave::http {

// Certificates that are trusted, in one text: those of the system and those of these files. Read once for
// each list of files. Thread-safe.
class Authorities {
 public:
  // Kind::invalid for a file without certificates.
  std::shared_ptr<const std::string> bundle(const std::vector<std::string>& files);

 private:
  std::mutex mutex_;
  std::map<std::vector<std::string>, std::shared_ptr<const std::string>> bundles_;
};

// The proxy for requests to such a URL, as curl would find it in the environment; empty: none.
std::string find_proxy(const std::map<std::string, std::string>& proxies, const Url& url);

// Everything that the handle of a transfer has to know. `url` is where it goes now: what belongs to the
// origin of `request.url` (authorization, cookies, a certificate) is left out when that is another one.
void set_up(Transfer& transfer, const Options& options, const Request& request, const Url& url,
            Authorities& authorities);

}  // namespace stave::http
