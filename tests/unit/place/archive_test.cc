// Archives: what is written is read back, the bytes depend on nothing else, and
// names are those that clients know (docs/archives.md).

#include "stave/place/archive.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "stave/image/image.h"
#include "stave/place/place.h"
#include "unit/content/layout.h"

namespace stave::place {
namespace {

using testing::failure;
using testing::index_of;
using testing::Memory;
using testing::message;
using testing::picture;
using testing::Scratch;

std::string archive_of(const content::BlobSource& blobs, const spec::Descriptor& root,
                       const ArchiveWords& words = {}) {
  StringSink out;
  write_archive({}, blobs, root, words, out);
  return out.take();
}

fs::Fd opened(const std::string& path) { return fs::Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)); }

std::unique_ptr<Archive> read_back(const Scratch& scratch, const std::string& bytes) {
  testing::write(scratch.path("a.tar"), bytes);
  return Archive::open({}, opened(scratch.path("a.tar")), "\"a.tar\"", scratch.path());
}

// An image, or an index over up to four, some of them nested.
spec::Descriptor random_root(Memory& blobs) {
  const std::vector<std::string> platforms = {"linux/amd64", "linux/arm64", "linux/riscv64", "linux/s390x"};
  std::vector<spec::Descriptor> children;
  const int count = *rc::gen::inRange(0, 5);
  for (int i = 0; i < count; ++i) {
    const auto platform = *rc::gen::elementOf(platforms);
    const auto made = picture(blobs, *rc::gen::arbitrary<std::string>(), platform);
    auto child = made.manifest;
    if (*rc::gen::arbitrary<bool>()) child.platform = spec::Platform::parse(platform);
    if (*rc::gen::inRange(0, 4) == 0) child = index_of(blobs, {child});
    children.push_back(child);
  }
  if (count == 1 && *rc::gen::arbitrary<bool>()) return children.front();
  return index_of(blobs, children);
}

RC_GTEST_PROP(Archive, WhatIsWrittenIsReadBack, ()) {
  const Scratch scratch;
  Memory blobs;
  const auto root = random_root(blobs);
  const auto archive = read_back(scratch, archive_of(blobs, root, {.name = "a:1"}));
  RC_ASSERT(archive->offers().size() == 1u);
  RC_ASSERT(archive->offers().front().descriptor.digest == root.digest);
  RC_ASSERT(archive->offers().front().names == std::vector<std::string>{"a:1"});
  for (const auto& node : content::reachable(blobs, root)) {
    RC_ASSERT(archive->find_size(node.descriptor.digest) == node.descriptor.size);
    const auto there = read_all(*content::open_verified(*archive, node.descriptor), 1 << 20, "a blob");
    RC_ASSERT(there == read_all(*blobs.find(node.descriptor.digest), 1 << 20, "a blob"));
  }
}

RC_GTEST_PROP(Archive, TheBytesDependOnTheImageAlone, ()) {
  const Scratch scratch;
  Memory blobs;
  const auto root = random_root(blobs);
  const std::string first = archive_of(blobs, root, {.name = "a:1"});
  RC_ASSERT(archive_of(blobs, root, {.name = "a:1"}) == first);
  // Also from another place that holds it.
  RC_ASSERT(archive_of(*read_back(scratch, first), root, {.name = "a:1"}) == first);
}

RC_GTEST_PROP(Archive, AnyDamageIsAnErrorOrAnImageThatStillVerifies, ()) {
  const Scratch scratch;
  Memory blobs;
  const auto root = picture(blobs, "x").manifest;
  std::string bytes = archive_of(blobs, root, {.name = "a:1"});
  const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
  bytes[at] = static_cast<char>(bytes[at] ^ *rc::gen::inRange(1, 256));
  const auto kind = failure([&] {
    const auto archive = read_back(scratch, bytes);
    for (const auto& offer : archive->offers()) {
      for (const auto& node : content::reachable(*archive, offer.descriptor)) {
        CountingSink sink;
        copy(*content::open_verified(*archive, node.descriptor), sink);
      }
    }
  });
  RC_ASSERT(kind != "internal" && kind != "io");
}

TEST(Archive, TruncatedAnywhereIsInvalid) {
  const Scratch scratch;
  Memory blobs;
  const std::string bytes = archive_of(blobs, picture(blobs, "x").manifest);
  for (std::size_t size = 0; size + 1024 < bytes.size(); size += 500) {
    EXPECT_EQ(failure([&] { read_back(scratch, bytes.substr(0, size)); }), "invalid") << size;
  }
}

TEST(Archive, IndexWithAPlatformThatIsNotHereIsWrittenWithoutIt) {
  Memory blobs;
  const auto here = picture(blobs, "here");
  auto child = picture(blobs, "gone", "linux/arm64").manifest;
  child.platform = spec::Platform::parse("linux/arm64");
  blobs.remove(child.digest);
  EXPECT_EQ(failure([&] { archive_of(blobs, index_of(blobs, {here.manifest, child})); }), "not_found");
}

TEST(Archive, DamagedBlobIsFoundWhileWriting) {
  Memory blobs;
  const auto made = picture(blobs, "x");
  blobs.damage(made.layer.digest, "yayer x");
  EXPECT_EQ(failure([&] { archive_of(blobs, made.manifest); }), "mismatch");
}

// --- names ---

struct Naming {
  std::string_view name;
  bool for_docker;
  std::string_view ref_name, containerd;
};

class Names : public ::testing::TestWithParam<Naming> {};

TEST_P(Names, AreThoseThatClientsKnow) {
  const auto& [name, for_docker, ref_name, containerd] = GetParam();
  const auto annotations = naming_annotations(name, for_docker);
  const auto value = [&](std::string_view key) {
    const auto found = annotations.find(std::string(key));
    return found == annotations.end() ? std::string() : found->second;
  };
  EXPECT_EQ(value(spec::annotation::ref_name), ref_name);
  EXPECT_EQ(value(spec::annotation::containerd_name), containerd);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Names,
    ::testing::Values(
        Naming{"", false, "", ""}, Naming{"hello:1", false, "hello:1", ""},
        Naming{"hello:1", true, "hello:1", "docker.io/library/hello:1"},
        Naming{"me/hello:1", true, "me/hello:1", "docker.io/me/hello:1"},
        Naming{"registry.example.com/x/hello:1", false, "registry.example.com/x/hello:1",
               "registry.example.com/x/hello:1"},
        Naming{"registry.example.com/x/hello:1", true, "registry.example.com/x/hello:1",
               "registry.example.com/x/hello:1"},
        Naming{"localhost/hello:1", false, "localhost/hello:1", "localhost/hello:1"},
        Naming{"localhost:5000/hello:1", true, "localhost:5000/hello:1", "localhost:5000/hello:1"},
        Naming{"V1.0_RC", true, "V1.0_RC", ""},  // only a tag: it has no form that containerd takes
        Naming{"hello", true, "hello", "docker.io/library/hello:latest"}));

TEST(NamingAnnotations, RefuseWhatTheGrammarOfAnnotationsForbids) {
  for (const std::string_view name : {"a b", "-a", "a-", "a\n", "a\x1b", "ä"}) {
    EXPECT_EQ(failure([&] { naming_annotations(name, false); }), "usage") << name;
  }
  EXPECT_EQ(failure([&] { naming_annotations(std::string(1025, 'a'), false); }), "usage");
}

// --- the name that an image brings along ---

// The name under which an archive with this ref.name is found, if the file is called my-image.tar.
std::string brought(const std::string& ref_name, const std::string& containerd = {}) {
  const Scratch scratch;
  Memory blobs;
  spec::Descriptor root = picture(blobs, "x").manifest;
  std::string bytes = archive_of(blobs, root, {.name = "x:1"});
  const std::string path = scratch.path("my-image.tar");
  const auto store = content::Store::create(scratch.path("l"), 0755);
  for (const auto& node : content::reachable(blobs, root))
    store.put(read_all(*blobs.find(node.descriptor.digest), 1 << 20, "blob"));
  if (!ref_name.empty()) root.annotations[std::string(spec::annotation::ref_name)] = ref_name;
  if (!containerd.empty()) root.annotations[std::string(spec::annotation::containerd_name)] = containerd;
  store.edit_index([&](spec::Index& index) { index.manifests = {root}; });
  Words words;
  words.transport = Transport::layout;
  words.path = scratch.path("l");
  return open({}, words, {.store = scratch.path("s"), .spool = scratch.path()}).name;
}

TEST(BroughtName, IsTheRefName) { EXPECT_EQ(brought("hello:1"), "hello:1"); }
TEST(BroughtName, IsContainerdsBeforeTheRefName) {
  EXPECT_EQ(brought("1", "docker.io/library/hello:1"), "docker.io/library/hello:1");
}
TEST(BroughtName, GetsATag) { EXPECT_EQ(brought("hello"), "hello:latest"); }
TEST(BroughtName, OfLatestIsThePlaces) { EXPECT_EQ(brought("latest"), "l:latest"); }
TEST(BroughtName, OfWhatIsOnlyATagIsThePlacesWithIt) { EXPECT_EQ(brought("V1.0_RC"), "l:V1.0_RC"); }
TEST(BroughtName, OfNothingIsNothing) { EXPECT_EQ(brought(""), ""); }
TEST(BroughtName, OfEscapeSequencesIsNothing) { EXPECT_EQ(brought("\x1b[31m"), ""); }

}  // namespace
}  // namespace stave::place
