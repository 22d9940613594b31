// HTTP: requests and replies on libcurl, which is loaded when the first Client
// is made and not before. Knows nothing of registries: what a status means is for who asks.

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stave/base/context.h"
#include "stave/base/stream.h"
#include "stave/http/url.h"

namespace stave::http {

// Header fields in the order they came. Names are compared without case (RFC 9110, 5.1).
class Headers {
 public:
  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  // The first value of that name.
  std::optional<std::string> find(std::string_view name) const;
  std::vector<std::string> all(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// How the other side of https is proven. Paths of PEM files; empty lists and paths: what the system has.
struct Tls {
  bool verify = true;
  std::vector<std::string> authorities = {};  // trusted beside those of the system
  std::string certificate = {};               // of this client
  std::string key = {};

  friend bool operator==(const Tls&, const Tls&) = default;
};

struct Request {
  std::string method = "GET";
  Url url;
  Headers headers = {};
  // The value of Authorization. Sent to the origin of `url` only: a redirect elsewhere goes without it. Never
  // part of a message.
  std::string authorization = {};
  std::string body = {};     // small; sent again when the request is
  Source* stream = nullptr;  // instead of `body`: exactly `stream_size` bytes, read on the calling thread
  std::uint64_t stream_size = 0;
  Tls tls = {};
};

struct Reply {
  int status = 0;
  Headers headers = {};
  Url url;  // that answered, behind all redirects
  // The body as it arrives. Fails with Kind::io when the connection breaks before its announced end, or when
  // it stalls; dropping it ends the transfer. Never null.
  std::unique_ptr<Source> body;
  // How long the body says it is; nullopt: it does not say.
  std::optional<std::uint64_t> length = {};
};

struct Options {
  std::string user_agent = "stave";
  std::uint64_t rate =
      0;  // bytes in a second, all transfers and both directions together; 0: as fast as it goes
  std::chrono::milliseconds connect_timeout{30'000};
  std::chrono::milliseconds stall_timeout{60'000};  // without a byte in either direction
  unsigned attempts = 5;                            // of a request that can be sent again; at least 1
  std::chrono::milliseconds first_wait{500};        // before the second attempt; doubled for each further one
  std::chrono::milliseconds longest_wait{60'000};   // what a Retry-After may ask for at most
  // http_proxy, https_proxy, all_proxy, no_proxy and their upper-case forms as far as curl honours them.
  std::map<std::string, std::string> proxies = {};
};

// Sends requests. Connections are kept and shared, HTTP/2 is used where the server offers it over TLS.
// Thread-safe. Memory: at most 1 MiB for each body under way.
class Client {
 public:
  // Kind::unsupported when libcurl is not there, or older than 7.68.
  explicit Client(Options options);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  // Sends it and waits for the head of the reply. Any status is an answer, but for what is handled here:
  // - GET and HEAD follow redirects, at most `redirects` (Kind::limit), to http and https only, and never
  // from
  //   https to http (Kind::denied). Another origin gets no authorization, cookie or certificate of this
  //   client. Other methods give the 3xx to the caller.
  // - 408, 429, 500, 502, 503, 504 and connections that break are tried again, unless the request has a
  // stream:
  //   after what Retry-After asks for (one that asks for more than `longest_wait` is an answer), else with
  //   growing waits (some of it random). A connection that is refused and a name that is not known are tried
  //   once more, a failed TLS handshake not at all. The last answer is given as it is.
  // Kind::io with what the connection died of; Kind::denied with a hint when the certificate is not trusted;
  // Kind::limit for heads over `head_bytes`; Kind::cancelled soon after a stop. What the source of a stream
  // throws comes out; one that ends too soon is Kind::changed.
  //
  // If the server answers before it took all of a stream, the rest is not sent; of an answer below 300 that
  // comes so early the body is not read.
  Reply send(const Context& context, const Request& request) const;

  static constexpr int redirects = 10;
  static constexpr std::size_t head_bytes = 256 * 1024;

  class Loop;  // the thread that all transfers share

 private:
  std::unique_ptr<Loop> loop_;
};

// All of a reply's body. Kind::limit, naming `what`, above `limit` bytes, whatever it announced.
std::string read_body(Reply& reply, limits::Cap limit, std::string_view what);

// Seconds or an HTTP date (RFC 9110, 10.2.3), counted from now; nullopt if it is neither.
std::optional<std::chrono::milliseconds> find_retry_after(const Headers& headers, std::int64_t now);

}  // namespace stave::http
