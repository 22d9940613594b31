// What the image-spec asks: of descriptors, layouts, manifests and indexes.

#include "stave/validate/sentences.h"

#include <array>

namespace stave::validate {
namespace {

constexpr std::string_view of_authors = "it is asked of the authors of specifications";
constexpr std::string_view of_formats = "it is asked of the authors of document formats";
constexpr std::string_view of_readers = "it is asked of readers: what they do, not what is in a file";
constexpr std::string_view of_tolerant =
    "it forbids readers an error, and a file breaks nothing by it; stave reports none";
constexpr std::string_view of_transport = "it is about what a server says or stores, which no file shows";
constexpr std::string_view of_words = "it says what words mean";
constexpr std::string_view of_writers =
    "it is asked of writers: the file itself does not show whether they did";

constexpr std::array<Sentence, 3> spec = {{
    {"spec.md", 1, "notational-conventions",
     "MUST, MUST NOT, REQUIRED, SHALL, SHALL NOT, SHOULD, SHOULD NOT, RECOMMENDED, NOT RECOMMENDED",
     "the keywords mean what RFC 2119 says", "", of_words},
    {"spec.md", 2, "notational-conventions", "MUST, MUST NOT, REQUIRED, SHALL, SHALL NOT",
     "an implementation that breaks one of the musts does not comply", "", of_words},
    {"spec.md", 3, "notational-conventions", "MUST, MUST NOT, REQUIRED, SHALL, SHALL NOT",
     "an implementation that keeps all of the musts complies", "", of_words},
}};

constexpr std::array<Sentence, 3> media_types = {{
    {"media-types.md", 1, "media-type-conflicts", "SHOULD",
     "without a type of their own to expect, readers go by the one that a server named", "", of_transport},
    {"media-types.md", 2, "media-type-conflicts", "SHOULD",
     "readers keep to the type that they expected and that a server named as well", "", of_transport},
    {"media-types.md", 3, "media-type-conflicts", "SHOULD",
     "when the expected and the named type differ, readers go by the digest", "", of_transport},
}};

constexpr std::array<Sentence, 35> descriptor = {{
    {"descriptor.md", 1, "oci-content-descriptors", "SHOULD",
     "other documents refer to content by descriptors", "", of_formats},
    {"descriptor.md", 2, "oci-content-descriptors", "SHOULD",
     "documents that refer to content do it by descriptors", "", of_formats},
    {"descriptor.md", 3, "properties", "REQUIRED", "a descriptor names the media type", "E010", ""},
    {"descriptor.md", 4, "properties", "MUST", "a media type follows RFC 6838", "E020", ""},
    {"descriptor.md", 5, "properties", "REQUIRED", "a descriptor names the digest", "E010", ""},
    {"descriptor.md", 6, "properties", "SHOULD", "content from untrusted places is compared with the digest",
     "", of_readers},
    {"descriptor.md", 7, "properties", "REQUIRED", "a descriptor gives the size", "E010 E019", ""},
    {"descriptor.md", 8, "properties", "SHOULD NOT", "content of another length is not trusted", "E019", ""},
    {"descriptor.md", 9, "properties", "MUST NOT", "a size is zero or more", "E018", ""},
    {"descriptor.md", 10, "properties", "MUST", "each url is a URI of RFC 3986", "E021", ""},
    {"descriptor.md", 11, "properties", "SHOULD", "the urls are http or https", "W022", ""},
    {"descriptor.md", 12, "properties", "MUST", "annotations of a descriptor keep the rules of annotations",
     "E601 E602 W603 W604", ""},
    {"descriptor.md", 13, "properties", "MUST", "embedded data is Base 64", "E023", ""},
    {"descriptor.md", 14, "properties", "MUST, SHOULD",
     "embedded data is the content itself, and readers compare it with size and digest", "E024", ""},
    {"descriptor.md", 15, "properties", "MUST", "an artifactType follows RFC 6838", "E025", ""},
    {"descriptor.md", 16, "properties", "SHOULD", "a descriptor of a manifest tells the platform", "W208",
     ""},
    {"descriptor.md", 17, "reserved", "SHOULD",
     "additions to descriptors are proposed to this specification first", "", of_authors},
    {"descriptor.md", 18, "digests", "MUST", "a digest follows the grammar", "E013", ""},
    {"descriptor.md", 19, "digests", "SHOULD", "readers let digests of algorithms that they do not know pass",
     "W015", ""},
    {"descriptor.md", 20, "verification", "SHOULD",
     "content from untrusted places is compared with the digest before it is used", "E012", ""},
    {"descriptor.md", 21, "verification", "SHOULD", "the size is compared before the digest is calculated",
     "E019", ""},
    {"descriptor.md", 22, "verification", "SHOULD", "nothing expensive is done before the digest is known",
     "", of_readers},
    {"descriptor.md", 23, "registered-algorithms", "SHOULD", "digests are made with sha256", "W017", ""},
    {"descriptor.md", 24, "registered-algorithms", "SHOULD",
     "further algorithms are proposed to this specification", "", of_authors},
    {"descriptor.md", 25, "sha-256", "MUST", "implementations can verify sha256", "", of_readers},
    {"descriptor.md", 26, "sha-256", "MUST", "behind sha256 stand 64 lower-case hex digits", "E014", ""},
    {"descriptor.md", 27, "sha-256", "MUST NOT", "capital hex digits are not used behind sha256", "E014", ""},
    {"descriptor.md", 28, "sha-512", "MUST", "behind sha512 stand 128 lower-case hex digits", "E014", ""},
    {"descriptor.md", 29, "sha-512", "MUST NOT", "capital hex digits are not used behind sha512", "E014", ""},
    {"descriptor.md", 30, "blake3", "MUST", "a blake3 hash has 256 bits", "E014", ""},
    {"descriptor.md", 31, "blake3", "MUST", "behind blake3 stand 64 lower-case hex digits", "E014", ""},
    {"descriptor.md", 32, "blake3", "MUST NOT", "capital hex digits are not used behind blake3", "E014", ""},
    {"descriptor.md", 33, "embedded-content", "MUST NOT",
     "data is not embedded where that changes digests which exist already", "", of_writers},
    {"descriptor.md", 34, "embedded-content", "MUST NOT",
     "a registry embeds nothing into manifests that were pushed", "", of_writers},
    {"descriptor.md", 35, "embedded-content", "SHOULD",
     "who embeds data thinks of readers that bound the size of manifests", "W005", ""},
}};

constexpr std::array<Sentence, 14> image_layout = {{
    {"image-layout.md", 1, "content", "SHOULD",
     "readers take a blob for bytes without a meaning of their own", "", of_readers},
    {"image-layout.md", 2, "content", "MUST", "there is a directory blobs", "E106", ""},
    {"image-layout.md", 3, "content", "MUST", "there is a file oci-layout", "E101", ""},
    {"image-layout.md", 4, "content", "MUST", "oci-layout is a JSON object", "E102 E001", ""},
    {"image-layout.md", 5, "content", "MUST", "oci-layout has imageLayoutVersion", "E102", ""},
    {"image-layout.md", 6, "content", "MUST", "there is a file index.json", "E104", ""},
    {"image-layout.md", 7, "content", "MUST", "index.json is an image index", "E105 E201", ""},
    {"image-layout.md", 8, "blobs", "MUST", "the content of a blob is that of the digest in its name", "E012",
     ""},
    {"image-layout.md", 9, "blobs", "MUST", "the same, by an example", "E012", ""},
    {"image-layout.md", 10, "blobs", "MUST", "names in blobs/ are made of the characters of digests", "E107",
     ""},
    {"image-layout.md", 11, "blobs", "SHOULD", "blobs that a layout lacks are had from elsewhere", "W109",
     ""},
    {"image-layout.md", 12, "indexjson-file", "REQUIRED", "there is a file index.json", "E104", ""},
    {"image-layout.md", 13, "indexjson-file", "MUST NOT", "an unknown media type in index.json is no error",
     "", of_tolerant},
    {"image-layout.md", 14, "index-example", "SHOULD",
     "a reference name counts on the descriptors of index.json only", "W607", ""},
}};

constexpr std::array<Sentence, 28> manifest = {{
    {"manifest.md", 1, "image-manifest-property-descriptions", "REQUIRED", "a manifest has schemaVersion",
     "E303", ""},
    {"manifest.md", 2, "image-manifest-property-descriptions", "MUST", "schemaVersion is 2", "E303", ""},
    {"manifest.md", 3, "image-manifest-property-descriptions", "SHOULD", "a manifest names its mediaType",
     "W304 W026", ""},
    {"manifest.md", 4, "image-manifest-property-descriptions", "MUST", "that mediaType is a manifest's",
     "E305", ""},
    {"manifest.md", 5, "image-manifest-property-descriptions", "MUST",
     "a manifest with the empty config names its artifactType", "E310", ""},
    {"manifest.md", 6, "image-manifest-property-descriptions", "MUST", "an artifactType follows RFC 6838",
     "E025", ""},
    {"manifest.md", 7, "image-manifest-property-descriptions", "MUST NOT",
     "an unknown artifactType is no error", "", of_tolerant},
    {"manifest.md", 8, "image-manifest-property-descriptions", "REQUIRED", "a manifest has a config", "E301",
     ""},
    {"manifest.md", 9, "image-manifest-property-descriptions", "MUST NOT",
     "a config of an unknown type is not parsed", "", of_tolerant},
    {"manifest.md", 10, "image-manifest-property-descriptions", "MUST NOT",
     "an unknown type of config is no error", "", of_tolerant},
    {"manifest.md", 11, "image-manifest-property-descriptions", "MUST",
     "readers know the OCI's type of config", "", of_readers},
    {"manifest.md", 12, "image-manifest-property-descriptions", "SHOULD",
     "the config of a container image is of that type", "W307", ""},
    {"manifest.md", 13, "image-manifest-property-descriptions", "SHOULD",
     "the config of an artifact is as the guidelines say", "E310 W312", ""},
    {"manifest.md", 14, "image-manifest-property-descriptions", "MUST",
     "another type of config follows RFC 6838", "E020", ""},
    {"manifest.md", 15, "image-manifest-property-descriptions", "MUST", "each layer is a descriptor",
     "E302 E010 E011", ""},
    {"manifest.md", 16, "image-manifest-property-descriptions", "SHOULD", "there is at least one layer",
     "W306", ""},
    {"manifest.md", 17, "image-manifest-property-descriptions", "MUST", "the base layer comes first",
     "E404 E502", ""},
    {"manifest.md", 18, "image-manifest-property-descriptions", "MUST",
     "the other layers follow in the order in which they are stacked", "E404 E502", ""},
    {"manifest.md", 19, "image-manifest-property-descriptions", "MUST",
     "the file system is what the layers make on an empty directory", "", of_readers},
    {"manifest.md", 20, "image-manifest-property-descriptions", "MUST",
     "readers know tar and tar+gzip layers", "", of_readers},
    {"manifest.md", 21, "image-manifest-property-descriptions", "SHOULD",
     "layers are of the types that every reader knows", "W308", ""},
    {"manifest.md", 22, "image-manifest-property-descriptions", "SHOULD", "readers know tar+zstd layers", "",
     of_readers},
    {"manifest.md", 23, "image-manifest-property-descriptions", "MUST NOT",
     "an unknown type of layer is no error", "", of_tolerant},
    {"manifest.md", 24, "image-manifest-property-descriptions", "MUST",
     "another type of layer follows RFC 6838", "E020", ""},
    {"manifest.md", 25, "image-manifest-property-descriptions", "MUST",
     "annotations of a manifest keep the rules of annotations", "E601 E602 W603 W604", ""},
    {"manifest.md", 26, "guidelines-for-artifact-usage", "MUST",
     "the config of an artifact is of a type of its own, or the empty one", "W308 E310", ""},
    {"manifest.md", 27, "guidelines-for-artifact-usage", "MUST",
     "a manifest with the empty config names its artifactType", "E310", ""},
    {"manifest.md", 28, "guidelines-for-artifact-usage", "SHOULD",
     "an artifact without layers has one that is not of 0 bytes", "W306 W311", ""},
}};

constexpr std::array<Sentence, 24> image_index = {{
    {"image-index.md", 1, "oci-image-index-specification", "SHOULD", "readers take indexes", "", of_readers},
    {"image-index.md", 2, "image-index-property-descriptions", "REQUIRED", "an index has schemaVersion",
     "E205", ""},
    {"image-index.md", 3, "image-index-property-descriptions", "MUST", "schemaVersion is 2", "E205", ""},
    {"image-index.md", 4, "image-index-property-descriptions", "SHOULD", "an index names its mediaType",
     "W206 W026", ""},
    {"image-index.md", 5, "image-index-property-descriptions", "MUST", "that mediaType is an index's", "E207",
     ""},
    {"image-index.md", 6, "image-index-property-descriptions", "MUST", "an artifactType follows RFC 6838",
     "E025", ""},
    {"image-index.md", 7, "image-index-property-descriptions", "REQUIRED", "an index has manifests", "E201",
     ""},
    {"image-index.md", 8, "image-index-property-descriptions", "MUST",
     "manifests is there, though it may be empty", "E201", ""},
    {"image-index.md", 9, "image-index-property-descriptions", "MUST", "readers know manifests as entries",
     "", of_readers},
    {"image-index.md", 10, "image-index-property-descriptions", "SHOULD", "readers know indexes as entries",
     "", of_readers},
    {"image-index.md", 11, "image-index-property-descriptions", "SHOULD",
     "the entries are manifests or indexes", "W213", ""},
    {"image-index.md", 12, "image-index-property-descriptions", "MUST NOT",
     "an unknown type of entry is no error", "", of_tolerant},
    {"image-index.md", 13, "image-index-property-descriptions", "SHOULD",
     "an entry for one platform tells which", "W208", ""},
    {"image-index.md", 14, "image-index-property-descriptions", "REQUIRED", "a platform has architecture",
     "E203", ""},
    {"image-index.md", 15, "image-index-property-descriptions", "SHOULD, SHOULD",
     "the architecture is one of GOARCH", "W210", ""},
    {"image-index.md", 16, "image-index-property-descriptions", "REQUIRED", "a platform has os", "E203", ""},
    {"image-index.md", 17, "image-index-property-descriptions", "SHOULD, SHOULD", "the os is one of GOOS",
     "W210", ""},
    {"image-index.md", 18, "image-index-property-descriptions", "SHOULD, SHOULD",
     "for windows the os.features are those of the spec", "W212", ""},
    {"image-index.md", 19, "image-index-property-descriptions", "SHOULD",
     "features for other systems are proposed to this specification", "", of_authors},
    {"image-index.md", 20, "image-index-property-descriptions", "SHOULD, SHOULD",
     "the variant is one of the table", "W211", ""},
    {"image-index.md", 21, "image-index-property-descriptions", "SHOULD",
     "of several entries that match the first is used", "W214", ""},
    {"image-index.md", 22, "image-index-property-descriptions", "MUST",
     "annotations of an index keep the rules of annotations", "E601 E602 W603 W604", ""},
    {"image-index.md", 23, "platform-variants", "SHOULD",
     "further variants are proposed to this specification", "", of_authors},
    {"image-index.md", 24, "platform-variants", "SHOULD", "variants are named as Go names them", "W211", ""},
}};

}  // namespace

std::vector<Sentence> document_sentences() {
  std::vector<Sentence> all;
  for (const std::span<const Sentence> part :
       {std::span<const Sentence>(spec), std::span<const Sentence>(media_types),
        std::span<const Sentence>(descriptor), std::span<const Sentence>(image_layout),
        std::span<const Sentence>(manifest), std::span<const Sentence>(image_index)})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace stave::validate
