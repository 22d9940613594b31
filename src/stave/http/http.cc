// Client: one request as a person means it: through redirects, again after what can
// pass, until there is an answer or a reason why there is none.

#include "stave/http/http.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>
#include <variant>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/http/dates.h"
#include "stave/http/failure.h"
#include "stave/http/loop.h"

namespace stave::http {
namespace {

using std::chrono::milliseconds;

// A wait that somebody who watches should be told of.
constexpr milliseconds long_wait{5'000};

class Body final : public Source {
 public:
  Body(const Context& context, std::shared_ptr<Transfer> transfer, std::string method, Url url,
       Options options)
      : transfer_(std::move(transfer)),
        method_(std::move(method)),
        url_(std::move(url)),
        options_(std::move(options)) {
    context_.stop = context.stop;
  }
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;
  ~Body() override { transfer_->abandon(); }

  std::size_t read(MutableBytes out) override {
    std::optional<Failure> failure;
    const std::size_t n = transfer_->read(context_, out, failure);
    if (failure) throw error_of(*failure, method_, url_, options_);
    return n;
  }

 private:
  Context context_;  // its stop only: the rest may be gone before the body
  std::shared_ptr<Transfer> transfer_;
  std::string method_;
  Url url_;
  Options options_;
};

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool is_passing(int status) {
  return status == 408 || status == 429 || status == 500 || (status >= 502 && status <= 504);
}

// Half of it is certain, half of it random, so that those who were refused together do not come back
// together.
milliseconds some_of(milliseconds time) {
  std::random_device device;
  std::uniform_int_distribution<std::int64_t> any(0, std::max<std::int64_t>(time.count() / 2, 0));
  return milliseconds(time.count() - any(device));
}

void sleep(const Context& context, milliseconds time) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, context.stop, time, [] { return false; });
  context.check();
}

// Before attempt number `attempt` (the first is 0), if the server does not say.
milliseconds growing_wait(const Options& options, unsigned attempt) {
  milliseconds wait = options.first_wait;
  for (unsigned i = 1; i < attempt && wait < options.longest_wait; ++i) wait *= 2;
  return some_of(std::min(wait, options.longest_wait));
}

// What "now" is to the server, so that its date is a length of time whatever the clock here says.
std::int64_t now_of(const Headers& headers) {
  const std::optional<std::string> date = headers.find("Date");
  if (const std::optional<std::int64_t> then = find_date(date.value_or(""))) return *then;
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Where a Location leads. The next address is as hostile as who sent it.
Url follow(const Url& url, const std::string& location, std::string_view method) {
  const std::string what = fmt::format("{} {}", method, url.shown());
  const std::string scheme = location.substr(0, location.find_first_of(":/?#"));
  const bool absolute = scheme.size() < location.size() && location[scheme.size()] == ':' && !scheme.empty();
  Url next;
  try {
    next = url.resolve(location);
  } catch (const Error& error) {
    throw Error(absolute ? Kind::denied : Kind::invalid,
                fmt::format("{}: the server redirects to what is not followed: {}", what, error.what()));
  }
  if (!url.plain() && next.plain()) {
    throw Error(Kind::denied,
                fmt::format("{}: the server redirects from https to plain http ({})", what, next.shown()),
                "this is for whoever runs the server to correct");
  }
  return next;
}

using Answer = std::variant<Reply, Failure>;

Answer try_once(const Context& context, Client::Loop& loop, const Request& request, const Url& url) {
  const auto transfer = std::make_shared<Transfer>(loop.mailbox(), request);
  set_up(*transfer, loop.options(), request, url, loop.authorities());
  if (std::optional<Failure> failure = transfer->run(context, request.stream)) return std::move(*failure);
  Reply reply;
  reply.status = transfer->status();
  reply.headers = transfer->headers();
  reply.url = url;
  reply.length = transfer->length();
  reply.body = std::make_unique<Body>(context, transfer, request.method, url, loop.options());
  return reply;
}

// How long to wait before the next attempt; nullopt: this was the last.
std::optional<milliseconds> find_wait(const Answer& answer, const Request& request, const Options& options,
                                      unsigned attempt) {
  if (request.stream != nullptr) return {};
  const milliseconds growing = growing_wait(options, attempt);
  if (const Failure* const failure = std::get_if<Failure>(&answer)) {
    const Hope hope = hope_of(*failure);
    const unsigned most = hope == Hope::some ? options.attempts : std::min(options.attempts, 2U);
    if (hope == Hope::none || attempt >= most) return {};
    return growing;
  }
  const auto& reply = std::get<Reply>(answer);
  if (!is_passing(reply.status) || attempt >= options.attempts) return {};
  const std::optional<milliseconds> asked = find_retry_after(reply.headers, now_of(reply.headers));
  // Coming back before it wants us only makes it angrier.
  if (asked && *asked > options.longest_wait) return {};
  return asked ? *asked : growing;
}

Reply send_patiently(const Context& context, Client::Loop& loop, const Request& request, const Url& url) {
  for (unsigned attempt = 1;; ++attempt) {
    Answer answer = try_once(context, loop, request, url);
    const std::optional<milliseconds> wait = find_wait(answer, request, loop.options(), attempt);
    if (Reply* const reply = std::get_if<Reply>(&answer);
        reply != nullptr && (!wait || !is_passing(reply->status))) {
      return std::move(*reply);
    }
    if (!wait) throw error_of(std::get<Failure>(answer), request.method, url, loop.options());
    if (*wait >= long_wait) {
      context.progress->warn(
          fmt::format("{} is not ready: waiting for {} seconds", url.shown(), wait->count() / 1000));
    }
    answer = Failure{};  // the connection is free for the next
    sleep(context, *wait);
  }
}

}  // namespace

Client::Client(Options options) : loop_(std::make_unique<Loop>(std::move(options))) {}
Client::~Client() = default;

Reply Client::send(const Context& context, const Request& request) const {
  context.check();
  const bool follows = request.method == "GET" || request.method == "HEAD";
  Url url = request.url;
  for (int hop = 0;; ++hop) {
    Reply reply = send_patiently(context, *loop_, request, url);
    const std::optional<std::string> location = reply.headers.find("Location");
    if (!follows || !location || !is_redirect(reply.status)) return reply;
    if (hop == redirects) {
      throw Error(
          Kind::limit,
          fmt::format("{} {}: more than {} redirects", request.method, request.url.shown(), redirects),
          "this is for whoever runs the server to correct");
    }
    url = follow(url, *location, request.method);
  }
}

}  // namespace stave::http
