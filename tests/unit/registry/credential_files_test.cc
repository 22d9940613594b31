// Credential files: what podman and docker keep, found; what login keeps, where and how.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <thread>

#include "stave/registry/auth.h"
#include "stave/registry/secrets.h"
#include "unit/registry/scratch.h"

namespace stave::registry {
namespace {

using stave::testing::message;
using stave::testing::Scratch;
namespace files = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class CredentialFilesTest : public ::testing::Test {
 protected:
  CredentialFilesTest() {
    settings.auth_files = {scratch.path("one/auth.json"), scratch.path("two/auth.json")};
    settings.login_file = settings.auth_files.front();
    settings.helper_path = "relative:" + scratch.path("bin");
    settings.environment = {{"PATH", "/usr/bin:/bin"}, {"KEPT", scratch.path("kept")}};
  }
  CredentialFiles credentials() const { return CredentialFiles(settings); }
  // "user:password", "token=...", or "nobody".
  std::string find(std::string_view host, std::string_view path = {}) const {
    const auto found = credentials().find({}, host, path);
    if (!found) return "nobody";
    return found->identity_token.empty() ? found->user + ":" + found->password
                                         : "token=" + found->identity_token;
  }
  std::string complaint(std::string_view host = "a.io") const {
    return message([&] { find(host); });
  }
  std::string save(const std::string& host, const std::string& user, const std::string& password) const {
    return credentials().save({}, host, {.user = user, .password = password});
  }
  void keep(std::string_view text, std::string_view file = "one/auth.json") const {
    scratch.write(file, text);
  }
  // A helper that keeps what it is told in files below $KEPT, as the protocol says.
  void install_helper(const std::string& name) const {
    script(name, R"sh(read -r -d '' input || true
mkdir -p "$KEPT"
key=$(printf %s "$input" | tr -d '\n' | tr / _)
case "$1" in
  store)
    url=$(printf %s "$input" | sed 's/.*"ServerURL":"\([^"]*\)".*/\1/' | tr / _)
    printf %s "$input" >"$KEPT/stored"
    printf %s "$input" >"$KEPT/$url"
    ;;
  get)
    [ -f "$KEPT/$key" ] || { echo 'credentials not found in native keychain'; exit 1; }
    cat "$KEPT/$key"
    ;;
  erase) rm -f "$KEPT/$key" ;;
  list) echo '{"https://helped.io":"bob"}' ;;
esac
)sh");
  }
  void script(const std::string& name, const std::string& text) const {
    const auto path = scratch.write("bin/docker-credential-" + name, "#!/bin/bash\n" + text);
    files::permissions(path, files::perms(0755));
  }

  Scratch scratch;
  Settings settings;
};

std::string entry(const std::string& host, const std::string& words) {
  return "\"" + host + "\": {\"auth\": \"" + base64(words) + "\"}";
}
std::string document(const std::string& entries) { return "{\"auths\": {" + entries + "}}"; }

// --- finding ---

TEST_F(CredentialFilesTest, NothingIsKnownWithoutFiles) { EXPECT_EQ(find("a.io"), "nobody"); }

TEST_F(CredentialFilesTest, TheMostSpecificKeyWins) {
  keep(document(entry("a.io", "host:1") + "," + entry("a.io/x", "space:2") + "," +
                entry("a.io/x/y", "repo:3")));
  EXPECT_EQ(find("a.io", "x/y"), "repo:3");
  EXPECT_EQ(find("a.io", "x/z"), "space:2");
  EXPECT_EQ(find("a.io", "xx"), "host:1");
  EXPECT_EQ(find("a.io"), "host:1");
  EXPECT_EQ(find("a.io:5000"), "nobody");
}

TEST_F(CredentialFilesTest, AFileThatSaysNothingDoesNotHideTheNext) {
  keep(document("\"a.io\": {}"));
  keep(document(entry("a.io", "ann:x")), "two/auth.json");
  EXPECT_EQ(find("a.io"), "ann:x");
}

TEST_F(CredentialFilesTest, PasswordsMayHoldColonsAndAnyBytes) {
  keep(document(entry("a.io", "ann:a:b\xff\x01")));
  EXPECT_EQ(find("a.io"), "ann:a:b\xff\x01");
}

TEST_F(CredentialFilesTest, IdentityTokens) {
  keep(R"({"auths": {"a.io": {"auth": "YW5uOg==", "identitytoken": "id"}}})");
  EXPECT_EQ(find("a.io"), "token=id");
}

TEST_F(CredentialFilesTest, DockersOldKeys) {
  keep(document(entry("https://index.docker.io/v1/", "hub:1") + "," + entry("https://b.io/v2/", "b:2") + "," +
                entry("http://c.io", "c:3")));
  EXPECT_EQ(find("docker.io", "library/alpine"), "hub:1");
  EXPECT_EQ(find("b.io", "x"), "b:2");
  EXPECT_EQ(find("c.io"), "c:3");
}

TEST_F(CredentialFilesTest, DockersOldFile) {
  settings.auth_files = {scratch.path(".dockercfg")};
  keep("{" + entry("a.io", "old:1") + "}", ".dockercfg");
  EXPECT_EQ(find("a.io"), "old:1");
}

TEST_F(CredentialFilesTest, AnotherRegistryGetsNothing) {
  keep(document(entry("a.io", "ann:x")));
  for (const char* host : {"b.a.io", "a.io.evil.io", "a.i", "xa.io", "docker.io", ""})
    EXPECT_EQ(find(host), "nobody") << host;
}

// --- files that are wrong ---

TEST_F(CredentialFilesTest, BrokenFilesAreNamedButNotQuoted) {
  for (const char* text :
       {R"({"auths": {"a.io": {"auth": "c2VjcmV0" x}}})",
        R"({"auths": {"a.io": {"auth": 99999999999999999999}}})", R"(["c2VjcmV0"])",
        R"({"auths": "c2VjcmV0"})", R"({"auths": {"a.io": "c2VjcmV0"}})",
        R"({"auths": {"a.io": {"auth": ["c2VjcmV0"]}}})", R"({"auths": {"a.io": {"auth": "c2VjcmV0"}}})",
        R"({"auths": {"a.io": {"auth": "c2VjcmV0!"}}})", "c2VjcmV0"}) {
    keep(text);
    EXPECT_THAT(complaint(), StartsWith("invalid: \"" + scratch.path("one/auth.json"))) << text;
    EXPECT_THAT(complaint(), Not(HasSubstr("c2Vj"))) << text;
    EXPECT_THAT(complaint(), Not(HasSubstr("9999"))) << text;
  }
}

TEST_F(CredentialFilesTest, HugeFilesAreRefused) {
  keep(std::string(2 * 1024 * 1024, ' '));
  EXPECT_THAT(complaint(), StartsWith("limit: "));
}

// --- saving ---

TEST_F(CredentialFilesTest, FoundOfSavedIsTheSame) {
  rc::check([this] {
    const auto user = *rc::gen::suchThat(rc::gen::nonEmpty<std::string>(),
                                         [](const std::string& text) { return text.find(':') == text.npos; });
    // Docker's readers take NULs at the end for padding.
    const auto password =
        *rc::gen::suchThat<std::string>([](const std::string& text) { return !text.ends_with('\0'); });
    save("a.io", user, password);
    const auto found = credentials().find({}, "a.io", "x");
    RC_ASSERT(found == (Credentials{.user = user, .password = password}));
  });
}

TEST_F(CredentialFilesTest, NobodyElseCanReadIt) {
  EXPECT_EQ(save("a.io", "ann", "x"), "the file \"" + scratch.path("one/auth.json") + "\"");
  EXPECT_EQ(scratch.mode("one"), 0700U);
  EXPECT_EQ(scratch.mode("one/auth.json"), 0600U);
}

TEST_F(CredentialFilesTest, AFileThatOthersCouldReadIsClosed) {
  files::permissions(files::path(scratch.write("one/auth.json", "{}")), files::perms(0644));
  save("a.io", "ann", "x");
  EXPECT_EQ(scratch.mode("one/auth.json"), 0600U);
}

TEST_F(CredentialFilesTest, EverythingElseIsKept) {
  keep(
      R"({"zeta": [1, {"a": null}], "auths": {"z.io": {"auth": "YTpi", "email": "x@y"}, "a.io": {"auth": "eDp5", "note": 1}}, "alpha": "ü"})");
  save("a.io", "ann", "x");
  EXPECT_EQ(scratch.read("one/auth.json"), R"({
  "zeta": [
    1,
    {
      "a": null
    }
  ],
  "auths": {
    "z.io": {
      "auth": "YTpi",
      "email": "x@y"
    },
    "a.io": {
      "note": 1,
      "auth": "YW5uOng="
    }
  },
  "alpha": "ü"
}
)");
}

TEST_F(CredentialFilesTest, ABrokenFileIsNotOverwritten) {
  keep("{broken");
  EXPECT_THAT(message([&] { save("a.io", "ann", "x"); }), StartsWith("invalid: "));
  EXPECT_EQ(scratch.read("one/auth.json"), "{broken");
}

TEST_F(CredentialFilesTest, ASymlinkStaysOne) {
  scratch.write("real/file.json", "{}");
  files::create_directories(scratch.path("one"));
  files::create_symlink("../real/file.json", scratch.path("one/auth.json"));
  save("a.io", "ann", "x");
  EXPECT_TRUE(files::is_symlink(scratch.path("one/auth.json")));
  EXPECT_THAT(scratch.read("real/file.json"), HasSubstr("a.io"));
}

TEST_F(CredentialFilesTest, ADanglingSymlinkGetsItsFile) {
  files::create_directories(scratch.path("one"));
  files::create_symlink(scratch.path("real/file.json"), scratch.path("one/auth.json"));
  save("a.io", "ann", "x");
  EXPECT_EQ(scratch.mode("real/file.json"), 0600U);
}

TEST_F(CredentialFilesTest, SavingAtOnceLosesNobody) {
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&, i] { save("h" + std::to_string(i) + ".io", "ann", "x"); });
  }
  EXPECT_EQ(credentials().hosts({}).size(), 8U);
}

TEST_F(CredentialFilesTest, DockersConfigGetsDockersKey) {
  settings.login_file = scratch.path(".docker/config.json");
  save("docker.io", "ann", "x");
  EXPECT_THAT(scratch.read(".docker/config.json"), HasSubstr("\"https://index.docker.io/v1/\""));
}

TEST_F(CredentialFilesTest, AKeyThatIsThereIsTheOneThatChanges) {
  keep(document(entry("https://index.docker.io/v1/", "old:1")));
  save("docker.io", "new", "2");
  EXPECT_EQ(find("docker.io"), "new:2");
  EXPECT_THAT(scratch.read("one/auth.json"), Not(HasSubstr("\"docker.io\"")));
}

TEST_F(CredentialFilesTest, AUserWithAColonCannotBe) {
  EXPECT_THAT(message([&] { save("a.io", "an:n", "x"); }), StartsWith("usage: "));
}

TEST_F(CredentialFilesTest, NowhereToSaveIsSaid) {
  settings.login_file.clear();
  EXPECT_THAT(message([&] { save("a.io", "ann", "x"); }), StartsWith("usage: nothing says where"));
}

// --- forgetting ---

TEST_F(CredentialFilesTest, ForgottenIsGone) {
  save("a.io", "ann", "x");
  save("b.io", "bob", "y");
  EXPECT_TRUE(credentials().erase({}, "a.io"));
  EXPECT_EQ(find("a.io"), "nobody");
  EXPECT_EQ(find("b.io"), "bob:y");
  EXPECT_FALSE(credentials().erase({}, "a.io"));
}

TEST_F(CredentialFilesTest, ForgettingMakesNoFile) {
  EXPECT_FALSE(credentials().erase({}, "a.io"));
  EXPECT_FALSE(files::exists(scratch.path("one")));
}

TEST_F(CredentialFilesTest, HostsAreSorted) {
  keep(document(entry("z.io", "a:b") + ",\"empty.io\":{}"));
  keep(document(entry("https://index.docker.io/v1/", "a:b") + "," + entry("z.io", "c:d")), "two/auth.json");
  EXPECT_THAT(credentials().hosts({}), ElementsAre("docker.io", "z.io"));
}

// --- helpers ---

TEST_F(CredentialFilesTest, AHelperKeepsWhatItIsGiven) {
  install_helper("fake");
  keep(R"({"credHelpers": {"a.io": "fake"}, "auths": {"a.io": {"auth": "eDp5"}}})");
  EXPECT_EQ(save("a.io", "ann", "s3\"cr\\et"), "the helper docker-credential-fake");
  EXPECT_EQ(find("a.io"), "ann:s3\"cr\\et");
  EXPECT_THAT(scratch.read("one/auth.json"), Not(HasSubstr("eDp5")));
  EXPECT_TRUE(credentials().erase({}, "a.io"));
  EXPECT_EQ(find("a.io"), "nobody");
  EXPECT_FALSE(credentials().erase({}, "a.io"));
}

TEST_F(CredentialFilesTest, AStoreKeepsWhatNoHelperDoes) {
  install_helper("fake");
  keep(R"({"credsStore": "fake"})", "one/auth.json");
  save("docker.io", "ann", "x");
  EXPECT_THAT(scratch.read("kept/stored"), HasSubstr(R"("ServerURL":"https://index.docker.io/v1/")"));
  EXPECT_EQ(find("docker.io"), "ann:x");
}

TEST_F(CredentialFilesTest, HelpersOfRegistriesConf) {
  install_helper("fake");
  settings.registries_files = {
      scratch.write("registries.conf", "credential-helpers = ['fake', 'containers-auth.json']")};
  save("a.io", "ann", "x");
  EXPECT_FALSE(files::exists(scratch.path("one/auth.json")));
  EXPECT_EQ(find("a.io"), "ann:x");
  keep(document(entry("b.io", "bob:y")));
  EXPECT_EQ(find("b.io"), "bob:y");
}

TEST_F(CredentialFilesTest, HelpersListTheirHosts) {
  install_helper("fake");
  keep(R"({"credsStore": "fake"})");
  EXPECT_THAT(credentials().hosts({}), ElementsAre("helped.io"));
}

TEST_F(CredentialFilesTest, AHelpersIdentityToken) {
  script("fake", R"(echo '{"ServerURL":"a.io","Username":"<token>","Secret":"id"}')");
  keep(R"({"credHelpers": {"a.io": "fake"}})");
  EXPECT_EQ(find("a.io"), "token=id");
}

TEST_F(CredentialFilesTest, AHelpersOwnWordsAreShown) {
  script("fake", "echo 'the keyring is locked'; exit 1");
  keep(R"({"credHelpers": {"a.io": "fake"}})");
  EXPECT_EQ(complaint(), "io: docker-credential-fake get: the keyring is locked");
}

TEST_F(CredentialFilesTest, AHelperThatRepeatsTheSecretIsNotQuoted) {
  script("fake", "cat; exit 1");
  keep(R"({"credHelpers": {"a.io": "fake"}})");
  EXPECT_THAT(message([&] { save("a.io", "ann", "s3cr3t"); }), Not(HasSubstr("s3cr3t")));
}

TEST_F(CredentialFilesTest, AHelpersRubbishIsNotQuoted) {
  script("fake", R"(echo '{"Secret": "s3cr3t" x')");
  keep(R"({"credHelpers": {"a.io": "fake"}})");
  EXPECT_EQ(complaint(), "invalid: docker-credential-fake get: line 1, column 21: not JSON");
}

TEST_F(CredentialFilesTest, AHelperThatReadsNothingBreaksNothing) {
  script("fake", "exec 0<&-; exit 0");
  keep(R"({"credHelpers": {"a.io": "fake"}})");
  EXPECT_EQ(save("a.io", "ann", std::string(1024 * 1024, 'x')), "the helper docker-credential-fake");
}

TEST_F(CredentialFilesTest, AnEndlessHelperIsStopped) {
  script("fake", "exec yes");
  keep(R"({"credHelpers": {"a.io": "fake"}})");
  EXPECT_THAT(complaint(), StartsWith("limit: "));
}

TEST_F(CredentialFilesTest, AStopEndsAHelperThatHangs) {
  script("fake", "exec sleep 100");
  keep(R"({"credHelpers": {"a.io": "fake"}})");
  std::stop_source stop;
  std::jthread soon([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stop.request_stop();
  });
  const Context context{.stop = stop.get_token()};
  EXPECT_THAT(message([&] { credentials().find(context, "a.io", ""); }), StartsWith("cancelled: "));
}

TEST_F(CredentialFilesTest, AHelperLeavesGrandchildrenBehind) {
  script("fake", R"sh(sleep 5 & echo '{"Username":"ann","Secret":"x"}')sh");
  keep(R"({"credHelpers": {"a.io": "fake"}})");
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(find("a.io"), "ann:x");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(4));
}

TEST_F(CredentialFilesTest, HelperNamesThatArePathsOrWords) {
  for (const char* name : {"../../bin/sh", "a b", "a;b", "$(x)", "-rf/", "a\\u0000b"}) {
    keep(std::string(R"({"credHelpers": {"a.io": ")") + name + "\"}}");
    EXPECT_THAT(complaint(), StartsWith("invalid: ")) << name;
  }
}

TEST_F(CredentialFilesTest, HelpersAreFoundInPathOnly) {
  keep(R"({"credHelpers": {"a.io": "absent"}})");
  EXPECT_THAT(complaint(), StartsWith("not_found: there is no program docker-credential-absent"));
}

TEST_F(CredentialFilesTest, HelpersSeeTheEnvironmentThatTheyAreGiven) {
  script("fake", R"(printf '{"Username":"%s","Secret":"%s"}' "$KEPT" "${HOME-none}")");
  keep(R"({"credHelpers": {"a.io": "fake"}})");
  EXPECT_EQ(find("a.io"), scratch.path("kept") + ":none");
}

}  // namespace
}  // namespace stave::registry
