// The rules of clients: what podman, docker and containerd need beyond the
// specification. Each was seen to fail, or stands in the client's own source.

#include <array>

#include "stave/validate/rules.h"

namespace stave::validate {
namespace {

constexpr std::array table = {
    Rule{.code = "E701",
         .section = "podman",
         .asks = "an archive without docker's manifest.json holds exactly one image",
         .hint = "copy one image into the archive, or name it: oci-archive:FILE:NAME",
         .story = "`podman load` reads an OCI archive of one image and refuses another with \"more than one "
                  "image in oci\" (measured with "
                  "4.3.1). Where manifest.json is there as well it takes the archive as docker's, and loads "
                  "what that lists.",
         .profile = Profile::podman},
    Rule{.code = "W702",
         .section = "podman",
         .asks = "an image has at most 127 layers",
         .hint = "join layers",
         .story = "Overlay mounts take their lower directories as one option of limited length. Newer "
                  "versions of containers/storage find ways "
                  "around it (podman 4.3.1 loads 128 layers), older ones and other clients stop at 127.",
         .profile = Profile::podman},
    Rule{.code = "E704",
         .section = "podman",
         .asks = "hardlinks link to files of their own layer",
         .hint = "put the file into this layer as well",
         .story = "containers/storage unpacks a layer into a directory of its own, where files of other "
                  "layers are not: `podman load` fails "
                  "(measured with 4.3.1).",
         .profile = Profile::podman},
    Rule{.code = "E705",
         .section = "podman",
         .asks = "no entry lies below a symlink of the layers below",
         .hint = "write the path that the symlink leads to",
         .story = "The entry's directory is made in the layer's own directory and hides the symlink: with "
                  "bin -> usr/bin below, /bin then "
                  "holds the new file only (measured with 4.3.1).",
         .profile = Profile::podman},
    Rule{.code = "E706",
         .section = "podman",
         .asks = "a path is either removed or put by a layer",
         .hint = "leave the whiteout off",
         .story = "Overlay's whiteout and the entry cannot both stand in the layer's directory; the old "
                  "children of a directory stay visible (measured with 4.3.1).",
         .profile = Profile::podman},
    Rule{.code = "W707",
         .section = "podman",
         .asks = "the name is the one that podman will show",
         .hint = "make both annotations say the same, or leave io.containerd.image.name out",
         .story = "podman takes the name of an image in an OCI archive from io.containerd.image.name first, "
                  "then from "
                  "org.opencontainers.image.ref.name. Where the two differ, the image turns up under a name "
                  "that nobody expects.",
         .profile = Profile::podman},
    Rule{.code = "E708",
         .section = "podman",
         .asks = "config and layers of an image are there",
         .hint = "copy the image again from a place that has all of it",
         .story = "The spec lets a layout lack blobs that can be had elsewhere. No client that loads a "
                  "layout or an archive looks elsewhere: it "
                  "ends with an error that names the digest.",
         .profile = Profile::podman},
    Rule{.code = "W721",
         .section = "docker",
         .asks = "an archive carries manifest.json",
         .hint = "write it with `stave copy IMAGE oci-archive:FILE`, which adds it",
         .story = "`docker load` without the containerd image store reads docker's own manifest.json; an "
                  "archive that is only an OCI layout "
                  "is refused there.",
         .profile = Profile::docker},
    Rule{.code = "W722",
         .section = "docker",
         .asks = "the index names the image for docker's containerd store",
         .hint = "copy it with `stave copy --for docker`",
         .story = "With its containerd store docker finds an image by the annotation "
                  "io.containerd.image.name only, in full: "
                  "docker.io/library/NAME:TAG. Without it the image is loaded and `docker run NAME` does not "
                  "know it.",
         .profile = Profile::docker},
    Rule{.code = "E723",
         .section = "docker",
         .asks = "an image has at most 125 layers",
         .hint = "join layers",
         .story = "docker's layer store ends a pull or a load with \"max depth exceeded\" above 125 layers.",
         .profile = Profile::docker},
    Rule{.code = "W724",
         .section = "docker",
         .asks = "layers are compressed with gzip or not at all",
         .hint = "pack with --compress gzip if old dockers are to load it",
         .story = "docker reads layers that are compressed with zstd from 23.0 on; older ones fail on the "
                  "first of them.",
         .profile = Profile::docker},
    Rule{.code = "E725",
         .section = "docker",
         .asks = "config and layers of an image are there",
         .hint = "copy the image again from a place that has all of it",
         .story = "The spec lets a layout lack blobs that can be had elsewhere. No client that loads a "
                  "layout or an archive looks elsewhere: it "
                  "ends with an error that names the digest.",
         .profile = Profile::docker},
    Rule{.code = "E741",
         .section = "containerd",
         .asks = "hardlinks link to files of their own layer",
         .hint = "put the file into this layer as well",
         .story = "The snapshot of a layer is unpacked with the files of lower layers out of reach for "
                  "links: the import fails "
                  "(measured with 1.6.20).",
         .profile = Profile::containerd},
    Rule{.code = "E742",
         .section = "containerd",
         .asks = "no entry lies below a symlink of the layers below",
         .hint = "write the path that the symlink leads to",
         .story = "The symlink is hidden by a directory that holds the new entries only: /bin/sh is gone "
                  "where bin was a symlink (measured with 1.6.20).",
         .profile = Profile::containerd},
    Rule{.code = "E743",
         .section = "containerd",
         .asks = "a path is either removed or put by a layer",
         .hint = "leave the whiteout off",
         .story = "The whiteout is applied to what the layer put, or the old files stay, depending on their "
                  "order (measured with 1.6.20).",
         .profile = Profile::containerd},
    Rule{.code = "W744",
         .section = "containerd",
         .asks = "a whiteout removes something that the layers below have",
         .hint = "leave it off",
         .story = "Some versions of containerd refuse a layer that removes what is not there.",
         .profile = Profile::containerd},
    Rule{.code = "W745",
         .section = "containerd",
         .asks = "manifests and indexes say their own media type",
         .hint = "write mediaType into the document",
         .story = "The spec leaves the member out if it likes. containerd tells documents apart by it since "
                  "the ambiguity of manifest and index "
                  "became an attack (CVE-2021-41190), and takes its guess only when the descriptor is clear.",
         .profile = Profile::containerd},
    Rule{.code = "E746",
         .section = "containerd",
         .asks = "config and layers of an image are there",
         .hint = "copy the image again from a place that has all of it",
         .story = "The spec lets a layout lack blobs that can be had elsewhere. No client that loads a "
                  "layout or an archive looks elsewhere: it "
                  "ends with an error that names the digest.",
         .profile = Profile::containerd},
};

}  // namespace

std::span<const Rule> profile_rules() { return table; }

}  // namespace stave::validate
