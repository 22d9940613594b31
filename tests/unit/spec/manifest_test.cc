// Manifests, indexes and descriptors: what is rendered reads back the same, and
// what could be taken for two documents is taken for none.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "stave/base/limits.h"
#include "stave/json/json.h"
#include "stave/spec/document.h"
#include "stave/spec/spec.h"
#include "unit/json/failure.h"
#include "unit/spec/generators.h"

namespace stave::spec {
namespace {

using testing::Failure;
using testing::failure;
using testing::kind_of_failure;

const std::string digest =
    "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";  // of "{}"
const std::string blob =
    R"({"mediaType":"application/vnd.oci.empty.v1+json","digest":")" + digest + R"(","size":2})";
const std::string members = R"("config":)" + blob + R"(,"layers":[)" + blob + "]";

std::string document(const std::string& inside) { return R"({"schemaVersion":2,)" + inside + "}"; }
std::string descriptor(const std::string& more) { return blob.substr(0, blob.size() - 1) + ',' + more + '}'; }

std::optional<Failure> manifest_failure(const std::string& text) {
  return failure([&] { Manifest::parse(text); });
}
std::optional<Kind> manifest_kind(const std::string& text) {
  return kind_of_failure([&] { Manifest::parse(text); });
}
std::optional<Kind> index_kind(const std::string& text) {
  return kind_of_failure([&] { Index::parse(text); });
}
std::optional<Kind> classify_kind(const std::string& text, std::string_view media_type = "") {
  return kind_of_failure([&] { classify(text, media_type); });
}

Descriptor parse_text(const std::string& text) {
  const json::Value value = json::parse(text, "descriptor");
  return parse_descriptor(json::Node(value, "descriptor"));
}
std::optional<Kind> descriptor_kind(const std::string& text) {
  return kind_of_failure([&] { parse_text(text); });
}

RC_GTEST_PROP(Manifest, ReadsBackAsRendered, ()) {
  const Manifest manifest = *testing::manifest();
  RC_ASSERT(Manifest::parse(manifest.render()) == manifest);
  RC_ASSERT(Manifest::parse(manifest.render()).render() == manifest.render());
  RC_ASSERT(classify(manifest.render(), manifest.media_type) == DocumentKind::manifest);
}

RC_GTEST_PROP(Index, ReadsBackAsRendered, ()) {
  const Index index = *testing::index();
  RC_ASSERT(Index::parse(index.render()) == index);
  RC_ASSERT(Index::parse(index.render()).render() == index.render());
  RC_ASSERT(classify(index.render(), index.media_type) == DocumentKind::index);
}

RC_GTEST_PROP(Descriptor, ReadsBackAsRendered, ()) {
  const Descriptor descriptor = *testing::descriptor();
  RC_ASSERT(parse_text(render_descriptor(descriptor)) == descriptor);
}

TEST(Manifest, RendersInTheOrderOfGosFields) {
  Manifest manifest = Manifest::parse(document(R"("b":1,"annotations":{"z":"1","a":"<"},"subject":)" + blob +
                                               ',' + members + R"(,"artifactType":"a/b","a":[2])"));
  manifest.media_type = media::oci_manifest;
  EXPECT_EQ(
      manifest.render(),
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"a/b",)" +
          members + R"(,"subject":)" + blob + R"(,"annotations":{"a":"\u003c","z":"1"},"b":1,"a":[2]})");
}

TEST(Descriptor, RendersInTheOrderOfGosFields) {
  const std::string text = descriptor(
      R"("urls":["https://example.com/"],"annotations":{"a":"b"},"data":"e30=","platform":)"
      R"({"architecture":"arm","os":"linux","os.version":"1","os.features":["f"],"variant":"v7"},"artifactType":"a/b","x":1)");
  EXPECT_EQ(render_descriptor(parse_text(text)), text);
}

TEST(Index, EmptyIsAnArrayAndNeverNull) {
  EXPECT_EQ(Index{}.render(),
            R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]})");
}

TEST(Index, PlatformsStayAsTheyStood) {
  const Index index = Index::parse(document(
      R"("manifests":[)" + descriptor(R"("platform":{"architecture":"aarch64","os":"Linux"})") + "]"));
  EXPECT_EQ(index.manifests.at(0).platform->architecture, "aarch64");
}

TEST(Manifest, RefusesWhatTheSpecDemandsAndIsNotThere) {
  EXPECT_EQ(manifest_failure("{" + members + "}"),
            (Failure{Kind::invalid, "image manifest: expected a member \"schemaVersion\", found none"}));
  EXPECT_EQ(manifest_failure(R"({"schemaVersion":3,)" + members + "}"),
            (Failure{Kind::invalid, "image manifest: /schemaVersion: expected 2, found 3"}));
  EXPECT_EQ(manifest_kind(R"({"schemaVersion":"2",)" + members + "}"), Kind::invalid);
  EXPECT_EQ(manifest_kind(R"({"schemaVersion":2.0,)" + members + "}"), Kind::invalid);
  EXPECT_EQ(manifest_kind(document(R"("layers":[])")), Kind::invalid);
  EXPECT_EQ(manifest_kind(document(R"("config":)" + blob)), Kind::invalid);
  EXPECT_EQ(manifest_kind(document(R"("config":null,"layers":[])")), Kind::invalid);
  EXPECT_EQ(manifest_failure(document(R"("layers":null,"config":)" + blob)),
            (Failure{Kind::invalid, "image manifest: expected a member \"layers\", found null"}));
  EXPECT_EQ(index_kind(document(R"("manifests":null)")), Kind::invalid);
  EXPECT_EQ(index_kind(document(R"("manifests":{})")), Kind::invalid);
}

TEST(Manifest, LayersMayBeEmpty) {
  EXPECT_TRUE(Manifest::parse(document(R"("layers":[],"config":)" + blob)).layers.empty());
}

TEST(Manifest, MediaTypeIsAStringOfItsKind) {
  EXPECT_EQ(manifest_kind(document(R"("mediaType":7,)" + members)), Kind::invalid);
  EXPECT_EQ(Manifest::parse(document(R"("mediaType":"",)" + members)).media_type, "");
  EXPECT_EQ(
      manifest_kind(document(R"("mediaType":"application/vnd.oci.artifact.manifest.v1+json",)" + members)),
      Kind::unsupported);
}

TEST(Manifest, TooManyLayersAreALimit) {
  std::string layers = blob;
  for (std::size_t i = 0; i < limits::descriptors; ++i) layers += "," + blob;
  EXPECT_EQ(manifest_kind(document(R"("config":)" + blob + R"(,"layers":[)" + layers + "]")), Kind::limit);
}

// CVE-2021-41190: one digest, an index to one client and a manifest to another.
TEST(Ambiguous, IndexAndManifestAtOnceIsRefused) {
  for (const std::string& also :
       {std::string(R"("layers":[])"), R"("config":)" + blob, members, std::string(R"("layers":null)")}) {
    const std::string text = document(R"("manifests":[],)" + also);
    EXPECT_EQ(index_kind(text), Kind::invalid) << text;
    EXPECT_EQ(manifest_kind(text), Kind::invalid) << text;
    EXPECT_EQ(classify_kind(text), Kind::invalid) << text;
    EXPECT_EQ(classify_kind(text, media::oci_index), Kind::invalid) << text;
  }
  EXPECT_EQ(manifest_kind(document(R"("manifests":null,)" + members)), Kind::invalid);
}

TEST(Ambiguous, MediaTypeInsideContradictsTheMembers) {
  EXPECT_EQ(manifest_kind(document(R"("mediaType":"application/vnd.oci.image.index.v1+json",)" + members)),
            Kind::invalid);
  EXPECT_EQ(
      index_kind(document(R"("mediaType":"application/vnd.oci.image.manifest.v1+json","manifests":[])")),
      Kind::invalid);
}

TEST(Ambiguous, MediaTypeOutsideContradictsTheDocument) {
  const std::string plain = document(members);
  const std::string typed =
      document(R"("mediaType":"application/vnd.oci.image.manifest.v1+json",)" + members);
  EXPECT_EQ(classify(plain, media::oci_manifest), DocumentKind::manifest);
  EXPECT_EQ(classify(plain, media::docker_manifest), DocumentKind::manifest);
  EXPECT_EQ(classify(typed, media::oci_manifest), DocumentKind::manifest);
  EXPECT_EQ(classify_kind(plain, media::oci_index), Kind::invalid);
  // Docker's and OCI's names of the same kind are read alike: go-containerregistry's layouts mix them.
  EXPECT_EQ(classify(typed, media::docker_manifest), DocumentKind::manifest);
  EXPECT_EQ(classify_kind(typed, media::docker_list), Kind::invalid);
  EXPECT_EQ(classify_kind(plain, media::oci_config), Kind::unsupported);
}

TEST(Ambiguous, AnotherCaseMakesAnotherDocumentForGo) {
  EXPECT_EQ(index_kind(document(R"("manifests":[],"Layers":[])")), Kind::invalid);
  EXPECT_EQ(manifest_kind(document(members + R"(,"Config":{})")), Kind::invalid);
  EXPECT_EQ(manifest_kind(document(members + R"(,"MANIFESTS":[])")), Kind::invalid);
  EXPECT_EQ(classify_kind(document(R"("Manifests":[])")), Kind::invalid);
}

// Go folds U+017F to 's': encoding/json reads "layerſ" into the field "layers".
TEST(Ambiguous, LongSMakesAnotherLayers) {
  EXPECT_EQ(manifest_kind(document(members + ",\"layer\u017f\":[]")), Kind::invalid);
  EXPECT_EQ(manifest_kind(document(members + R"(,"layer\u017f":[])")), Kind::invalid);
}

TEST(Ambiguous, DescriptorWithASecondDigestInUpperCase) {
  EXPECT_EQ(descriptor_kind(descriptor(R"("Digest":")" + digest + R"(")")), Kind::invalid);
  EXPECT_EQ(descriptor_kind(descriptor(R"("platform":{"os":"linux","architecture":"arm","OS":"windows"})")),
            Kind::invalid);
}

TEST(Schema1, IsUnderstoodAndNotDone) {
  EXPECT_EQ(classify_kind(R"({"schemaVersion":1,"fsLayers":[],"history":[]})"), Kind::unsupported);
  EXPECT_EQ(manifest_kind(R"({"schemaVersion":1,"name":"a","tag":"b"})"), Kind::unsupported);
  EXPECT_EQ(classify_kind(document(members + R"(,"fsLayers":[])")), Kind::unsupported);
  EXPECT_EQ(classify_kind(document(members), "application/vnd.docker.distribution.manifest.v1+prettyjws"),
            Kind::unsupported);
}

TEST(Classify, NeitherIsNeither) {
  for (const std::string text :
       {"{}", "[]", "null", R"({"schemaVersion":2})", R"({"imageLayoutVersion":"1.0.0"})", ""}) {
    EXPECT_EQ(classify_kind(text), Kind::invalid) << text;
  }
}

TEST(Descriptor, SizeIsNeitherNegativeNorLargerThanGosInt64) {
  const auto with_size = [](const std::string& size) {
    return R"({"mediaType":"a/b","digest":")" + digest + R"(","size":)" + size + "}";
  };
  EXPECT_EQ(parse_text(with_size("9223372036854775807")).size, 9223372036854775807u);
  for (const auto* size :
       {"-1", "9223372036854775808", "18446744073709551616", "1.5", "2.0", "\"2\"", "null"}) {
    EXPECT_EQ(descriptor_kind(with_size(size)), Kind::invalid) << size;
  }
}

TEST(Descriptor, DigestSaysWhereItIsWrong) {
  const std::string bad = R"({"mediaType":"a/b","size":2,"digest":"sha256:../../etc/passwd"})";
  const auto thrown =
      manifest_failure(document(R"("config":)" + blob + R"(,"layers":[)" + blob + "," + bad + "]"));
  ASSERT_TRUE(thrown);
  EXPECT_EQ(thrown->kind, Kind::invalid);
  EXPECT_TRUE(thrown->what.starts_with("image manifest: /layers/1/digest: ")) << thrown->what;
}

TEST(Descriptor, DataIsBase64OfItsSize) {
  EXPECT_EQ(parse_text(descriptor(R"("data":"e30=")")).data, "e30=");
  EXPECT_EQ(descriptor_kind(descriptor(R"("data":"e30")")), Kind::invalid);
  EXPECT_EQ(descriptor_kind(descriptor(R"("data":"e3=0")")), Kind::invalid);
  EXPECT_EQ(descriptor_kind(descriptor(R"("data":"====")")), Kind::invalid);
  EXPECT_EQ(descriptor_kind(descriptor(R"("data":"e30_")")), Kind::invalid);
  EXPECT_EQ(descriptor_kind(descriptor(R"("data":"e30K")")), Kind::mismatch);
  EXPECT_EQ(descriptor_kind(descriptor(R"("data":"")")), Kind::mismatch);
}

TEST(Descriptor, UrlsAreUris) {
  EXPECT_EQ(descriptor_kind(descriptor(R"("urls":["https://example.com/a?b=c#d"])")), std::nullopt);
  for (const auto* url : {"value", "", "://", "1http://x", "https://a b", "https://\\u0000", "ht/tp:x"}) {
    EXPECT_EQ(descriptor_kind(descriptor(R"("urls":[")" + std::string(url) + R"("])")), Kind::invalid) << url;
  }
}

TEST(Descriptor, PlatformNeedsOsAndArchitecture) {
  EXPECT_EQ(descriptor_kind(descriptor(R"("platform":{"os":"linux"})")), Kind::invalid);
  EXPECT_EQ(descriptor_kind(descriptor(R"("platform":{"architecture":"arm"})")), Kind::invalid);
  EXPECT_EQ(parse_text(descriptor(R"("platform":{"os":"","architecture":""})")).platform, Platform{});
  EXPECT_EQ(parse_text(descriptor(R"("platform":null)")).platform, std::nullopt);
}

TEST(Render, ExtraThatPosesAsAKnownMemberIsADefect) {
  Manifest manifest = Manifest::parse(document(members));
  manifest.extra = {{"layers", "[]"}};
  EXPECT_EQ(kind_of_failure([&] { manifest.render(); }), Kind::internal);
}

TEST(Media, TypesAreToldApart) {
  for (const std::string_view layer :
       {media::oci_layer, media::oci_layer_gzip, media::oci_layer_zstd, media::docker_layer,
        media::docker_layer_gzip, media::docker_layer_zstd,
        std::string_view("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"),
        std::string_view("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")}) {
    EXPECT_TRUE(media::is_layer(layer)) << layer;
    EXPECT_FALSE(media::is_config(layer) || media::is_index(layer) || media::is_manifest(layer)) << layer;
  }
  EXPECT_FALSE(media::is_layer("application/vnd.oci.image.layer.v1.tar+gzip+encrypted"));
  EXPECT_FALSE(media::is_layer("application/vnd.oci.image.layer.v1.tar+unknown"));
  EXPECT_FALSE(media::is_layer("application/vnd.oci.image.layer.v1.tar.gzip"));
  EXPECT_FALSE(media::is_layer(media::oci_empty));
}

}  // namespace
}  // namespace stave::spec
