// Registries: where a name leads, by registries.conf and certs.d.

#include "stave/registry/registries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/registry/scratch.h"

namespace stave::registry {
namespace {

namespace files = std::filesystem;
using spec::Reference;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message;
using testing::Scratch;
using ::testing::StartsWith;

class RegistriesTest : public ::testing::Test {
 protected:
  // With this as the registries.conf.
  Registries load(std::string_view text) {
    settings.registries_files = {scratch.path("absent.conf"), scratch.write("registries.conf", text)};
    return Registries::load(settings);
  }
  // "host/path", marked as what they are: "!" insecure, "@" digests only, ":" tags only, "~" a mirror.
  static std::string picture(const Location& location) {
    return std::string(location.mirror ? "~" : "") + (location.insecure ? "!" : "") +
           (location.digests_only ? "@" : "") + (location.tags_only ? ":" : "") + location.host + "/" +
           location.path;
  }
  std::vector<std::string> pulls(std::string_view text, std::string_view name) {
    std::vector<std::string> found;
    for (const auto& location : load(text).pull_locations(Reference::parse(name)))
      found.push_back(picture(location));
    return found;
  }
  std::vector<std::string> names(std::string_view text, std::string_view name) {
    std::vector<std::string> found;
    for (const auto& reference : load(text).candidates(Reference::parse(name)))
      found.push_back(reference.str());
    return found;
  }
  std::string complaint(std::string_view text) {
    return message([&] { load(text); });
  }

  Scratch scratch;
  Settings settings;
};

TEST_F(RegistriesTest, ANameIsWhereItSays) {
  EXPECT_THAT(pulls("", "quay.io/a/b:1"), ElementsAre("quay.io/a/b"));
}

TEST_F(RegistriesTest, NoFileIsNoConfiguration) {
  EXPECT_EQ(Registries::load({}).pull_locations(Reference::parse("localhost:5000/x")).size(), 1U);
}

TEST_F(RegistriesTest, DockerIoIsAskedAtAnotherHost) {
  const auto location = load("").pull_locations(Reference::parse("docker.io/alpine")).at(0);
  EXPECT_EQ(location.host, "docker.io");
  EXPECT_EQ(location.url(false, "library/alpine/tags/list").str(),
            "https://registry-1.docker.io/v2/library/alpine/tags/list");
  EXPECT_EQ(location.path, "library/alpine");
}

TEST_F(RegistriesTest, UrlsHavePortAndScheme) {
  const auto location = load("").registry("localhost:5000");
  EXPECT_EQ(location.url(true, "").str(), "http://localhost:5000/v2/");
  EXPECT_EQ(location.url(false, "x/blobs/uploads/").str(), "https://localhost:5000/v2/x/blobs/uploads/");
  EXPECT_EQ(load("").registry("[::1]:5000").url(true, "").str(), "http://[::1]:5000/v2/");
}

TEST_F(RegistriesTest, NormalizedIsDockersLibrary) {
  EXPECT_EQ(normalized(Reference::parse("docker.io/alpine:3")).str(), "docker.io/library/alpine:3");
  EXPECT_EQ(normalized(Reference::parse("index.docker.io/a/b")).str(), "docker.io/a/b");
  EXPECT_EQ(normalized(Reference::parse("quay.io/a")).str(), "quay.io/a");
  EXPECT_EQ(normalized(Reference::parse("alpine")).str(), "alpine");
}

// The example of containers-registries.conf(5).
constexpr std::string_view manual = R"(
unqualified-search-registries = ["example.com"]
[[registry]]
prefix = "example.com/foo"
insecure = false
blocked = false
location = "internal-registry-for-example.com/bar"
[[registry.mirror]]
location = "example-mirror-0.local/mirror-for-foo"
[[registry.mirror]]
location = "example-mirror-1.local/mirrors/foo"
insecure = true
[[registry]]
location = "registry.com"
[[registry.mirror]]
location = "mirror.registry.com"
)";

TEST_F(RegistriesTest, MirrorsComeFirstAsTheManualSays) {
  EXPECT_THAT(pulls(manual, "example.com/foo/image:latest"),
              ElementsAre("~example-mirror-0.local/mirror-for-foo/image",
                          "~!example-mirror-1.local/mirrors/foo/image",
                          "internal-registry-for-example.com/bar/image"));
  EXPECT_THAT(pulls(manual, "registry.com/image"),
              ElementsAre("~mirror.registry.com/image", "registry.com/image"));
}

TEST_F(RegistriesTest, PushingGoesToTheNameItself) {
  EXPECT_EQ(picture(load(manual).push_location(Reference::parse("example.com/foo/image:1"))),
            "example.com/foo/image");
}

TEST_F(RegistriesTest, TheLongestPrefixWins) {
  constexpr std::string_view text = R"(
[[registry]]
prefix = "a.io"
location = "short.io"
[[registry]]
prefix = "a.io/x/y"
location = "long.io/z"
[[registry]]
prefix = "a.io/x"
location = "middle.io"
)";
  EXPECT_THAT(pulls(text, "a.io/x/y/image"), ElementsAre("long.io/z/image"));
  EXPECT_THAT(pulls(text, "a.io/x/image"), ElementsAre("middle.io/image"));
  EXPECT_THAT(pulls(text, "a.io/xyz"), ElementsAre("short.io/xyz"));
}

TEST_F(RegistriesTest, APrefixMayBeAnImageWithTag) {
  constexpr std::string_view text = R"(
[[registry]]
prefix = "a.io/x:1"
location = "b.io/y"
)";
  EXPECT_THAT(pulls(text, "a.io/x:1"), ElementsAre("b.io/y"));
  EXPECT_THAT(pulls(text, "a.io/x:10"), ElementsAre("a.io/x"));
}

TEST_F(RegistriesTest, APrefixEndsWhereAPartOfTheNameEnds) {
  constexpr std::string_view text = R"(
[[registry]]
prefix = "a.io/x"
location = "b.io/y"
)";
  EXPECT_THAT(pulls(text, "a.io/xx"), ElementsAre("a.io/xx"));
  EXPECT_THAT(pulls(text, "a.io/x:3"), ElementsAre("b.io/y"));
}

TEST_F(RegistriesTest, APortIsAnotherRegistry) {
  EXPECT_THAT(pulls("[[registry]]\nlocation = 'a.io'\ninsecure = true", "a.io:5000/x"),
              ElementsAre("a.io:5000/x"));
}

TEST_F(RegistriesTest, AWildcardStandsForSubdomains) {
  constexpr std::string_view text = "[[registry]]\nprefix = '*.example.com'\ninsecure = true";
  EXPECT_THAT(pulls(text, "a.b.example.com/x"), ElementsAre("!a.b.example.com/x"));
  EXPECT_THAT(pulls(text, "a.example.com:5000/x"), ElementsAre("!a.example.com:5000/x"));
  EXPECT_THAT(pulls(text, "example.com/x"), ElementsAre("example.com/x"));
  EXPECT_THAT(pulls(text, "badexample.com/x"), ElementsAre("badexample.com/x"));
  EXPECT_THAT(pulls(text, "evil.io/example.com/x"), ElementsAre("evil.io/example.com/x"));
}

TEST_F(RegistriesTest, AWildcardMayLeadElsewhere) {
  constexpr std::string_view text = "[[registry]]\nprefix = '*.example.com'\nlocation = 'cache.io/all'";
  EXPECT_THAT(pulls(text, "a.example.com/x/y:1"), ElementsAre("cache.io/all/x/y"));
}

TEST_F(RegistriesTest, BlockedIsDenied) {
  const auto registries = load("[[registry]]\nlocation = 'a.io/bad'\nblocked = true");
  const auto bad = Reference::parse("a.io/bad/x");
  EXPECT_THAT(message([&] { registries.pull_locations(bad); }), StartsWith("denied: a.io/bad/x is blocked"));
  EXPECT_THAT(message([&] { registries.push_location(bad); }), StartsWith("denied: "));
  EXPECT_EQ(message([&] { registries.pull_locations(Reference::parse("a.io/good")); }), "nothing");
}

TEST_F(RegistriesTest, MirrorsCanBeForDigestsOrTags) {
  constexpr std::string_view each = R"(
[[registry]]
location = "a.io"
mirror = [{location = "d.io", pull-from-mirror = "digest-only"}, {location = "t.io", pull-from-mirror = "tag-only"},
          {location = "b.io", pull-from-mirror = "all"}]
)";
  EXPECT_THAT(pulls(each, "a.io/x"), ElementsAre("~@d.io/x", "~:t.io/x", "~b.io/x", "a.io/x"));
  constexpr std::string_view whole = R"(
[[registry]]
location = "a.io"
mirror-by-digest-only = true
mirror = [{location = "d.io"}]
)";
  EXPECT_THAT(pulls(whole, "a.io/x"), ElementsAre("~@d.io/x", "a.io/x"));
}

TEST_F(RegistriesTest, TlsVerifyOverrulesTheFile) {
  constexpr std::string_view text = "[[registry]]\nlocation = 'a.io'\ninsecure = true";
  EXPECT_FALSE(load(text).registry("a.io").tls.verify);
  settings.tls_verify = true;
  EXPECT_THAT(pulls(text, "a.io/x"), ElementsAre("a.io/x"));
  EXPECT_TRUE(load(text).registry("a.io").tls.verify);
  settings.tls_verify = false;
  EXPECT_THAT(pulls("", "b.io/x"), ElementsAre("!b.io/x"));
}

TEST_F(RegistriesTest, ShortNamesAreSearchedFor) {
  EXPECT_THAT(names("unqualified-search-registries = ['a.io', 'docker.io']", "busybox:1"),
              ElementsAre("a.io/busybox:1", "docker.io/library/busybox:1"));
  EXPECT_THAT(names("", "busybox"), ElementsAre("docker.io/library/busybox"));
  EXPECT_THAT(names("", "me/app:2"), ElementsAre("docker.io/me/app:2"));
  EXPECT_THAT(names("unqualified-search-registries = ['a.io']", "quay.io/x"), ElementsAre("quay.io/x"));
}

TEST_F(RegistriesTest, AnAliasIsTheOnlyCandidate) {
  constexpr std::string_view text = R"(
unqualified-search-registries = ["a.io"]
short-name-mode = "enforcing"
[aliases]
fedora = "registry.fedoraproject.org/fedora"
"me/app" = "quay.io/me/app"
)";
  EXPECT_THAT(names(text, "fedora:40"), ElementsAre("registry.fedoraproject.org/fedora:40"));
  EXPECT_THAT(names(text, "me/app"), ElementsAre("quay.io/me/app"));
  EXPECT_THAT(names(text, "you/app"), ElementsAre("a.io/you/app"));
}

TEST_F(RegistriesTest, DropInsOverruleInOrder) {
  settings.registries_directories = {scratch.path("one.d"), scratch.path("absent.d"), scratch.path("two.d")};
  scratch.write("one.d/10.conf",
                "[aliases]\nx = 'a.io/x'\ny = 'a.io/y'\n[[registry]]\nlocation='r.io'\nblocked=true");
  scratch.write("one.d/20.conf", "[[registry]]\nlocation='r.io'\ninsecure=true\n[aliases]\nx='b.io/x'");
  scratch.write("one.d/30.conf.disabled", "this is no TOML");
  scratch.write("two.d/05.conf", "unqualified-search-registries=['u.io']\n[aliases]\ny=''");
  EXPECT_THAT(pulls("", "r.io/x"), ElementsAre("!r.io/x"));
  EXPECT_THAT(names("", "x"), ElementsAre("b.io/x"));
  EXPECT_THAT(names("unqualified-search-registries=['first.io']", "y"), ElementsAre("u.io/y"));
}

TEST_F(RegistriesTest, CredentialHelpersAreListed) {
  EXPECT_THAT(load("").credential_helpers(), ElementsAre("containers-auth.json"));
  EXPECT_THAT(load("credential-helpers = ['secretservice', 'containers-auth.json']").credential_helpers(),
              ElementsAre("secretservice", "containers-auth.json"));
}

// --- what is wrong in a file ---

TEST_F(RegistriesTest, SyntaxErrorsHaveAPlace) {
  EXPECT_THAT(complaint("x = 1\n[[registry]\n"),
              StartsWith("invalid: " + scratch.path("registries.conf") + ":2:"));
}

TEST_F(RegistriesTest, WrongTypesHaveAPlace) {
  EXPECT_THAT(complaint("[[registry]]\nlocation = 'a.io'\n  insecure = 'yes'"),
              HasSubstr(":3:14: insecure is"));
  EXPECT_THAT(complaint("unqualified-search-registries = 'a.io'"), HasSubstr(":1:33: "));
  EXPECT_THAT(complaint("unqualified-search-registries = ['a.io', 3]"), HasSubstr(":1:42: "));
  EXPECT_THAT(complaint("registry = 1"), HasSubstr("is not an array of tables"));
  EXPECT_THAT(complaint("registry = [1]"), HasSubstr("expected a table"));
  EXPECT_THAT(complaint("[aliases]\nx = 1"), HasSubstr("the alias \"x\" is not a string"));
}

TEST_F(RegistriesTest, VersionOneIsSaidToBeOld) {
  EXPECT_THAT(complaint("[registries.search]\nregistries = ['a.io']"), StartsWith("unsupported: "));
}

TEST_F(RegistriesTest, WhatMakesNoSenseIsRefused) {
  EXPECT_THAT(complaint("[[registry]]\ninsecure = true"), HasSubstr("neither prefix nor location"));
  EXPECT_THAT(complaint("[[registry]]\nprefix = 'a.io'"), HasSubstr("has no location"));
  EXPECT_THAT(complaint("[[registry]]\nprefix = 'a.*.io'\nlocation='b.io'"), HasSubstr("a wildcard stands"));
  EXPECT_THAT(complaint("[[registry]]\nprefix = '*.io/x'\nlocation='b.io'"), HasSubstr("a wildcard stands"));
  EXPECT_THAT(complaint("[[registry]]\nlocation = 'https://a.io'"), HasSubstr("has a scheme"));
  EXPECT_THAT(complaint("[[registry]]\nlocation='a.io'\nmirror=[{insecure=true}]"),
              HasSubstr("without location"));
  EXPECT_THAT(complaint("[[registry]]\nlocation='a.io'\nmirror-by-digest-only=true\n"
                        "mirror=[{location='b.io',pull-from-mirror='all'}]"),
              HasSubstr("exclude each other"));
}

TEST_F(RegistriesTest, AnAliasToNowhereIsTold) {
  const auto registries = load("[aliases]\nx = 'a.io/x:tag'");
  EXPECT_THAT(message([&] { registries.candidates(Reference::parse("x")); }),
              StartsWith("invalid: registries.conf, [aliases]: "));
}

TEST_F(RegistriesTest, HugeFileIsRefused) {
  EXPECT_THAT(complaint(std::string(2 * 1024 * 1024, '#')), StartsWith("limit: "));
}

TEST_F(RegistriesTest, DeepFileIsRefused) {
  EXPECT_THAT(complaint("x = " + std::string(100000, '[')), StartsWith("invalid: "));
}

// --- certs.d ---

class Certificates : public RegistriesTest {
 protected:
  Certificates() { settings.certificate_directories = {scratch.path("one"), scratch.path("two")}; }
};

TEST_F(Certificates, TheFirstDirectoryOfTheHostCounts) {
  scratch.write("two/a.io:5000/ca.crt", "");
  scratch.write("two/a.io:5000/more.crt", "");
  scratch.write("two/a.io:5000/me.cert", "");
  scratch.write("two/a.io:5000/me.key", "");
  const auto tls = load("").registry("a.io:5000").tls;
  EXPECT_THAT(tls.authorities,
              ElementsAre(scratch.path("two/a.io:5000/ca.crt"), scratch.path("two/a.io:5000/more.crt")));
  EXPECT_EQ(tls.certificate, scratch.path("two/a.io:5000/me.cert"));
  EXPECT_EQ(tls.key, scratch.path("two/a.io:5000/me.key"));
  files::create_directories(scratch.path("one/a.io:5000"));
  EXPECT_EQ(load("").registry("a.io:5000").tls, http::Tls{});
  EXPECT_EQ(load("").registry("a.io").tls, http::Tls{});
}

TEST_F(Certificates, ACertificateNeedsItsKey) {
  scratch.write("one/a.io/me.cert", "");
  EXPECT_THAT(message([&] { load("").registry("a.io"); }), HasSubstr("there is no key for \"me.cert\""));
}

TEST_F(Certificates, AKeyNeedsItsCertificate) {
  scratch.write("one/a.io/me.key", "");
  EXPECT_THAT(message([&] { load("").registry("a.io"); }), HasSubstr("there is no certificate for the key"));
}

TEST_F(Certificates, CertDirIsForEveryHost) {
  settings.certificate_directory = scratch.path("mine");
  scratch.write("mine/ca.crt", "");
  scratch.write("one/a.io/other.crt", "");
  EXPECT_THAT(load("").registry("a.io").tls.authorities, ElementsAre(scratch.path("mine/ca.crt")));
  settings.certificate_directory = scratch.path("absent");
  EXPECT_THAT(message([&] { load("").registry("a.io"); }), StartsWith("not_found: "));
}

TEST_F(Certificates, HostThatIsAPathLeadsNowhere) {
  scratch.write("outside/evil.crt", "");
  files::create_directories(scratch.path("one"));
  EXPECT_EQ(load("").registry("..").tls, http::Tls{});
}

TEST_F(Certificates, DockerIoMayBeUnderTheHostThatIsAsked) {
  scratch.write("one/registry-1.docker.io/ca.crt", "");
  EXPECT_EQ(load("").registry("docker.io").tls.authorities.size(), 1U);
}

}  // namespace
}  // namespace stave::registry
