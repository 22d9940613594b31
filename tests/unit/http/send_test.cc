// Client: what goes out, what comes back, and the request as the server sees it.

#include <cstdlib>
#include <thread>

#include "exchange.h"
#include "stave/http/curl.h"

namespace stave::http {
namespace {

TEST(Send, AReplyIsStatusHeadersAndBody) {
  const HttpServer server([](HttpExchange& x) {
    x.reply(404, {{"X-A", " b "}, {"Content-Type", "text/plain"}}, "no such thing");
  });
  const Client client(hasty());
  Reply reply = client.send({}, get(server, "/a?b=c"));
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(reply.headers.find("x-a"), "b");
  EXPECT_EQ(reply.length, 13);
  EXPECT_EQ(reply.url.target, "/a?b=c");
  EXPECT_EQ(body_of(reply), "no such thing");
  EXPECT_EQ(server.log().at(0).target, "/a?b=c");
}

TEST(Send, AsksForNothingThatItWasNotToldTo) {
  const HttpServer server([](HttpExchange& x) { x.reply(200); });
  const Client client(hasty());
  body_of(client, get(server));
  std::vector<std::string> names;
  const test::HttpRequest seen = server.log().at(0);
  for (const auto& [name, value] : seen.headers) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"Host", "User-Agent", "Accept"}));
}

TEST(Send, HeadersGoAsTheyAre) {
  const HttpServer server([](HttpExchange& x) { x.reply(200); });
  const Client client(hasty());
  Request request = get(server);
  request.headers.add("Accept", "a/b");
  request.headers.add("X-Empty", "");
  request.headers.add("X-Twice", "1");
  request.headers.add("X-Twice", "2");
  request.authorization = "Bearer t";
  body_of(client, request);
  const test::HttpRequest seen = server.log().at(0);
  EXPECT_EQ(seen.header("Accept"), "a/b");
  EXPECT_EQ(seen.header("Authorization"), "Bearer t");
  EXPECT_EQ(seen.header("X-Twice"), "1");
  EXPECT_TRUE(std::any_of(seen.headers.begin(), seen.headers.end(),
                          [](const auto& field) { return field.first == "X-Empty"; }));
}

TEST(Send, HeaderInjectionIsRefused) {
  const HttpServer server([](HttpExchange& x) { x.reply(200); });
  const Client client(hasty());
  Request request = get(server);
  request.authorization = "Basic x\r\nX-Evil: secret";
  EXPECT_FAILS(Kind::invalid, "Authorization", body_of(client, request));
  EXPECT_EQ(server.requests(), 0U);
}

TEST(Send, HeadHasALengthAndNoBody) {
  const HttpServer server([](HttpExchange& x) { x.head(200, {{"Content-Length", "123456789"}}); });
  const Client client(hasty());
  for (int i = 0; i < 3; ++i) {
    Reply reply = client.send({}, request_of(server, "HEAD"));
    EXPECT_EQ(reply.length, 123456789);
    EXPECT_EQ(body_of(reply), "");
  }
  EXPECT_EQ(server.accepted(), 1U);
}

TEST(Send, EveryMethodArrives) {
  const HttpServer server([](HttpExchange& x) { x.reply(200, {}, x.request().method + ":" + x.body()); });
  const Client client(hasty());
  for (const char* const method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
    EXPECT_EQ(body_of(client, request_of(server, method)), std::string(method) + ":");
  }
}

TEST(Send, ASmallBodyArrives) {
  const HttpServer server([](HttpExchange& x) { x.reply(200, {}, x.body()); });
  const Client client(hasty());
  Request request = request_of(server, "PUT");
  request.body = std::string("a\0b", 3);
  EXPECT_EQ(body_of(client, request), request.body);
  EXPECT_EQ(server.log().at(0).header("Content-Length"), "3");
  EXPECT_EQ(server.log().at(0).header("Content-Type"), "");
  EXPECT_EQ(server.log().at(0).header("Expect"), "");
}

TEST(Send, AnEmptyBodySaysSo) {
  const HttpServer server([](HttpExchange& x) { x.reply(201); });
  const Client client(hasty());
  body_of(client, request_of(server, "POST"));
  EXPECT_EQ(server.log().at(0).header("Content-Length"), "0");
}

TEST(Send, AnEmptyStreamSaysSo) {
  const HttpServer server([](HttpExchange& x) { x.reply(201); });
  const Client client(hasty());
  BytesSource nothing(std::string_view{});
  Request request = request_of(server, "PUT");
  request.stream = &nothing;
  EXPECT_EQ(client.send({}, request).status, 201);
  EXPECT_EQ(server.log().at(0).header("Content-Length"), "0");
}

TEST(Send, ConnectionsAreKept) {
  const HttpServer server([](HttpExchange& x) { x.reply(200, {}, "body"); });
  const Client client(hasty());
  for (int i = 0; i < 10; ++i) body_of(client, get(server));
  EXPECT_EQ(server.accepted(), 1U);
}

TEST(Send, AConnectionSurvivesABodyThatNobodyReads) {
  const HttpServer server([](HttpExchange& x) { x.reply(404, {}, std::string(20'000, 'x')); });
  const Client client(hasty());
  for (int i = 0; i < 5; ++i) {
    client.send({}, get(server));
    std::this_thread::sleep_for(milliseconds(50));
  }
  EXPECT_EQ(server.accepted(), 1U);
}

TEST(Send, AChunkedBodyHasNoLengthAndArrives) {
  const HttpServer server([](HttpExchange& x) {
    x.head(200, {{"Transfer-Encoding", "chunked"}});
    x.chunk("one ");
    x.chunk("two");
    x.chunk("");
  });
  const Client client(hasty());
  Reply reply = client.send({}, get(server));
  EXPECT_EQ(reply.length, std::nullopt);
  EXPECT_EQ(body_of(reply), "one two");
}

TEST(Send, ACodedBodyIsNotDecoded) {
  const HttpServer server(
      [](HttpExchange& x) { x.reply(200, {{"Content-Encoding", "gzip"}}, "\x1f\x8b not really"); });
  const Client client(hasty());
  EXPECT_EQ(body_of(client, get(server)), "\x1f\x8b not really");
}

TEST(Send, HeadsBeforeTheLastAreSkipped) {
  const HttpServer server([](HttpExchange& x) {
    x.write("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
    x.reply(200, {{"X-Real", "yes"}}, "body");
  });
  const Client client(hasty());
  Reply reply = client.send({}, get(server));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.headers.find("Link"), std::nullopt);
  EXPECT_EQ(body_of(reply), "body");
}

TEST(Send, SixteenAtOnce) {
  const HttpServer server(
      [](HttpExchange& x) { x.reply(200, {}, std::string(3 * mib, x.request().target.back())); });
  const Client client(hasty());
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (char c = 'a'; c < 'a' + 16; ++c) {
    threads.emplace_back([&, c] {
      if (body_of(client, get(server, std::string("/") + c)) == std::string(3 * mib, c)) ++right;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 16);
}

TEST(Send, ABodyOutlivesItsClientAndFailsCleanly) {
  const HttpServer server([](HttpExchange& x) {
    x.head(200);
    while (x.write(std::string(64 * 1024, 'x'))) {
    }
  });
  auto client = std::make_unique<Client>(hasty());
  Reply reply = client->send({}, get(server));
  client.reset();
  EXPECT_FAILS(Kind::io, "closed from this side", body_of(reply));
  EXPECT_FAILS(Kind::io, "closed from this side", body_of(reply));
}

TEST(Library, ThatIsNotThereIsNamedWithWhatToInstall) {
  const std::optional<Error> error = failure_of([] { load_curl("libnothing.so.4"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), Kind::unsupported);
  EXPECT_NE(std::string(error->what()).find("libnothing.so.4"), std::string::npos);
  EXPECT_NE(error->hint().find("libcurl4"), std::string::npos);
}

TEST(Library, ThatIsAnotherOneIsNotTaken) {
  EXPECT_FAILS(Kind::unsupported, "curl_global_init", load_curl("libm.so.6"));
}

}  // namespace
}  // namespace stave::http
