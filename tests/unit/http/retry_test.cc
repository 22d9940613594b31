// Retries: what is tried again, how often, after which wait, and what is not.

#include <atomic>
#include <thread>

#include "exchange.h"

namespace stave::http {
namespace {

// Answers the first `count` requests with `fail`, all others with 200.
HttpServer::Handler failing(int count, std::function<void(HttpExchange&)> fail) {
  return [count, fail = std::move(fail), seen = std::make_shared<std::atomic<int>>(0)](HttpExchange& x) {
    const std::string body = x.body();
    if ((*seen)++ < count) {
      fail(x);
    } else {
      x.reply(200, {}, "well:" + body);
    }
  };
}

HttpServer::Handler answering(int count, int status, test::HttpFields fields = {}) {
  return failing(count, [status, fields](HttpExchange& x) { x.reply(status, fields, "busy"); });
}

class Passing : public testing::TestWithParam<int> {};

TEST_P(Passing, IsTriedAgain) {
  const HttpServer server(answering(3, GetParam()));
  const Client client(hasty());
  EXPECT_EQ(body_of(client, get(server)), "well:");
  EXPECT_EQ(server.requests(), 4U);
}

INSTANTIATE_TEST_SUITE_P(Statuses, Passing, testing::Values(408, 429, 500, 502, 503, 504));

class Lasting : public testing::TestWithParam<int> {};

TEST_P(Lasting, IsAnAnswer) {
  const HttpServer server(answering(1, GetParam()));
  const Client client(hasty());
  EXPECT_EQ(client.send({}, get(server)).status, GetParam());
  EXPECT_EQ(server.requests(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Statuses, Lasting, testing::Values(400, 401, 403, 404, 405, 416, 501, 505));

TEST(Retry, TheLastAnswerIsGivenAsItIs) {
  const HttpServer server(answering(100, 503));
  const Client client(hasty());
  Reply reply = client.send({}, get(server));
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(body_of(reply), "busy");
  EXPECT_EQ(server.requests(), 5U);
}

TEST(Retry, OneAttemptIsOne) {
  const HttpServer server(answering(100, 503));
  Options options = hasty();
  options.attempts = 1;
  const Client client(options);
  EXPECT_EQ(client.send({}, get(server)).status, 503);
  EXPECT_EQ(server.requests(), 1U);
}

TEST(Retry, ABodyIsSentAgain) {
  const HttpServer server(answering(2, 503));
  const Client client(hasty());
  Request request = request_of(server, "PUT");
  request.body = "document";
  EXPECT_EQ(body_of(client, request), "well:document");
}

TEST(Retry, AStreamIsNot) {
  const HttpServer server(answering(1, 503));
  const Client client(hasty());
  PatternSource source(1000);
  Request request = request_of(server, "PUT");
  request.stream = &source;
  request.stream_size = 1000;
  EXPECT_EQ(client.send({}, request).status, 503);
  EXPECT_EQ(server.requests(), 1U);
}

TEST(Retry, AStreamIsNotWhenTheConnectionBreaks) {
  const HttpServer server(failing(1, [](HttpExchange& x) { x.drop(); }));
  const Client client(hasty());
  PatternSource source(1000);
  Request request = request_of(server, "PUT");
  request.stream = &source;
  request.stream_size = 1000;
  EXPECT_FAILS(Kind::io, "PUT http://127.0.0.1", client.send({}, request));
  EXPECT_EQ(server.requests(), 1U);
}

TEST(Retry, AfterAResetBeforeTheReply) {
  const HttpServer server(failing(3, [](HttpExchange& x) { x.drop(); }));
  const Client client(hasty());
  EXPECT_EQ(body_of(client, get(server)), "well:");
}

TEST(Retry, AfterAnEndInTheHead) {
  const HttpServer server(failing(2, [](HttpExchange& x) {
    x.write("HTTP/1.1 200 OK\r\nContent-");
    x.close();
  }));
  const Client client(hasty());
  EXPECT_EQ(body_of(client, get(server)), "well:");
}

TEST(Retry, BrokenConnectionsAreBounded) {
  const HttpServer server([](HttpExchange& x) { x.drop(); });
  Options options = hasty();
  options.attempts = 3;
  const Client client(options);
  EXPECT_FAILS(Kind::io, "GET http://127.0.0.1", client.send({}, get(server)));
  EXPECT_LE(server.requests(), 6U);  // curl itself may try a kept connection anew
}

TEST(Retry, AfterASecondsFieldWaitsThatLong) {
  const HttpServer server(answering(1, 429, {{"Retry-After", "1"}}));
  const Client client(hasty());
  const Stopwatch watch;
  EXPECT_EQ(body_of(client, get(server)), "well:");
  EXPECT_GE(watch.passed(), milliseconds(950));
}

TEST(Retry, AfterADateFieldCountsFromTheServersClock) {
  const HttpServer server(answering(
      1, 429, {{"Date", "Sun, 06 Nov 1994 08:49:36 GMT"}, {"Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"}}));
  const Client client(hasty());
  const Stopwatch watch;
  EXPECT_EQ(body_of(client, get(server)), "well:");
  EXPECT_GE(watch.passed(), milliseconds(950));
  EXPECT_LT(watch.passed(), milliseconds(2500));
}

TEST(Retry, TooLongAWaitIsNotWaited) {
  const HttpServer server(answering(1, 429, {{"Retry-After", "3600"}}));
  const Client client(hasty());
  const Stopwatch watch;
  EXPECT_EQ(client.send({}, get(server)).status, 429);
  EXPECT_LT(watch.passed(), milliseconds(900));
}

TEST(Retry, WaitsGrow) {
  const HttpServer server(answering(3, 503));
  Options options = hasty();
  options.first_wait = milliseconds(80);
  const Client client(options);
  const Stopwatch watch;
  body_of(client, get(server));
  EXPECT_GE(watch.passed(), milliseconds((80 + 160 + 320) / 2 - 10));
}

TEST(Retry, AStopEndsTheWait) {
  const HttpServer server(answering(100, 503));
  Options options = hasty();
  options.first_wait = options.longest_wait = milliseconds(20'000);
  const Client client(options);
  std::stop_source stop;
  const std::jthread stopper([&] {
    std::this_thread::sleep_for(milliseconds(100));
    stop.request_stop();
  });
  const Stopwatch watch;
  EXPECT_FAILS(Kind::cancelled, "", client.send({.stop = stop.get_token()}, get(server)));
  EXPECT_LT(watch.passed(), milliseconds(1000));
}

TEST(Retry, NobodyListeningIsSaidSoon) {
  std::uint16_t port = 0;
  {
    port = HttpServer([](HttpExchange&) {}).port();
  }
  const Client client(hasty());
  Request request;
  request.url = Url::parse("http://127.0.0.1:" + std::to_string(port) + "/v2/");
  const std::optional<Error> error = failure_of([&] { client.send({}, request); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), Kind::io);
  EXPECT_NE(std::string(error->what()).find("/v2/"), std::string::npos) << error->what();
  EXPECT_NE(error->hint().find("running"), std::string::npos) << error->hint();
}

TEST(Retry, AnUnknownHostIsNamed) {
  const Client client(hasty());
  Request request;
  request.url = Url::parse("http://no-such-host.invalid/v2/");
  const std::optional<Error> error = failure_of([&] { client.send({}, request); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), Kind::io);
  EXPECT_NE(std::string(error->what()).find("no-such-host.invalid"), std::string::npos) << error->what();
  EXPECT_NE(error->hint().find("spelling"), std::string::npos) << error->hint();
}

TEST(Retry, PlainHttpBehindHttpsIsSaidAtOnce) {
  const HttpServer server([](HttpExchange& x) { x.reply(200); });
  const Client client(hasty());
  Request request;
  request.url = Url::parse("https://" + server.host() + "/v2/");
  const std::optional<Error> error = failure_of([&] { client.send({}, request); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), Kind::io) << error->what();
  EXPECT_NE(error->hint().find("plain http"), std::string::npos) << error->what();
  EXPECT_EQ(server.accepted(), 1U);
}

}  // namespace
}  // namespace stave::http
