// What the tests of http share: a client in a hurry, requests to a test server, and
// bodies in full.

#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "stave/base/error.h"
#include "stave/http/http.h"
#include "support/http_server.h"

namespace stave::http {

using std::chrono::milliseconds;
using test::HttpExchange;
using test::HttpServer;

inline constexpr std::size_t mib = 1024 * 1024;

// Does not wait long for anything.
inline Options hasty() {
  Options options;
  options.connect_timeout = milliseconds(5'000);
  options.stall_timeout = milliseconds(10'000);
  options.first_wait = milliseconds(2);
  options.longest_wait = milliseconds(3'000);
  return options;
}

inline Request get(const HttpServer& server, std::string_view target = "/") {
  Request request;
  request.url = Url::parse(server.url(target));
  return request;
}

inline Request request_of(const HttpServer& server, std::string_view method, std::string_view target = "/") {
  Request request = get(server, target);
  request.method = method;
  return request;
}

inline std::string body_of(Reply& reply) { return read_body(reply, 64 * mib, "the body"); }

inline std::string body_of(const Client& client, const Request& request) {
  Reply reply = client.send({}, request);
  return body_of(reply);
}

// What it fails of; nullopt if it does not.
inline std::optional<Error> failure_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  return {};
}

#define EXPECT_FAILS(kind_expected, part, work)                                               \
  do {                                                                                        \
    const std::optional<Error> failed_ = failure_of([&] { work; });                           \
    ASSERT_TRUE(failed_.has_value()) << "did not fail";                                       \
    EXPECT_EQ(failed_->kind(), kind_expected) << failed_->what();                             \
    EXPECT_NE(std::string(failed_->what()).find(part), std::string::npos) << failed_->what(); \
  } while (false)

class Stopwatch {
 public:
  milliseconds passed() const {
    return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun_);
  }

 private:
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

// Bytes that are all different enough, without keeping them.
class PatternSource final : public Source {
 public:
  explicit PatternSource(std::uint64_t size, std::size_t piece = 1 * mib) : left_(size), piece_(piece) {}
  std::size_t read(MutableBytes out) override {
    const auto n = static_cast<std::size_t>(
        std::min<std::uint64_t>({out.size(), left_, static_cast<std::uint64_t>(piece_)}));
    for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<std::byte>(at(at_ + i));
    at_ += n;
    left_ -= n;
    taken_ += n;
    return n;
  }
  std::uint64_t taken() const { return taken_; }
  static unsigned char at(std::uint64_t offset) {
    return static_cast<unsigned char>(offset * 31 + (offset >> 8));
  }
  static std::string text(std::uint64_t begin, std::size_t size) {
    std::string out(size, '\0');
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(at(begin + i));
    return out;
  }

 private:
  std::uint64_t at_ = 0;
  std::uint64_t left_;
  std::uint64_t taken_ = 0;
  std::size_t piece_;
};

}  // namespace stave::http
