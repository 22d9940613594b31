// Documents and images that others made, against what they are known to be:
// the image-spec's own test documents with their verdicts, and layouts of real tools.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stave/json/json.h"
#include "unit/validate/shared.h"

namespace stave::validate {
namespace {

using testing::Codes;

const std::filesystem::path image_spec_tests = testing::shared_data() / "json/image-spec-tests";

std::optional<Sort> sort_named(std::string_view kind) {
  if (kind.find("onfig") != std::string_view::npos) return Sort::config;
  if (kind.find("ndex") != std::string_view::npos) return Sort::index;
  if (kind.find("anifest") != std::string_view::npos) return Sort::manifest;
  if (kind == "layout") return Sort::layout;
  return Sort::descriptor;
}

struct Verdict {
  std::string file;
  std::string kind;
  bool valid;
};

std::vector<Verdict> verdicts() {
  std::vector<Verdict> out;
  for (const auto& each :
       json::parse(testing::read(image_spec_tests / "index.json.list"), "index.json.list")) {
    if (each["valid"].is_boolean()) out.push_back({each["file"], each["kind"], each["valid"]});
  }
  return out;
}

// The spec's text says SHOULD of a manifest's layers what its schema, and so this verdict, takes for MUST.
const std::set<std::string> verdict_of_the_schema_alone = {"manifest-06-invalid.json"};

TEST(ImageSpecTests, EveryVerdictIsOurs) {
  STAVE_NEEDS("json/image-spec-tests");
  std::size_t judged = 0;
  for (const Verdict& verdict : verdicts()) {
    Report report;
    check_document(testing::read(image_spec_tests / verdict.file), verdict.file, sort_named(verdict.kind),
                   report);
    if (verdict_of_the_schema_alone.contains(verdict.file)) {
      EXPECT_EQ(testing::codes(report), Codes{"W306"});
    } else {
      EXPECT_EQ(report.errors() == 0, verdict.valid) << verdict.file << "\n" << testing::described(report);
    }
    ++judged;
  }
  EXPECT_EQ(judged, 67 + 4);
}

// Told by its members alone, a document is what it is known to be.
TEST(ImageSpecTests, ValidOnesNeedNoSort) {
  STAVE_NEEDS("json/image-spec-tests");
  for (const Verdict& verdict : verdicts()) {
    if (!verdict.valid) continue;
    Report report;
    check_document(testing::read(image_spec_tests / verdict.file), verdict.file, std::nullopt, report);
    EXPECT_EQ(report.errors(), 0) << verdict.file << "\n" << testing::described(report);
  }
}

TEST(PublishedDocuments, NoneMakesACheckFail) {
  const auto json = testing::shared_data() / "json";
  STAVE_NEEDS("json");
  std::size_t checked = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(json)) {
    if (!entry.is_regular_file()) continue;
    const std::string text = testing::read(entry.path());
    Report report;
    EXPECT_NO_THROW(check_document(text, entry.path().filename().string(), std::nullopt, report))
        << entry.path();
    for (const Sort sort : {Sort::index, Sort::manifest, Sort::config, Sort::descriptor, Sort::layout})
      EXPECT_NO_THROW(check_document(text, entry.path().filename().string(), sort, report)) << entry.path();
    ++checked;
  }
  EXPECT_GT(checked, 150U);
}

struct Image {
  const char* path;
  Codes codes;
  const char* why;
  std::size_t images;
};

// Warnings everywhere: index.json without mediaType or platforms is what most tools write.
const std::vector<Image> images = {
    {"busybox/latest/glibc/amd64", {}, "Docker Hub's layout of one platform", 1},
    {"busybox/latest/musl/amd64", {}, "the same", 1},
    {"busybox/latest/musl/arm64v8", {}, "the same", 1},
    {"busybox/latest/musl/riscv64", {}, "the same", 1},
    {"go-containerregistry/layouts/test_gc_image_unknown_mediatype",
     {"E106", "W109", "W206", "W213"},
     "an entry of a type that nobody knows, which is no error; it points to nothing, and there is no blobs/",
     0},
    {"go-containerregistry/layouts/test_gc_index",
     {"W026", "W206", "W208", "W213", "W607"},
     "valid: indexes within each other, a Docker list and manifest; names stand deeper than index.json",
     1},
    {"go-containerregistry/layouts/test_index",
     {"W026", "W206", "W208", "W213", "W607"},
     "valid: the same, and an entry of an unknown type",
     1},
    {"go-containerregistry/layouts/test_index_media_type",
     {"W206", "W304"},
     "valid: an artifact, no image",
     0},
    {"go-containerregistry/layouts/test_index_one_image", {"W206", "W208", "W304"}, "valid: one image", 1},
    {"stereoscope/invalid_file", {"E001", "E101", "E106"}, "an empty index.json and nothing else", 0},
    {"stereoscope/multiplatform_oci_dir", {}, "valid: two platforms", 2},
    {"stereoscope/no_manifests",
     {"E101", "E105", "E106"},
     "a Docker manifest in the place of index.json, and nothing else",
     0},
    {"stereoscope/valid_manifest",
     {"E012", "E101", "W026"},
     "said to be valid by its name, which is about index.json alone: no oci-layout, and its blob was emptied",
     0},
    {"stereoscope/valid_oci_dir", {"W206", "W208"}, "valid: one image", 1},
};

TEST(PublishedLayouts, AreWhatTheyAreKnownToBe) {
  const auto directory = testing::shared_data() / "images";
  STAVE_NEEDS("images");
  for (const Image& image : images) {
    const testing::Scratch scratch;
    const auto path = directory / image.path;
    if (std::filesystem::exists(path / "blobs/sha256")) {
      testing::copy_with_links(path, scratch.path("layout"));
    } else {
      std::filesystem::copy(path, scratch.path("layout"), std::filesystem::copy_options::recursive);
    }
    Report report;
    const Graph graph = check_layout(Context{}, scratch.path("layout"), false, report);
    EXPECT_EQ(testing::codes(report), image.codes) << image.path << ": " << image.why << "\n"
                                                   << testing::described(report);
    EXPECT_EQ(graph.images.size(), image.images) << image.path;
  }
}

}  // namespace
}  // namespace stave::validate
