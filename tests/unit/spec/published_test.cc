// Documents that others made and published: the image-spec's tests and
// examples, manifests of the containers projects, configs of Docker Hub.

#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "stave/base/text.h"
#include "stave/spec/chain.h"
#include "stave/spec/document.h"
#include "stave/spec/spec.h"
#include "unit/json/failure.h"
#include "unit/spec/shared.h"

namespace stave::spec {
namespace {

using testing::failure;
using testing::kind_of_failure;
using testing::read_file;
using testing::shared_data;

// By the kind that the image-spec's list gives a document; false for kinds that are not ours to parse.
bool parse_as(std::string_view kind, const std::string& text) {
  if (kind.ends_with("ImageIndex")) kind = "index";
  if (kind.ends_with("Manifest")) kind = "manifest";
  if (kind.ends_with("Config")) kind = "config";
  if (kind == "index") {
    EXPECT_EQ(Index::parse(Index::parse(text).render()), Index::parse(text));
    EXPECT_EQ(classify(text, ""), DocumentKind::index);
  } else if (kind == "manifest") {
    EXPECT_EQ(Manifest::parse(Manifest::parse(text).render()), Manifest::parse(text));
    EXPECT_EQ(classify(text, ""), DocumentKind::manifest);
  } else if (kind == "config") {
    EXPECT_EQ(Config::parse(Config::parse(text).render()), Config::parse(text));
  } else if (kind == "descriptor") {
    const json::Value value = json::parse(text, "descriptor");
    parse_descriptor(json::Node(value, "descriptor"));
  } else {
    return false;
  }
  return true;
}

// File to "takes" or the name of the Kind it is refused with.
std::map<std::string, std::string> departures() {
  std::map<std::string, std::string> out;
  std::istringstream lines(
      read_file(std::filesystem::path(STAVE_TEST_DATA) / "spec/image-spec-departures.txt"));
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    const auto fields = split(line, '|');
    const auto trim = [](std::string s) {
      return s.substr(s.find_first_not_of(' '), s.find_last_not_of(' ') - s.find_first_not_of(' ') + 1);
    };
    out[trim(fields.at(0))] = trim(fields.at(1));
  }
  return out;
}

TEST(Published, ImageSpecsOwnTestsHaveTheirVerdictOrAReason) {
  STAVE_NEEDS_SHARED("json/image-spec-tests");
  const auto directory = shared_data() / "json/image-spec-tests";
  auto departs = departures();
  std::size_t judged = 0;
  for (const json::Value& entry : json::parse(read_file(directory / "index.json.list"), "list")) {
    if (entry["valid"].is_null()) continue;
    const auto file = entry["file"].get<std::string>();
    const auto kind = entry["kind"].get<std::string>();
    const std::string text = read_file(directory / file);
    bool ours = true;
    const auto thrown = failure([&] { ours = parse_as(kind, text); });
    if (!ours) continue;
    ++judged;
    std::string verdict = entry["valid"].get<bool>() ? "takes" : "invalid";
    if (const auto at = departs.find(file); at != departs.end()) {
      EXPECT_NE(at->second, verdict) << file << " does not depart";
      verdict = at->second;
      departs.erase(at);
    }
    EXPECT_EQ(thrown ? name(thrown->kind) : "takes", verdict)
        << file << ": " << entry.value("why", "") << "\nstave says: " << (thrown ? thrown->what : "");
  }
  EXPECT_TRUE(departs.empty()) << departs.begin()->first << " is not in the list";
  EXPECT_EQ(judged, 69u);  // 71 documents, two of them layouts, which `content` reads
}

TEST(Published, ExamplesOfTheImageSpecParse) {
  STAVE_NEEDS_SHARED("json/image-spec-doc-examples");
  const auto directory = shared_data() / "json/image-spec-doc-examples";
  const std::map<std::string, std::string> kinds = {
      {"config-13.json", "config"},         {"descriptor-01.json", "descriptor"},
      {"descriptor-02.json", "descriptor"}, {"descriptor-03.json", "descriptor"},
      {"image-index-04.json", "index"},     {"image-index-05.json", "index"},
      {"image-layout-07.json", "index"},    {"manifest-08.json", "manifest"},
      {"manifest-09.json", "descriptor"},   {"manifest-10.json", "manifest"},
      {"manifest-11.json", "manifest"},     {"manifest-12.json", "manifest"}};
  for (const auto& [file, kind] : kinds) {
    EXPECT_EQ(failure([&] { parse_as(kind, read_file(directory / file)); }), std::nullopt) << file;
  }
}

TEST(Published, ManifestsOfTheContainersProjects) {
  STAVE_NEEDS_SHARED("json/container-libs-manifest");
  const std::map<std::string, std::string> verdicts = {
      {"non-json.manifest.json", "invalid"},
      {"ociv1.artifact.json", "invalid"},  // "layers": null, no digest
      {"ociv1.encrypted.manifest.json", "manifest"},
      {"ociv1.everything.json", "manifest"},
      {"ociv1.image.index.json", "index"},
      {"ociv1.invalid.mediatype.manifest.json",
       "manifest"},  // an unknown type of layer is no reason not to copy it
      {"ociv1.manifest.json", "manifest"},
      {"ociv1.nondistributable.gzip.manifest.json", "manifest"},
      {"ociv1nomime.artifact.json", "invalid"},
      {"ociv1nomime.image.index.json", "index"},
      {"ociv1nomime.manifest.json", "manifest"},
      {"unknown-version.manifest.json", "invalid"},
      {"v2list.manifest.json", "index"},
      {"v2s1-invalid-signatures.manifest.json", "unsupported"},
      {"v2s1-unsigned.manifest.json", "unsupported"},
      {"v2s1.everything.json", "unsupported"},
      {"v2s1.manifest.json", "unsupported"},
      {"v2s2.everything.json", "manifest"},
      {"v2s2.manifest.json", "manifest"},
      {"v2s2.uncompressed.manifest.json", "manifest"},
      {"v2s2nomime.manifest.json", "manifest"}};
  for (const auto& [file, verdict] : verdicts) {
    const std::string text = read_file(shared_data() / "json/container-libs-manifest" / file);
    std::string found;
    const auto thrown = failure([&] {
      found = classify(text, "") == DocumentKind::index ? "index" : "manifest";
      parse_as(found, text);
    });
    EXPECT_EQ(thrown ? name(thrown->kind) : found, verdict) << file << (thrown ? ": " + thrown->what : "");
  }
}

TEST(Published, DocumentsOfOciSpecRs) {
  STAVE_NEEDS_SHARED("json/oci-spec-rs");
  const auto directory = shared_data() / "json/oci-spec-rs";
  EXPECT_EQ(failure([&] { parse_as("config", read_file(directory / "config.json")); }), std::nullopt);
  EXPECT_EQ(failure([&] { parse_as("index", read_file(directory / "index.json")); }), std::nullopt);
  EXPECT_EQ(failure([&] { parse_as("manifest", read_file(directory / "manifest.json")); }), std::nullopt);
  EXPECT_EQ(kind_of_failure([&] { classify(read_file(directory / "artifact_manifest.json"), ""); }),
            Kind::unsupported);
}

TEST(Published, AlpinesConfigIsRenderedWithDockerHubsBytes) {
  STAVE_NEEDS_SHARED("vectors/published-digests.json");
  const json::Value published =
      json::parse(read_file(shared_data() / "vectors/published-digests.json"), "published");
  std::size_t configs = 0;
  for (const auto& [platform, image] : published["alpine:3.20.3"]["platforms"].items()) {
    const auto bytes = image["config_json"].get<std::string>();
    const Config config = Config::parse(bytes);
    EXPECT_EQ(config.render(), bytes);
    EXPECT_EQ(digest_of(config.render()).str(), image["config"].get<std::string>());
    EXPECT_EQ(config.platform.str(), platform);
    ++configs;
  }
  EXPECT_EQ(configs, 2u);
}

TEST(Published, ConfigsThatBuildKitMadeKeepTheirBytes) {
  STAVE_NEEDS_SHARED("images/stereoscope/multiplatform_oci_dir");
  const auto blobs = shared_data() / "images/stereoscope/multiplatform_oci_dir/blobs/sha256";
  for (const auto* name : {"549248a7ac95478805d9248e4ffdc778fc2404257d8c071848746e0100e08099",
                           "3cd6022503cef24ee80dc156bf171c8d1d588c2ea1904bcd8ef2728c36341594"}) {
    EXPECT_EQ(digest_of(Config::parse(read_file(blobs / name)).render()).hex(), name);
  }
}

TEST(Published, ChainIdsOfTheImageSpec) {
  STAVE_NEEDS_SHARED("vectors/chainid.json");
  const json::Value vectors = json::parse(read_file(shared_data() / "vectors/chainid.json"), "vectors");
  for (const json::Value& vector : vectors["cases"]) {
    std::string chain = vector["diffids"][0].get<std::string>();
    for (std::size_t i = 1; i < vector["diffids"].size(); ++i) {
      chain = chain_id(chain, vector["diffids"][i].get<std::string>());
      EXPECT_EQ(chain, vector["chain"][i].get<std::string>());
    }
  }
}

}  // namespace
}  // namespace stave::spec
