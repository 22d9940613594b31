// The image config: read with what is there, printed as BuildKit prints it.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "stave/spec/spec.h"
#include "unit/json/failure.h"
#include "unit/spec/generators.h"

namespace stave::spec {
namespace {

using testing::Failure;
using testing::failure;
using testing::kind_of_failure;

const std::string a = "sha256:" + std::string(64, 'a');
const std::string b = "sha256:" + std::string(64, 'b');
const std::string base = R"("architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]})";

Config with(const std::string& more) { return Config::parse("{" + base + "," + more + "}"); }
std::optional<Failure> refused(const std::string& text) {
  return failure([&] { Config::parse(text); });
}

RC_GTEST_PROP(Config, ReadsBackAsRendered, ()) {
  const Config config = *testing::config();
  RC_ASSERT(Config::parse(config.render()) == config);
  RC_ASSERT(Config::parse(config.render()).render() == config.render());
}

TEST(Config, SortsTheTopAndKeepsGosOrderBelow) {
  const Config config = Config::parse(
      R"({"zzz":1,"variant":"v8","rootfs":{"diff_ids":[")" + a +
      R"("],"type":"layers"},"os.version":"1","os.features":["f"],)"
      R"("os":"linux","architecture":"arm64","author":"me","aaa":2,"created":"2024-01-01T00:00:00Z",)"
      R"("history":[{"x":1,"empty_layer":true,"comment":"c","author":"w","created_by":"b","created":"t"}],)"
      R"("config":{"Shell":["sh"],"Healthcheck":{"Test":["NONE"]},"ArgsEscaped":false,"StopSignal":"9","Labels":{"z":"1","a":"2"},)"
      R"("WorkingDir":"/","Volumes":{"/v":{}},"Cmd":[],"Entrypoint":["e"],"Env":["B=1","A=2"],"ExposedPorts":{"80/tcp":{}},"User":"u"}})");
  EXPECT_EQ(
      config.render(),
      R"({"aaa":2,"architecture":"arm64","author":"me","config":{"User":"u","ExposedPorts":{"80/tcp":{}},"Env":["B=1","A=2"],)"
      R"("Entrypoint":["e"],"Cmd":[],"Volumes":{"/v":{}},"WorkingDir":"/","Labels":{"a":"2","z":"1"},"StopSignal":"9",)"
      R"("ArgsEscaped":false,"Shell":["sh"],"Healthcheck":{"Test":["NONE"]}},"created":"2024-01-01T00:00:00Z",)"
      R"("history":[{"created":"t","created_by":"b","author":"w","comment":"c","empty_layer":true,"x":1}],"os":"linux",)"
      R"("os.features":["f"],"os.version":"1","rootfs":{"type":"layers","diff_ids":[")" +
          a + R"("]},"variant":"v8","zzz":1})");
}

TEST(Config, TheLeastHasFourMembers) {
  EXPECT_EQ(Config::parse("{" + base + "}").render(),
            R"({"architecture":"amd64","config":{},"os":"linux","rootfs":{"type":"layers","diff_ids":[]}})");
}

TEST(Config, NullIsAbsent) {
  EXPECT_EQ(with(R"("config":null,"history":null,"created":null,"author":null,"variant":null)"),
            with("\"config\":{}"));
  EXPECT_EQ(
      with(
          R"("config":{"User":null,"ExposedPorts":null,"Env":null,"Entrypoint":null,"Cmd":null,"Volumes":null,)"
          R"("WorkingDir":null,"Labels":null,"StopSignal":null,"ArgsEscaped":null})"),
      with("\"config\":{}"));
}

TEST(Config, EmptyEntrypointIsNotAnAbsentOne) {
  EXPECT_EQ(with(R"("config":{"Entrypoint":[]})").entrypoint, std::vector<std::string>{});
  EXPECT_EQ(with(R"("config":{})").entrypoint, std::nullopt);
}

TEST(Config, WhatDockerAddsIsKeptInOrder) {
  const Config config = with(
      R"("docker_version":"1.12","container_config":{"Cmd":null},"Id":"x","config":{"Image":"","Hostname":"h"})");
  EXPECT_EQ(config.extra,
            (Extra{{"docker_version", "\"1.12\""}, {"container_config", "{\"Cmd\":null}"}, {"Id", "\"x\""}}));
  EXPECT_EQ(config.run_extra, (Extra{{"Image", "\"\""}, {"Hostname", "\"h\""}}));
}

TEST(Config, ImageWithoutLayersMayHaveNoDiffIds) {
  EXPECT_TRUE(Config::parse(R"({"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":null}})")
                  .diff_ids.empty());
  EXPECT_TRUE(Config::parse(R"({"architecture":"","os":"","rootfs":{"type":"layers"}})").diff_ids.empty());
}

TEST(Config, RefusesWhatTheSpecDemandsAndIsNotThere) {
  EXPECT_EQ(refused(R"({"os":"linux","rootfs":{"type":"layers","diff_ids":[]}})"),
            (Failure{Kind::invalid, "image config: expected a member \"architecture\", found none"}));
  EXPECT_EQ(refused(R"({"architecture":"arm","rootfs":{"type":"layers","diff_ids":[]}})"),
            (Failure{Kind::invalid, "image config: expected a member \"os\", found none"}));
  EXPECT_EQ(refused(R"({"architecture":"arm","os":"linux"})"),
            (Failure{Kind::invalid, "image config: expected a member \"rootfs\", found none"}));
  EXPECT_EQ(refused(R"({"architecture":"arm","os":"linux","rootfs":{"type":"tree","diff_ids":[]}})"),
            (Failure{Kind::invalid, "image config: /rootfs/type: expected \"layers\", found \"tree\""}));
}

TEST(Config, ComplaintsSayWhereAndWhat) {
  EXPECT_EQ(refused("{" + base + R"(,"config":{"Env":["A=1",7]}})"),
            (Failure{Kind::invalid, "image config: /config/Env/1: expected a string, found a number"}));
  EXPECT_EQ(refused("{" + base + R"(,"config":{"Volumes":["/v"]}})"),
            (Failure{Kind::invalid,
                     "image config: /config/Volumes: expected an object of objects, found an array"}));
  EXPECT_EQ(refused("{" + base + R"(,"history":[{},{"empty_layer":"yes"}]})"),
            (Failure{Kind::invalid,
                     "image config: /history/1/empty_layer: expected true or false, found a string"}));
  EXPECT_EQ(refused("{" + base + R"(,"history":[null]})"),
            (Failure{Kind::invalid, "image config: /history/0: expected an object, found null"}));
}

TEST(Config, DiffIdThatIsAPathIsRefused) {
  const auto thrown =
      refused(R"({"architecture":"a","os":"b","rootfs":{"type":"layers","diff_ids":["sha256:../../x"]}})");
  ASSERT_TRUE(thrown);
  EXPECT_EQ(thrown->kind, Kind::invalid);
  EXPECT_TRUE(thrown->what.starts_with("image config: /rootfs/diff_ids/0: ")) << thrown->what;
}

TEST(Config, LabelThatIsNotUtf8IsNotChangedSilently) {
  Config config = Config::parse("{" + base + "}");
  config.labels["name"] = "caf\xe9";
  EXPECT_EQ(kind_of_failure([&] { config.render(); }), Kind::invalid);
}

TEST(Config, ExtraThatPosesAsAKnownMemberIsADefect) {
  Config config = Config::parse("{" + base + "}");
  config.extra = {{"rootfs", "{}"}};
  EXPECT_EQ(kind_of_failure([&] { config.render(); }), Kind::internal);
}

TEST(ChainIds, FirstIsTheDiffIdItself) {
  const Digest first = Digest::parse(a), second = Digest::parse(b);
  EXPECT_TRUE(chain_ids({}).empty());
  EXPECT_EQ(chain_ids({first}), std::vector{first});
  EXPECT_EQ(chain_ids({first, second}), (std::vector{first, digest_of(a + " " + b)}));
}

}  // namespace
}  // namespace stave::spec
