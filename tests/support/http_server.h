// A small HTTP/1.1 server in the test's own process, on 127.0.0.1 and a port that
// the kernel picks. What a handler answers is up to it down to the byte: it can lie, stall, drop or never
// end.

#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <list>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace stave::test {

using HttpFields = std::vector<std::pair<std::string, std::string>>;

// The first value of that name, whatever its case; "" if there is none.
inline std::string http_field(const HttpFields& fields, std::string_view name) {
  for (const auto& [key, value] : fields) {
    if (key.size() == name.size() && strncasecmp(key.data(), name.data(), name.size()) == 0) return value;
  }
  return {};
}

// The head of a request, as it came.
struct HttpRequest {
  std::string method;
  std::string target;  // "/v2/?n=1"; absolute ("http://host/") when the server is used as a proxy
  HttpFields headers = {};

  std::string header(std::string_view name) const { return http_field(headers, name); }
  std::string path() const { return target.substr(0, target.find('?')); }
  // The value of one parameter of the query, percent-decoded; "" if there is none.
  std::string query(std::string_view name) const {
    const std::size_t begin = target.find('?');
    std::size_t at = begin == std::string::npos ? target.size() : begin + 1;
    while (at < target.size()) {
      const std::size_t end = std::min(target.find('&', at), target.size());
      const std::string_view pair = std::string_view(target).substr(at, end - at);
      const std::size_t equals = std::min(pair.find('='), pair.size());
      if (pair.substr(0, equals) == name) return decoded(pair.substr(std::min(equals + 1, pair.size())));
      at = end + 1;
    }
    return {};
  }
  static std::string decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '%' && i + 2 < text.size()) {
        out += static_cast<char>(std::strtol(std::string(text.substr(i + 1, 2)).c_str(), nullptr, 16));
        i += 2;
      } else {
        out += text[i] == '+' ? ' ' : text[i];
      }
    }
    return out;
  }
};

class HttpServer;

// One request and what is answered to it. A handler reads as much of the body as it wants, and then either
// calls `reply`, or builds its answer of `head`, `write` and `chunk`, and says `drop` where it should break.
class HttpExchange {
 public:
  HttpExchange(const HttpServer& server, int fd, std::string& ahead, HttpRequest request)
      : server_(server), fd_(fd), ahead_(ahead), request_(std::move(request)) {
    const std::string length = request_.header("Content-Length");
    chunked_ = !request_.header("Transfer-Encoding").empty();
    left_ = chunked_ || length.empty() ? 0 : std::strtoull(length.c_str(), nullptr, 10);
    body_ended_ = !chunked_ && left_ == 0;
    expects_ = !request_.header("Expect").empty();
  }

  const HttpRequest& request() const { return request_; }

  // --- The body of the request ---

  // Some of it, at most `size` bytes; 0 at its end, or when the client broke off (`gone`).
  std::size_t read(char* out, std::size_t size);
  // All that is left of it.
  std::string body() {
    std::string text;
    std::string piece(64 * 1024, '\0');
    while (const std::size_t n = read(piece.data(), piece.size())) text.append(piece, 0, n);
    return text;
  }
  // Reads what is left and says how much that was.
  std::uint64_t skip_body() {
    std::uint64_t total = 0;
    std::string piece(512 * 1024, '\0');
    while (const std::size_t n = read(piece.data(), piece.size())) total += n;
    return total;
  }
  bool body_ended() const { return body_ended_; }

  // --- The answer. Everything that writes says whether the client was still there ---

  // A whole and honest one; Content-Length is added. To a HEAD the body is only announced.
  bool reply(int status, const HttpFields& fields = {}, std::string_view text = {}) {
    HttpFields all = fields;
    if (status != 204 && status != 304) all.emplace_back("Content-Length", std::to_string(text.size()));
    return head(status, all) && (request_.method == "HEAD" || status == 204 || status == 304 || write(text));
  }
  // Status line and these fields, nothing added.
  bool head(int status, const HttpFields& fields = {}) {
    std::string text = "HTTP/1.1 " + std::to_string(status) + " Whatever\r\n";
    for (const auto& [name, value] : fields) text += name + ": " + value + "\r\n";
    if (strcasecmp(http_field(fields, "Connection").c_str(), "close") == 0) closing_ = true;
    return write(text + "\r\n");
  }
  // These bytes.
  bool write(std::string_view bytes);
  // As one chunk (RFC 9112, 7.1); an empty one ends the body.
  bool chunk(std::string_view bytes) {
    std::array<char, 32> size{};
    std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
    return write(size.data()) && write(bytes) && write("\r\n");
  }

  // The connection ends after this handler; what was written arrives.
  void close() { closing_ = true; }
  // It ends now, as if the cable was cut: a reset, which may overtake what was written. After that many bytes
  // exactly: write them, then `close`.
  void drop();
  // Waits, but not longer than the server lives; false when it stops.
  bool sleep(std::chrono::milliseconds time) const;

  bool gone() const { return gone_; }
  bool answered() const { return answered_; }
  bool closing() const { return closing_ || gone_; }

 private:
  std::size_t receive(char* out, std::size_t size);
  bool begin_chunk();

  const HttpServer& server_;
  int fd_;
  std::string& ahead_;  // bytes that were received and not yet looked at
  HttpRequest request_;
  std::uint64_t left_ = 0;  // of the body, or of its current chunk
  bool chunked_ = false;
  bool first_chunk_ = true;
  bool body_ended_ = false;
  bool expects_ = false;
  bool answered_ = false;
  bool closing_ = false;
  bool gone_ = false;
};

// Serves until it is destroyed, each connection on a thread of its own. The handler is called by several
// threads at once.
class HttpServer {
 public:
  using Handler = std::function<void(HttpExchange&)>;

  explicit HttpServer(Handler handler) : handler_(std::move(handler)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (listener_ < 0 || ::bind(listener_, generic, size) != 0 || ::listen(listener_, 128) != 0 ||
        ::getsockname(listener_, generic, &size) != 0) {
      throw std::runtime_error("no socket on the loopback for a test server");
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  // Breaks every connection and waits for the handlers.
  ~HttpServer() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      for (const Connection& connection : connections_) {
        if (connection.fd >= 0) ::shutdown(connection.fd, SHUT_RDWR);
      }
    }
    changed_.notify_all();
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (Connection& connection : connections_) connection.thread.join();
    ::close(listener_);
  }

  std::uint16_t port() const { return port_; }
  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url(std::string_view target = "/") const { return "http://" + host() + std::string(target); }

  // Heads of all requests so far, in the order in which they came.
  std::vector<HttpRequest> log() const {
    const std::lock_guard lock(mutex_);
    return log_;
  }
  std::size_t requests() const {
    const std::lock_guard lock(mutex_);
    return log_.size();
  }
  // Those of one method whose path ends like this.
  std::size_t requests(std::string_view method, std::string_view ending) const {
    const std::vector<HttpRequest> all = log();
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](const HttpRequest& request) {
      return request.method == method && request.path().ends_with(ending);
    }));
  }
  // Connections that were accepted so far.
  std::size_t accepted() const {
    const std::lock_guard lock(mutex_);
    return accepted_;
  }
  void clear_log() {
    const std::lock_guard lock(mutex_);
    log_.clear();
  }

  // For HttpExchange: waits unless the server stops.
  bool wait(std::chrono::milliseconds time) const {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, time, [&] { return stopping_; });
  }

 private:
  struct Connection {
    int fd = -1;
    bool ended = false;
    std::thread thread;
  };

  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      const std::lock_guard lock(mutex_);
      if (stopping_ || fd < 0) {
        if (fd >= 0) ::close(fd);
        if (stopping_) return;
        continue;
      }
      const int yes = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      ++accepted_;
      for (auto it = connections_.begin(); it != connections_.end();) {
        if (it->ended) {
          it->thread.join();
          it = connections_.erase(it);
        } else {
          ++it;
        }
      }
      Connection& connection = connections_.emplace_back();
      connection.fd = fd;
      connection.thread = std::thread([this, &connection] { serve(connection); });
    }
  }

  // Requests of one connection, until either side has enough.
  void serve(Connection& connection) {
    std::string ahead;
    HttpRequest request;
    while (read_head(connection.fd, ahead, request)) {
      {
        const std::lock_guard lock(mutex_);
        log_.push_back(request);
      }
      HttpExchange exchange(*this, connection.fd, ahead, request);
      handler_(exchange);
      if (!exchange.answered() && !exchange.gone()) exchange.drop();
      if (!exchange.gone() && (exchange.closing() || !exchange.body_ended())) linger(connection.fd);
      if (exchange.closing() || !exchange.body_ended()) break;
    }
    const std::lock_guard lock(mutex_);
    ::close(connection.fd);
    connection.fd = -1;
    connection.ended = true;  // after this only the end of the thread is waited for
  }

  // Closing while bytes arrive is a reset, which can overtake the answer: the other side gets a while.
  static void linger(int fd) {
    ::shutdown(fd, SHUT_WR);
    std::string piece(64 * 1024, '\0');
    for (int i = 0; i < 10'000; ++i) {
      pollfd poll{fd, POLLIN, 0};
      if (::poll(&poll, 1, 500) <= 0 || ::recv(fd, piece.data(), piece.size(), 0) <= 0) return;
    }
  }

  static bool refuse(int fd) {
    constexpr std::string_view text = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nno request";
    static_cast<void>(::send(fd, text.data(), text.size(), MSG_NOSIGNAL));
    return false;
  }

  static bool read_head(int fd, std::string& ahead, HttpRequest& request) {
    std::size_t end;
    while ((end = ahead.find("\r\n\r\n")) == std::string::npos) {
      std::array<char, 16 * 1024> piece{};
      const ssize_t n = ::recv(fd, piece.data(), piece.size(), 0);
      if (n <= 0 || ahead.size() > 1024 * 1024) return false;
      ahead.append(piece.data(), static_cast<std::size_t>(n));
      if (ahead[0] < 'A' || ahead[0] > 'Z') return refuse(fd);  // TLS, for one
    }
    const std::string head = ahead.substr(0, end);
    ahead.erase(0, end + 4);
    request = {};
    std::size_t line = std::min(head.find("\r\n"), head.size());
    const std::size_t space = head.find(' ');
    const std::size_t second = head.find(' ', space + 1);
    if (space == std::string::npos || second == std::string::npos || second > line) return false;
    request.method = head.substr(0, space);
    request.target = head.substr(space + 1, second - space - 1);
    while (line < head.size()) {
      const std::size_t begin = line + 2;
      line = std::min(head.find("\r\n", begin), head.size());
      const std::size_t colon = std::min(head.find(':', begin), line);
      const std::size_t value = std::min(head.find_first_not_of(" \t", colon + 1), line);
      request.headers.emplace_back(head.substr(begin, colon - begin), head.substr(value, line - value));
    }
    return true;
  }

  Handler handler_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool stopping_ = false;
  std::size_t accepted_ = 0;
  std::vector<HttpRequest> log_;
  std::list<Connection> connections_;
  std::thread acceptor_;
};

inline std::size_t HttpExchange::receive(char* out, std::size_t size) {
  if (!ahead_.empty()) {
    const std::size_t n = std::min(size, ahead_.size());
    std::copy_n(ahead_.data(), n, out);
    ahead_.erase(0, n);
    return n;
  }
  const ssize_t n = gone_ ? 0 : ::recv(fd_, out, size, 0);
  if (n <= 0) gone_ = true;
  return n <= 0 ? 0 : static_cast<std::size_t>(n);
}

inline bool HttpExchange::begin_chunk() {
  const auto line = [&] {
    std::string text;
    char c = 0;
    while (receive(&c, 1) == 1 && c != '\n' && text.size() < 1024) text += c;
    return text;
  };
  if (!first_chunk_) line();
  first_chunk_ = false;
  left_ = std::strtoull(line().c_str(), nullptr, 16);
  if (left_ == 0) {
    while (!gone_ && line() != "\r") {
    }
  }
  return left_ != 0;
}

inline std::size_t HttpExchange::read(char* out, std::size_t size) {
  if (body_ended_ || size == 0) return 0;
  if (expects_) {
    expects_ = false;
    if (!answered_) {
      write("HTTP/1.1 100 Continue\r\n\r\n");
      answered_ = false;
    }
  }
  if (chunked_ && left_ == 0 && !begin_chunk()) {
    body_ended_ = !gone_;
    return 0;
  }
  const std::size_t n = receive(out, static_cast<std::size_t>(std::min<std::uint64_t>(size, left_)));
  left_ -= n;
  if (!chunked_ && left_ == 0) body_ended_ = true;
  return n;
}

inline bool HttpExchange::write(std::string_view bytes) {
  answered_ = true;
  while (!bytes.empty() && !gone_) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) {
      gone_ = true;
    } else {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  return !gone_;
}

inline void HttpExchange::drop() {
  const linger cut{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &cut, sizeof cut);
  // Not closed here: whoever accepted it knows its number. With nothing to linger for, closing resets.
  gone_ = true;
}

inline bool HttpExchange::sleep(std::chrono::milliseconds time) const { return server_.wait(time); }

}  // namespace stave::test
