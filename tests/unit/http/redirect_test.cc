// Redirects: how far they are followed, where to, and what goes along.

#include "exchange.h"

namespace stave::http {
namespace {

// Answers "/from" with this, and everything else with what it saw.
HttpServer::Handler redirecting(int status, std::string location) {
  return [status, location = std::move(location)](HttpExchange& x) {
    if (x.request().target == "/from") {
      x.reply(status, {{"Location", location}}, "moved");
    } else {
      x.reply(200, {},
              x.request().method + " " + x.request().target + " " + x.request().header("Authorization"));
    }
  };
}

Request secret_get(const HttpServer& server) {
  Request request = get(server, "/from");
  request.authorization = "Bearer secret";
  return request;
}

class Redirection : public testing::TestWithParam<int> {};

TEST_P(Redirection, IsFollowedByGet) {
  const HttpServer server(redirecting(GetParam(), "/to?x=1"));
  const Client client(hasty());
  Reply reply = client.send({}, get(server, "/from"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.url.target, "/to?x=1");
  EXPECT_EQ(body_of(reply), "GET /to?x=1 ");
}

TEST_P(Redirection, IsFollowedByHead) {
  const HttpServer server(redirecting(GetParam(), "/to"));
  const Client client(hasty());
  EXPECT_EQ(client.send({}, request_of(server, "HEAD", "/from")).status, 200);
  EXPECT_EQ(server.log().at(1).method, "HEAD");
}

TEST_P(Redirection, IsGivenToWhoeverSends) {
  const HttpServer server(redirecting(GetParam(), "/to"));
  const Client client(hasty());
  for (const char* const method : {"POST", "PUT", "PATCH", "DELETE"}) {
    const Reply reply = client.send({}, request_of(server, method, "/from"));
    EXPECT_EQ(reply.status, GetParam());
    EXPECT_EQ(reply.headers.find("Location"), "/to");
  }
  EXPECT_EQ(server.requests(), 4U);
}

INSTANTIATE_TEST_SUITE_P(Statuses, Redirection, testing::Values(301, 302, 303, 307, 308));

TEST(Redirect, OtherStatusesAreNone) {
  for (const int status : {300, 304, 305, 306, 399, 201}) {
    const HttpServer server(redirecting(status, "/to"));
    const Client client(hasty());
    EXPECT_EQ(client.send({}, get(server, "/from")).status, status);
  }
}

TEST(Redirect, WithoutALocationIsAnAnswer) {
  const HttpServer server([](HttpExchange& x) { x.reply(302); });
  const Client client(hasty());
  EXPECT_EQ(client.send({}, get(server)).status, 302);
}

TEST(Redirect, KeepsTheConnection) {
  const HttpServer server(redirecting(307, "/to"));
  const Client client(hasty());
  for (int i = 0; i < 3; ++i) body_of(client, get(server, "/from"));
  EXPECT_LE(server.accepted(), 3U);  // the first answer may still be under way when the next request goes
}

TEST(Redirect, KeepsTheAuthorizationAtItsOrigin) {
  const HttpServer server(redirecting(307, "/to"));
  const Client client(hasty());
  EXPECT_EQ(body_of(client, secret_get(server)), "GET /to Bearer secret");
}

TEST(Redirect, DropsTheAuthorizationAtAnotherPort) {
  const HttpServer other(redirecting(200, ""));
  const HttpServer server(redirecting(307, other.url("/to")));
  const Client client(hasty());
  EXPECT_EQ(body_of(client, secret_get(server)), "GET /to ");
  EXPECT_EQ(other.requests(), 1U);
}

TEST(Redirect, DropsTheAuthorizationAtAnotherName) {
  const HttpServer other(redirecting(200, ""));
  const HttpServer server(redirecting(307, "http://localhost:" + std::to_string(other.port()) + "/to"));
  const Client client(hasty());
  EXPECT_EQ(body_of(client, secret_get(server)), "GET /to ");
}

TEST(Redirect, DropsCookiesAndAHandWrittenAuthorizationAsWell) {
  const HttpServer other(redirecting(200, ""));
  const HttpServer server(redirecting(307, other.url("/to")));
  const Client client(hasty());
  Request request = get(server, "/from");
  request.headers.add("authorization", "Bearer secret");
  request.headers.add("COOKIE", "secret");
  request.headers.add("X-Kept", "yes");
  body_of(client, request);
  const test::HttpRequest seen = other.log().at(0);
  EXPECT_EQ(seen.header("Authorization"), "");
  EXPECT_EQ(seen.header("Cookie"), "");
  EXPECT_EQ(seen.header("X-Kept"), "yes");
}

TEST(Redirect, BackHomeTheAuthorizationIsSentAgain) {
  std::string home;
  const HttpServer away([&](HttpExchange& x) { x.reply(307, {{"Location", home + "/to"}}); });
  const HttpServer server(redirecting(307, away.url("/via")));
  home = "http://" + server.host();
  const Client client(hasty());
  EXPECT_EQ(body_of(client, secret_get(server)), "GET /to Bearer secret");
  EXPECT_EQ(away.log().at(0).header("Authorization"), "");
}

HttpServer::Handler chain(int length) {
  return [length](HttpExchange& x) {
    const int n = std::stoi(x.request().target.substr(1));
    if (n == length) {
      x.reply(200, {}, "end");
    } else {
      x.reply(302, {{"Location", "/" + std::to_string(n + 1)}});
    }
  };
}

TEST(Redirect, TenAreFollowed) {
  const HttpServer server(chain(Client::redirects));
  const Client client(hasty());
  EXPECT_EQ(body_of(client, get(server, "/0")), "end");
}

TEST(Redirect, TenThousandAreNot) {
  const HttpServer server(chain(10'000));
  const Client client(hasty());
  EXPECT_FAILS(Kind::limit, "redirects", body_of(client, get(server, "/0")));
  EXPECT_EQ(server.requests(), 11U);
}

TEST(Redirect, ToAnotherSchemeIsDenied) {
  for (const char* const location : {"file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/",
                                     "FILE:/etc/passwd", "javascript:x"}) {
    const HttpServer server(redirecting(302, location));
    const Client client(hasty());
    EXPECT_FAILS(Kind::denied, "redirects", body_of(client, get(server, "/from")));
  }
}

TEST(Redirect, ToNonsenseIsRefused) {
  for (const char* const location : {"/a b", "//", "http://user:pw@127.0.0.1/", "/\xff", "http://[/"}) {
    const HttpServer server(redirecting(302, location));
    const Client client(hasty());
    const std::optional<Error> error = failure_of([&] { body_of(client, get(server, "/from")); });
    ASSERT_TRUE(error) << location;
    EXPECT_NE(std::string(error->what()).find("redirects"), std::string::npos) << error->what();
    EXPECT_EQ(std::string(error->what()).find("pw@"), std::string::npos) << error->what();
  }
}

TEST(Redirect, MessagesDoNotShowASignature) {
  const HttpServer server([](HttpExchange& x) {
    if (x.request().path() == "/from") {
      x.reply(302, {{"Location", "/to?signature=secret"}});
    } else {
      x.drop();
    }
  });
  Options options = hasty();
  options.attempts = 1;
  const Client client(options);
  const std::optional<Error> error = failure_of([&] { body_of(client, get(server, "/from")); });
  ASSERT_TRUE(error);
  EXPECT_NE(std::string(error->what()).find("/to"), std::string::npos) << error->what();
  EXPECT_EQ(std::string(error->what()).find("secret"), std::string::npos) << error->what();
}

}  // namespace
}  // namespace stave::http
