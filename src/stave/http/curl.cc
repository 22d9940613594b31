// Curl: finding the library and everything in it that is used.

#include "stave/http/curl.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include "stave/base/error.h"

namespace stave::http {
namespace {

// curl_multi_wakeup, without which a thread that waits for the network cannot be woken, came with 7.68.
constexpr unsigned oldest = 0x074400;

[[noreturn]] void fail(const std::string& what) {
  throw Error(Kind::unsupported, fmt::format("registries need libcurl: {}", what),
              "install libcurl4 (Debian, Ubuntu) or libcurl (others), 7.68 or newer");
}

template <class Function>
void resolve(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (function == nullptr) fail(fmt::format("the one that is installed has no {}", name));
}

}  // namespace

Curl load_curl(const std::string& name) {
  // Never closed: OpenSSL, which it brings along, does not survive that.
  void* const library = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    // dlerror speaks of this thread's last failure.
    const char* const why = ::dlerror();  // NOLINT(concurrency-mt-unsafe)
    fail(why == nullptr ? name + " cannot be loaded" : std::string(why));
  }
  Curl table;
  resolve(library, "curl_global_init", table.global_init);
  resolve(library, "curl_version_info", table.version_info);
  resolve(library, "curl_easy_init", table.easy_init);
  resolve(library, "curl_easy_cleanup", table.easy_cleanup);
  resolve(library, "curl_easy_setopt", table.easy_setopt);
  resolve(library, "curl_easy_getinfo", table.easy_getinfo);
  resolve(library, "curl_easy_pause", table.easy_pause);
  resolve(library, "curl_easy_strerror", table.easy_strerror);
  resolve(library, "curl_slist_append", table.slist_append);
  resolve(library, "curl_slist_free_all", table.slist_free_all);
  resolve(library, "curl_multi_init", table.multi_init);
  resolve(library, "curl_multi_cleanup", table.multi_cleanup);
  resolve(library, "curl_multi_setopt", table.multi_setopt);
  resolve(library, "curl_multi_add_handle", table.multi_add_handle);
  resolve(library, "curl_multi_remove_handle", table.multi_remove_handle);
  resolve(library, "curl_multi_perform", table.multi_perform);
  resolve(library, "curl_multi_poll", table.multi_poll);
  resolve(library, "curl_multi_info_read", table.multi_info_read);
  const curl_version_info_data* const version = table.version_info(CURLVERSION_NOW);
  if (version->version_num < oldest) fail(fmt::format("{} is too old", version->version));
  resolve(library, "curl_multi_wakeup", table.multi_wakeup);
  if (table.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) fail("it does not start");
  return table;
}

const Curl& curl() {
  static const Curl table = load_curl("libcurl.so.4");
  return table;
}

}  // namespace stave::http
