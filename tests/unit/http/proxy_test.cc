// Proxies: chosen by the options as curl would choose, never by the environment.

#include <cstdlib>

#include "exchange.h"
#include "stave/http/setup.h"

namespace stave::http {
namespace {

// A proxy that answers for every host; what it is asked for has the whole URL (RFC 9112, 3.2.2).
HttpServer::Handler answering_for_all() {
  return [](HttpExchange& x) { x.reply(200, {}, "proxy:" + x.request().target); };
}

Options through(std::map<std::string, std::string> proxies) {
  Options options = hasty();
  options.proxies = std::move(proxies);
  return options;
}

Request to(std::string_view url) {
  Request request;
  request.url = Url::parse(url);
  return request;
}

TEST(Proxy, GetsTheWholeUrl) {
  const HttpServer proxy(answering_for_all());
  const Client client(through({{"http_proxy", "http://" + proxy.host()}}));
  EXPECT_EQ(body_of(client, to("http://registry.invalid/v2/")), "proxy:http://registry.invalid/v2/");
}

TEST(Proxy, IsNotAskedForWhatNoProxyNames) {
  const HttpServer proxy(answering_for_all());
  const HttpServer server([](HttpExchange& x) { x.reply(200, {}, "direct"); });
  for (const char* const list : {"127.0.0.1", "example.org,127.0.0.1", "*"}) {
    const Client client(through({{"http_proxy", "http://" + proxy.host()}, {"no_proxy", list}}));
    EXPECT_EQ(body_of(client, get(server)), "direct");
  }
  EXPECT_EQ(proxy.requests(), 0U);
}

// The environment of the test while it lives.
class Environment {
 public:
  explicit Environment(const std::string& value) {
    for (const char* const name : names) ::setenv(name, value.c_str(), 1);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() {
    for (const char* const name : names) ::unsetenv(name);
  }

 private:
  static constexpr std::array names = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
};

TEST(Proxy, OfTheEnvironmentIsNotUsed) {
  const HttpServer proxy(answering_for_all());
  const HttpServer server([](HttpExchange& x) { x.reply(200, {}, "direct"); });
  const Environment environment("http://" + proxy.host());
  const Client client(hasty());
  EXPECT_EQ(body_of(client, get(server)), "direct");
  EXPECT_EQ(proxy.requests(), 0U);
}

TEST(Proxy, NoProxyOfTheEnvironmentIsNotUsed) {
  const HttpServer proxy(answering_for_all());
  ::setenv("no_proxy", "*", 1);
  const Client client(through({{"http_proxy", "http://" + proxy.host()}}));
  EXPECT_EQ(body_of(client, to("http://registry.invalid/")), "proxy:http://registry.invalid/");
  ::unsetenv("no_proxy");
}

TEST(Proxy, IsChosenByTheScheme) {
  const Url plain = Url::parse("http://h/");
  const Url secure = Url::parse("https://h/");
  const std::map<std::string, std::string> all = {
      {"http_proxy", "a"}, {"https_proxy", "b"}, {"HTTPS_PROXY", "c"}, {"all_proxy", "d"}};
  EXPECT_EQ(find_proxy(all, plain), "a");
  EXPECT_EQ(find_proxy(all, secure), "b");
  EXPECT_EQ(find_proxy({{"HTTPS_PROXY", "c"}, {"all_proxy", "d"}}, secure), "c");
  EXPECT_EQ(find_proxy({{"all_proxy", "d"}, {"ALL_PROXY", "e"}}, plain), "d");
  EXPECT_EQ(find_proxy({{"ALL_PROXY", "e"}}, secure), "e");
  EXPECT_EQ(find_proxy({{"http_proxy", ""}, {"ALL_PROXY", "e"}}, plain), "e");
  EXPECT_EQ(find_proxy({}, plain), "");
}

// What a CGI program gets for a header "Proxy:" (CVE-2016-5385).
TEST(Proxy, HttpoxyIsNotHeard) {
  EXPECT_EQ(find_proxy({{"HTTP_PROXY", "evil"}}, Url::parse("http://h/")), "");
}

TEST(Authority, ThatIsNotThereIsNamed) {
  Authorities authorities;
  EXPECT_FAILS(Kind::not_found, "/nowhere/ca.crt", authorities.bundle({"/nowhere/ca.crt"}));
}

TEST(Authority, ThatIsNoneIsNamed) {
  Authorities authorities;
  EXPECT_FAILS(Kind::invalid, "/proc/self/maps", authorities.bundle({"/proc/self/maps"}));
}

}  // namespace
}  // namespace stave::http
