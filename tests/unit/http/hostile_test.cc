// Servers that lie, stall, never end or break off: each comes to an end with a reason.

#include <atomic>
#include <thread>

#include "exchange.h"

namespace stave::http {
namespace {

Options once() {
  Options options = hasty();
  options.attempts = 1;
  return options;
}

Options impatient() {
  Options options = once();
  options.stall_timeout = milliseconds(300);
  return options;
}

TEST(Hostile, ABodyThatEndsBeforeItsLengthIsAFailure) {
  const HttpServer server([](HttpExchange& x) {
    x.head(200, {{"Content-Length", "1000"}});
    x.write(std::string(999, 'x'));
    x.close();
  });
  const Client client(hasty());
  Reply reply = client.send({}, get(server));
  EXPECT_FAILS(Kind::io, "GET http://127.0.0.1", body_of(reply));
  EXPECT_FAILS(Kind::io, "GET http://127.0.0.1", body_of(reply));
  EXPECT_EQ(server.requests(), 1U);
}

TEST(Hostile, WhatCameBeforeTheBreakIsGiven) {
  const HttpServer server([](HttpExchange& x) {
    x.head(200, {{"Content-Length", "3000000"}});
    x.write(PatternSource::text(0, 2'000'000));
    x.close();
  });
  const Client client(hasty());
  Reply reply = client.send({}, get(server));
  std::string got(2'000'000, '\0');
  EXPECT_EQ(read_full(*reply.body, std::as_writable_bytes(std::span(got))), 2'000'000U);
  EXPECT_EQ(got, PatternSource::text(0, 2'000'000));
  std::byte one{};
  EXPECT_FAILS(Kind::io, "", reply.body->read({&one, 1}));
}

TEST(Hostile, AChunkedBodyWithoutItsEndIsAFailure) {
  const HttpServer server([](HttpExchange& x) {
    x.head(200, {{"Transfer-Encoding", "chunked"}});
    x.chunk("part");
    x.close();
  });
  const Client client(hasty());
  Reply reply = client.send({}, get(server));
  EXPECT_FAILS(Kind::io, "", body_of(reply));
}

TEST(Hostile, ABodyBeyondItsLengthIsCut) {
  const HttpServer server([](HttpExchange& x) {
    x.head(200, {{"Content-Length", "4"}});
    x.write("body and more");
  });
  const Client client(hasty());
  EXPECT_EQ(body_of(client, get(server)), "body");
}

TEST(Hostile, AnEndlessHeadIsALimit) {
  const HttpServer server([](HttpExchange& x) {
    x.write("HTTP/1.1 200 OK\r\n");
    while (x.write("X-More: " + std::string(1000, 'x') + "\r\n")) {
    }
  });
  const Client client(once());
  EXPECT_FAILS(Kind::limit, "head", client.send({}, get(server)));
}

TEST(Hostile, AnEndlessLineOfAHeadIsALimit) {
  const HttpServer server([](HttpExchange& x) {
    x.write("HTTP/1.1 200 OK\r\nX-Long: ");
    while (x.write(std::string(4096, 'x'))) {
    }
  });
  const Client client(once());
  EXPECT_FAILS(Kind::limit, "head", client.send({}, get(server)));
}

TEST(Hostile, EndlessHintsAreALimit) {
  const HttpServer server([](HttpExchange& x) {
    while (x.write("HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n")) {
    }
  });
  const Client client(once());
  EXPECT_FAILS(Kind::limit, "head", client.send({}, get(server)));
}

TEST(Hostile, EndlessTrailersEnd) {
  const HttpServer server([](HttpExchange& x) {
    x.head(200, {{"Transfer-Encoding", "chunked"}});
    x.write("4\r\nbody\r\n0\r\n");
    while (x.write("X-More: " + std::string(1000, 'x') + "\r\n")) {
    }
  });
  const Client client(once());
  Reply reply = client.send({}, get(server));
  EXPECT_TRUE(failure_of([&] { body_of(reply); }).has_value());
}

TEST(Hostile, AnEndlessBodyIsCutByWhoReadsIt) {
  const HttpServer server([](HttpExchange& x) {
    x.head(200);
    while (x.write(std::string(64 * 1024, 'x'))) {
    }
  });
  const Client client(hasty());
  Reply reply = client.send({}, get(server));
  EXPECT_FAILS(Kind::limit, "the manifest", read_body(reply, mib, "the manifest"));
}

TEST(Hostile, ALengthOfExabytesCostsNothing) {
  const HttpServer server([](HttpExchange& x) {
    x.head(200, {{"Content-Length", "9223372036854775807"}});
    while (x.write(std::string(64 * 1024, 'x'))) {
    }
  });
  const Client client(hasty());
  Reply reply = client.send({}, get(server));
  EXPECT_EQ(reply.length, 9223372036854775807U);
  EXPECT_FAILS(Kind::limit, "the manifest", read_body(reply, mib, "the manifest"));
}

TEST(Hostile, DroppingAnEndlessBodyEndsTheTransfer) {
  std::atomic<bool> ended = false;
  const HttpServer server([&](HttpExchange& x) {
    x.head(200);
    while (x.write(std::string(64 * 1024, 'x'))) {
    }
    ended = true;
  });
  const Client client(hasty());
  client.send({}, get(server));
  const Stopwatch watch;
  while (!ended && watch.passed() < milliseconds(5000)) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_TRUE(ended);
}

TEST(Hostile, ABodyThatTricklesIsNotWaitedForOnceItIsDropped) {
  std::atomic<bool> ended = false;
  const HttpServer server([&](HttpExchange& x) {
    x.head(200);
    while (x.write("x") && x.sleep(milliseconds(20))) {
    }
    ended = x.gone();
  });
  const Client client(hasty());
  client.send({}, get(server));
  const Stopwatch watch;
  while (!ended && watch.passed() < milliseconds(8000)) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_TRUE(ended);
}

TEST(Hostile, WhatIsNoHttpIsAFailure) {
  const HttpServer server([](HttpExchange& x) {
    x.write("220 mail.example.org ESMTP\r\n");
    x.close();
  });
  const Client client(once());
  EXPECT_FAILS(Kind::io, "HTTP/0.9", client.send({}, get(server)));
}

TEST(Hostile, AnEmptyReplyIsAFailure) {
  const HttpServer server([](HttpExchange& x) { x.drop(); });
  const Client client(once());
  EXPECT_FAILS(Kind::io, "GET http://127.0.0.1", client.send({}, get(server)));
}

TEST(Stall, BeforeTheHead) {
  const HttpServer server([](HttpExchange& x) { x.sleep(milliseconds(20'000)); });
  const Client client(impatient());
  const Stopwatch watch;
  EXPECT_FAILS(Kind::io, "not a byte came or went for 0.3 seconds", client.send({}, get(server)));
  EXPECT_LT(watch.passed(), milliseconds(3000));
}

TEST(Stall, InTheBody) {
  const HttpServer server([](HttpExchange& x) {
    x.head(200, {{"Content-Length", "10"}});
    x.write("x");
    x.sleep(milliseconds(20'000));
  });
  const Client client(impatient());
  Reply reply = client.send({}, get(server));
  EXPECT_FAILS(Kind::io, "not a byte came", body_of(reply));
}

TEST(Stall, OfAServerThatTakesNothing) {
  const HttpServer server([](HttpExchange& x) { x.sleep(milliseconds(20'000)); });
  const Client client(impatient());
  PatternSource source(200 * mib);
  Request request = request_of(server, "PUT");
  request.stream = &source;
  request.stream_size = 200 * mib;
  EXPECT_FAILS(Kind::io, "not a byte came", client.send({}, request));
}

TEST(Stall, SlowIsNotStalled) {
  const HttpServer server([](HttpExchange& x) {
    x.head(200, {{"Content-Length", "10"}});
    for (int i = 0; i < 10 && x.sleep(milliseconds(100)); ++i) x.write("x");
  });
  const Client client(impatient());
  EXPECT_EQ(body_of(client, get(server)), "xxxxxxxxxx");
}

TEST(Stall, AReaderThatTakesItsTimeIsNotTheServersFault) {
  const HttpServer server([](HttpExchange& x) { x.reply(200, {}, std::string(20 * mib, 'x')); });
  const Client client(impatient());
  Reply reply = client.send({}, get(server));
  std::this_thread::sleep_for(milliseconds(1000));
  EXPECT_EQ(body_of(reply).size(), 20 * mib);
}

class SleepySource final : public Source {
 public:
  std::size_t read(MutableBytes out) override {
    std::this_thread::sleep_for(milliseconds(700));
    out[0] = std::byte{'x'};
    return 1;
  }
};

TEST(Stall, ASourceThatTakesItsTimeIsNotTheServersFault) {
  const HttpServer server([](HttpExchange& x) { x.reply(201, {}, x.body()); });
  const Client client(impatient());
  SleepySource source;
  Request request = request_of(server, "PUT");
  request.stream = &source;
  request.stream_size = 2;
  EXPECT_EQ(body_of(client, request), "xx");
}

// Asks for a stop a little later.
class Stopper {
 public:
  Context context() const { return {.stop = source_.get_token()}; }
  void soon() {
    thread_ = std::jthread([this] {
      std::this_thread::sleep_for(milliseconds(150));
      source_.request_stop();
    });
  }

 private:
  std::stop_source source_;
  std::jthread thread_;
};

TEST(Stop, BeforeTheHead) {
  const HttpServer server([](HttpExchange& x) { x.sleep(milliseconds(20'000)); });
  const Client client(hasty());
  Stopper stopper;
  stopper.soon();
  const Stopwatch watch;
  EXPECT_FAILS(Kind::cancelled, "", client.send(stopper.context(), get(server)));
  EXPECT_LT(watch.passed(), milliseconds(1000));
}

TEST(Stop, InTheBody) {
  const HttpServer server([](HttpExchange& x) {
    x.head(200, {{"Content-Length", "10"}});
    x.sleep(milliseconds(20'000));
  });
  const Client client(hasty());
  Stopper stopper;
  Reply reply = client.send(stopper.context(), get(server));
  stopper.soon();
  const Stopwatch watch;
  EXPECT_FAILS(Kind::cancelled, "", body_of(reply));
  EXPECT_LT(watch.passed(), milliseconds(1000));
}

TEST(Stop, InAnUpload) {
  const HttpServer server([](HttpExchange& x) { x.sleep(milliseconds(20'000)); });
  const Client client(hasty());
  Stopper stopper;
  PatternSource source(200 * mib);
  Request request = request_of(server, "PUT");
  request.stream = &source;
  request.stream_size = 200 * mib;
  stopper.soon();
  const Stopwatch watch;
  EXPECT_FAILS(Kind::cancelled, "", client.send(stopper.context(), request));
  EXPECT_LT(watch.passed(), milliseconds(1500));
}

TEST(Stop, BeforeAnythingSendsNothing) {
  const HttpServer server([](HttpExchange& x) { x.reply(200); });
  const Client client(hasty());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FAILS(Kind::cancelled, "", client.send({.stop = stop.get_token()}, get(server)));
  EXPECT_EQ(server.requests(), 0U);
}

}  // namespace
}  // namespace stave::http
