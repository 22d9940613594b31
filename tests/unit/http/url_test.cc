// Url: what is one, what is none, and where a reference leads.

#include "stave/http/url.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <string>

#include "stave/base/error.h"

namespace stave::http {
namespace {

class UrlRefused : public testing::TestWithParam<std::string> {};

TEST_P(UrlRefused, IsInvalid) {
  try {
    Url::parse(GetParam());
    FAIL() << "taken: " << GetParam();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Kind::invalid);
    EXPECT_FALSE(error.hint().empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Texts, UrlRefused,
                         testing::Values("", "host/path", "file:///etc/passwd", "ftp://host/",
                                         "http:", "http:/host/", "http://", "http:///path", "https://:443/",
                                         "http://host:0/", "http://host:65536/", "http://host:-1/",
                                         "http://host:1a/", "http://user@host/", "http://user:secret@host/",
                                         "http://ho st/", "http://host/a b", "http://host/\x01",
                                         "http://host/\x7f", "http://host/\xc3\xa4", "http://host\r\nX: y/",
                                         "http://[::1/", "http://[::1]x/", "http://[nonsense]/",
                                         "http://[fe80::1%25eth0]/", "http://ho%73t/", "http://host\\@other/",
                                         "javascript:alert(1)", "httpx://host/", "://host/"));

TEST(Url, DefaultsArePortAndPath) {
  EXPECT_EQ(Url::parse("https://Example.ORG"),
            (Url{.scheme = "https", .host = "example.org", .port = 443, .target = "/"}));
  EXPECT_EQ(Url::parse("HTTP://h?q"), (Url{.scheme = "http", .host = "h", .port = 80, .target = "/?q"}));
  EXPECT_EQ(Url::parse("http://h:/x").port, 80);
}

TEST(Url, AFragmentIsDropped) { EXPECT_EQ(Url::parse("https://h/a?b#c").target, "/a?b"); }

TEST(Url, AnAddressInBracketsLosesAndRegainsThem) {
  const Url url = Url::parse("http://[2001:DB8::1]:5000/v2/");
  EXPECT_EQ(url.host, "2001:db8::1");
  EXPECT_EQ(url.str(), "http://[2001:db8::1]:5000/v2/");
}

TEST(Url, ThePortIsShownUnlessItIsTheUsualOne) {
  EXPECT_EQ(Url::parse("https://h:443/").str(), "https://h/");
  EXPECT_EQ(Url::parse("http://h:443/").str(), "http://h:443/");
}

TEST(Url, AnOriginIsSchemeHostAndPort) {
  EXPECT_EQ(Url::parse("https://H/x?y").origin(), "https://h:443");
  EXPECT_NE(Url::parse("https://h/").origin(), Url::parse("http://h/").origin());
  EXPECT_NE(Url::parse("https://h/").origin(), Url::parse("https://h:5000/").origin());
}

TEST(Url, MessagesDoNotShowTheQuery) {
  EXPECT_EQ(Url::parse("https://h/blob?X-Signature=secret").shown(), "https://h/blob");
}

TEST(Url, MessagesDoNotShowAPassword) {
  try {
    Url::parse("https://user:secret@h/");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos);
  }
}

TEST(Url, WithAddsToTheQuery) {
  const Url url = Url::parse("https://h/a");
  EXPECT_EQ(url.with("n", "1").target, "/a?n=1");
  EXPECT_EQ(url.with("n", "1").with("scope", "a b&c").target, "/a?n=1&scope=a%20b%26c");
  EXPECT_EQ(Url::parse("https://h/a?").with("n", "1").target, "/a?n=1");
}

struct Reference {
  std::string reference;
  std::string expected;
};

class Resolved : public testing::TestWithParam<Reference> {};

TEST_P(Resolved, AsTheSpecSays) {
  EXPECT_EQ(Url::parse("http://a/b/c/d;p?q").resolve(GetParam().reference).str(), GetParam().expected);
}

// RFC 3986, 5.4.1 and 5.4.2, as far as they are http.
INSTANTIATE_TEST_SUITE_P(
    Rfc3986, Resolved,
    testing::Values(Reference{"g", "http://a/b/c/g"}, Reference{"./g", "http://a/b/c/g"},
                    Reference{"g/", "http://a/b/c/g/"}, Reference{"/g", "http://a/g"},
                    Reference{"//g", "http://g/"}, Reference{"?y", "http://a/b/c/d;p?y"},
                    Reference{"g?y", "http://a/b/c/g?y"}, Reference{"#s", "http://a/b/c/d;p?q"},
                    Reference{"g#s", "http://a/b/c/g"}, Reference{"g?y#s", "http://a/b/c/g?y"},
                    Reference{";x", "http://a/b/c/;x"}, Reference{"", "http://a/b/c/d;p?q"},
                    Reference{".", "http://a/b/c/"}, Reference{"./", "http://a/b/c/"},
                    Reference{"..", "http://a/b/"}, Reference{"../", "http://a/b/"},
                    Reference{"../g", "http://a/b/g"}, Reference{"../..", "http://a/"},
                    Reference{"../../g", "http://a/g"}, Reference{"../../../g", "http://a/g"},
                    Reference{"/./g", "http://a/g"}, Reference{"/../g", "http://a/g"},
                    Reference{"g.", "http://a/b/c/g."}, Reference{"..g", "http://a/b/c/..g"},
                    Reference{"./../g", "http://a/b/g"}, Reference{"g;x=1/../y", "http://a/b/c/y"},
                    Reference{"g?y/../x", "http://a/b/c/g?y/../x"},
                    Reference{"https://other:5000/x", "https://other:5000/x"}));

TEST(Url, AReferenceWithAnotherSchemeIsRefused) {
  const Url base = Url::parse("https://h/");
  for (const char* const text :
       {"file:///etc/passwd", "ftp://h/", "gopher:x", "http:relative", "a b", "\n"}) {
    EXPECT_THROW(static_cast<void>(base.resolve(text)), Error) << text;
  }
}

TEST(Encoded, LeavesOnlyTheUnreserved) {
  EXPECT_EQ(encoded("aZ0-._~"), "aZ0-._~");
  EXPECT_EQ(encoded("a/b:c+d%\xff"), "a%2Fb%3Ac%2Bd%25%FF");
}

RC_GTEST_PROP(Url, ParseOfStrIsTheSame, ()) {
  const auto name = rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::oneOf(
      rc::gen::inRange('a', static_cast<char>('z' + 1)), rc::gen::elementOf(std::string("-._0")))));
  const auto visible = rc::gen::suchThat(rc::gen::inRange('!', '\x7f'), [](char c) { return c != '#'; });
  Url url;
  url.scheme = *rc::gen::element<std::string>("http", "https");
  url.host = (*name).substr(0, 200);
  url.port = *rc::gen::inRange<std::uint16_t>(1, 65535);
  url.target = "/" + *rc::gen::container<std::string>(visible);
  RC_ASSERT(Url::parse(url.str()) == url);
}

RC_GTEST_PROP(Url, WhateverComesIsAUrlOrAnError, (const std::string& text)) {
  try {
    const Url url = Url::parse("https://h/").resolve(text);
    RC_ASSERT(url.scheme == "http" || url.scheme == "https");
    RC_ASSERT(Url::parse(url.str()) == url);
  } catch (const Error& error) {
    RC_ASSERT(error.kind() == Kind::invalid);
  }
}

RC_GTEST_PROP(Url, ResolvingNeverLeavesTheRoot, (const std::vector<bool>& ups)) {
  std::string reference;
  for (const bool up : ups) reference += up ? "../" : "x/";
  RC_ASSERT(Url::parse("https://h/a/b").resolve(reference + "end").target.find("..") == std::string::npos);
}

}  // namespace
}  // namespace stave::http
