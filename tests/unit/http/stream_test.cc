// Streams: large bodies in both directions through little memory, and what ends them.

#include <malloc.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "exchange.h"

namespace stave::http {
namespace {

constexpr std::size_t large = 100 * mib;

Request put(const HttpServer& server, Source& source, std::uint64_t size) {
  Request request = request_of(server, "PUT");
  request.stream = &source;
  request.stream_size = size;
  return request;
}

// Reads the body and compares it with the pattern; the place of the first difference.
std::string compared(HttpExchange& x) {
  std::string piece(512 * 1024, '\0');
  std::uint64_t at = 0;
  while (const std::size_t n = x.read(piece.data(), piece.size())) {
    if (piece.compare(0, n, PatternSource::text(at, n)) != 0) return "differs after " + std::to_string(at);
    at += n;
  }
  return "same " + std::to_string(at);
}

// Bytes that this process holds on the heap (RSS has what the tests before it left behind).
std::size_t heap() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

TEST(Stream, AHundredMegabytesArriveAsTheyWere) {
  const HttpServer server([](HttpExchange& x) { x.reply(201, {}, compared(x)); });
  const Client client(hasty());
  PatternSource source(large);
  EXPECT_EQ(body_of(client, put(server, source, large)), "same " + std::to_string(large));
  EXPECT_EQ(server.log().at(0).header("Content-Length"), std::to_string(large));
}

TEST(Stream, SmallPiecesArriveAsTheyWere) {
  const HttpServer server([](HttpExchange& x) { x.reply(201, {}, compared(x)); });
  const Client client(hasty());
  PatternSource source(3 * mib, 777);
  EXPECT_EQ(body_of(client, put(server, source, 3 * mib)), "same " + std::to_string(3 * mib));
}

TEST(Stream, AHundredMegabytesComeAsTheyAreInLittleMemory) {
  const HttpServer server([](HttpExchange& x) {
    x.head(200, {{"Content-Length", std::to_string(large)}});
    for (std::uint64_t at = 0; at < large; at += mib) x.write(PatternSource::text(at, mib));
  });
  const Client client(hasty());
  Reply reply = client.send({}, get(server));
  std::this_thread::sleep_for(milliseconds(300));  // it fills whatever it can fill
  std::vector<std::byte> piece(300'000);
  std::uint64_t at = 0;
  std::size_t most = 0;
  const std::size_t before = heap();
  while (const std::size_t n = reply.body->read(piece)) {
    ASSERT_EQ(as_text(Bytes(piece).first(n)), PatternSource::text(at, n));
    at += n;
    most = std::max(most, heap());
  }
  EXPECT_EQ(at, large);
  EXPECT_LT(most, before + 4 * mib);  // of which the server has up to 2
}

TEST(Stream, WhatNobodyReadsStaysAtTheServer) {
  std::atomic<std::uint64_t> written = 0;
  const HttpServer server([&](HttpExchange& x) {
    x.head(200);
    const std::string piece(64 * 1024, 'x');
    while (x.write(piece)) written += piece.size();
  });
  const Client client(hasty());
  const Reply reply = client.send({}, get(server));
  std::this_thread::sleep_for(milliseconds(500));
  EXPECT_LT(written, 16 * mib);  // sockets' buffers above all
}

TEST(Stream, AnEarlyAnswerEndsTheSending) {
  for (const int status : {401, 413, 307}) {
    const HttpServer server([&](HttpExchange& x) {
      std::array<char, 1000> some{};
      x.read(some.data(), some.size());
      x.reply(status, {{"Connection", "close"}}, "no more");
    });
    const Client client(hasty());
    PatternSource source(large);
    Reply reply = client.send({}, put(server, source, large));
    EXPECT_EQ(reply.status, status);
    EXPECT_EQ(body_of(reply), "no more");
    EXPECT_LT(source.taken(), large / 2);
  }
}

TEST(Stream, AnEarlyAnswerWithoutALengthEndsTheSending) {
  for (const char* const connection : {"close", "keep-alive"}) {
    const HttpServer server([&](HttpExchange& x) {
      std::array<char, 1000> some{};
      x.read(some.data(), some.size());
      x.head(413, {{"Connection", connection}, {"Transfer-Encoding", "chunked"}});
      x.chunk("no more");
      x.chunk("");
      x.sleep(milliseconds(3000));
    });
    const Client client(hasty());
    PatternSource source(large);
    Reply reply = client.send({}, put(server, source, large));
    EXPECT_EQ(reply.status, 413);
    const Stopwatch watch;
    EXPECT_EQ(body_of(reply), "no more");
    EXPECT_LT(watch.passed(), milliseconds(2900));
  }
}

TEST(Stream, AnEarlySuccessEndsTheSendingToo) {
  const HttpServer server([&](HttpExchange& x) {
    x.reply(201, {{"Docker-Content-Digest", "known"}}, "");
    x.sleep(milliseconds(300));
  });
  const Client client(hasty());
  PatternSource source(large);
  Reply reply = client.send({}, put(server, source, large));
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(reply.headers.find("Docker-Content-Digest"), "known");
  EXPECT_EQ(body_of(reply), "");
  EXPECT_LT(source.taken(), large / 2);
}

TEST(Stream, AfterAnEarlyAnswerTheNextRequestIsFine) {
  const HttpServer server([&](HttpExchange& x) {
    if (x.request().method == "PUT") {
      x.reply(401, {{"Connection", "close"}}, "login");
    } else {
      x.reply(200, {}, "fine");
    }
  });
  const Client client(hasty());
  for (int i = 0; i < 3; ++i) {
    PatternSource source(20 * mib);
    EXPECT_EQ(client.send({}, put(server, source, 20 * mib)).status, 401);
    EXPECT_EQ(body_of(client, get(server)), "fine");
  }
}

class FailingSource final : public Source {
 public:
  explicit FailingSource(std::uint64_t good) : good_(good) {}
  std::size_t read(MutableBytes out) override {
    const std::size_t n = good_.read(out);
    if (n == 0) throw Error(Kind::mismatch, "the file is broken");
    return n;
  }

 private:
  PatternSource good_;
};

TEST(Stream, TheFailureOfASourceComesOut) {
  const HttpServer server([](HttpExchange& x) {
    x.skip_body();
    if (!x.gone()) x.reply(201);
  });
  const Client client(hasty());
  for (const std::uint64_t good : {std::uint64_t{0}, std::uint64_t{1000}, std::uint64_t{5 * mib}}) {
    FailingSource source(good);
    EXPECT_FAILS(Kind::mismatch, "the file is broken", client.send({}, put(server, source, large)));
  }
  EXPECT_EQ(client.send({}, get(server)).status, 201);
}

TEST(Stream, ASourceThatEndsTooSoonIsAFailure) {
  const HttpServer server([](HttpExchange& x) {
    x.skip_body();
    if (!x.gone()) x.reply(201);
  });
  const Client client(hasty());
  PatternSource source(1000);
  EXPECT_FAILS(Kind::changed, "1000 of 1001", client.send({}, put(server, source, 1001)));
}

TEST(Stream, NoMoreThanItsSizeIsTaken) {
  const HttpServer server([](HttpExchange& x) { x.reply(201, {}, x.body()); });
  const Client client(hasty());
  PatternSource source(large);
  EXPECT_EQ(body_of(client, put(server, source, 1000)), PatternSource::text(0, 1000));
  EXPECT_EQ(source.taken(), 1000U);
}

TEST(Stream, AServerThatBreaksOffIsAFailure) {
  const HttpServer server([](HttpExchange& x) {
    std::array<char, 1000> some{};
    x.read(some.data(), some.size());
    x.drop();
  });
  const Client client(hasty());
  PatternSource source(large);
  EXPECT_FAILS(Kind::io, "PUT http://127.0.0.1", client.send({}, put(server, source, large)));
}

TEST(Stream, UploadsAtOnceDoNotMix) {
  const HttpServer server([](HttpExchange& x) { x.reply(201, {}, compared(x)); });
  const Client client(hasty());
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const std::uint64_t size = mib * (i + 1) + i;
      PatternSource source(size);
      if (body_of(client, put(server, source, size)) == "same " + std::to_string(size)) ++right;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 8);
}

// A kept connection that dies when it is used again: curl begins anew, and the stream with it, unless it dies
// while bytes are being sent.
TEST(Stream, AKeptConnectionThatDiedCostsNothing) {
  std::atomic<int> seen = 0;
  const HttpServer server([&](HttpExchange& x) {
    if (seen++ == 1) {
      x.skip_body();
      x.drop();
    } else {
      x.reply(201, {}, compared(x));
    }
  });
  const Client client(hasty());
  body_of(client, get(server));
  PatternSource source(100'000);
  EXPECT_EQ(body_of(client, put(server, source, 100'000)), "same 100000");
}

// How long `size` bytes take with this rate.
milliseconds time_of(std::uint64_t rate, std::size_t size, bool up) {
  const HttpServer server([&](HttpExchange& x) {
    x.skip_body();
    x.reply(200, {}, up ? "" : std::string(size, 'x'));
  });
  Options options = hasty();
  options.rate = rate;
  const Client client(options);
  PatternSource source(size);
  const Stopwatch watch;
  if (up) {
    body_of(client, put(server, source, size));
  } else {
    EXPECT_EQ(body_of(client, get(server)).size(), size);
  }
  return watch.passed();
}

TEST(Rate, BoundsWhatComes) {
  const milliseconds time = time_of(mib, mib, false);
  EXPECT_GE(time, milliseconds(800));
  EXPECT_LT(time, milliseconds(1800));
}

TEST(Rate, BoundsWhatGoes) {
  const milliseconds time = time_of(mib, mib, true);
  EXPECT_GE(time, milliseconds(800));
  EXPECT_LT(time, milliseconds(1800));
}

TEST(Rate, IsThatOfAllTogether) {
  const HttpServer server([](HttpExchange& x) { x.reply(200, {}, std::string(256 * 1024, 'x')); });
  Options options = hasty();
  options.rate = mib;
  const Client client(options);
  const Stopwatch watch;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { body_of(client, get(server)); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(watch.passed(), milliseconds(800));
}

TEST(Rate, IsNoStall) {
  const HttpServer server([](HttpExchange& x) { x.reply(200, {}, std::string(64 * 1024, 'x')); });
  Options options = hasty();
  options.rate = 40 * 1024;
  options.stall_timeout = milliseconds(200);
  const Client client(options);
  EXPECT_EQ(body_of(client, get(server)).size(), 64U * 1024);
}

}  // namespace
}  // namespace stave::http
