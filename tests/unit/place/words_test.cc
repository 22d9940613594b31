// Words: what a person may type for a place, and what is said about everything
// else.

#include "stave/place/words.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "unit/content/layout.h"

namespace stave::place {
namespace {

using testing::failure;
using testing::message;

struct Case {
  std::string_view text;
  Transport transport;
  std::string_view path, reference;
};

class Parsed : public ::testing::TestWithParam<Case> {};

TEST_P(Parsed, IsWhatItSays) {
  const auto& [text, transport, path, reference] = GetParam();
  const Words words = Words::parse(text);
  EXPECT_EQ(words.transport, transport);
  EXPECT_EQ(words.path, path);
  EXPECT_EQ(words.reference, reference);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Parsed,
    ::testing::Values(
        Case{"hello", Transport::store, "", "hello:latest"}, Case{"hello:1", Transport::store, "", "hello:1"},
        Case{"localhost/hello:1", Transport::store, "", "localhost/hello:1"},
        Case{"localhost:5000/hello", Transport::store, "", "localhost:5000/hello:latest"},
        Case{"registry.example.com/a/b:2", Transport::store, "", "registry.example.com/a/b:2"},
        Case{"oci", Transport::store, "", "oci:latest"},  // a name like any other without its colon
        Case{"dir", Transport::store, "", "dir:latest"}, Case{"oci:d", Transport::layout, "d", ""},
        Case{"oci:/a/b:v1", Transport::layout, "/a/b", "v1"},
        Case{"oci:d:registry:5000/x:1", Transport::layout, "d", "registry:5000/x:1"},
        Case{"oci-archive:f.tar", Transport::oci_archive, "f.tar", ""},
        Case{"oci-archive:f.tar:n:1", Transport::oci_archive, "f.tar", "n:1"},
        Case{"docker-archive:./f", Transport::docker_archive, "./f", ""},
        Case{"docker-archive:f:a/b:c", Transport::docker_archive, "f", "a/b:c"},
        Case{"docker:24", Transport::store, "", "docker:24"},
        Case{"docker://localhost:5000/a/b:1", Transport::registry, "", "localhost:5000/a/b:1"},
        Case{"docker://h.example/a", Transport::registry, "", "h.example/a"},
        Case{"docker://alpine", Transport::registry, "", "docker.io/library/alpine"},
        Case{"docker://me/app:2", Transport::registry, "", "docker.io/me/app:2"},
        Case{"-", Transport::stream, "", ""}));

struct Refused {
  std::string_view text, kind, has;
};

class NoPlace : public ::testing::TestWithParam<Refused> {};

TEST_P(NoPlace, SaysWhatIsWrong) {
  const auto& [text, kind, has] = GetParam();
  const std::string said = message([text = text] { Words::parse(text); });
  EXPECT_EQ(said.substr(0, said.find(':')), kind) << said;
  EXPECT_NE(said.find(has), std::string::npos) << said;
}

INSTANTIATE_TEST_SUITE_P(
    Table, NoPlace,
    ::testing::Values(
        Refused{"", "usage", "is empty"}, Refused{"oci:", "usage", "write oci:PATH"},
        Refused{"oci-archive::x", "usage", "write oci-archive:PATH"},
        Refused{"oci:d:", "usage", "nothing behind it"}, Refused{"docker://", "usage", "no name"},
        Refused{"docker://h.example/A", "usage", "a"}, Refused{"docker://h.example/a:", "usage", "tag"},
        Refused{"docker://h.example/../a", "usage", ".."}, Refused{"docker://h.example/a\n", "usage", "\\n"},
        Refused{"docker-daemon:x:1", "unsupported", "docker-daemon"},
        Refused{"containers-storage:x", "unsupported", "containers-storage"},
        Refused{"dir:x", "unsupported", "dir"}, Refused{"oci-archve:f.tar.gz/", "usage", "oci-archive"},
        Refused{"./f.tar", "usage", "oci-archive:./f.tar"},
        Refused{"/f.tar", "usage", "docker-archive:/f.tar"}, Refused{"Hello:1", "usage", "hello"},
        Refused{"a b", "usage", "a b"}, Refused{"--", "usage", "--"}, Refused{"\x1b[31m", "usage", "\\x1b"}));

RC_GTEST_PROP(Words, AnythingParsesOrIsAnErrorOfTheUser, (const std::string& text)) {
  const std::string kind = failure([&] { Words::parse(text); });
  RC_ASSERT(kind == "nothing" || kind == "usage" || kind == "unsupported");
}

RC_GTEST_PROP(Words, WhatIsPrintedIsParsedToTheSame, ()) {
  const auto text = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("oci-arhvedk:/.1@")));
  Words words;
  try {
    words = Words::parse(text);
  } catch (const Error&) {
    return;
  }
  const Words again = Words::parse(words.str());
  RC_ASSERT(again.transport == words.transport);
  RC_ASSERT(again.path == words.path);
  RC_ASSERT(again.reference == words.reference);
}

TEST(RemoteReference, HasATagOrADigest) {
  EXPECT_EQ(remote_reference(Words::parse("docker://h.example/a")).tag, "latest");
  const auto digest = digest_of("x");
  const auto by_digest = remote_reference(Words::parse("docker://h.example/a@" + digest.str()));
  EXPECT_EQ(by_digest.tag, "");
  EXPECT_EQ(by_digest.digest, digest);
}

TEST(StoredName, HasATag) { EXPECT_EQ(stored_name("a/b"), "a/b:latest"); }

TEST(StoredName, KeepsADigestWithoutATag) {
  const std::string name = "a@" + digest_of("x").str();
  EXPECT_EQ(stored_name(name), name);
}

TEST(StoredName, IsKeptAsTyped) { EXPECT_EQ(stored_name("hello:1"), "hello:1"); }

}  // namespace
}  // namespace stave::place
