// config.json: what the image says, what is wished, and who wins.

#include "stave/rootfs/runtime_config.h"

#include <gmock/gmock.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "stave/json/json.h"
#include "unit/rootfs/image_root.h"

namespace stave::rootfs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using Strings = std::vector<std::string>;

spec::Config image() {
  spec::Config config;
  config.platform = spec::Platform::parse("linux/amd64");
  config.cmd = Strings{"/bin/sh"};
  return config;
}

class RuntimeConfig : public testing::Test {
 protected:
  RuntimeConfig() {
    root.passwd("root:x:0:0::/root:\napp:x:1000:100::/srv/app:\n");
    root.group("wheel:x:10:root,app\n");
  }
  json::Value made() const { return json::parse(runtime_config(config, root.dir(), wishes), "made"); }
  json::Value process() const { return made()["process"]; }
  Strings args() const { return process()["args"].get<Strings>(); }
  Strings env() const { return process()["env"].get<Strings>(); }
  json::Value mount(const std::string& destination) const {
    json::Value found;
    const auto document = made();
    for (const auto& each : document["mounts"]) {
      if (each["destination"] == destination) {
        EXPECT_TRUE(found.is_null()) << "twice: " << destination;
        found = each;
      }
    }
    return found;
  }
  Strings namespaces() const {
    Strings kinds;
    const auto document = made();
    for (const auto& each : document["linux"]["namespaces"]) kinds.push_back(each["type"].get<std::string>());
    return kinds;
  }
  std::string refusal() const {
    return failure([&] { made(); });
  }

  ImageRoot root;
  spec::Config config = image();
  Wishes wishes;
};

// --- the command ---

TEST_F(RuntimeConfig, CmdAloneIsTheCommand) { EXPECT_THAT(args(), ElementsAre("/bin/sh")); }
TEST_F(RuntimeConfig, CmdFollowsTheEntrypoint) {
  config.entrypoint = Strings{"/init", "-v"};
  EXPECT_THAT(args(), ElementsAre("/init", "-v", "/bin/sh"));
}
TEST_F(RuntimeConfig, ArgumentsReplaceCmd) {
  config.entrypoint = Strings{"/init"};
  wishes.arguments = {"a", "b"};
  EXPECT_THAT(args(), ElementsAre("/init", "a", "b"));
}
TEST_F(RuntimeConfig, AnotherEntrypointDropsCmd) {
  config.entrypoint = Strings{"/init"};
  wishes.entrypoint = Strings{"/other"};
  EXPECT_THAT(args(), ElementsAre("/other"));
}
TEST_F(RuntimeConfig, NoEntrypointLeavesTheArguments) {
  config.entrypoint = Strings{"/init"};
  wishes.entrypoint = Strings{};
  wishes.arguments = {"ls"};
  EXPECT_THAT(args(), ElementsAre("ls"));
}
TEST_F(RuntimeConfig, NothingToRunIsRefused) {
  config.cmd.reset();
  EXPECT_EQ(refusal(), "usage: the image does not say what to run");
}
TEST_F(RuntimeConfig, EmptyProgramIsRefused) {
  config.cmd = Strings{""};
  EXPECT_THAT(refusal(), StartsWith("usage: "));
}

// --- environment, directory, user ---

TEST_F(RuntimeConfig, PathAndHomeAreGivenWhenTheImageHasNone) {
  EXPECT_THAT(env(),
              ElementsAre("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"));
}
TEST_F(RuntimeConfig, PathAndHomeOfTheImageStay) {
  config.env = {"HOME=/h", "A=1", "PATH=/p"};
  EXPECT_THAT(env(), ElementsAre("HOME=/h", "A=1", "PATH=/p"));
}
TEST_F(RuntimeConfig, HomeIsTheUsers) {
  config.user = "app";
  EXPECT_THAT(env(), testing::Contains("HOME=/srv/app"));
}
TEST_F(RuntimeConfig, WishedVariablesReplaceInPlace) {
  config.env = {"A=1", "PATH=/p", "HOME=/", "A=2"};
  wishes.env = {"A=", "B=x=y"};
  EXPECT_THAT(env(), ElementsAre("A=", "PATH=/p", "HOME=/", "B=x=y"));
}
TEST_F(RuntimeConfig, TerminalBringsTerm) {
  wishes.terminal = true;
  EXPECT_THAT(env(), testing::Contains("TERM=xterm"));
  EXPECT_TRUE(process()["terminal"].get<bool>());
}
TEST_F(RuntimeConfig, WithoutTerminalNothingIsSaidOfOne) { EXPECT_FALSE(process().contains("terminal")); }
TEST_F(RuntimeConfig, VariableWithoutValueIsRefused) {
  config.env = {"A"};
  EXPECT_EQ(refusal(), "invalid: the environment variable \"A\" is no NAME=value");
}
TEST_F(RuntimeConfig, WorkdirIsTheRootByDefault) { EXPECT_EQ(process()["cwd"], "/"); }
TEST_F(RuntimeConfig, WorkdirOfTheImageMayLackItsSlash) {
  config.working_dir = "srv";
  EXPECT_EQ(process()["cwd"], "/srv");
}
TEST_F(RuntimeConfig, WorkdirAsWished) {
  config.working_dir = "/a";
  wishes.workdir = "/b";
  EXPECT_EQ(process()["cwd"], "/b");
}
TEST_F(RuntimeConfig, RelativeWishForAWorkdirIsRefused) {
  wishes.workdir = "b";
  EXPECT_THAT(refusal(), StartsWith("usage: the working directory \"b\""));
}
TEST_F(RuntimeConfig, UserWithItsGroups) {
  config.user = "app";
  EXPECT_EQ(process()["user"].dump(), R"({"uid":1000,"gid":100,"umask":18,"additionalGids":[10]})");
}
TEST_F(RuntimeConfig, WishedUserReplacesTheImages) {
  config.user = "nosuch";
  wishes.user = "7:8";
  EXPECT_EQ(process()["user"].dump(), R"({"uid":7,"gid":8,"umask":18})");
}
TEST_F(RuntimeConfig, OnlyRootHasCapabilitiesAtOnce) {
  EXPECT_FALSE(process()["capabilities"]["effective"].empty());
  config.user = "app";
  EXPECT_FALSE(process()["capabilities"].contains("effective"));
  EXPECT_FALSE(process()["capabilities"]["bounding"].empty());
}
TEST_F(RuntimeConfig, NothingIsInheritable) {
  EXPECT_FALSE(process()["capabilities"].contains("inheritable"));
  EXPECT_FALSE(process()["capabilities"].contains("ambient"));
}
TEST_F(RuntimeConfig, WithOneIdRootHasNoOtherGroups) {
  wishes.one_id = true;
  EXPECT_EQ(process()["user"].dump(), R"({"uid":0,"gid":0,"umask":18})");
}
TEST_F(RuntimeConfig, WithOneIdThereIsNobodyElse) {
  wishes.one_id = true;
  for (const std::string user : {"app", "1000", "0:5"}) {
    wishes.user = user;
    EXPECT_THAT(refusal(), StartsWith("denied: user \"" + user + "\"")) << user;
  }
}

// --- mounts ---

TEST_F(RuntimeConfig, VolumesOfTheImageKeepWhatIsThere) {
  config.volumes = {{"/data", "{}"}};
  EXPECT_EQ(mount("/data")["type"], "tmpfs");
  EXPECT_THAT(mount("/data")["options"].get<Strings>(), testing::Contains("tmpcopyup"));
}
TEST_F(RuntimeConfig, WishedVolumeIsABindMount) {
  wishes.volumes = {{"/host/data", "/data", false}};
  EXPECT_EQ(mount("/data").dump(),
            R"({"destination":"/data","type":"bind","source":"/host/data","options":["rbind","rprivate"]})");
}
TEST_F(RuntimeConfig, ReadOnlyVolume) {
  wishes.volumes = {{"/host/data", "/data", true}};
  EXPECT_THAT(mount("/data")["options"].get<Strings>(), ElementsAre("rbind", "rprivate", "ro"));
}
TEST_F(RuntimeConfig, WishedVolumeTakesThePlaceOfTheImages) {
  config.volumes = {{"/data/", "{}"}};
  wishes.volumes = {{"/host", "//data/./", false}};
  EXPECT_EQ(mount("/data")["source"], "/host");
}
TEST_F(RuntimeConfig, VolumeInAVolumeIsMountedAfterIt) {
  wishes.volumes = {{"/x", "/a/b/c", false}, {"/y", "/a", false}, {"/z", "/a/b", false}};
  Strings order;
  const auto document = made();
  for (const auto& each : document["mounts"]) {
    if (each["type"] == "bind") order.push_back(each["destination"].get<std::string>());
  }
  EXPECT_THAT(order, ElementsAre("/a", "/a/b", "/a/b/c"));
}
TEST_F(RuntimeConfig, VolumesThatAreNoPlaceAreRefused) {
  for (const std::string path : {"", "/", "//.", "data", "../x", "/a/../..", "/a/..", "/\xff"}) {
    config.volumes = {{path, "{}"}};
    EXPECT_THAT(refusal(), StartsWith("invalid: ")) << path;
  }
}
TEST_F(RuntimeConfig, RootlessTakesTheHostsSys) {
  EXPECT_EQ(mount("/sys")["type"], "sysfs");
  wishes.rootless = true;
  EXPECT_EQ(mount("/sys")["source"], "/sys");
  EXPECT_TRUE(mount("/sys/fs/cgroup").is_null());
  EXPECT_FALSE(made()["linux"].contains("resources"));
}

// --- the rest ---

TEST_F(RuntimeConfig, NoNetworkIsANamespaceOfItsOwn) {
  EXPECT_THAT(namespaces(), ElementsAre("pid", "ipc", "uts", "mount", "network", "cgroup"));
}
TEST_F(RuntimeConfig, NetworkOfTheHostIsNone) {
  wishes.network = Network::host;
  EXPECT_THAT(namespaces(), ElementsAre("pid", "ipc", "uts", "mount", "cgroup"));
}
TEST_F(RuntimeConfig, NoLimitsAreSet) { EXPECT_FALSE(process().contains("rlimits")); }
TEST_F(RuntimeConfig, SetuidProgramsWork) { EXPECT_FALSE(process()["noNewPrivileges"].get<bool>()); }
TEST_F(RuntimeConfig, HostnameAsWished) {
  EXPECT_EQ(made()["hostname"], "stave");
  wishes.hostname = "box";
  EXPECT_EQ(made()["hostname"], "box");
}
TEST_F(RuntimeConfig, ReadOnlyAsWished) {
  EXPECT_FALSE(made()["root"]["readonly"].get<bool>());
  wishes.read_only = true;
  EXPECT_TRUE(made()["root"]["readonly"].get<bool>());
}
TEST_F(RuntimeConfig, AnnotationsSayWhatTheImageSays) {
  config.platform = spec::Platform::parse("linux/arm64");
  config.platform.os_features = {"a", "b"};
  config.author = "me";
  config.created = "2024-01-01T00:00:00Z";
  config.stop_signal = "SIGINT";
  config.exposed_ports = {{"80/tcp", "{}"}, {"53/udp", "{}"}};
  EXPECT_EQ(
      made()["annotations"].dump(),
      R"({"org.opencontainers.image.architecture":"arm64","org.opencontainers.image.author":"me",)"
      R"("org.opencontainers.image.created":"2024-01-01T00:00:00Z",)"
      R"("org.opencontainers.image.exposedPorts":"53/udp,80/tcp","org.opencontainers.image.os":"linux",)"
      R"("org.opencontainers.image.os.features":"a,b","org.opencontainers.image.stopSignal":"SIGINT",)"
      R"("org.opencontainers.image.variant":"v8"})");
}
TEST_F(RuntimeConfig, LabelsWinOverWhatIsImplied) {
  config.author = "me";
  config.labels = {{"org.opencontainers.image.author", "you"}, {"", "nameless"}, {"x", ""}};
  const auto annotations = made()["annotations"];
  EXPECT_EQ(annotations["org.opencontainers.image.author"], "you");
  EXPECT_EQ(annotations["x"], "");
  EXPECT_FALSE(annotations.contains(""));
}
TEST_F(RuntimeConfig, AnotherSystemIsRefused) {
  config.platform = spec::Platform::parse("windows/amd64");
  EXPECT_EQ(refusal(), "unsupported: an image for \"windows\" cannot be run here");
}

// A NUL would end the text early in the runtime: "/bin/sh\0x" is not what was signed.
TEST_F(RuntimeConfig, NulInWhatARuntimeReadsIsRefused) {
  const std::string nul("a\0b", 3);
  const auto refused = [&](const std::function<void(spec::Config&)>& spoil) {
    config = image();
    spoil(config);
    EXPECT_THAT(refusal(), StartsWith("invalid: "));
    EXPECT_THAT(refusal(), testing::Not(HasSubstr(std::string(1, '\0'))));
  };
  refused([&](spec::Config& c) { c.cmd = Strings{"/bin/sh", nul}; });
  refused([&](spec::Config& c) { c.env = {"A=" + nul}; });
  refused([&](spec::Config& c) { c.working_dir = "/" + nul; });
  refused([&](spec::Config& c) { c.volumes = {{"/" + nul, "{}"}}; });
  refused([&](spec::Config& c) { c.user = nul; });
}

// --- properties ---

RC_GTEST_FIXTURE_PROP(RuntimeConfig, SameWordsSameBytesWhateverTheOrderOfVolumes, ()) {
  auto names = *rc::gen::unique<Strings>(
      rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange('a', 'z'))));
  for (const auto& each : names) wishes.volumes.push_back({"/s/" + each, "/" + each, false});
  const auto once = runtime_config(config, root.dir(), wishes);
  std::reverse(wishes.volumes.begin(), wishes.volumes.end());
  RC_ASSERT(runtime_config(config, root.dir(), wishes) == once);
}

RC_GTEST_FIXTURE_PROP(RuntimeConfig, ArgumentsArriveAsTheyAre, ()) {
  // Any byte of ASCII but NUL: quotes, backslashes, controls, "<", "&".
  const auto words = *rc::gen::container<Strings>(rc::gen::container<std::string>(
      rc::gen::map(rc::gen::inRange(1, 128), [](int c) { return static_cast<char>(c); })));
  config.entrypoint = Strings{"/init"};
  config.cmd.reset();
  wishes.arguments = words;
  auto want = words;
  want.insert(want.begin(), "/init");
  RC_ASSERT(args() == want);
}

// Every variable once, with the value that came last.
RC_GTEST_FIXTURE_PROP(RuntimeConfig, LastValueOfAVariableCounts, ()) {
  std::map<std::string, std::string> last;
  for (Strings* list : {&config.env, &wishes.env}) {
    const auto pairs = *rc::gen::container<std::vector<std::pair<char, int>>>(
        rc::gen::pair(rc::gen::inRange('A', 'F'), rc::gen::inRange(0, 9)));
    for (const auto& [name, value] : pairs) {
      list->push_back(std::string(1, name) + "=" + std::to_string(value));
      last[std::string(1, name)] = std::to_string(value);
    }
  }
  std::map<std::string, std::string> got;
  for (const auto& each : env())
    RC_ASSERT(got.emplace(each.substr(0, each.find('=')), each.substr(each.find('=') + 1)).second);
  got.erase("PATH");
  got.erase("HOME");
  RC_ASSERT(got == last);
}

}  // namespace
}  // namespace stave::rootfs
