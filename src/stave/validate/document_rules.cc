// The rules of documents: JSON, descriptors, layouts, indexes, manifests,
// configs, annotations. What each asks, what to do, and what happens to whom.

#include <array>

#include "stave/validate/rules.h"

namespace stave::validate {
namespace {

// 0xx: JSON, descriptors, digests, media types.
constexpr std::array<Rule, 27> general = {{
    {"E001", "considerations.md#json", "a document is JSON",
     "make the document again with a JSON library; a text editor or a cut-off download is the usual cause",
     "Manifests, indexes and configs are JSON, and every client refuses one that is not. It comes from a "
     "transfer that stopped early, an edit by hand, or a template that printed a comma too many. A byte "
     "order "
     "mark in front and a NUL byte behind are no JSON either, although some readers overlook them."},
    {"E002", "considerations.md#json", "an object has no member name twice", "remove one of the two members",
     "One reader keeps the first member of a name, another the last, so the same bytes with the same digest "
     "are two documents: a scanner sees one layer list and the runtime unpacks another. The spec takes over "
     "RFC 7493, which forbids it."},
    {"E003", "considerations.md#json", "a document is encoded in UTF-8", "convert the document to UTF-8",
     "JSON is exchanged as UTF-8. Go's decoder silently replaces a wrong byte by U+FFFD, others refuse the "
     "document, so a name or a label differs from client to client. It comes from tools that paste a Latin-1 "
     "author or command line into a config."},
    {"W004", "considerations.md#json", "a number is one that IEEE 754 doubles hold",
     "write the number as a string, or keep it below 2^53",
     "Readers in JavaScript, jq and many others keep numbers as doubles, and change an integer beyond 2^53 "
     "without a word. If it does not even fit 64 bits, Go refuses the document when it needs the member, and "
     "stave does not look at the rest of it."},
    {"W005", "descriptor.md#embedded-content", "a document has no more than 4 MiB",
     "move embedded data into blobs of its own, and long annotations elsewhere",
     "Registries are asked to take manifests of 4 MiB, and several refuse every byte more; containerd and "
     "containers/image stop a little later. Such a manifest is pushed to one registry and cannot be copied "
     "to the next."},
    {"E006", "descriptor.md#embedded-content", "an image stays within the limits of its readers",
     "split the index, or look at who wrote it: honest images are far below these limits",
     "Every reader bounds what it takes from strangers. stave stops at documents of 8 MiB (64 MiB for the "
     "index.json of a layout), 64 levels of JSON, 8 indexes within each other and a million blobs, and what "
     "lies beyond was not checked: so it is an error, not a pass."},
    {"W007", "considerations.md#extensibility", "no member is called nearly as one that the spec names",
     "correct the case of the name, or remove the member",
     "Go's JSON decoder ignores the case of names, so \"Layers\" is layers for docker, podman and "
     "containerd, "
     "and an unknown member for everybody else. Two readers see two documents, as with names that come "
     "twice."},
    {"E008", "manifest.md#image-manifest-property-descriptions",
     "a document is an index or a manifest, not both",
     "write manifests in an index, config and layers in a manifest, and the matching mediaType",
     "Bytes with both \"manifests\" and \"layers\" are an index for who asks for one and a manifest for who "
     "asks "
     "for the other, with one digest: what was scanned and signed is not what runs. This is CVE-2021-41190, "
     "and clients refuse such documents since."},
    {"E009", "descriptor.md#properties", "content is what the media type of its descriptor says",
     "correct mediaType in the descriptor, and then the digests of all that refer to it",
     "Clients choose the parser by the descriptor's media type, and stop when the members that they need are "
     "absent. An index that points to a manifest as an index is the usual case, made by tools that copy "
     "the type of the parent."},
    {"E010", "descriptor.md#properties", "a descriptor has mediaType, digest and size",
     "add the member that is absent",
     "Without a digest the content cannot be named, without a size it cannot be bounded, and without a media "
     "type nobody knows how to read it. Clients refuse the whole document, not only this entry."},
    {"E011", "descriptor.md#properties",
     "the members of a descriptor have the types that the spec gives them",
     "write size as an integer, urls as an array of strings, the others as the spec says",
     "Most clients decode into typed structures and fail on the first member of another type, so one size in "
     "quotes makes the whole image unreadable. It comes from templates and from languages whose JSON numbers "
     "are strings or floats."},
    {"E012", "descriptor.md#digests", "the digest of a blob is that of its content",
     "fetch the blob again, or, if the content was changed on purpose, correct the digest in everything that "
     "refers to it",
     "The digest is the blob's name, made from its bytes; if they differ, the content was damaged or "
     "exchanged. "
     "Every client refuses to pull it. The common causes are an edit by hand, a text-mode transfer that "
     "changed "
     "line ends, and a disk that lies."},
    {"E013", "descriptor.md#digests", "a digest is an algorithm, a colon and the encoded hash",
     "write it as sha256: followed by 64 hex digits",
     "The algorithm is lower-case words joined by one of + . _ -, the encoded part letters, digits, =, _ and "
     "-. "
     "Anything else, such as a bare hex string or SHA256 in capitals, is refused by every parser."},
    {"E014", "descriptor.md#registered-algorithms",
     "the encoded part of a registered algorithm is lower-case hex of its length",
     "write 64 (sha256, blake3) or 128 (sha512) of 0-9 and a-f",
     "A digest is compared as a string and used as a file name, so there must be one way to write it. "
     "Capital "
     "hex digits or a shortened hash name a blob that nobody can find."},
    {"W015", "descriptor.md#digests", "a digest is of an algorithm that the spec registers",
     "use sha256 when the content is for more than your own tools",
     "The grammar leaves room for other algorithms, so such a digest is valid; but no client can verify it, "
     "and most refuse what they cannot verify. stave does not look at the content behind it."},
    {"W016", "descriptor.md#registered-algorithms", "a digest is of an algorithm that stave can verify",
     "verify the content with a tool that has the algorithm, or use sha256",
     "The spec registers blake3 beside sha256 and sha512, and lets implementations leave it out. stave does, "
     "as "
     "nearly all do: the digest is well-formed, and what it names was not verified or looked into."},
    {"W017", "descriptor.md#registered-algorithms", "a digest is sha256",
     "use sha256 unless you know every reader",
     "Every implementation must verify sha256; sha512 is optional. stave verifies it like the other, but "
     "docker "
     "and several registries know only sha256, and fail on the image as a whole."},
    {"E018", "descriptor.md#properties", "a size is not negative", "write the number of bytes of the content",
     "The size is a signed integer for the sake of Go, so it can be written negative, and a reader that "
     "converts it gets 16 exabytes to allocate or a limit that nothing reaches."},
    {"E019", "descriptor.md#properties", "the size in a descriptor is that of the content",
     "correct the size in the descriptor, and then the digests of all that refer to it",
     "Clients read exactly as many bytes as the descriptor says and then compare the digest, so a wrong size "
     "fails a pull although the blob is good. It comes from documents that were formatted again after they "
     "had been described, such as by an editor that adds a line end."},
    {"E020", "descriptor.md#properties", "a media type is written type/subtype as RFC 6838 has it",
     "use one of the types in media-types.md, or type/subtype of your own",
     "Both parts begin with a letter or digit, go on with those and ! # $ & - ^ _ . +, and have 127 "
     "characters "
     "at most. An empty or malformed type passes for unknown in some clients and stops others."},
    {"E021", "descriptor.md#properties", "each of the urls is a URI", "write an absolute https URL",
     "The entries are downloaded from as they stand, so each needs a scheme and none of the characters that "
     "RFC 3986 excludes. Host names without a scheme are the usual mistake."},
    {"W022", "descriptor.md#properties", "the urls use http or https", "offer the content over https",
     "Clients that follow urls at all have an HTTP client and nothing else. An entry with another scheme is "
     "skipped or makes the download fail."},
    {"E023", "descriptor.md#embedded-content", "embedded data is Base 64 with padding",
     "encode it with the standard alphabet (+ and /) and = at the end",
     "Decoders follow RFC 4648, section 4, and refuse the URL-safe alphabet, line breaks and absent "
     "padding."},
    {"E024", "descriptor.md#embedded-content", "embedded data is the content that the descriptor describes",
     "embed the bytes whose size and digest the descriptor has, or remove data",
     "A client may use the embedded bytes instead of fetching the blob. If they differ, who fetches and who "
     "does not see two contents under one digest, and a client that does not verify runs what nobody "
     "signed."},
    {"E025", "descriptor.md#properties", "an artifactType is written type/subtype as RFC 6838 has it",
     "write a media type, or leave artifactType out",
     "Registries filter referrers by this string, and refuse a manifest whose type they cannot parse. A bare "
     "word such as \"sbom\" is the usual mistake."},
    {"W026", "media-types.md#compatibility-matrix", "a document is of an OCI media type",
     "nothing, if it is to stay a Docker image; else copy the image as OCI",
     "Docker's manifest, list, config and layers are near enough to OCI's that every client reads both, and "
     "stave checks them by the same rules. They have no annotations, and tools that follow the OCI "
     "specification alone may not know them."},
    {"E027", "media-types.md#oci-image-media-types", "a document is one of those that the spec defines",
     "name an index, a manifest, a config, a descriptor or an oci-layout file",
     "A document is told by its members: manifests, layers and config, rootfs, digest, imageLayoutVersion. "
     "Docker's schema 1 (fsLayers, signatures) has none of them and is no longer taken by current clients; "
     "pull a "
     "newer tag, or convert it with a tool that still reads it."},
}};

// 1xx: layouts.
constexpr std::array<Rule, 10> layouts = {{
    {"E101", "image-layout.md#content", "a layout has a file oci-layout",
     "write {\"imageLayoutVersion\":\"1.0.0\"} into a file oci-layout beside index.json",
     "The file marks the directory as a layout; tools look for it first and take a directory without it for "
     "something else. It gets lost when only index.json and blobs/ are copied."},
    {"E102", "image-layout.md#oci-layout-file",
     "oci-layout is a JSON object with the string imageLayoutVersion",
     "write {\"imageLayoutVersion\":\"1.0.0\"}",
     "A reader learns from the version whether it understands the layout. Written as a number (1.0.0 without "
     "quotes) it is not even JSON."},
    {"W103", "image-layout.md#oci-layout-file", "imageLayoutVersion is 1.0.0", "write \"1.0.0\"",
     "The version changes only when the layout does, and it has been 1.0.0 since the first release of the "
     "spec, whose own version is another matter. Several tools compare it literally and refuse the others."},
    {"E104", "image-layout.md#indexjson-file", "a layout has a file index.json",
     "make the layout again, or write an index that refers to its manifests",
     "index.json is the only way into a layout: without it no blob has a name, and a collector of garbage "
     "removes them all."},
    {"E105", "image-layout.md#indexjson-file", "index.json is an image index",
     "put the manifest into blobs/ and write an index that refers to it",
     "Tools decode index.json as an index, and find no manifests in anything else. A manifest in its place "
     "comes from scripts that save what a registry answered."},
    {"E106", "image-layout.md#content", "a layout has a directory blobs",
     "make the directory, even if it is empty",
     "A layout without images has an empty blobs/. git and some archivers leave out empty directories, "
     "and the next tool then fails to write its first blob."},
    {"E107", "image-layout.md#blobs", "what is in blobs/ is named by algorithm and encoded hash",
     "remove what is no blob, or give it the name of its digest",
     "Readers open blobs by the names that digests give, so another name is never found, and tools that list "
     "the "
     "directory stop at it. Temporary files of a writer that was killed and files of the system such as "
     ".DS_Store are what is found there."},
    {"E108", "image-layout.md#blobs", "a blob is a file", "replace it by the content that its digest names",
     "A blob is opened and read; a directory, a device or a symlink that leads nowhere cannot be. Broken "
     "symlinks come from layouts that share blobs with a place that was not copied with them."},
    {"W109", "image-layout.md#blobs", "what is referred to is there",
     "copy the image again from a place that has all of it, or remove the reference",
     "A layout may lack blobs that are fetched from elsewhere, but who has only the layout cannot unpack the "
     "image. It comes from copying one platform of an image for many, and from a collector that ran beside a "
     "writer."},
    {"W110", "image-layout.md#indexjson-file", "no two entries of index.json have one name",
     "remove the entry that is older, or give it a name of its own",
     "The spec leaves open what a name means, and tools differ: one takes the first entry, another the last, "
     "a "
     "third refuses. It comes from writers that append instead of replacing, or from two that wrote at "
     "once."},
}};

// 2xx: indexes.
constexpr std::array<Rule, 14> indexes = {{
    {"E201", "image-index.md#image-index-property-descriptions", "an index has manifests",
     "write \"manifests\": [] when there are none",
     "The array must be there, though it may be empty. null is what Go writes for a list that was never "
     "filled, and several readers refuse it."},
    {"E202", "image-index.md#image-index-property-descriptions",
     "the members of an index have the types that the spec gives them",
     "write each member as the spec has it",
     "Clients decode an index into typed structures and refuse the whole of it for one member of another "
     "type."},
    {"E203", "image-index.md#image-index-property-descriptions", "a platform has os and architecture",
     "add the member that is absent, or leave platform out",
     "A client that looks for its platform compares both. An entry that lacks one fits nothing or, where an "
     "empty string counts as anything, everything."},
    {"E204", "image-index.md#image-index-property-descriptions",
     "the members of a platform have the types that the spec gives them",
     "write strings, and os.features as an array of strings",
     "Clients refuse the whole index for one member of another type, so no platform can be pulled."},
    {"E205", "image-index.md#image-index-property-descriptions", "the schemaVersion of an index is 2",
     "write \"schemaVersion\": 2",
     "Old versions of Docker choose their parser by this number, and take anything else for a format that "
     "they "
     "gave up."},
    {"W206", "image-index.md#image-index-property-descriptions", "an index says its mediaType",
     "add \"mediaType\": \"application/vnd.oci.image.index.v1+json\"",
     "Without it, the bytes alone do not say what they are, and who has lost the descriptor or the HTTP "
     "header has "
     "to guess. The confusion of CVE-2021-41190 began there."},
    {"E207", "image-index.md#image-index-property-descriptions",
     "the mediaType of an index is that of an index", "write application/vnd.oci.image.index.v1+json",
     "Registries and clients compare it with the type under which the document was pushed or referred to, "
     "and "
     "refuse it when they differ."},
    {"W208", "image-index.md#image-index-property-descriptions", "an entry for an image has its platform",
     "add platform with the os and architecture of its config",
     "Clients choose by the platform in the index before they fetch anything. An entry without one is passed "
     "over by some and taken for any machine by others, which then fails with \"exec format error\"."},
    {"W209", "image-index.md#image-index-property-descriptions",
     "the platform in an index is that of the image's config", "correct the one that is wrong",
     "containerd trusts the index, docker and podman look at the config as well, so a client pulls what its "
     "machine cannot run or refuses what it could. It comes from builds under emulation whose base was made "
     "for another architecture."},
    {"W210", "image-index.md#image-index-property-descriptions",
     "os and architecture of an entry are names that Go has", "write linux, amd64, arm64 and so on",
     "Clients compare with GOOS and GOARCH as strings. x86_64 and aarch64 are uname's names, which only some "
     "clients translate."},
    {"W211", "image-index.md#platform-variants", "the variant of an entry is one of the spec's table",
     "write v6, v7 or v8 for arm, v8 for arm64, v1 to v4 for amd64",
     "Variants are compared as strings or by their number, and a client that does not know one passes the "
     "entry "
     "over. A bare number (7 instead of v7) is the usual mistake."},
    {"W212", "image-index.md#image-index-property-descriptions",
     "the os.features of an entry for windows are those of the spec", "write win32k or leave os.features out",
     "Each feature is mandatory: a client that does not know one must not run the image. For windows the "
     "spec "
     "knows win32k only."},
    {"W213", "image-index.md#image-index-property-descriptions",
     "the entries of an index are manifests or indexes of the OCI", "refer to an OCI manifest or index",
     "Anything else is allowed and is no error for any reader, but readers may pass it over, and copying "
     "tools "
     "may not know what hangs below it."},
    {"W214", "image-index.md#image-index-property-descriptions",
     "no two entries of an index are for one platform",
     "remove the one that is not meant, or tell them apart by variant or os.version",
     "Clients take the first entry that fits, so the later one is never pulled. It comes from indexes to "
     "which a "
     "new build was added without removing the old one."},
}};

// 3xx: manifests.
constexpr std::array<Rule, 12> manifests = {{
    {"E301", "manifest.md#image-manifest-property-descriptions", "a manifest has config and layers",
     "add the member that is absent; without layers write the empty descriptor",
     "A client reads the config first and then each layer; without one of them there is no image to make."},
    {"E302", "manifest.md#image-manifest-property-descriptions",
     "the members of a manifest have the types that the spec gives them",
     "write each member as the spec has it",
     "Clients decode a manifest into typed structures and refuse the whole of it for one member of another "
     "type."},
    {"E303", "manifest.md#image-manifest-property-descriptions", "the schemaVersion of a manifest is 2",
     "write \"schemaVersion\": 2",
     "Old versions of Docker choose their parser by this number, and take 1 for the signed format that "
     "clients "
     "no longer read."},
    {"W304", "manifest.md#image-manifest-property-descriptions", "a manifest says its mediaType",
     "add \"mediaType\": \"application/vnd.oci.image.manifest.v1+json\"",
     "Without it, the bytes alone do not say what they are, and who has lost the descriptor or the HTTP "
     "header has "
     "to guess. The confusion of CVE-2021-41190 began there."},
    {"E305", "manifest.md#image-manifest-property-descriptions",
     "the mediaType of a manifest is that of a manifest", "write application/vnd.oci.image.manifest.v1+json",
     "Registries and clients compare it with the type under which the document was pushed or referred to, "
     "and "
     "refuse it when they differ."},
    {"W306", "manifest.md#image-manifest-property-descriptions", "a manifest has a layer",
     "add a layer, or the empty descriptor for an artifact that has none",
     "An image of nothing is legal, and stave reads and writes it; but the spec's own schema asks for one "
     "layer, some registries enforce that, and podman and docker differ in what they make of none."},
    {"W307", "manifest.md#image-manifest-property-descriptions",
     "the config of a container image is of the OCI's type",
     "write application/vnd.oci.image.config.v1+json if it is an image's config",
     "A client must not parse a config of a type that it does not know, so an image whose layers are fine "
     "cannot "
     "be run by it. Docker's config type inside of an OCI manifest is the usual case."},
    {"W308", "manifest.md#image-manifest-property-descriptions", "the layers of an image are tar or tar+gzip",
     "compress with gzip for readers that you do not know",
     "These are the types that every implementation must support. zstd it should support: containerd since "
     "1.5, "
     "docker since 23 and podman do, older ones fail on the layer. Other types beside an image config are "
     "artifacts that call themselves images."},
    {"W309", "layer.md#non-distributable-layers", "no layer is marked as non-distributable",
     "use the ordinary layer types",
     "Such layers are not pushed, so whoever pulls the image needs another source for them, and air-gapped "
     "machines have none. The spec has deprecated the types; Windows base images were their one user."},
    {"E310", "manifest.md#guidelines-for-artifact-usage",
     "a manifest with an empty config has an artifactType",
     "add artifactType with the media type of what it is",
     "The type of an artifact is that of its config, unless the config is the empty one: then nothing else "
     "says "
     "what it is, and registries list it among the referrers without a type."},
    {"W311", "manifest.md#guidelines-for-artifact-usage", "the only layer of an artifact is not of 0 bytes",
     "use the empty descriptor, whose content is {}",
     "Some registries and clients cannot store or fetch a blob of 0 bytes, which is why the spec made one of "
     "two."},
    {"W312", "manifest.md#guidance-for-an-empty-descriptor", "the empty media type stands for the content {}",
     "use the digest of {} and a size of 2",
     "Clients that see the type do not fetch the blob and take its content for known. Another digest under "
     "it is "
     "content that they will never look at."},
}};

// 4xx: configs.
constexpr std::array<Rule, 14> configs = {{
    {"E401", "config.md#properties", "a config has os, architecture and rootfs with its type and diff_ids",
     "add the member that is absent, for an image without layers \"diff_ids\": []",
     "Clients compare os and architecture with their machine, and take the layers' order and content from "
     "diff_ids. An image without a file system needs them as well."},
    {"E402", "config.md#properties", "the members of a config have the types that the spec gives them",
     "write each member as the spec has it",
     "Clients decode a config into typed structures and refuse the image for one member of another type. A "
     "command as a string instead of a list, or a numeric User, are the usual mistakes."},
    {"E403", "config.md#properties", "the type of rootfs is layers", "write \"type\": \"layers\"",
     "Implementations must refuse any other type when they verify or unpack the image."},
    {"E404", "config.md#properties", "a config has one diff_id for each layer",
     "write the digest of each layer's uncompressed tar, in the order of the manifest's layers",
     "Clients match layers and diff_ids by their place and refuse the image when the numbers differ. It "
     "comes "
     "from adding a layer to the manifest alone."},
    {"W405", "config.md#properties", "a config's history has one entry for each layer",
     "mark the entries that made no layer with \"empty_layer\": true, or leave history out",
     "Entries that are not marked as empty correspond to the layers in order. If the numbers differ, tools "
     "show "
     "the wrong command for a layer, and docker has refused such images (\"history has more non-empty "
     "layers\")."},
    {"E406", "config.md#properties", "created is a date and time of RFC 3339",
     "write it as 2024-05-01T12:00:00Z",
     "Go's decoder refuses the config, and so the image, for any other form: a blank instead of the T, a "
     "zone "
     "by name, or no zone at all."},
    {"E407", "config.md#properties", "each entry of Env is NAME=VALUE", "write NAME= for an empty value",
     "Runtimes split at the first =. An entry without one is refused by some, and given to the process as it "
     "is "
     "by others; \"NAME\" alone takes the host's value in docker run, which an image cannot mean."},
    {"W408", "config.md#properties", "a port of ExposedPorts is PORT, PORT/tcp or PORT/udp",
     "write 8080/tcp; one entry for each port of a range",
     "Docker parses each key when a container is made and refuses ranges, names and ports above 65535. sctp "
     "is "
     "known to docker and podman, but not to the spec."},
    {"W409", "config.md#properties", "the values of ExposedPorts and Volumes are empty objects",
     "write {} for each value",
     "The objects are Go's map[string]struct{}: a set of names. A reader in Go refuses a string or null in "
     "the "
     "place of {}, and ignores what is inside."},
    {"W410", "config.md#properties", "os and architecture of a config are names that Go has",
     "write linux, amd64, arm64 and so on",
     "Clients compare with GOOS and GOARCH as strings. x86_64 and aarch64 are uname's names, which only some "
     "clients translate."},
    {"W411", "config.md#properties", "the variant of a config is one of the spec's table",
     "write v6, v7 or v8 for arm, v8 for arm64, v1 to v4 for amd64",
     "Variants are compared as strings or by their number. A bare number (7 instead of v7) is the usual "
     "mistake."},
    {"W412", "config.md#properties", "the os.features of a config for windows are those of the spec",
     "write win32k or leave os.features out",
     "Each feature is mandatory: a client that does not know one must not run the image."},
    {"W413", "config.md#properties", "StopSignal is a signal's name or number", "write SIGTERM or 15",
     "Runtimes look the name up when the container is stopped, long after anybody would look for the "
     "mistake, and kill it when they do not find it."},
    {"W414", "config.md#properties", "a config has no ArgsEscaped", "leave ArgsEscaped out",
     "The member is deprecated and kept for old images for Windows, whose command is one string that was "
     "escaped "
     "before. New images should not have it; docker writes it for some images all the same."},
}};

// 6xx: annotations, and labels, which follow their rules.
constexpr std::array<Rule, 10> annotations = {{
    {"E601", "annotations.md#rules", "annotations and labels are an object whose values are strings",
     "write numbers and booleans in quotes, and an empty string for no value",
     "Clients decode them into a map of strings and refuse the whole document for one value of another "
     "type."},
    {"E602", "annotations.md#rules", "annotations are absent or empty when there are none",
     "leave annotations out, or write {}",
     "null is neither. It is what a serialiser writes for a map that was never made, and strict readers "
     "refuse "
     "it."},
    {"W603", "annotations.md#rules", "a key is named by a reversed domain", "write com.example.key",
     "Keys of many tools meet in one map, and a domain keeps them apart. Labels of Docker's early days such "
     "as "
     "\"maintainer\" are the usual exception, and harmless."},
    {"W604", "annotations.md#rules", "a key below org.opencontainers is one that a specification defines",
     "use a key below a domain of your own",
     "The prefix is reserved: a later version of a specification may give the key another meaning. This is a "
     "warning and not an error because such a later version may have come out after this stave."},
    {"W605", "annotations.md#pre-defined-annotation-keys",
     "org.opencontainers.image.created is a date and time of RFC 3339", "write it as 2024-05-01T12:00:00Z",
     "Tools sort and expire images by this time, and skip or refuse those whose time they cannot parse."},
    {"W606", "annotations.md#pre-defined-annotation-keys",
     "org.opencontainers.image.ref.name is made of letters, digits and separators",
     "write a tag such as v1.2, or a name such as example.com/app:v1.2",
     "Clients put the name into a reference and parse it again, where a blank, a leading separator or two in "
     "a "
     "row do not survive: the image is there, and cannot be named."},
    {"W607", "annotations.md#pre-defined-annotation-keys",
     "org.opencontainers.image.ref.name stands on descriptors of index.json only",
     "move it to the entry of index.json, or remove it",
     "It names a reference of a layout, and means nothing elsewhere. In a manifest it goes with the image to "
     "places where it has another name."},
    {"W608", "annotations.md#pre-defined-annotation-keys", "org.opencontainers.image.base.digest is a digest",
     "write the digest of the base image's manifest",
     "Tools that look for images whose base has changed compare it with the digest that the registry gives."},
    {"W609", "annotations.md#pre-defined-annotation-keys",
     "org.opencontainers.image.base.name is a full reference, registry included",
     "write registry.example.com/repository:tag",
     "Without the registry each client fills in its own default, and looks for the base somewhere else."},
    {"W610", "annotations.md#pre-defined-annotation-keys",
     "org.opencontainers.image.base.name comes with org.opencontainers.image.base.digest",
     "add the digest of the base image's manifest",
     "A tag moves. With the name alone nobody can tell whether the base has changed since the image was "
     "built."},
}};

constexpr std::size_t count =
    general.size() + layouts.size() + indexes.size() + manifests.size() + configs.size() + annotations.size();

constexpr std::array<Rule, count> all = [] {
  std::array<Rule, count> out{};
  std::size_t at = 0;
  const auto add = [&](const auto& part) {
    for (const Rule& rule : part) out[at++] = rule;
  };
  add(general);
  add(layouts);
  add(indexes);
  add(manifests);
  add(configs);
  add(annotations);
  return out;
}();

}  // namespace

std::span<const Rule> document_rules() { return all; }

}  // namespace stave::validate
