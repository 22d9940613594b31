// References: the names of images as people type them.

#include "stave/spec/reference.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "stave/base/error.h"
#include "unit/json/failure.h"

namespace stave::spec {
namespace {

using testing::failure;
using testing::kind_of_failure;

const std::string hex(64, 'a');

void expect_parts(std::string_view text, std::string_view registry, std::string_view path,
                  std::string_view tag = "", std::string_view digest = "") {
  const Reference reference = Reference::parse(text);
  EXPECT_EQ(reference.registry, registry) << text;
  EXPECT_EQ(reference.path, path) << text;
  EXPECT_EQ(reference.tag, tag) << text;
  EXPECT_EQ(reference.digest ? reference.digest->str() : "", digest) << text;
  EXPECT_EQ(reference.str(), text);
}

std::string hint_of(std::string_view text) {
  try {
    Reference::parse(text);
  } catch (const Error& error) {
    return error.hint();
  }
  return "nothing was thrown";
}

RC_GTEST_PROP(Reference, ReadsBackAsPrinted, ()) {
  const auto word = [](auto... words) { return rc::gen::element<std::string>(words...); };
  const std::string registry = *word("", "localhost/", "docker.io/", "LOCAL.example:5000/", "[::1]:5000/",
                                     "[fe80::1]/", "127.0.0.1/", "a:0/");
  const auto components = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(
      word("a", "library", "a-b", "a---b", "a__b", "a_b", "a.b", "0")));
  std::string path;
  for (const std::string& component : components) path += (path.empty() ? "" : "/") + component;
  RC_PRE(!registry.empty() || components.size() == 1 || components[0] != "a.b");
  const std::string tag = *word("", ":latest", ":1.0-RC_x", ":_", ":" + std::string(128, 'x'));
  const std::string digest = *word("", "@sha256:" + hex, "@sha512:" + hex + hex);
  RC_PRE(registry.size() + path.size() <= 255);
  const std::string text = registry + path + tag + digest;
  const Reference reference = Reference::parse(text);
  RC_ASSERT(reference.str() == text);
  RC_ASSERT(Reference::parse(reference.str()) == reference);
  RC_ASSERT((reference.registry.empty() ? "" : reference.registry + "/") == registry);
}

TEST(Reference, FirstComponentIsARegistryOnlyIfItLooksLikeOne) {
  expect_parts("hello", "", "hello");
  expect_parts("library/busybox", "", "library/busybox");
  expect_parts("localhost/a", "localhost", "a");
  expect_parts("localhost:5000/a", "localhost:5000", "a");
  expect_parts("docker.io/library/busybox:1", "docker.io", "library/busybox", "1");
  expect_parts("Example.COM/a", "Example.COM", "a");
  expect_parts("[::1]:5000/a/b:t", "[::1]:5000", "a/b", "t");
  expect_parts("[2001:db8::1]/a", "[2001:db8::1]", "a");
  expect_parts("127.0.0.1:80/a", "127.0.0.1:80", "a");
}

TEST(Reference, WithoutASlashThereIsNoRegistry) {
  expect_parts("localhost:5000", "", "localhost", "5000");
  expect_parts("a.b", "", "a.b");
  expect_parts("localhost", "", "localhost");
}

TEST(Reference, TagAndDigestTogether) {
  expect_parts("a:t@sha256:" + hex, "", "a", "t", "sha256:" + hex);
  expect_parts("a@sha256:" + hex, "", "a", "", "sha256:" + hex);
}

TEST(Reference, DefaultTagOnlyWhereNothingWasSaid) {
  EXPECT_EQ(Reference::parse("a").with_default_tag().str(), "a:latest");
  EXPECT_EQ(Reference::parse("a:b").with_default_tag().str(), "a:b");
  EXPECT_EQ(Reference::parse("a@sha256:" + hex).with_default_tag().str(), "a@sha256:" + hex);
}

TEST(Reference, NameLeavesOutTagAndDigest) {
  EXPECT_EQ(Reference::parse("r.io/a/b:t@sha256:" + hex).name(), "r.io/a/b");
}

TEST(Reference, RefusesWhatTheGrammarDoesNotHave) {
  for (const std::string& text : std::vector<std::string>{"",
                                                          "/a",
                                                          "a/",
                                                          "a//b",
                                                          "-a",
                                                          "a-",
                                                          "_a",
                                                          "a..b",
                                                          "a___b",
                                                          "a._b",
                                                          "a:",
                                                          "a:-x",
                                                          "a:.x",
                                                          ":tag",
                                                          "a:b:c",
                                                          "a@",
                                                          "@sha256:" + hex,
                                                          "a@sha256:x",
                                                          "a@md5:" + std::string(32, 'a'),
                                                          "a@sha256:" + hex + "@sha256:" + hex,
                                                          "localhost:/a",
                                                          "a.b:80x/c",
                                                          "-a.b/c",
                                                          "a-.b/c",
                                                          "a..b/c",
                                                          "[::1/a",
                                                          "[]/a",
                                                          "[::g]/a",
                                                          "[::1]x/a",
                                                          "a_b.c/d",
                                                          "a b",
                                                          "a\n",
                                                          "ä",
                                                          "a:ä",
                                                          "../../etc",
                                                          "./a",
                                                          "a/../b",
                                                          "a/./b",
                                                          "docker://a",
                                                          "https://a.b/c",
                                                          std::string("a\0b", 3)}) {
    EXPECT_EQ(kind_of_failure([&] { Reference::parse(text); }), Kind::usage) << text;
  }
}

TEST(Reference, LengthsEndWhereTheyShould) {
  const std::string longest(255, 'a');
  EXPECT_EQ(Reference::parse(longest).path, longest);
  EXPECT_EQ(kind_of_failure([&] { Reference::parse(longest + "a"); }), Kind::usage);
  EXPECT_EQ(kind_of_failure([&] { Reference::parse("a.b/" + longest); }), Kind::usage);
  EXPECT_EQ(Reference::parse("a:" + std::string(128, 't')).tag.size(), 128u);
  EXPECT_EQ(kind_of_failure([&] { Reference::parse("a:" + std::string(129, 't')); }), Kind::usage);
}

TEST(Reference, UpperCaseIsAnsweredWithLowerCase) {
  EXPECT_EQ(failure([] { Reference::parse("library/BusyBox"); })->what,
            "image name \"library/BusyBox\": \"BusyBox\" has upper-case letters; only a registry may");
  EXPECT_EQ(hint_of("library/BusyBox"), "did you mean \"busybox\"?");
}

TEST(Reference, TransportInTheNameIsExplained) {
  EXPECT_EQ(hint_of("docker://busybox"), "leave out the transport or scheme before \"://\"");
}

}  // namespace
}  // namespace stave::spec
