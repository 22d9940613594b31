// Layouts that others made, that are none, or that are attacks; and layouts that may
// only be read.

#include <gtest/gtest.h>

#include "unit/content/layout.h"

namespace stave::content {
namespace {

using testing::as_nobody;
using testing::cannot;
using testing::failure;
using testing::message;
using testing::picture;
using testing::Scratch;
namespace files = std::filesystem;
namespace media = spec::media;

// A directory with these three, whatever they hold.
std::string layout_of(const Scratch& scratch, std::string_view oci_layout, std::string_view index) {
  testing::write(scratch.path("l/oci-layout"), oci_layout);
  testing::write(scratch.path("l/index.json"), index);
  files::create_directories(scratch.path("l/blobs/sha256"));
  return scratch.path("l");
}

constexpr std::string_view good_layout = R"({"imageLayoutVersion":"1.0.0"})";
constexpr std::string_view good_index = R"({"schemaVersion":2,"manifests":[]})";

TEST(NoLayout, NothingThere) {
  const Scratch scratch;
  EXPECT_EQ(failure([&] { Store::open(scratch.path("absent")); }), "not_found");
  EXPECT_FALSE(Store::is_layout(scratch.path("absent")));
}

TEST(NoLayout, AFile) {
  const Scratch scratch;
  testing::write(scratch.path("file"), "");
  EXPECT_EQ(failure([&] { Store::open(scratch.path("file")); }), "not_found");
  EXPECT_FALSE(Store::is_layout(scratch.path("file")));
}

TEST(NoLayout, WithoutOciLayout) {
  const Scratch scratch;
  const auto said = message([&] { Store::open(scratch.path()); });
  EXPECT_EQ(said,
            "invalid: \"" + scratch.path() +
                "\" is not an OCI image layout: it has no file \"oci-layout\" | name the directory that "
                "holds oci-layout, index.json and blobs/");
}

TEST(NoLayout, OciLayoutThatIsNotOne) {
  struct Case {
    std::string text, kind;
  };
  for (const auto& [text, kind] :
       std::vector<Case>{{"", "invalid"},
                         {"{}", "invalid"},
                         {"[]", "invalid"},
                         {"null", "invalid"},
                         {R"({"imageLayoutVersion":1})", "invalid"},
                         {R"({"imageLayoutVersion":null})", "invalid"},
                         {R"({"imageLayoutVersion":""})", "unsupported"},
                         {R"({"imageLayoutVersion":"2.0.0"})", "unsupported"},
                         {R"({"imageLayoutVersion":"10.0.0"})", "unsupported"},
                         {R"({"imageLayoutVersion":"1.0.0","imageLayoutVersion":"1.0.0"})", "invalid"},
                         {std::string(1 << 20, ' '), "limit"}}) {
    const Scratch scratch;
    const auto path = layout_of(scratch, text, good_index);
    const auto said = message([&] { Store::open(path); });
    EXPECT_TRUE(said.starts_with(kind + ": \"" + path + "/oci-layout\": ")) << said;
    // Nor is it made into one.
    EXPECT_EQ(failure([&] { Store::create(path, 0755); }), kind) << text;
  }
}

TEST(NoLayout, OciLayoutIsADirectory) {
  const Scratch scratch;
  files::create_directories(scratch.path("oci-layout"));
  const auto said = message([&] { Store::open(scratch.path()); });
  EXPECT_TRUE(said.starts_with("invalid: \"" + scratch.path("oci-layout") + "\"")) << said;
  EXPECT_FALSE(Store::is_layout(scratch.path()));
}

TEST(NoLayout, IndexJsonMissing) {
  const Scratch scratch;
  const auto path = layout_of(scratch, good_layout, good_index);
  files::remove(path + "/index.json");
  const auto said = message([&] { Store::open(path).index(); });
  EXPECT_TRUE(
      said.starts_with("invalid: \"" + path + "\" is not an OCI image layout: it has no file \"index.json\""))
      << said;
}

TEST(NoLayout, IndexJsonThatIsNotOne) {
  std::string deep = R"({"schemaVersion":2,"manifests":[],"x":)";
  deep += std::string(100000, '[') + std::string(100000, ']') + "}";
  struct Case {
    std::string text, kind;
  };
  for (
      const auto& [text, kind] : std::vector<Case>{
          {"", "invalid"},
          {"{}", "invalid"},
          {R"({"schemaVersion":2})", "invalid"},
          {R"({"schemaVersion":2,"manifests":null})", "invalid"},  // interop 3
          {R"({"schemaVersion":2,"manifests":{}})", "invalid"},
          {R"({"schemaVersion":3,"manifests":[]})", "invalid"},
          {R"({"schemaVersion":2,"manifests":[],"manifests":[]})", "invalid"},
          {R"({"schemaVersion":2,"manifests":[],"Manifests":[]})", "invalid"},
          {R"({"schemaVersion":2,"manifests":[],"layers":[]})", "invalid"},  // CVE-2021-41190
          {R"({"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"sha256:00","size":1}]})",
           "invalid"},
          {R"({"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"sha256:)" + std::string(64, '0') +
               R"(","size":-1}]})",
           "invalid"},
          {R"({"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"sha256:../../etc/passwd","size":1}]})",
           "invalid"},
          {deep, "limit"}}) {
    const Scratch scratch;
    const Store store = Store::open(layout_of(scratch, good_layout, text));
    const auto said = message([&] { store.index(); });
    EXPECT_TRUE(said.starts_with(kind + ": \"" + store.path() + "/index.json\": ")) << said;
    EXPECT_EQ(failure([&] { store.find_reference("x"); }), kind);
  }
}

TEST(NoLayout, AHugeIndexJsonIsNotRead) {
  const Scratch scratch;
  const Store store = Store::open(layout_of(scratch, good_layout, good_index));
  files::resize_file(store.path() + "/index.json", 1ull << 40);  // a hole
  EXPECT_EQ(failure([&] { store.index(); }), "limit");
}

TEST(NoLayout, TerminalCodesInItsNameAreQuoted) {
  const Scratch scratch;
  const std::string path = scratch.path("\x1b[31m");
  testing::write(path + "/oci-layout", "{");
  EXPECT_EQ(message([&] { Store::open(path); }).find('\x1b'), std::string::npos);
}

TEST(Create, TakesNoDirectoryThatHoldsSomethingElse) {
  for (const std::string name : {"file", "oci-layou", "blobs/sha256/x", "blobs/x", ".hidden"}) {
    const Scratch scratch;
    testing::write(scratch.path("d/" + name), "x");
    EXPECT_EQ(failure([&] { Store::create(scratch.path("d"), 0755); }), "exists") << name;
    EXPECT_FALSE(files::exists(scratch.path("d/oci-layout")));
  }
}

// A web site has an index.json as well.
TEST(Create, TakesNoForeignIndexJson) {
  const Scratch scratch;
  testing::write(scratch.path("d/index.json"), "[]");
  EXPECT_EQ(failure([&] { Store::create(scratch.path("d"), 0755); }), "exists");
  EXPECT_EQ(testing::read(scratch.path("d/index.json")), "[]");
}

TEST(Create, FinishesWhatAKilledCreatorBegan) {
  const Scratch scratch;
  {
    Store::create(scratch.path("d"), 0755);
  }
  files::remove(scratch.path("d/oci-layout"));
  testing::write(scratch.path("d/.stave-tmp-1-0"), "half");
  EXPECT_TRUE(Store::create(scratch.path("d"), 0755).index().manifests.empty());
}

TEST(Create, MakesWhatTheSpecWants) {  // image-layout.md
  const Scratch scratch;
  const Store store = Store::create(scratch.path("a/b/c"), 0755);
  EXPECT_EQ(testing::read(store.path() + "/oci-layout"), R"({"imageLayoutVersion":"1.0.0"})");
  EXPECT_EQ(testing::read(store.path() + "/index.json"),
            R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]})");
  EXPECT_TRUE(files::is_directory(store.path() + "/blobs/sha256"));
  EXPECT_TRUE(Store::is_layout(store.path()));
}

TEST(Foreign, WithoutBlobsDirectoryCanBeReadAndWritten) {
  const Scratch scratch;
  const auto path = layout_of(scratch, good_layout, good_index);
  files::remove_all(path + "/blobs");
  const Store store = Store::open(path);
  EXPECT_EQ(store.find(digest_of("x")), nullptr);
  store.tag("a", picture(store, "a").manifest);
  EXPECT_EQ(reachable(store, *store.find_reference("a")).size(), 3u);
}

TEST(Foreign, BlobsMayBeSymlinksWithinTheLayout) {
  const Scratch scratch;
  const Store store = Store::open(layout_of(scratch, good_layout, good_index));
  testing::write(store.path() + "/rootfs.tar", "content");
  const std::string blobs = store.path() + "/blobs/sha256/";
  const auto digest = digest_of("content");
  files::create_symlink("../../rootfs.tar", blobs + digest.hex());
  const spec::Descriptor descriptor{.media_type = "a/b", .digest = digest, .size = 7};
  EXPECT_EQ(store.find_size(digest), 7u);
  EXPECT_EQ(read_document(store, descriptor), "content");
}

TEST(Foreign, AWrittenBlobTakesTheLinksPlaceAndLeavesItsTarget) {
  const Scratch scratch;
  const Store store = Store::open(layout_of(scratch, good_layout, good_index));
  testing::write(store.path() + "/rootfs.tar", "content");
  const auto link = store.path() + "/blobs/sha256/" + digest_of("content").hex();
  files::create_symlink("../../rootfs.tar", link);
  store.put("content");
  EXPECT_EQ(testing::read(link), "content");
  EXPECT_EQ(testing::read(store.path() + "/rootfs.tar"), "content");
}

// Named attacks: a blob that is a link out of the layout.

// What `store` gives for a blob that is a symlink to `target`: "absent", or the kind of failure, or the text.
std::string through(const Store& store, const std::string& target) {
  const auto digest = digest_of("secret\n");
  const auto link = store.path() + "/blobs/sha256/" + digest.hex();
  files::remove(link);
  files::create_symlink(target, link);
  try {
    const auto source = store.find(digest);
    if (!source) return "absent";
    return read_all(*source, 1 << 20, "blob");
  } catch (const Error& e) {
    return std::string(name(e.kind()));
  }
}

TEST(LayoutAttack, AbsoluteLinkLeavesTheLayout) {
  const Scratch scratch;
  const Store store = Store::open(layout_of(scratch, good_layout, good_index));
  testing::write(scratch.path("secret"), "secret\n");
  EXPECT_EQ(through(store, "/etc/passwd"), "absent");
  EXPECT_EQ(through(store, scratch.path("secret")), "absent");
}

TEST(LayoutAttack, DotDotLinkLeavesTheLayout) {
  const Scratch scratch;
  const Store store = Store::open(layout_of(scratch, good_layout, good_index));
  testing::write(scratch.path("secret"), "secret\n");
  EXPECT_EQ(through(store, "../../../secret"), "absent");
  EXPECT_EQ(through(store, "../../../../../../../../../../etc/passwd"), "absent");
}

TEST(LayoutAttack, DirectoryLinkLeavesTheLayout) {
  const Scratch scratch;
  const Store store = Store::open(layout_of(scratch, good_layout, good_index));
  testing::write(scratch.path("out/sha256/" + digest_of("secret\n").hex()), "secret\n");
  files::remove_all(store.path() + "/blobs");
  files::create_symlink("../out", store.path() + "/blobs");
  EXPECT_EQ(store.find(digest_of("secret\n")), nullptr);
  files::remove(store.path() + "/blobs");
  files::create_symlink(scratch.path("out"), store.path() + "/blobs");
  EXPECT_EQ(store.find(digest_of("secret\n")), nullptr);
  // Nor does a write go there.
  EXPECT_NE(failure([&] { store.put("x"); }), "nothing");
  EXPECT_FALSE(files::exists(scratch.path("out/sha256/" + digest_of("x").hex())));
}

TEST(LayoutAttack, LinkThroughProc) {
  const Scratch scratch;
  const Store store = Store::open(layout_of(scratch, good_layout, good_index));
  EXPECT_EQ(through(store, "/proc/self/root/etc/passwd"), "absent");
}

TEST(LayoutAttack, LinkLoop) {
  const Scratch scratch;
  const Store store = Store::open(layout_of(scratch, good_layout, good_index));
  EXPECT_EQ(through(store, digest_of("secret\n").hex()), "invalid");
}

TEST(LayoutAttack, FifoDoesNotHang) {
  const Scratch scratch;
  const Store store = Store::open(layout_of(scratch, good_layout, good_index));
  const auto digest = digest_of("x");
  ASSERT_EQ(::mkfifo((store.path() + "/blobs/sha256/" + digest.hex()).c_str(), 0644), 0);
  EXPECT_EQ(failure([&] { store.find(digest); }), "invalid");
  files::remove(store.path() + "/index.json");
  ASSERT_EQ(::mkfifo((store.path() + "/index.json").c_str(), 0644), 0);
  EXPECT_EQ(failure([&] { store.index(); }), "invalid");
}

TEST(LayoutAttack, IndexJsonIsALinkOut) {
  const Scratch scratch;
  const Store store = Store::open(layout_of(scratch, good_layout, good_index));
  testing::write(scratch.path("outside.json"), good_index);
  files::remove(store.path() + "/index.json");
  files::create_symlink("../outside.json", store.path() + "/index.json");
  EXPECT_EQ(failure([&] { store.index(); }), "invalid");
  EXPECT_EQ(failure([&] { store.edit_index([](spec::Index&) {}); }), "invalid");
  EXPECT_EQ(testing::read(scratch.path("outside.json")), good_index);
}

// Reading needs no more than the right to read.

TEST(ReadOnly, AnotherUserCanRead) {
  const Scratch scratch;
  spec::Descriptor manifest = [&] {
    const Store store = Store::create(scratch.path("s"), 0755);
    const auto put = picture(store, "a").manifest;
    store.tag("a", put);
    return put;
  }();
  const int code = as_nobody([&] {
    const Store store = Store::open(scratch.path("s"));
    const auto found = store.find_reference("a");
    if (!found || reachable(store, *found).size() != 3) return 1;
    if (failure([&] { store.put("x"); }) != "denied") return ::geteuid() == 65534 ? 2 : 0;
    return failure([&] { store.tag("b", manifest); }) == "denied" ? 0 : 3;
  });
  if (code == cannot) GTEST_SKIP() << "becoming nobody is not allowed";
  EXPECT_EQ(code, 0);
}

TEST(ReadOnly, ADirectoryWithoutWritePermission) {
  const Scratch scratch;
  {
    const Store store = Store::create(scratch.path("s"), 0755);
    store.tag("a", picture(store, "a").manifest);
  }
  for (const char* each : {"s/blobs/sha256", "s/blobs", "s"})
    files::permissions(scratch.path(each), files::perms(0555));
  const int code = as_nobody([&] {
    const Store store = Store::open(scratch.path("s"));
    return reachable(store, *store.find_reference("a")).size() == 3 ? 0 : 1;
  });
  for (const char* each : {"s", "s/blobs", "s/blobs/sha256"})
    files::permissions(scratch.path(each), files::perms(0755));
  if (code == cannot) GTEST_SKIP() << "becoming nobody is not allowed";
  EXPECT_EQ(code, 0);
}

TEST(ReadOnly, APrivateStoreIsDenied) {
  const Scratch scratch;
  {
    Store::create(scratch.path("s"), 0700);
  }
  const int code = as_nobody([&] {
    if (::geteuid() != 65534) return cannot;
    return failure([&] { Store::open(scratch.path("s")); }) == "denied" ? 0 : 1;
  });
  if (code == cannot) GTEST_SKIP() << "needs root to become somebody else";
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace stave::content
