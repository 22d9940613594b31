// One good and one bad case of each rule of documents. Those that a document
// alone can break are files in tests/data/validate (made by `make` there); those that need blobs are
// built here.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "stave/base/limits.h"
#include "stave/validate/rules.h"
#include "unit/validate/shared.h"

namespace stave::validate {
namespace {

namespace media = spec::media;
using testing::Codes;
using testing::Scratch;

// The rules of layers and profiles have their cases elsewhere.
std::vector<Rule> rules_here() {
  std::vector<Rule> out;
  for (const Rule& rule : document_rules()) out.push_back(rule);
  return out;
}

// A layout of one image in a directory, to be damaged. Digests are right unless a test makes them wrong.
class Layout {
 public:
  Layout() {
    config.platform = spec::Platform::parse("linux/amd64");
    config.diff_ids = {digest_of("plain")};
  }

  std::string path() const { return directory_.path("layout"); }
  std::string file(std::string_view name) const { return path() + "/" + std::string(name); }
  static std::string blob(const Digest& digest) {
    return "blobs/" + std::string(name(digest.algorithm())) + "/" + digest.hex();
  }

  spec::Descriptor put(std::string_view text, std::string_view media_type) const {
    const spec::Descriptor out = {
        .media_type = std::string(media_type), .digest = digest_of(text), .size = text.size()};
    testing::write(file(blob(out.digest)), text);
    return out;
  }
  // Writes all of it; `change` may change the descriptor of the manifest in index.json before.
  void make(const std::function<void(spec::Descriptor&)>& change = [](spec::Descriptor&) {}) {
    put_config = put(config.render(), media::oci_config);
    layer = put("layer", media::oci_layer_gzip);
    manifest = put(spec::Manifest{.config = put_config, .layers = {layer}}.render(), media::oci_manifest);
    spec::Descriptor entry = manifest;
    entry.platform = spec::Platform::parse("linux/amd64");
    change(entry);
    testing::write(file("oci-layout"), R"({"imageLayoutVersion":"1.0.0"})");
    testing::write(file("index.json"), spec::Index{.manifests = {entry}}.render());
  }
  Codes codes(bool fast = false) const {
    Report report;
    check_layout(Context{}, path(), fast, report);
    return testing::codes(report);
  }

  spec::Config config;
  spec::Descriptor put_config{.media_type = {}, .digest = digest_of(""), .size = 0};
  spec::Descriptor layer = put_config, manifest = put_config;

 private:
  Scratch directory_;
};

Codes of_layout(const std::function<void(Layout&)>& damage) {
  Layout layout;
  layout.make();
  damage(layout);
  return layout.codes();
}
Codes of_entry(const std::function<void(spec::Descriptor&)>& change) {
  Layout layout;
  layout.make(change);
  return layout.codes();
}
Codes of_whole_layout() {
  return of_layout([](Layout&) {});
}

// Indexes within each other, the innermost empty.
Codes of_nested_indexes(int count) {
  testing::Memory blobs;
  spec::Descriptor root = testing::index_of(blobs, {});
  for (int i = 1; i < count; ++i) root = testing::index_of(blobs, {root});
  Report report;
  check_graph(Context{}, blobs, root, {.file = "root"}, report);
  return testing::codes(report);
}

Codes of_layout_text(std::size_t bytes) {
  std::string text = R"({"imageLayoutVersion":"1.0.0"})";
  text.resize(bytes, ' ');
  return testing::codes_of(text, Sort::layout);
}

struct Case {
  Codes good;
  Codes bad;
};

// Rules that no single document can break.
const std::map<std::string, std::function<Case()>> built = {
    {"W005", [] { return Case{of_layout_text(4 * 1024 * 1024), of_layout_text(4 * 1024 * 1024 + 1)}; }},
    {"E006",
     [] { return Case{of_nested_indexes(limits::index_depth), of_nested_indexes(limits::index_depth + 1)}; }},
    {"E012",
     [] {
       // One line end more: the size is wrong as well, and is not told on its own.
       return Case{of_whole_layout(), of_layout([](Layout& layout) {
                     std::ofstream(layout.file(Layout::blob(layout.manifest.digest)), std::ios::app) << '\n';
                   })};
     }},
    {"E019", [] { return Case{of_whole_layout(), of_entry([](spec::Descriptor& entry) { ++entry.size; })}; }},
    {"E101",
     [] {
       return Case{of_whole_layout(),
                   of_layout([](Layout& layout) { testing::files::remove(layout.file("oci-layout")); })};
     }},
    {"E104",
     [] {
       return Case{of_whole_layout(),
                   of_layout([](Layout& layout) { testing::files::remove(layout.file("index.json")); })};
     }},
    {"E105",
     [] {
       return Case{of_whole_layout(), of_layout([](Layout& layout) {
                     testing::files::copy_file(layout.file(Layout::blob(layout.manifest.digest)),
                                               layout.file("index.json"),
                                               testing::files::copy_options::overwrite_existing);
                   })};
     }},
    {"E106",
     [] {
       const auto empty = [](const Layout& layout) {
         testing::files::remove_all(layout.file("blobs"));
         testing::write(layout.file("index.json"), spec::Index{}.render());
       };
       return Case{of_layout([&](Layout& layout) {
                     empty(layout);
                     testing::files::create_directory(layout.file("blobs"));
                   }),
                   of_layout(empty)};
     }},
    {"E107",
     [] {
       return Case{
           of_layout([](Layout& layout) { testing::write(layout.file("blobs/md5/any"), "x"); }),
           of_layout([](Layout& layout) { testing::write(layout.file("blobs/sha256/notes.txt"), "x"); })};
     }},
    {"E108",
     [] {
       return Case{of_whole_layout(), of_layout([](Layout& layout) {
                     testing::files::create_directory(layout.file(Layout::blob(digest_of("directory"))));
                   })};
     }},
    {"W109",
     [] {
       return Case{of_layout([](Layout& layout) { static_cast<void>(layout.put("more", "text/plain")); }),
                   of_layout([](Layout& layout) {
                     testing::files::remove(layout.file(Layout::blob(layout.layer.digest)));
                   })};
     }},
    {"W208",
     [] {
       return Case{of_whole_layout(), of_entry([](spec::Descriptor& entry) { entry.platform.reset(); })};
     }},
    {"W209",
     [] {
       return Case{
           of_entry([](spec::Descriptor& entry) { entry.platform->variant = "v1"; }),
           of_entry([](spec::Descriptor& entry) { entry.platform = spec::Platform::parse("linux/arm64"); })};
     }},
    {"E404",
     [] {
       Layout layout;
       layout.config.diff_ids.clear();
       layout.make();
       return Case{of_whole_layout(), layout.codes()};
     }},
};

std::optional<Sort> sort_of(std::string_view word) {
  if (word == "descriptor") return Sort::descriptor;
  if (word == "layout") return Sort::layout;
  if (word == "index" || word == "reference") return Sort::index;
  if (word == "manifest") return Sort::manifest;
  if (word == "config") return Sort::config;
  return std::nullopt;
}

// The codes of CODE/NAME.SORT.json; nullopt without such a file.
std::optional<Codes> codes_of_file(const std::string& code, const std::string& name) {
  const testing::files::path directory = testing::files::path(STAVE_TEST_DATA) / "validate" / code;
  if (!testing::files::is_directory(directory)) return std::nullopt;
  for (const auto& entry : testing::files::directory_iterator(directory)) {
    const std::vector<std::string> parts = split(entry.path().filename().string(), '.');
    if (parts.size() != 3 || parts[0] != name) continue;
    const std::string file = parts[1] == "reference" ? "index.json" : entry.path().filename().string();
    return testing::codes_of(testing::read(entry.path()), sort_of(parts[1]), file);
  }
  return std::nullopt;
}

TEST(Cases, EachRuleOfDocumentsHasAGoodAndABadOne) {
  for (const Rule& rule : rules_here()) {
    const std::string code(rule.code);
    if (const auto found = built.find(code); found != built.end()) {
      const Case both = found->second();
      EXPECT_FALSE(both.good.contains(code)) << code;
      EXPECT_EQ(both.bad, Codes{code}) << code;
      continue;
    }
    const auto good = codes_of_file(code, "good"), bad = codes_of_file(code, "bad");
    ASSERT_TRUE(good && bad) << code << " lacks a case";
    EXPECT_FALSE(good->contains(code)) << code;
    EXPECT_EQ(*bad, Codes{code}) << code;
  }
}

TEST(Cases, NoneIsOfARuleThatIsNot) {
  for (const auto& [code, unused] : built) EXPECT_NE(find_rule(code), nullptr) << code;
  for (const auto& entry :
       testing::files::directory_iterator(testing::files::path(STAVE_TEST_DATA) / "validate")) {
    const std::string code = entry.path().filename().string();
    if (entry.is_directory() && code[1] != '5' && code[1] != '7') {
      EXPECT_NE(find_rule(code), nullptr) << code;
    }
  }
}

}  // namespace
}  // namespace stave::validate
