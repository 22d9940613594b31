// What the image-spec asks: of layers, configs, annotations, conversion and all JSON.

#include "stave/validate/sentences.h"

#include <array>

namespace stave::validate {
namespace {

constexpr std::string_view of_attributes =
    "each entry of a tar has all of them; whether they were those of the file it does not show";
constexpr std::string_view of_converters = "it is asked of converters to a runtime configuration";
constexpr std::string_view of_history = "a file does not show how the image was built";
constexpr std::string_view of_marks =
    "a file does not show that its layer may not be distributed but by this mark";
constexpr std::string_view of_readers = "it is asked of readers: what they do, not what is in a file";
constexpr std::string_view of_tolerant =
    "it forbids readers an error, and a file breaks nothing by it; stave reports none";
constexpr std::string_view of_transport = "it is about what a server says or stores, which no file shows";
constexpr std::string_view of_writers =
    "it is asked of writers: the file itself does not show whether they did";

constexpr std::array<Sentence, 18> layer = {{
    {"layer.md", 1, "distributable-format", "MUST", "a layer is a tar archive", "E503 W509 E510 E515", ""},
    {"layer.md", 2, "distributable-format", "MUST NOT", "a layer has no path twice", "E504", ""},
    {"layer.md", 3, "file-attributes", "MUST", "entries carry the attributes of their files", "",
     of_attributes},
    {"layer.md", 4, "file-attributes", "SHOULD NOT", "sparse files are not used", "W508", ""},
    {"layer.md", 5, "platform-specific-attributes", "MUST", "readers on Windows know its attributes", "",
     of_readers},
    {"layer.md", 6, "populate-a-comparison-filesystem", "MUST NOT",
     "who takes a snapshot leaves what it was taken from alone", "", of_writers},
    {"layer.md", 7, "representing-changes", "MUST", "a removed path is written as a whiteout of its name",
     "E505 W513", ""},
    {"layer.md", 8, "changeset-over-existing-files", "MUST",
     "a directory over a directory takes over the attributes of the new one", "", of_readers},
    {"layer.md", 9, "changeset-over-existing-files", "MUST", "anything else that is there is replaced", "",
     of_readers},
    {"layer.md", 10, "whiteouts", "SHOULD", "readers refuse a whiteout that names nothing", "E505", ""},
    {"layer.md", 11, "whiteouts", "MUST", "a whiteout itself is not seen", "", of_readers},
    {"layer.md", 12, "whiteouts", "MUST", "a whiteout works on the layers below only", "W507 W513", ""},
    {"layer.md", 13, "whiteouts", "SHOULD", "whiteouts come before the entries beside them", "W528", ""},
    {"layer.md", 14, "opaque-whiteout", "SHOULD, MUST",
     "writers use explicit whiteouts, readers take opaque ones as well", "W518", ""},
    {"layer.md", 15, "non-distributable-layers", "SHOULD NOT",
     "writers make no layers that may not be distributed", "W309", ""},
    {"layer.md", 16, "non-distributable-layers", "SHOULD",
     "layers that may not be distributed are marked by their type", "", of_marks},
    {"layer.md", 17, "non-distributable-layers", "SHOULD NOT, SHOULD NOT",
     "such layers are not uploaded, but downloaded like any other", "", of_transport},
    {"layer.md", 18, "non-distributable-layers", "SHOULD NOT",
     "urls do not make a layer one that may not be distributed", "", of_readers},
}};

constexpr std::array<Sentence, 16> config = {{
    {"config.md", 1, "layer-diffid", "SHOULD", "layers are packed and unpacked so that the diff_id stays",
     "E502", ""},
    {"config.md", 2, "properties", "REQUIRED", "a config has architecture", "E401", ""},
    {"config.md", 3, "properties", "SHOULD, SHOULD", "the architecture is one of GOARCH", "W410", ""},
    {"config.md", 4, "properties", "REQUIRED", "a config has os", "E401", ""},
    {"config.md", 5, "properties", "SHOULD, SHOULD", "the os is one of GOOS", "W410", ""},
    {"config.md", 6, "properties", "SHOULD, SHOULD", "for windows the os.features are those of the spec",
     "W412", ""},
    {"config.md", 7, "properties", "SHOULD, SHOULD", "the variant is one of the table", "W411", ""},
    {"config.md", 8, "properties", "SHOULD", "what to run is taken from config", "", of_readers},
    {"config.md", 9, "properties", "SHOULD", "without an Entrypoint the first of Cmd is the program", "",
     of_readers},
    {"config.md", 10, "properties", "MUST", "labels keep the rules of annotations", "E601 W603 W604", ""},
    {"config.md", 11, "properties", "REQUIRED", "a config has rootfs", "E401", ""},
    {"config.md", 12, "properties", "REQUIRED", "rootfs has type", "E401", ""},
    {"config.md", 13, "properties", "MUST", "the type of rootfs is layers", "E403", ""},
    {"config.md", 14, "properties", "MUST", "readers refuse another type of rootfs", "E403", ""},
    {"config.md", 15, "properties", "REQUIRED", "rootfs has diff_ids", "E401 E404", ""},
    {"config.md", 16, "properties", "MUST NOT", "unknown members are no error", "", of_tolerant},
}};

constexpr std::array<Sentence, 17> annotations = {{
    {"annotations.md", 1, "rules", "MUST, MUST", "annotations are a map of strings to strings", "E601", ""},
    {"annotations.md", 2, "rules", "MUST", "each key has a value, though it may be empty", "E601", ""},
    {"annotations.md", 3, "rules", "MUST", "no key comes twice", "E002", ""},
    {"annotations.md", 4, "rules", "SHOULD", "keys are named by reversed domains", "W603", ""},
    {"annotations.md", 5, "rules", "MUST NOT",
     "keys below org.opencontainers are those of OCI specifications", "W604", ""},
    {"annotations.md", 6, "rules", "MUST NOT", "keys below org.opencontainers.image are those of this one",
     "W604", ""},
    {"annotations.md", 7, "rules", "MUST", "without annotations the member is absent or an empty map", "E602",
     ""},
    {"annotations.md", 8, "rules", "MUST NOT", "an unknown key is no error", "", of_tolerant},
    {"annotations.md", 9, "pre-defined-annotation-keys", "SHOULD",
     "a reference name counts on the descriptors of index.json only", "W607", ""},
    {"annotations.md", 10, "pre-defined-annotation-keys", "SHOULD",
     "a reference name is made of letters, digits and separators", "W606", ""},
    {"annotations.md", 11, "pre-defined-annotation-keys", "SHOULD",
     "base.digest is that of the image from which the build started", "", of_history},
    {"annotations.md", 12, "pre-defined-annotation-keys", "SHOULD NOT",
     "base.digest is not that of another image that helped to build", "", of_history},
    {"annotations.md", 13, "pre-defined-annotation-keys", "SHOULD", "base.name is an image reference", "W609",
     ""},
    {"annotations.md", 14, "pre-defined-annotation-keys", "SHOULD", "base.name begins with a registry",
     "W609", ""},
    {"annotations.md", 15, "pre-defined-annotation-keys", "SHOULD",
     "base.name is that of the image from which the build started", "", of_history},
    {"annotations.md", 16, "pre-defined-annotation-keys", "SHOULD NOT",
     "base.name is not that of another image that helped to build", "", of_history},
    {"annotations.md", 17, "pre-defined-annotation-keys", "SHOULD",
     "base.name comes with the digest of its manifest", "W610", ""},
}};

constexpr std::array<Sentence, 29> conversion = {{
    {"conversion.md", 1, "conversion-to-oci-runtime-configuration", "MUST",
     "a converter goes by the image config", "", of_converters},
    {"conversion.md", 2, "conversion-to-oci-runtime-configuration", "SHOULD NOT",
     "a converter does not remove or change environment variables", "", of_converters},
    {"conversion.md", 3, "verbatim-fields", "MUST", "a converter takes over what to run as it is", "",
     of_converters},
    {"conversion.md", 4, "verbatim-fields", "SHOULD NOT", "a converter adds no variable that Env has", "",
     of_converters},
    {"conversion.md", 5, "verbatim-fields", "MUST", "a converter puts Cmd behind Entrypoint", "",
     of_converters},
    {"conversion.md", 6, "annotation-fields", "MUST",
     "a label wins over an annotation that is made of another member", "", of_converters},
    {"conversion.md", 7, "annotation-fields", "MUST", "os becomes an annotation", "", of_converters},
    {"conversion.md", 8, "annotation-fields", "MUST", "architecture becomes an annotation", "",
     of_converters},
    {"conversion.md", 9, "annotation-fields", "MUST", "variant becomes an annotation", "", of_converters},
    {"conversion.md", 10, "annotation-fields", "MUST", "os.version becomes an annotation", "", of_converters},
    {"conversion.md", 11, "annotation-fields", "MUST", "os.features becomes an annotation", "",
     of_converters},
    {"conversion.md", 12, "annotation-fields", "MUST", "author becomes an annotation", "", of_converters},
    {"conversion.md", 13, "annotation-fields", "MUST", "created becomes an annotation", "", of_converters},
    {"conversion.md", 14, "annotation-fields", "MUST", "StopSignal becomes an annotation", "", of_converters},
    {"conversion.md", 15, "parsed-fields", "SHOULD", "a converter resolves the user", "", of_converters},
    {"conversion.md", 16, "configuser", "MUST", "a numeric user or group is taken over as it is", "",
     of_converters},
    {"conversion.md", 17, "configuser", "SHOULD", "a user or group by name is looked up in the container", "",
     of_converters},
    {"conversion.md", 18, "configuser", "SHOULD", "the further groups are those of the user", "",
     of_converters},
    {"conversion.md", 19, "configuser", "SHOULD NOT",
     "the further groups stay as they are for a numeric user or an explicit group", "", of_converters},
    {"conversion.md", 20, "configuser", "MUST", "a user whom the container lacks is an error", "",
     of_converters},
    {"conversion.md", 21, "optional-fields", "SHOULD", "a converter lets its users have ports and volumes",
     "", of_converters},
    {"conversion.md", 22, "optional-fields", "SHOULD", "the ports become an annotation", "", of_converters},
    {"conversion.md", 23, "optional-fields", "SHOULD", "a volume is kept outside of the root file system", "",
     of_converters},
    {"conversion.md", 24, "optional-fields", "SHOULD", "a volume is mounted where it says", "",
     of_converters},
    {"conversion.md", 25, "optional-fields", "SHOULD NOT", "a new image leaves out what is in volumes", "",
     of_converters},
    {"conversion.md", 26, "configexposedports", "SHOULD",
     "the ports become an annotation unless that is in conflict", "", of_converters},
    {"conversion.md", 27, "annotations", "SHOULD NOT",
     "a converter takes no annotations from manifests and indexes", "", of_converters},
    {"conversion.md", 28, "annotations", "MUST", "a label wins in a conflict", "", of_converters},
    {"conversion.md", 29, "annotations", "MUST NOT", "a converter leaves the values of annotations alone", "",
     of_converters},
}};

constexpr std::array<Sentence, 7> considerations = {{
    {"considerations.md", 1, "extensibility", "MUST NOT",
     "who stores or copies content does not change its digest", "", of_writers},
    {"considerations.md", 2, "extensibility", "SHOULD NOT", "unknown members are no error", "", of_tolerant},
    {"considerations.md", 3, "canonicalization", "SHOULD",
     "writers serialise the same content to the same bytes", "", of_writers},
    {"considerations.md", 4, "json", "MUST", "JSON keeps to RFC 7493", "E001 E002 E003", ""},
    {"considerations.md", 5, "json", "MUST", "JSON is encoded in UTF-8", "E003", ""},
    {"considerations.md", 6, "json", "SHOULD", "numbers fit IEEE 754 doubles", "W004", ""},
    {"considerations.md", 7, "json", "MUST NOT", "no name comes twice in an object", "E002", ""},
}};

}  // namespace

std::vector<Sentence> content_sentences() {
  std::vector<Sentence> all;
  for (const std::span<const Sentence> part :
       {std::span<const Sentence>(layer), std::span<const Sentence>(config),
        std::span<const Sentence>(annotations), std::span<const Sentence>(conversion),
        std::span<const Sentence>(considerations)})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace stave::validate
