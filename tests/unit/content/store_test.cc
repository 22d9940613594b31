// Store: blobs whole or not at all, references that nobody loses, and what the files
// look like afterwards.

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <chrono>
#include <csignal>
#include <ctime>
#include <thread>

#include "stave/base/limits.h"
#include "unit/content/layout.h"

namespace stave::content {
namespace {

using testing::cannot;
using testing::failure;
using testing::in_child;
using testing::message;
using testing::picture;
using testing::Scratch;
using testing::start;
using testing::stat_of;
using testing::wait_for;
namespace files = std::filesystem;
namespace media = spec::media;

using Access = Store::Access;

std::vector<std::string> blobs_in(const std::string& layout, const std::string& algorithm = "sha256") {
  return fs::Dir::open(layout + "/blobs/" + algorithm).list();
}

std::string blob_file(const Store& store, const Digest& digest) {
  return store.path() + "/blobs/" + std::string(name(digest.algorithm())) + "/" + digest.hex();
}

// From here on this process has no O_TMPFILE, as on NFS.
bool forbid_tmpfile() {
  struct ::sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct ::seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct ::seccomp_data, args) + 2 * sizeof(std::uint64_t)),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_TMPFILE & ~O_DIRECTORY, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct ::sock_fprog program{sizeof filter / sizeof filter[0], filter};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// Blobs.

TEST(Blobs, WhatIsPutIsFound) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  const auto descriptor = store.put("hello", "text/plain");
  EXPECT_EQ(descriptor.digest, digest_of("hello"));
  EXPECT_EQ(store.find_size(descriptor.digest), 5u);
  EXPECT_EQ(read_document(store, descriptor), "hello");
  EXPECT_EQ(testing::read(blob_file(store, descriptor.digest)), "hello");
}

TEST(Blobs, WhatIsAbsentIsAnAnswer) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  EXPECT_EQ(store.find(digest_of("x")), nullptr);
  EXPECT_EQ(store.find_size(digest_of("x")), std::nullopt);
  EXPECT_EQ(store.open_blob(digest_of("x")), nullptr);
}

TEST(Blobs, HaveNoNameUntilCommit) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  {
    auto writer = store.begin();
    writer.write(as_bytes("hello"));
    EXPECT_EQ(store.find(digest_of("hello")), nullptr);
  }
  EXPECT_TRUE(blobs_in(store.path()).empty());
}

TEST(Blobs, CanBeNamedBySha512) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  auto writer = store.begin(Algorithm::sha512);
  writer.write(as_bytes("hello"));
  const Blob blob = std::move(writer).commit();
  EXPECT_EQ(blob.digest, digest_of(as_bytes("hello"), Algorithm::sha512));
  EXPECT_EQ(blobs_in(store.path(), "sha512"), std::vector{blob.digest.hex()});
  const spec::Descriptor descriptor{.media_type = "text/plain", .digest = blob.digest, .size = blob.size};
  EXPECT_EQ(read_document(store, descriptor), "hello");
}

TEST(Blobs, FromElsewhereMustBeWhatWasWanted) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  const auto arrive = [&](std::string_view text, const Digest& digest, std::uint64_t size) {
    return failure([&] {
      auto writer = store.begin(digest.algorithm());
      writer.write(as_bytes(text));
      std::move(writer).commit_as(digest, size);
    });
  };
  EXPECT_EQ(arrive("hello", digest_of("other"), 5), "mismatch");
  EXPECT_EQ(arrive("hello", digest_of("hello"), 6), "mismatch");
  EXPECT_EQ(arrive("", digest_of("hello"), 5), "mismatch");
  EXPECT_TRUE(blobs_in(store.path()).empty());
  EXPECT_EQ(arrive("hello", digest_of("hello"), 5), "nothing");
  EXPECT_EQ(blobs_in(store.path()), std::vector{digest_of("hello").hex()});
}

TEST(Blobs, OneThatIsThereStays) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  const Blob blob = store.put("hello");
  const auto inode = stat_of(blob_file(store, blob.digest)).st_ino;
  store.put("hello");
  EXPECT_EQ(stat_of(blob_file(store, blob.digest)).st_ino, inode);
  EXPECT_EQ(blobs_in(store.path()).size(), 1u);
}

TEST(Blobs, OneOfAnotherSizeIsReplaced) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  for (const char* damage : {"", "hell", "hello!"}) {
    testing::write(blob_file(store, digest_of("hello")), damage);
    store.put("hello");
    EXPECT_EQ(testing::read(blob_file(store, digest_of("hello"))), "hello");
  }
  EXPECT_EQ(blobs_in(store.path()).size(), 1u);
}

TEST(Blobs, OneOfTheRightSizeAndWrongContentIsFoundOutWhenRead) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  const auto descriptor = store.put("hello", "text/plain");
  testing::write(blob_file(store, descriptor.digest), "hallo");
  EXPECT_EQ(failure([&] { read_document(store, descriptor); }), "mismatch");
}

TEST(Blobs, ADamagedSmallOneIsHealedByPuttingItAgain) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  const auto descriptor = store.put("hello", "text/plain");
  testing::write(blob_file(store, descriptor.digest), "hallo");
  store.put("hello");
  EXPECT_EQ(read_document(store, descriptor), "hello");
}

TEST(Blobs, ADirectoryInTheirPlaceIsAnError) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  files::create_directory(blob_file(store, digest_of("hello")));
  EXPECT_EQ(failure([&] { store.find(digest_of("hello")); }), "invalid");
  EXPECT_NE(failure([&] { store.put("hello"); }), "nothing");
  EXPECT_EQ(blobs_in(store.path()).size(), 1u);
}

TEST(KilledWriter, LeavesNothing) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  EXPECT_EQ(in_child([&] {
              auto writer = store.begin();
              writer.write(as_bytes(std::string(1 << 20, 'x')));
              return ::raise(SIGKILL);
            }),
            1000 + SIGKILL);
  EXPECT_TRUE(blobs_in(store.path()).empty());
}

TEST(KilledWriter, WithoutTmpfileLeavesOnlyWhatGcRemoves) {
  const Scratch scratch;
  {
    Store::create(scratch.path("s"), 0755).put("unreferenced");
  }
  const int code = in_child([&] {
    const Store store = Store::open(scratch.path("s"));
    if (!forbid_tmpfile()) return cannot;
    auto writer = store.begin();
    writer.write(as_bytes("half a blob"));
    return ::raise(SIGKILL);
  });
  if (code == cannot) GTEST_SKIP() << "seccomp is not allowed";
  ASSERT_EQ(code, 1000 + SIGKILL);
  const auto left = blobs_in(scratch.path("s"));
  ASSERT_EQ(left.size(), 2u);
  EXPECT_TRUE(left[0].starts_with(".stave-tmp-")) << left[0];
  // And of one that was rewriting index.json.
  testing::write(scratch.path("s/.stave-tmp-1-0"), "half an index");
  const Store store = Store::open(scratch.path("s"), Access::exclusive);
  const auto garbage = store.collect_garbage({}, {}, false);
  EXPECT_EQ(garbage.blobs, 3u);
  EXPECT_EQ(garbage.bytes, std::string("half a blob"
                                       "half an index"
                                       "unreferenced")
                               .size());
  EXPECT_TRUE(blobs_in(scratch.path("s")).empty());
  EXPECT_FALSE(files::exists(scratch.path("s/.stave-tmp-1-0")));
}

TEST(Blobs, CommitWithoutTmpfileToo) {
  const Scratch scratch;
  const int code = in_child([&] {
    if (!forbid_tmpfile()) return cannot;
    const Store store = Store::create(scratch.path("s"), 0755);
    const auto a = picture(store, "a").manifest;
    store.tag("a", a);
    store.tag("a", picture(store, "b").manifest);
    return store.index().manifests.size() == 1 ? 0 : 1;
  });
  if (code == cannot) GTEST_SKIP() << "seccomp is not allowed";
  EXPECT_EQ(code, 0);
  for (const auto& file : blobs_in(scratch.path("s"))) EXPECT_EQ(file.size(), 64u) << file;
  EXPECT_EQ(fs::Dir::open(scratch.path("s")).list(),
            (std::vector<std::string>{"blobs", "index.json", "oci-layout"}));
}

// A writer killed at any moment: what has a blob's name has its content.
TEST(KilledWriter, NeverLeavesATornBlob) {
  for (const bool with_tmpfile : {true, false}) {
    const Scratch scratch;
    {
      Store::create(scratch.path("s"), 0755);
    }
    for (int round = 0; round < 10; ++round) {
      const pid_t child = start([&] {
        const Store store = Store::open(scratch.path("s"));
        if (!with_tmpfile && !forbid_tmpfile()) return cannot;
        for (int i = 0;; ++i)
          store.put(std::string(200000, static_cast<char>('a' + i % 26)) + std::to_string(round));
      });
      std::this_thread::sleep_for(std::chrono::milliseconds(1 + 3 * round));
      ::kill(child, SIGKILL);
      wait_for(child);
    }
    const Store store = Store::open(scratch.path("s"));
    for (const auto& file : blobs_in(scratch.path("s"))) {
      if (file.starts_with(".stave-tmp-")) continue;
      EXPECT_EQ(digest_of(testing::read(scratch.path("s/blobs/sha256/" + file))).hex(), file);
    }
  }
}

// References.

TEST(Tag, GivesAName) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  const auto a = picture(store, "a").manifest;
  EXPECT_EQ(store.tag("hello:latest", a), std::nullopt);
  const auto found = store.find_reference("hello:latest");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->digest, a.digest);
  EXPECT_EQ(found->annotations.at("org.opencontainers.image.ref.name"), "hello:latest");
}

TEST(Tag, ComparesNamesExactly) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  const auto a = picture(store, "a").manifest;
  store.tag("hello:latest", a);
  for (const char* other : {"hello", "hello:Latest", "hello:latest ", "docker.io/library/hello:latest", ""}) {
    EXPECT_EQ(store.find_reference(other), std::nullopt) << other;
    store.tag(other, a);
  }
  EXPECT_EQ(store.index().manifests.size(), 6u);
}

TEST(Tag, ReplacesInPlaceAndGivesWhatWasThere) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  const auto a = picture(store, "a").manifest, b = picture(store, "b").manifest;
  store.tag("1", a);
  store.tag("2", a);
  store.tag("3", a);
  const auto before = store.tag("2", b);
  ASSERT_TRUE(before);
  EXPECT_EQ(before->digest, a.digest);
  std::vector<Digest> now;
  for (const auto& each : store.index().manifests) now.push_back(each.digest);
  EXPECT_EQ(now, (std::vector{a.digest, b.digest, a.digest}));
}

TEST(Retag, MovesANameOnlyFromWhatItWasExpectedToBe) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  const auto a = picture(store, "a").manifest, b = picture(store, "b").manifest,
             c = picture(store, "c").manifest;
  EXPECT_FALSE(store.retag("1", a.digest, b));
  EXPECT_TRUE(store.index().manifests.empty());
  store.tag("1", a);
  EXPECT_TRUE(store.retag("1", a.digest, b));
  EXPECT_FALSE(store.retag("1", a.digest, c));
  EXPECT_EQ(store.find_reference("1")->digest, b.digest);
}

TEST(Tag, OfTwoEntriesWithOneNameLeavesOne) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  const auto a = picture(store, "a").manifest, b = picture(store, "b").manifest,
             c = picture(store, "c").manifest;
  store.edit_index([&](spec::Index& index) {
    for (auto each : {a, b}) {
      each.annotations["org.opencontainers.image.ref.name"] = "x";
      index.manifests.push_back(each);
    }
  });
  const auto found = store.find_reference("x");
  EXPECT_EQ(store.tag("x", c), found);
  EXPECT_EQ(store.index().manifests.size(), 1u);
  EXPECT_EQ(store.find_reference("x")->digest, c.digest);
}

TEST(Tag, RefusesWhatIsNotHere) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  auto a = picture(store, "a").manifest;
  a.size += 1;
  EXPECT_EQ(failure([&] { store.tag("a", a); }), "not_found");
  EXPECT_TRUE(store.index().manifests.empty());
}

TEST(Tag, RefusesANameThatIsNotText) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  const auto a = picture(store, "a").manifest;
  EXPECT_EQ(failure([&] { store.tag("a\xff", a); }), "invalid");
  EXPECT_TRUE(store.index().manifests.empty());
}

TEST(EditIndex, RefusesWhatNobodyCouldReadAgain) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  auto a = picture(store, "a").manifest;
  store.tag("a", a);
  const std::string before = testing::read(scratch.path("s/index.json"));
  a.media_type = "no media type";
  EXPECT_EQ(failure([&] { store.tag("b", a); }), "invalid");
  EXPECT_EQ(failure([&] {
              store.edit_index([&](spec::Index& index) {
                index.manifests.resize(limits::descriptors + 1, index.manifests.front());
              });
            }),
            "limit");
  EXPECT_EQ(testing::read(scratch.path("s/index.json")), before);
}

TEST(EditIndex, AnEditThatThrowsChangesNothing) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  store.tag("a", picture(store, "a").manifest);
  const std::string before = testing::read(scratch.path("s/index.json"));
  EXPECT_EQ(failure([&] {
              store.edit_index([](spec::Index& index) {
                index.manifests.clear();
                throw Error(Kind::usage, "no");
              });
            }),
            "usage");
  EXPECT_EQ(testing::read(scratch.path("s/index.json")), before);
  store.tag("b", picture(store, "b").manifest);  // and the lock is free
}

TEST(EditIndex, WithoutAChangeKeepsForeignBytes) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  const std::string text = "{ \"schemaVersion\": 2,\n\t\"manifests\": [] }\n";
  testing::write(scratch.path("s/index.json"), text);
  store.edit_index([](spec::Index&) {});
  EXPECT_EQ(testing::read(scratch.path("s/index.json")), text);
}

// interop 14: what other tools wrote into index.json is theirs.
TEST(Tag, KeepsWhatOtherToolsWrote) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  const auto a = picture(store, "a").manifest;
  const std::string digest = a.digest.str();
  const std::string size = std::to_string(a.size);
  const std::string entry =
      R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" + digest + R"(","size":)" +
      size +
      R"(,"annotations":{"a.b":"1","org.opencontainers.image.ref.name":"old"},"data":null,"x-z":[1,2.5],"x-a":{"k":"v"}})";
  testing::write(scratch.path("s/index.json"),
                 R"({"x-first":1,"schemaVersion":2,"manifests":[)" + entry +
                     R"(],"annotations":{"vendor":"y"},"x-last":{"b":1,"a":2}})");
  store.tag("new", a);
  const std::string text = testing::read(scratch.path("s/index.json"));
  EXPECT_EQ(text.find("mediaType"),
            text.find("mediaType\":\"application/vnd.oci.image.manifest"));  // none was added
  EXPECT_NE(text.find(R"("annotations":{"a.b":"1","org.opencontainers.image.ref.name":"old"})"), text.npos)
      << text;
  EXPECT_NE(text.find(R"("x-z":[1,2.5],"x-a":{"k":"v"})"), text.npos) << text;
  EXPECT_NE(text.find(R"("annotations":{"vendor":"y"},"x-first":1,"x-last":{"b":1,"a":2}})"), text.npos)
      << text;
  EXPECT_LT(text.find("\"old\""), text.find("\"new\""));
}

TEST(Tag, TheSameTagsGiveTheSameBytes) {
  const Scratch scratch;
  std::vector<std::string> texts;
  for (const ::mode_t mask : {022, 077, 000}) {
    const ::mode_t before = ::umask(mask);
    const Store store = Store::create(scratch.path(std::to_string(mask)), 0755);
    const auto a = picture(store, "a").manifest;
    for (const char* name : {"b", "a", "c"}) store.tag(name, a);
    store.tag("a", a);
    ::umask(before);
    texts.push_back(testing::read(store.path() + "/index.json"));
  }
  EXPECT_EQ(texts[0], texts[1]);
  EXPECT_EQ(texts[0], texts[2]);
}

// Several processes in one layout: mainstream tools lose references here (interop 14).
constexpr int tags_each = 50;

int tag_many(const std::string& path, const std::string& who) {
  for (int i = 0; i < tags_each; ++i) {
    const Store store = Store::open(path);
    store.tag(who + std::to_string(i), picture(store, who + std::to_string(i)).manifest);
  }
  return 0;
}

void expect_all_tags(const std::string& path) {
  const Store store = Store::open(path);
  EXPECT_EQ(store.index().manifests.size(), 2u * tags_each);
  for (const auto& each : store.index().manifests) {
    for (const auto& node : reachable(store, each)) {
      EXPECT_EQ(store.find_size(node.descriptor.digest), node.descriptor.size);
    }
  }
}

TEST(TwoProcesses, LoseNoReference) {
  const Scratch scratch;
  {
    Store::create(scratch.path("s"), 0755);
  }
  const auto a = start([&] { return tag_many(scratch.path("s"), "a"); });
  const auto b = start([&] { return tag_many(scratch.path("s"), "b"); });
  EXPECT_EQ(wait_for(a), 0);
  EXPECT_EQ(wait_for(b), 0);
  expect_all_tags(scratch.path("s"));
}

TEST(TwoProcesses, LoseNoReferenceAndNoBlobBesideGc) {
  const Scratch scratch;
  {
    Store::create(scratch.path("s"), 0755);
  }
  const auto gc = start([&] {
    for (;;) {
      Store::open(scratch.path("s"), Access::exclusive).collect_garbage({}, {}, false);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return 0;
  });
  const auto a = start([&] { return tag_many(scratch.path("s"), "a"); });
  const auto b = start([&] { return tag_many(scratch.path("s"), "b"); });
  EXPECT_EQ(wait_for(a), 0);
  EXPECT_EQ(wait_for(b), 0);
  ::kill(gc, SIGKILL);
  EXPECT_EQ(wait_for(gc), 1000 + SIGKILL);
  expect_all_tags(scratch.path("s"));
}

TEST(TwoThreads, OfOneStoreLoseNoReference) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  const auto a = picture(store, "a").manifest;
  const auto tag = [&](const std::string& who) {
    for (int i = 0; i < tags_each; ++i) store.tag(who + std::to_string(i), a);
  };
  {
    const std::jthread one(tag, "a"), two(tag, "b");
  }
  expect_all_tags(store.path());
}

TEST(Creators, ThatMeetMakeOneLayout) {
  for (int round = 0; round < 10; ++round) {
    const Scratch scratch;
    std::vector<pid_t> children;
    for (int i = 0; i < 4; ++i) {
      children.push_back(start([&, i] {
        const Store store = Store::create(scratch.path("a/s"), 0755);
        store.tag(std::to_string(i), picture(store, std::to_string(i)).manifest);
        return 0;
      }));
    }
    for (const auto child : children) EXPECT_EQ(wait_for(child), 0);
    EXPECT_EQ(Store::open(scratch.path("a/s")).index().manifests.size(), 4u);
  }
}

TEST(Exclusive, WaitsForEveryOtherUser) {
  const Scratch scratch;
  std::optional<Store> shared = Store::create(scratch.path("s"), 0755);
  const pid_t gc = start([&] {
    const Store alone = Store::open(scratch.path("s"), Access::exclusive);
    testing::write(scratch.path("alone"), "");
    return 0;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(files::exists(scratch.path("alone")));
  shared.reset();
  EXPECT_EQ(wait_for(gc), 0);
  EXPECT_TRUE(files::exists(scratch.path("alone")));
}

// Modes.

TEST(Modes, BlobsAre0644WhateverTheUmask) {
  for (const ::mode_t mask : {077, 000, 027}) {
    const Scratch scratch;
    const ::mode_t before = ::umask(mask);
    const Store store = Store::create(scratch.path("s"), 0700);
    const auto a = picture(store, "a").manifest;
    store.tag("a", a);
    auto sha512 = store.begin(Algorithm::sha512);
    std::move(sha512).commit();
    ::umask(before);
    for (const char* directory : {"s", "s/blobs", "s/blobs/sha256", "s/blobs/sha512"}) {
      EXPECT_EQ(stat_of(scratch.path(directory)).st_mode & 07777, 0700u) << directory;
    }
    for (const char* file : {"s/index.json", "s/oci-layout"}) {
      EXPECT_EQ(stat_of(scratch.path(file)).st_mode & 07777, 0644u) << file;
    }
    EXPECT_EQ(stat_of(blob_file(store, a.digest)).st_mode & 07777, 0644u);
  }
}

// No space.

TEST(NoSpace, IsSaidAndLeavesNothing) {
  const Scratch scratch;
  files::create_directory(scratch.path("small"));
  const int code = in_child([&] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return cannot;
    if (::mount("none", scratch.path("small").c_str(), "tmpfs", 0, "size=64k") != 0) return cannot;
    const Store store = Store::create(scratch.path("small/s"), 0755);
    const auto a = picture(store, "a").manifest;
    store.tag("a", a);
    const auto said = message([&] { store.put(std::string(1 << 20, 'x')); });
    EXPECT_TRUE(said.starts_with("no_space: ")) << said;
    EXPECT_NE(said.find(scratch.path("small/s/blobs/sha256")), said.npos) << said;
    EXPECT_EQ(blobs_in(store.path()).size(), 3u);
    // Full to the last byte: index.json cannot be rewritten, and stays what it was.
    const std::string before = testing::read(store.path() + "/index.json");
    for (std::size_t size = 16384; size >= 1; size /= 2) {
      while (failure([&] {
               store.put(std::string(size, 'x') + std::to_string(blobs_in(store.path()).size()));
             }) == "nothing") {
      }
    }
    const auto blobs = blobs_in(store.path());
    EXPECT_EQ(failure([&] { store.tag(std::string(200, 'b'), a); }), "no_space");
    EXPECT_EQ(testing::read(store.path() + "/index.json"), before);
    EXPECT_EQ(blobs_in(store.path()), blobs);
    EXPECT_EQ(reachable(store, *store.find_reference("a")).size(), 3u);
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
  if (code == cannot) GTEST_SKIP() << "mounting a tmpfs is not allowed";
  EXPECT_EQ(code, 0);
}

// Size.

TEST(Large, FiveThousandReferencesStayFast) {
  const Scratch scratch;
  const Store store = Store::create(scratch.path("s"), 0755);
  const auto a = picture(store, "a").manifest;
  store.edit_index([&](spec::Index& index) {
    for (int i = 0; i < 5000; ++i) {
      index.manifests.push_back(a);
      index.manifests.back().annotations["org.opencontainers.image.ref.name"] =
          "registry.example/image:" + std::to_string(i);
    }
  });
  // The processor's time: the clock on the wall measures who else is at work on this machine.
  const std::clock_t begin = std::clock();
  store.tag("one:more", a);
  EXPECT_TRUE(store.find_reference("one:more"));
  const auto milliseconds = (std::clock() - begin) / (CLOCKS_PER_SEC / 1000);
  RecordProperty("milliseconds", static_cast<int>(milliseconds));
  EXPECT_LT(milliseconds, 10000);  // 0.9 s without optimisation; anything quadratic takes minutes
}

}  // namespace
}  // namespace stave::content
