// Manifests, tags, referrers and removal: what gets through, and what is refused with
// which words.

#include <gmock/gmock.h>

#include "unit/registry/client.h"

namespace stave::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

using Manifests = RegistryTest;
using Listings = RegistryTest;
using Removal = RegistryTest;

constexpr std::string_view oci = spec::media::oci_manifest;

TEST_F(Manifests, AreFoundByTag) {
  const std::string text = some_manifest();
  fake.put_manifest("me/app", text, std::string(oci), "1");
  const auto document = repository().find_document("1");
  ASSERT_TRUE(document);
  EXPECT_EQ(document->text, text);
  EXPECT_EQ(document->descriptor, described(text));
}

TEST_F(Manifests, AreReadOnceByDigest) {
  const Digest digest = fake.put_manifest("me/app", some_manifest(), std::string(oci));
  const Repository app = repository();
  EXPECT_TRUE(app.find_document(digest.str()));
  EXPECT_TRUE(app.find_document(digest.str()));
  EXPECT_EQ(fake.server().requests("GET", digest.str()), 1U);
}

TEST_F(Manifests, ThatAreAbsentAreNoError) {
  EXPECT_FALSE(repository().find_document("1"));
  EXPECT_FALSE(repository().find_descriptor("1"));
}

TEST_F(Manifests, AreDescribedByAHeadAlone) {
  const std::string text = some_manifest();
  fake.put_manifest("me/app", text, std::string(oci), "1");
  EXPECT_EQ(repository().find_descriptor("1"), described(text));
  EXPECT_EQ(fake.server().requests("GET", "/manifests/1"), 0U);
}

TEST_F(Manifests, AreReadWhereAHeadSaysTooLittle) {
  const std::string text = some_manifest();
  fake.abilities.content_digest = false;
  fake.put_manifest("me/app", text, std::string(oci), "1");
  EXPECT_EQ(repository().find_descriptor("1"), described(text));
}

TEST_F(Manifests, TakeTheirOwnTypeWhereTheServerSaysNone) {
  fake.abilities.content_type = "application/json; charset=utf-8";
  const std::string text = some_manifest();
  fake.put_manifest("me/app", text, std::string(oci), "1");
  EXPECT_EQ(repository().find_document("1")->descriptor.media_type, oci);
}

TEST_F(Manifests, OfTwoTypesAreRefused) {
  fake.abilities.content_type = std::string(spec::media::docker_manifest);
  fake.put_manifest("me/app", some_manifest(), std::string(oci), "1");
  EXPECT_THAT(failure([&] { repository().find_document("1"); }),
              AllOf(StartsWith("invalid:"), HasSubstr(std::string(oci)),
                    HasSubstr(std::string(spec::media::docker_manifest))));
}

TEST_F(Manifests, OfSchemaOneAreRefused) {
  fake.abilities.content_type = "application/vnd.docker.distribution.manifest.v1+prettyjws";
  fake.put_manifest("me/app", some_manifest(), std::string(oci), "1");
  EXPECT_THAT(failure([&] { repository().find_document("1"); }), StartsWith("unsupported:"));
}

TEST_F(Manifests, WhoseDigestLiesAreRefused) {
  fake.put_manifest("me/app", some_manifest(), std::string(oci), "1");
  fake.fail({.fault = Fault::wrong_digest, .method = "GET", .part = "/manifests/"});
  EXPECT_THAT(failure([&] { repository().find_document("1"); }), StartsWith("mismatch:"));
}

TEST_F(Manifests, WhoseBytesLieAreRefused) {
  const Digest digest = fake.put_manifest("me/app", some_manifest(), std::string(oci));
  fake.fail({.fault = Fault::wrong_bytes, .method = "GET", .part = "/manifests/"});
  EXPECT_THAT(failure([&] { repository().find_document(digest.str()); }), StartsWith("mismatch:"));
}

TEST_F(Manifests, ThatNeverEndAreRefused) {
  fake.fail({.fault = Fault::endless, .method = "GET", .part = "/manifests/"});
  EXPECT_THAT(failure([&] { repository().find_document("1"); }), StartsWith("limit:"));
  EXPECT_LT(fake.given(), 64ULL << 20);
}

TEST_F(Manifests, AreNoFiles) {
  fake.fail({.fault = Fault::to_file, .part = "/manifests/"});
  EXPECT_NE(failure([&] { repository().find_document("1"); }), "fine");
}

TEST_F(Manifests, ThatAreWebPagesAreSaidToBe) {
  fake.fail({.fault = Fault::web_page, .method = "GET", .part = "/manifests/"});
  EXPECT_THAT(failure([&] { repository().find_document("1"); }),
              AllOf(StartsWith("invalid:"), HasSubstr("web page"), HasSubstr("registry?")));
}

TEST_F(Manifests, GetThroughWhatPasses) {
  for (const Fault fault : {Fault::drop, Fault::too_many, Fault::broken}) {
    fake.put_manifest("me/app", some_manifest(), std::string(oci), "1");
    fake.fail({.fault = fault, .method = "GET", .part = "/manifests/"});
    EXPECT_TRUE(repository().find_document("1")) << static_cast<int>(fault);
  }
}

TEST_F(Manifests, CarryTheWordsOfTheRegistry) {
  fake.fail({.fault = Fault::forbidden, .method = "GET", .part = "/manifests/"});
  EXPECT_THAT(failure([&] { repository().find_document("1"); }),
              AllOf(StartsWith("denied: reading the manifest 1 of docker://127.0.0.1"),
                    HasSubstr("403 DENIED: \"as told\""), HasSubstr("stave login " + fake.host())));
}

TEST_F(Manifests, AreNotAskedForForEver) {
  fake.fail({.fault = Fault::too_many, .part = "/manifests/", .times = 1000});
  EXPECT_THAT(failure([&] { repository().find_document("1"); }),
              AllOf(StartsWith("busy:"), HasSubstr("TOOMANYREQUESTS")));
}

TEST_F(Manifests, WithErrorsOfAGigabyteAreCutShort) {
  fake.fail({.fault = Fault::huge_error, .part = "/manifests/", .times = 1000});
  EXPECT_THAT(failure([&] { repository().find_document("1"); }), StartsWith("invalid:"));
  EXPECT_LT(fake.given(), 64ULL << 20);
}

TEST_F(Manifests, HaveNoPathsForTags) {
  EXPECT_THAT(failure([&] { repository().find_document("../../x"); }), StartsWith("usage:"));
  EXPECT_EQ(fake.server().requests(), 0U);
}

TEST_F(Manifests, ArePutUnderTheirTag) {
  const std::string text = some_manifest();
  repository().put_document(text, described(text), "1");
  EXPECT_EQ(fake.manifest("me/app", "1"), text);
}

TEST_F(Manifests, ThatTheRegistryTakesAsOthersAreRefused) {
  const std::string text = some_manifest();
  fake.fail({.fault = Fault::wrong_digest, .method = "PUT"});
  EXPECT_THAT(failure([&] { repository().put_document(text, described(text), "1"); }),
              StartsWith("mismatch:"));
}

TEST_F(Manifests, AreBlobsAsWell) {
  const std::string text = some_manifest();
  const Digest digest = fake.put_manifest("me/app", text, std::string(oci));
  const Repository app = repository();
  EXPECT_EQ(pulled(app, described(text)), text);
  EXPECT_EQ(app.find_size(digest), text.size());
}

TEST_F(Manifests, OfAnIndexAreNotLookedForAmongBlobs) {
  const std::string child = some_manifest();
  fake.put_manifest("me/app", child, std::string(oci));
  const std::string index = R"({"schemaVersion":2,"mediaType":")" + std::string(spec::media::oci_index) +
                            R"(","manifests":[{"mediaType":")" + std::string(oci) + R"(","digest":")" +
                            digest_of(child).str() + R"(","size":)" + std::to_string(child.size()) + "}]}";
  fake.put_manifest("me/app", index, std::string(spec::media::oci_index), "1");
  const Repository app = repository();
  ASSERT_TRUE(app.find_document("1"));
  EXPECT_EQ(pulled(app, described(child)), child);
  EXPECT_EQ(fake.server().requests("GET", "/blobs/" + digest_of(child).str()), 0U);
}

TEST_F(Listings, AreReadPageAfterPage) {
  fake.abilities.page = 2;
  for (const char* tag : {"a", "b", "c", "d", "e"}) {
    fake.put_manifest("me/app", some_manifest(), std::string(oci), tag);
  }
  EXPECT_THAT(repository().tags(), ElementsAre("a", "b", "c", "d", "e"));
}

TEST_F(Listings, OfARepositoryThatIsNotThereFail) {
  EXPECT_THAT(failure([&] { repository("me/other").tags(); }),
              AllOf(StartsWith("not_found:"), HasSubstr("NAME_UNKNOWN")));
}

TEST_F(Listings, ThatGoRoundInCirclesAreRefused) {
  fake.abilities.page = 1;
  fake.abilities.next_page = [](const std::string& next) { return next.substr(0, next.find('?')); };
  for (const char* tag : {"a", "b"}) fake.put_manifest("me/app", some_manifest(), std::string(oci), tag);
  EXPECT_THAT(failure([&] { repository().tags(); }), AllOf(StartsWith("invalid:"), HasSubstr("same page")));
}

TEST_F(Listings, DoNotGoOnAtAnotherHost) {
  fake.abilities.page = 1;
  fake.abilities.next_page = [](const std::string& next) { return "http://localhost:1" + next; };
  for (const char* tag : {"a", "b"}) fake.put_manifest("me/app", some_manifest(), std::string(oci), tag);
  EXPECT_THAT(failure([&] { repository().tags(); }), AllOf(StartsWith("denied:"), HasSubstr("localhost:1")));
}

TEST_F(Listings, DoNotGoOnInAFile) {
  fake.abilities.page = 1;
  fake.abilities.next_page = [](const std::string&) { return "file:///etc/passwd"; };
  for (const char* tag : {"a", "b"}) fake.put_manifest("me/app", some_manifest(), std::string(oci), tag);
  EXPECT_THAT(failure([&] { repository().tags(); }), HasSubstr("file:///etc/passwd"));
}

std::string note_on(const Digest& subject, const std::string& text) {
  return some_manifest(R"(,"subject":{"mediaType":")" + std::string(oci) + R"(","digest":")" + subject.str() +
                       R"(","size":1},"annotations":{"note":")" + text + R"("})");
}

TEST_F(Listings, OfReferrersComeFromTheApi) {
  const Digest subject = digest_of("subject");
  const std::string note = note_on(subject, "one");
  const Repository app = repository();
  app.put_document(note, described(note), {});
  ASSERT_THAT(app.referrers(subject), SizeIs(1));
  EXPECT_EQ(app.referrers(subject)[0].digest, digest_of(note));
  EXPECT_THAT(app.referrers(subject, "application/x-other"), SizeIs(0));
  EXPECT_FALSE(fake.has_tag("me/app", "sha256-" + subject.hex()));
}

TEST_F(Listings, OfReferrersComeFromTheFallbackTag) {
  fake.abilities.referrers = false;
  const Digest subject = digest_of("subject");
  const Repository app = repository();
  EXPECT_THAT(app.referrers(subject), SizeIs(0));
  for (const char* text : {"one", "two", "one"}) {
    const std::string note = note_on(subject, text);
    app.put_document(note, described(note), {});
  }
  const auto found = app.referrers(subject);
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_EQ(found[1].annotations.at("note"), "two");
  EXPECT_EQ(found[1].artifact_type, spec::media::oci_config);
  EXPECT_TRUE(fake.has_tag("me/app", "sha256-" + subject.hex()));
}

TEST_F(Removal, OfATagLeavesTheOthers) {
  for (const char* tag : {"a", "b"}) fake.put_manifest("me/app", some_manifest(), std::string(oci), tag);
  repository().erase("a", false);
  EXPECT_FALSE(fake.has_tag("me/app", "a"));
  EXPECT_TRUE(fake.has_tag("me/app", "b"));
}

TEST_F(Removal, OfWhatIsNotThereFails) {
  EXPECT_THAT(failure([&] { repository().erase("a", false); }), StartsWith("not_found:"));
}

TEST_F(Removal, ByDigestOnlyIsNotDoneUnasked) {
  fake.abilities.delete_tags = false;
  for (const char* tag : {"a", "b"}) fake.put_manifest("me/app", some_manifest(), std::string(oci), tag);
  EXPECT_THAT(failure([&] { repository().erase("a", false); }),
              AllOf(StartsWith("unsupported:"), HasSubstr("every other tag")));
  EXPECT_TRUE(fake.has_tag("me/app", "a"));
  repository().erase("a", true);
  EXPECT_FALSE(fake.has_tag("me/app", "b"));
}

TEST_F(Removal, ThatIsSwitchedOffSaysSo) {
  fake.abilities.delete_any = false;
  fake.put_manifest("me/app", some_manifest(), std::string(oci), "a");
  EXPECT_THAT(failure([&] { repository().erase("a", true); }),
              AllOf(StartsWith("unsupported:"), HasSubstr("storage.delete.enabled")));
}

}  // namespace
}  // namespace stave::testing
