// Auth: challenges as servers write them, and who is told what.

#include "stave/registry/auth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <thread>

#include "stave/registry/secrets.h"
#include "support/http_server.h"
#include "unit/registry/scratch.h"

namespace stave::registry {
namespace {

using stave::testing::message;
using stave::testing::Scratch;
using test::HttpExchange;
using test::HttpServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// --- challenges ---

http::Headers challenged(const std::vector<std::string>& fields) {
  http::Headers headers;
  for (const auto& field : fields) headers.add("www-authenticate", field);
  return headers;
}

// "basic realm=x; bearer a=1,b=2".
std::string shown(const std::vector<Challenge>& challenges) {
  std::string text;
  for (const auto& challenge : challenges) {
    text += (text.empty() ? "" : "; ") + challenge.scheme;
    char separator = ' ';
    for (const auto& [name, value] : challenge.parameters) {
      text += separator + name + "=" + value;
      separator = ',';
    }
  }
  return text;
}
std::string parsed(const std::vector<std::string>& fields) {
  return shown(parse_challenges(challenged(fields)));
}

TEST(Challenges, BearerAsRegistriesSendIt) {
  EXPECT_EQ(
      parsed(
          {R"(Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push")"}),
      "bearer realm=https://auth.docker.io/token,scope=repository:a/b:pull,push,service=registry.docker.io");
}

TEST(Challenges, SeveralInOneField) {
  EXPECT_EQ(parsed({R"(Negotiate, Basic realm="x, y", charset=UTF-8 , Digest nonce="a=b")"}),
            "negotiate; basic charset=UTF-8,realm=x, y; digest nonce=a=b");
}

TEST(Challenges, SeveralFields) {
  EXPECT_EQ(parsed({"Basic realm=a", "Bearer realm=b"}), "basic realm=a; bearer realm=b");
}

TEST(Challenges, Token68IsPassedOver) {
  EXPECT_EQ(parsed({"NTLM TlRMTVNTUAAB=, Basic realm=\"x\""}), "ntlm; basic realm=x");
}

TEST(Challenges, NamesAndSchemesAreWithoutCase) { EXPECT_EQ(parsed({"BASIC ReAlM=Xy"}), "basic realm=Xy"); }

TEST(Challenges, BlanksAroundEqualsAndEmptyElements) {
  EXPECT_EQ(parsed({",, Basic realm = \"a\" ,, charset=b ,"}), "basic charset=b,realm=a");
}

TEST(Challenges, EscapesBetweenQuotes) {
  EXPECT_EQ(parsed({R"(Basic realm="a\"b\\c")"}), R"(basic realm=a"b\c)");
}

TEST(Challenges, TheFirstOfTwoIsBelieved) { EXPECT_EQ(parsed({"Basic realm=a, realm=b"}), "basic realm=a"); }

TEST(Challenges, QuotesThatNeverEndAreLeftOut) {
  EXPECT_EQ(parsed({"Bearer realm=\"http://x", "Basic realm=y"}), "basic realm=y");
}

TEST(Challenges, RubbishDoesNotHideWhatFollows) {
  EXPECT_EQ(parsed({"@@ \"a, Basic realm=evil\", Basic realm=good"}), "basic realm=good");
}

TEST(Challenges, ThousandsAreBounded) {
  std::string field;
  for (int i = 0; i < 5000; ++i) field += "Basic realm=x, ";
  EXPECT_LE(parse_challenges(challenged({field})).size(), 16U);
}

RC_GTEST_PROP(Challenges, ParseOfRenderIsTheSame, ()) {
  const auto token =
      rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::elementOf(std::string("abcxyz09-._"))));
  const auto text = rc::gen::container<std::string>(rc::gen::inRange<char>(0x20, 0x7f));
  std::vector<Challenge> wanted;
  std::string field;
  const auto count = *rc::gen::inRange(0, 5);
  for (int i = 0; i < count; ++i) {
    Challenge challenge{.scheme = *token,
                        .parameters = *rc::gen::container<std::map<std::string, std::string>>(token, text)};
    if (challenge.parameters.size() > 20) challenge.parameters.clear();
    field += (field.empty() ? "" : ", ") + challenge.scheme;
    std::string separator = " ";
    for (const auto& [name, value] : challenge.parameters) {
      field += separator + name + "=\"";
      for (const char c : value) field += (c == '"' || c == '\\') ? std::string("\\") + c : std::string(1, c);
      field += "\"";
      separator = *rc::gen::element<std::string>(",", ", ", " ,\t");
    }
    wanted.push_back(std::move(challenge));
  }
  const auto found = parse_challenges(challenged({field}));
  RC_ASSERT(found.size() == wanted.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    RC_ASSERT(found[i].scheme == wanted[i].scheme);
    RC_ASSERT(found[i].parameters == wanted[i].parameters);
  }
}

RC_GTEST_PROP(Challenges, AnyBytesComeToAnEnd, (const std::string& noise)) {
  const auto pick = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("a=\", \\\tB/")));
  RC_ASSERT(parse_challenges(challenged({noise, pick})).size() <= 32U);
}

// --- base64 ---

TEST(Base64, TheVectorsOfTheRfc) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

RC_GTEST_PROP(Base64, FindOfMakeIsTheSame, (const std::string& bytes)) {
  RC_ASSERT(find_base64(base64(bytes)) == bytes);
}

TEST(Base64, RefusesOthers) {
  EXPECT_FALSE(find_base64("a"));
  EXPECT_FALSE(find_base64("ab!="));
  EXPECT_FALSE(find_base64("Zg==="));
}

// --- scopes ---

TEST(ScopeTest, Strings) {
  EXPECT_THAT(Scope{}.strings(), IsEmpty());
  EXPECT_THAT((Scope{.path = "a/b", .actions = "pull,push", .mount_from = "c"}).strings(),
              ElementsAre("repository:a/b:pull,push", "repository:c:pull"));
  EXPECT_THAT((Scope{.path = "a", .mount_from = "a"}).strings(), ElementsAre("repository:a:pull"));
}

// --- the authorizer ---

constexpr const char* secret = "s3cr3t:p@ss";

class AuthorizerTest : public ::testing::Test {
 protected:
  AuthorizerTest() : server([this](HttpExchange& exchange) { handle(exchange); }) {
    options.attempts = 1;
    location.host = location.api_host = server.host();
    location.path = "me/app";
  }

  void handle(HttpExchange& exchange) {
    ++asked;
    body = exchange.body();
    answer_token(exchange);
  }
  void log_in(Credentials credentials = {.user = "ann", .password = secret}) {
    settings.credentials = std::move(credentials);
  }
  std::string realm() const { return server.url("/token"); }
  std::string bearer(const std::string& more = "") const {
    return "Bearer realm=\"" + realm() + "\",service=\"the registry\"" + more;
  }
  Authorizer& authorizer() {
    if (!made) {
      client = std::make_unique<http::Client>(options);
      made = std::make_unique<Authorizer>(settings, *client);
    }
    return *made;
  }
  // What is said after a 401 with this challenge; "-": nothing more.
  std::string after(const std::string& challenge, const std::string& sent = {}, bool plain = true) {
    if (!authorizer().answer({}, location, plain, scope, challenged({challenge}), sent)) return "-";
    return authorizer().authorization({}, location, scope);
  }
  std::string refusal(const std::string& challenge, bool plain = true) {
    return message([&] { after(challenge, {}, plain); });
  }

  std::atomic<int> asked = 0;
  std::string body;  // of the last request
  std::function<void(HttpExchange&)> answer_token = [](HttpExchange& exchange) {
    exchange.reply(200, {}, R"({"token": "t1"})");
  };
  HttpServer server;
  http::Options options;
  Settings settings;
  Location location;
  Scope scope{.path = "me/app"};
  std::unique_ptr<http::Client> client;
  std::unique_ptr<Authorizer> made;
};

TEST_F(AuthorizerTest, NothingIsSaidUnasked) {
  log_in();
  EXPECT_EQ(authorizer().authorization({}, location, scope), "");
}

TEST_F(AuthorizerTest, BasicWhenAsked) {
  log_in();
  EXPECT_EQ(after("Basic realm=x"), "Basic " + base64(std::string("ann:") + secret));
}

TEST_F(AuthorizerTest, BasicIsNotTriedTwice) {
  log_in();
  const auto sent = after("Basic realm=x");
  EXPECT_EQ(after("Basic realm=x", sent), "-");
}

TEST_F(AuthorizerTest, WithoutCredentialsThereIsNoBasic) { EXPECT_EQ(after("Basic realm=x"), "-"); }

TEST_F(AuthorizerTest, UnknownSchemesAreNoReasonToAskAgain) { EXPECT_EQ(after("Negotiate"), "-"); }

TEST_F(AuthorizerTest, BasicIsNotSentOverPlainHttpToAnotherMachine) {
  log_in();
  location.host = location.api_host = "registry.example";
  EXPECT_THAT(refusal("Basic realm=x"),
              StartsWith("denied: registry.example asks for a password over plain http"));
  EXPECT_THAT(refusal("Basic realm=x"), Not(HasSubstr(secret)));
  EXPECT_EQ(refusal("Basic realm=x", false), "nothing");
}

TEST_F(AuthorizerTest, InsecureMayHearPasswords) {
  log_in();
  location.host = location.api_host = "registry.example";
  location.insecure = true;
  EXPECT_EQ(refusal("Basic realm=x"), "nothing");
}

TEST_F(AuthorizerTest, NamesThatBeginLikeLoopbackAreNot) {
  log_in();
  for (const char* host :
       {"127.0.0.1.evil.example", "localhost.evil.example", "127.evil.example:5000", "127.0.0.1.5"}) {
    location.host = location.api_host = host;
    EXPECT_THAT(refusal("Basic realm=x"), StartsWith("denied: ")) << host;
  }
  for (const char* host : {"localhost", "localhost:5000", "127.1.2.3:80", "[::1]:5000"}) {
    location.host = location.api_host = host;
    EXPECT_EQ(refusal("Basic realm=x"), "nothing") << host;
  }
}

TEST_F(AuthorizerTest, AnonymousTokenNamesServiceAndScope) {
  EXPECT_EQ(after(bearer()), "Bearer t1");
  const auto request = server.log().at(0);
  EXPECT_EQ(request.query("service"), "the registry");
  EXPECT_EQ(request.query("scope"), "repository:me/app:pull");
  EXPECT_EQ(request.header("Authorization"), "");
}

TEST_F(AuthorizerTest, TokenIsAskedForWithThePassword) {
  log_in();
  EXPECT_EQ(after(bearer()), "Bearer t1");
  EXPECT_EQ(server.log().at(0).header("Authorization"), "Basic " + base64(std::string("ann:") + secret));
}

TEST_F(AuthorizerTest, CredsAreNotForMirrors) {
  log_in();
  location.mirror = true;
  after(bearer());
  EXPECT_EQ(server.log().at(0).header("Authorization"), "");
}

TEST_F(AuthorizerTest, IdentityTokenIsPosted) {
  log_in({.identity_token = "id+token"});
  answer_token = [](HttpExchange& exchange) { exchange.reply(200, {}, R"({"access_token": "t2"})"); };
  EXPECT_EQ(after(bearer()), "Bearer t2");
  EXPECT_EQ(server.log().at(0).method, "POST");
  EXPECT_EQ(body,
            "grant_type=refresh_token&service=the%20registry&client_id=stave&refresh_token=id%2Btoken"
            "&scope=repository%3Ame%2Fapp%3Apull");
}

TEST_F(AuthorizerTest, TokenIsKept) {
  after(bearer());
  EXPECT_EQ(authorizer().authorization({}, location, scope), "Bearer t1");
  EXPECT_EQ(asked, 1);
}

TEST_F(AuthorizerTest, ShortLivesAreTakenForAMinute) {
  answer_token = [](HttpExchange& exchange) {
    exchange.reply(200, {}, R"({"token": "t", "expires_in": 1})");
  };
  after(bearer());
  authorizer().authorization({}, location, scope);
  EXPECT_EQ(asked, 1);
}

TEST_F(AuthorizerTest, AnotherScopeIsAnotherToken) {
  after(bearer());
  scope.actions = "pull,push";
  EXPECT_EQ(authorizer().authorization({}, location, scope), "Bearer t1");
  EXPECT_EQ(server.log().at(1).query("scope"), "repository:me/app:pull,push");
}

TEST_F(AuthorizerTest, InsufficientScopeAsksForMore) {
  const auto sent = after(bearer());
  EXPECT_EQ(after(bearer(R"(,scope="repository:me/app:pull,delete",error="insufficient_scope")"), sent),
            "Bearer t1");
  EXPECT_THAT(server.log().at(1).target, HasSubstr("pull%2Cdelete"));
}

TEST_F(AuthorizerTest, ANewTokenThatIsRefusedIsNotAskedForAgain) {
  const auto sent = after(bearer());
  EXPECT_EQ(after(bearer(), sent), "-");
  EXPECT_EQ(asked, 1);
}

TEST_F(AuthorizerTest, OneAsksWhileOthersWait) {
  answer_token = [](HttpExchange& exchange) {
    exchange.sleep(std::chrono::milliseconds(100));
    exchange.reply(200, {}, R"({"token": "t1"})");
  };
  authorizer();
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        if (after(bearer()) == "Bearer t1") ++good;
      });
    }
  }
  EXPECT_EQ(good, 8);
  EXPECT_EQ(asked, 1);
}

TEST_F(AuthorizerTest, RefusalHasTheServersWordsAndNoSecret) {
  log_in();
  answer_token = [](HttpExchange& exchange) {
    exchange.reply(401, {},
                   R"({"errors":[{"code":"UNAUTHORIZED","message":"no\u001b[31m s3cr3t:p@ss for you"}]})");
  };
  const auto text = refusal(bearer());
  EXPECT_THAT(text, StartsWith("denied: " + location.host));
  EXPECT_THAT(text, HasSubstr("answers 401: no\\x1b[31m *** for you"));
  EXPECT_THAT(text, HasSubstr("stave login " + location.host));
  EXPECT_THAT(text, Not(HasSubstr("scope=")));
}

TEST_F(AuthorizerTest, FailureOfOneIsThatOfAllWhoWait) {
  answer_token = [](HttpExchange& exchange) {
    exchange.sleep(std::chrono::milliseconds(200));
    exchange.reply(403, {}, R"({"details":"no"})");
  };
  authorizer();
  std::atomic<int> denied = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        if (refusal(bearer()).starts_with("denied: ")) ++denied;
      });
    }
  }
  EXPECT_EQ(denied, 4);
  EXPECT_LE(asked, 2);
}

// --- hostile realms and answers ---

TEST_F(AuthorizerTest, RealmDowngradedToPlainHttp) {
  log_in();
  EXPECT_THAT(refusal(bearer(), false), HasSubstr("over plain http, although"));
  EXPECT_EQ(asked, 0);
}

TEST_F(AuthorizerTest, RealmOfAnotherScheme) {
  for (const char* realm :
       {"file:///etc/passwd", "ftp://x/", "gopher://x/", "javascript:x", "", "//x/y", "http://u:p@x/"}) {
    EXPECT_THAT(refusal(std::string("Bearer realm=\"") + realm + "\""), StartsWith("denied: ")) << realm;
  }
}

TEST_F(AuthorizerTest, RealmOnPlainHttpElsewhereHearsNoPassword) {
  log_in();
  EXPECT_THAT(refusal(R"(Bearer realm="http://tokens.example/")"),
              HasSubstr("credentials are not sent there"));
}

TEST_F(AuthorizerTest, RedirectedTokenRequestLosesThePassword) {
  HttpServer other([](HttpExchange& exchange) { exchange.reply(200, {}, R"({"token": "elsewhere"})"); });
  log_in();
  answer_token = [&](HttpExchange& exchange) { exchange.reply(307, {{"Location", other.url("/steal")}}); };
  EXPECT_EQ(after(bearer()), "Bearer elsewhere");
  EXPECT_EQ(other.log().at(0).header("Authorization"), "");
}

TEST_F(AuthorizerTest, PostedIdentityTokenIsNotRedirected) {
  HttpServer other([](HttpExchange& exchange) { exchange.reply(200, {}, R"({"token": "elsewhere"})"); });
  log_in({.identity_token = "id"});
  answer_token = [&](HttpExchange& exchange) { exchange.reply(307, {{"Location", other.url("/steal")}}); };
  EXPECT_THAT(refusal(bearer()), StartsWith("io: "));
  EXPECT_THAT(other.log(), IsEmpty());
}

TEST_F(AuthorizerTest, TokenThatWouldBreakTheHeader) {
  answer_token = [](HttpExchange& exchange) { exchange.reply(200, {}, R"({"token": "a\r\nX-Evil: 1"})"); };
  EXPECT_THAT(refusal(bearer()), HasSubstr("a token that no header field can hold"));
}

TEST_F(AuthorizerTest, AnswerThatIsNoJsonShowsNothingOfIt) {
  answer_token = [](HttpExchange& exchange) { exchange.reply(200, {}, R"({"token": "tok-en" x})"); };
  EXPECT_THAT(refusal(bearer()), HasSubstr("not JSON"));
  EXPECT_THAT(refusal(bearer()), Not(HasSubstr("tok-en")));
}

TEST_F(AuthorizerTest, AnswerWithoutToken) {
  answer_token = [](HttpExchange& exchange) { exchange.reply(200, {}, R"({"expires_in": 3})"); };
  EXPECT_THAT(refusal(bearer()), HasSubstr("an answer without a token"));
}

TEST_F(AuthorizerTest, EndlessAnswer) {
  answer_token = [](HttpExchange& exchange) {
    exchange.head(200, {{"Transfer-Encoding", "chunked"}});
    const std::string piece(64 * 1024, ' ');
    while (exchange.chunk(piece)) continue;
  };
  EXPECT_THAT(refusal(bearer()), StartsWith("limit: "));
}

}  // namespace
}  // namespace stave::registry
