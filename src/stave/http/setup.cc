// Setup: every option that curl is given. Nothing is left to the process's
// environment, to netrc or to cookies; redirects are not followed here.

#include "stave/http/setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "stave/base/error.h"
#include "stave/base/text.h"

namespace stave::http {
namespace {

// The bundle of a whole distribution has 220 KiB.
constexpr std::size_t certificate_bytes = 16 * 1024 * 1024;
// Where curl looks if its builder did not say otherwise: Debian, Fedora, openSUSE, Alpine.
constexpr std::array<const char*, 4> system_bundles = {"/etc/ssl/certs/ca-certificates.crt",
                                                       "/etc/pki/tls/certs/ca-bundle.crt",
                                                       "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};

// curl takes its numbers as long and nothing else.
void set(CURL* handle, CURLoption option, long value) { curl().easy_setopt(handle, option, value); }
void set(CURL* handle, CURLoption option, const std::string& value) {
  curl().easy_setopt(handle, option, value.c_str());
}
void set_size(CURL* handle, CURLoption option, std::uint64_t value) {
  curl().easy_setopt(handle, option, static_cast<curl_off_t>(value));
}

// A file in full; false if it cannot be read.
bool read_file(const std::string& path, std::string& text) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return false;
  std::string all(certificate_bytes + 1, '\0');
  file.read(all.data(), static_cast<std::streamsize>(all.size()));
  all.resize(static_cast<std::size_t>(file.gcount()));
  text = std::move(all);
  return !file.bad();
}

std::string read_authority(const std::string& path) {
  std::string text;
  if (!read_file(path, text)) {
    throw Error(Kind::not_found, fmt::format("certificate {} cannot be read", quote(path)),
                "name a file of PEM certificates");
  }
  if (text.size() > certificate_bytes || text.find("-----BEGIN ") == std::string::npos) {
    throw Error(Kind::invalid, fmt::format("{} holds no certificate in PEM", quote(path)),
                "openssl x509 -inform der -in FILE -out FILE.pem makes one of DER");
  }
  return text + "\n";
}

std::string system_authorities() {
  const Easy probe(curl().easy_init());
  const char* own = nullptr;
  std::string text;
  // 7.84; an older one leaves it alone.
  curl().easy_getinfo(probe.get(), CURLINFO_CAINFO, &own);
  if (own != nullptr && read_file(own, text)) return text + "\n";
  for (const char* const path : system_bundles) {
    if (read_file(path, text)) return text + "\n";
  }
  return {};
}

void check_field(std::string_view name, std::string_view value) {
  const auto bad = [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f; };
  if (name.empty() || std::any_of(name.begin(), name.end(), bad) ||
      std::any_of(value.begin(), value.end(), bad)) {
    // Without the value: it may be a password.
    throw Error(Kind::invalid, fmt::format("header {} has a control character in it", quote(name)));
  }
}

bool is_credential(std::string_view name) {
  Headers probe;
  probe.add(std::string(name), "");
  return probe.find("Authorization") || probe.find("Proxy-Authorization") || probe.find("Cookie");
}

class Fields {
 public:
  void add(std::string_view name, std::string_view value) {
    check_field(name, value);
    // "Name;" is curl's way to say that the value is empty; "Name:" would take the field away.
    append(value.empty() ? fmt::format("{};", name) : fmt::format("{}: {}", name, value));
  }
  void append(const std::string& line) {
    curl_slist* const longer = curl().slist_append(list_.get(), line.c_str());
    if (longer == nullptr) throw Error(Kind::io, "libcurl has no memory for a header");
    curl_slist* const shorter = list_.release();  // is the beginning of the longer one
    static_cast<void>(shorter);
    list_.reset(longer);
  }
  List take() { return std::move(list_); }

 private:
  List list_;
};

List fields_of(const Request& request, bool own) {
  Fields fields;
  for (const auto& [name, value] : request.headers.fields()) {
    if (own || !is_credential(name)) fields.add(name, value);
  }
  if (own && !request.authorization.empty()) fields.add("Authorization", request.authorization);
  // A large body is not asked for first: registries look at the credentials of the request that opened the
  // upload, and an answer that comes early ends the sending anyway.
  if (!request.headers.find("Expect")) fields.append("Expect:");
  // Else curl says that it comes from a form.
  if (!request.headers.find("Content-Type")) fields.append("Content-Type:");
  return fields.take();
}

void set_method(Transfer& transfer, const Request& request) {
  CURL* const handle = transfer.easy();
  const bool sends = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (request.stream != nullptr) {
    set(handle, CURLOPT_UPLOAD, 1);
    set_size(handle, CURLOPT_INFILESIZE_LARGE, request.stream_size);
    set(handle, CURLOPT_UPLOAD_BUFFERSIZE, static_cast<long>(Transfer::curl_buffer));
  } else if (sends || !request.body.empty()) {
    set(handle, CURLOPT_POST, 1);
    set_size(handle, CURLOPT_POSTFIELDSIZE_LARGE, transfer.body().size());
    curl().easy_setopt(handle, CURLOPT_POSTFIELDS, transfer.body().data());  // not copied
  } else if (request.method == "HEAD") {
    set(handle, CURLOPT_NOBODY, 1);
    return;
  } else {
    set(handle, CURLOPT_HTTPGET, 1);
  }
  set(handle, CURLOPT_CUSTOMREQUEST, request.method);
}

void set_tls(CURL* handle, const Tls& tls, bool own, Authorities& authorities) {
  set(handle, CURLOPT_SSL_VERIFYPEER, tls.verify ? 1 : 0);
  set(handle, CURLOPT_SSL_VERIFYHOST, tls.verify ? 2 : 0);
  if (own && !tls.certificate.empty()) {
    set(handle, CURLOPT_SSLCERT, tls.certificate);
    set(handle, CURLOPT_SSLKEY, tls.key.empty() ? tls.certificate : tls.key);
  }
  if (!tls.verify || tls.authorities.empty()) return;
  const std::shared_ptr<const std::string> bundle = authorities.bundle(tls.authorities);
  curl_blob blob{};
  blob.data = const_cast<char*>(bundle->data());  // which copies it, and does not change it
  blob.len = bundle->size();
  blob.flags = CURL_BLOB_COPY;
  if (curl().easy_setopt(handle, CURLOPT_CAINFO_BLOB, &blob) != CURLE_OK) {
    throw Error(Kind::unsupported,
                fmt::format("libcurl {} takes no certificate authorities besides those of the system",
                            curl().version_info(CURLVERSION_NOW)->version),
                "install libcurl 7.77 or newer, or add the certificate to those of the system");
  }
}

void set_limits(CURL* handle, const Options& options, bool receives) {
  // With a small rate a whole buffer would be a jump.
  long buffer = receives ? static_cast<long>(Transfer::curl_buffer) : 16 * 1024;
  if (options.rate != 0) buffer = 16 * 1024;
  set(handle, CURLOPT_BUFFERSIZE, buffer);
  set(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  set(handle, CURLOPT_NOSIGNAL, 1);
  set(handle, CURLOPT_TCP_KEEPALIVE, 1);
}

std::string find_value(const std::map<std::string, std::string>& values,
                       std::initializer_list<const char*> names) {
  for (const char* const name : names) {
    const auto found = values.find(name);
    if (found != values.end() && !found->second.empty()) return found->second;
  }
  return {};
}

}  // namespace

std::shared_ptr<const std::string> Authorities::bundle(const std::vector<std::string>& files) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<const std::string>& known = bundles_[files];
  if (known == nullptr) {
    std::string text = system_authorities();
    for (const std::string& file : files) text += read_authority(file);
    known = std::make_shared<const std::string>(std::move(text));
  }
  return known;
}

std::string find_proxy(const std::map<std::string, std::string>& proxies, const Url& url) {
  // HTTP_PROXY is what a CGI program gets for a header "Proxy:", so curl does not look at it.
  const std::string own =
      url.plain() ? find_value(proxies, {"http_proxy"}) : find_value(proxies, {"https_proxy", "HTTPS_PROXY"});
  return own.empty() ? find_value(proxies, {"all_proxy", "ALL_PROXY"}) : own;
}

void set_up(Transfer& transfer, const Options& options, const Request& request, const Url& url,
            Authorities& authorities) {
  CURL* const handle = transfer.easy();
  const bool own = url.origin() == request.url.origin();
  set(handle, CURLOPT_URL, url.str());
  set(handle, CURLOPT_PATH_AS_IS, 1);
  set(handle, CURLOPT_PROTOCOLS_STR, std::string("http,https"));  // 7.85; a Url is nothing else anyway
  set(handle, CURLOPT_FOLLOWLOCATION, 0);
  set(handle, CURLOPT_NETRC, CURL_NETRC_IGNORED);
  set(handle, CURLOPT_HTTP_CONTENT_DECODING, 0);
  set(handle, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
  set(handle, CURLOPT_PIPEWAIT, url.plain() ? 0 : 1);
  set(handle, CURLOPT_USERAGENT, options.user_agent);
  set(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1);
  // Both are always set, if only to nothing: what is not set curl takes from the environment.
  set(handle, CURLOPT_PROXY, find_proxy(options.proxies, url));
  set(handle, CURLOPT_NOPROXY, find_value(options.proxies, {"no_proxy", "NO_PROXY"}));
  set_limits(handle, options, request.stream == nullptr);
  set_tls(handle, request.tls, own, authorities);
  set_method(transfer, request);
  List fields = fields_of(request, own);
  curl().easy_setopt(handle, CURLOPT_HTTPHEADER, fields.get());
  transfer.keep(std::move(fields));
}

}  // namespace stave::http
