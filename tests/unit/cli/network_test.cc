// Network settings: what options, environment and well-known files say of
// talking to registries.

#include "stave/cli/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "stave/base/error.h"

namespace stave::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class NetworkSettings : public ::testing::Test {
 protected:
  registry::Settings settings() {
    surroundings.environment = environment;
    const Invocation invocation{.arguments = arguments, .surroundings = surroundings, .context = {}};
    return network_settings(invocation);
  }
  void give(const std::string& option, const std::string& value = {}) {
    arguments.given_.push_back({.option = option, .value = value});
  }
  // "kind: what it says | hint".
  std::string complaint() {
    try {
      settings();
    } catch (const Error& error) {
      return std::string(name(error.kind())) + ": " + error.what() + " | " + error.hint();
    }
    return "nothing";
  }

  std::map<std::string, std::string> environment = {{"HOME", "/h"}};
  Arguments arguments;
  Surroundings surroundings;
};

TEST_F(NetworkSettings, FilesInTheOrderOfPodmanAndDocker) {
  environment["XDG_RUNTIME_DIR"] = "/run/me";
  EXPECT_THAT(settings().auth_files,
              ElementsAre("/run/me/containers/auth.json", "/h/.config/containers/auth.json",
                          "/h/.docker/config.json", "/h/.dockercfg"));
  EXPECT_EQ(settings().login_file, "/run/me/containers/auth.json");
}

TEST_F(NetworkSettings, WithoutASessionLoginWritesBelowHome) {
  EXPECT_EQ(settings().auth_files.front(), "/run/containers/" + std::to_string(::getuid()) + "/auth.json");
  EXPECT_EQ(settings().login_file, "/h/.config/containers/auth.json");
}

TEST_F(NetworkSettings, DockerConfigMovesDockersFile) {
  environment["DOCKER_CONFIG"] = "/d";
  environment["XDG_CONFIG_HOME"] = "/c";
  const auto files = settings().auth_files;
  EXPECT_EQ(files.at(1), "/c/containers/auth.json");
  EXPECT_EQ(files.at(2), "/d/config.json");
}

TEST_F(NetworkSettings, AuthfileIsTheOnlyOne) {
  environment["REGISTRY_AUTH_FILE"] = "/r";
  EXPECT_THAT(settings().auth_files, ElementsAre("/r"));
  give("--authfile", "/a");
  EXPECT_THAT(settings().auth_files, ElementsAre("/a"));
  EXPECT_EQ(settings().login_file, "/a");
}

TEST_F(NetworkSettings, WithoutHomeThereIsNowhereToLogIn) {
  environment.clear();
  EXPECT_EQ(settings().login_file, "");
}

TEST_F(NetworkSettings, CredentialsOfTheEnvironment) {
  environment["STAVE_CREDS"] = "ann:p:w";
  EXPECT_EQ(settings().credentials, (registry::Credentials{.user = "ann", .password = "p:w"}));
  give("--creds", "ann");
  EXPECT_EQ(settings().credentials, (registry::Credentials{.user = "ann", .password = "p:w"}));
}

TEST_F(NetworkSettings, APasswordOfTheEnvironmentForAUserOfTheOption) {
  environment["STAVE_CREDS"] = "p:w";
  give("--creds", "ann");
  EXPECT_EQ(settings().credentials, (registry::Credentials{.user = "ann", .password = "p:w"}));
}

TEST_F(NetworkSettings, HelpersDoNotSeeThem) {
  environment["STAVE_CREDS"] = "ann:pw";
  environment["OTHER"] = "x";
  EXPECT_EQ(settings().environment.count("STAVE_CREDS"), 0U);
  EXPECT_EQ(settings().environment.count("OTHER"), 1U);
}

TEST_F(NetworkSettings, PasswordInAnArgumentIsRefusedAndNotRepeated) {
  give("--creds", "ann:hunter22");
  EXPECT_THAT(complaint(), StartsWith("usage: "));
  EXPECT_THAT(complaint(), Not(HasSubstr("hunter22")));
}

TEST_F(NetworkSettings, CredsWithoutPassword) {
  give("--creds", "ann");
  EXPECT_THAT(complaint(), HasSubstr("there is no password"));
}

TEST_F(NetworkSettings, PasswordWithoutUser) {
  environment["STAVE_CREDS"] = "hunter22";
  EXPECT_THAT(complaint(), StartsWith("usage: STAVE_CREDS is not USER:PASSWORD"));
  EXPECT_THAT(complaint(), Not(HasSubstr("hunter22")));
  give("--password-stdin");
  EXPECT_THAT(complaint(), HasSubstr("whose password is it?"));
}

TEST_F(NetworkSettings, ProxiesButNotHttpoxy) {
  environment["https_proxy"] = "http://p:1";
  environment["HTTP_PROXY"] = "http://evil:1";
  environment["NO_PROXY"] = "x";
  EXPECT_EQ(settings().http.proxies,
            (std::map<std::string, std::string>{{"NO_PROXY", "x"}, {"https_proxy", "http://p:1"}}));
}

TEST_F(NetworkSettings, NumbersOfTheOptions) {
  give("--limit-rate", "10M");
  give("--timeout", "7");
  give("--retries", "0");
  const auto http = settings().http;
  EXPECT_EQ(http.rate, 10U << 20U);
  EXPECT_EQ(http.stall_timeout, std::chrono::seconds(7));
  EXPECT_EQ(http.connect_timeout, std::chrono::seconds(7));
  EXPECT_EQ(http.attempts, 1U);
}

TEST_F(NetworkSettings, NumbersThatMakeNoSense) {
  for (const auto& [option, value] :
       std::map<std::string, std::string>{{"--limit-rate", "0"}, {"--timeout", "0"}, {"--retries", "many"}}) {
    arguments.given_.clear();
    give(option, value);
    EXPECT_THAT(complaint(), StartsWith("usage: " + option)) << option;
  }
}

TEST_F(NetworkSettings, TlsVerifyIsSilentUnlessSaid) {
  EXPECT_EQ(settings().tls_verify, std::nullopt);
  give("--tls-verify", "false");
  EXPECT_EQ(settings().tls_verify, false);
}

TEST_F(NetworkSettings, RegistriesConfThatIsNotThere) {
  environment["CONTAINERS_REGISTRIES_CONF"] = "/absent/registries.conf";
  EXPECT_THAT(complaint(), StartsWith("not_found: "));
}

TEST_F(NetworkSettings, DirectoriesOfRegistriesAndCertificates) {
  const auto found = settings();
  EXPECT_THAT(found.registries_files, ElementsAre("/etc/containers/registries.conf"));
  EXPECT_THAT(found.registries_directories,
              ElementsAre("/etc/containers/registries.conf.d", "/h/.config/containers/registries.conf.d"));
  EXPECT_THAT(found.certificate_directories,
              ElementsAre("/h/.config/containers/certs.d", "/etc/containers/certs.d", "/etc/docker/certs.d"));
  EXPECT_EQ(found.state_directory, "/h/.cache/stave/uploads");
  EXPECT_THAT(found.certificate_directory, IsEmpty());
}

}  // namespace
}  // namespace stave::cli
