// The rules of layers: image-spec, layer.md, and what unpacking them in practice
// adds to it.

#include <array>

#include "stave/validate/rules.h"

namespace stave::validate {
namespace {

constexpr std::array table = {
    Rule{.code = "E190",
         .section = "image-layout.md",
         .asks = "what is to be validated can be opened as what it claims to be",
         .hint = "make the layout or archive again",
         .story = "The archive or layout is damaged or incomplete before a single image in it can be looked "
                  "at: no index.json, no manifest.json, a "
                  "document that is none, a member that is missing. What was found says which."},
    Rule{.code = "E501",
         .section = "layer.md#gzip-media-types",
         .asks = "a compressed layer decompresses to its end",
         .hint = "fetch or pack the layer again",
         .story = "The blob is a gzip or zstd stream that is damaged, ends early or is followed by something "
                  "else. Clients stop in the middle "
                  "of unpacking, or worse, some read up to the damage and go on. If the blob's digest is "
                  "right as well, the layer was made like "
                  "that; if not, it was damaged on the way."},
    Rule{.code = "E502",
         .section = "config.md#layer-diffid",
         .asks = "a diff_id is the digest of the layer's uncompressed tar",
         .hint = "build the image again; nobody can know which of the two is wrong",
         .story = "The config names each layer by the digest of its uncompressed tar, and this layer has "
                  "another one. Who compares them refuses "
                  "the image, usually after having fetched all of it (containerd 1.6.20); who does not "
                  "(podman 4.3.1) runs something that the config "
                  "never named. It comes about when somebody replaces or recompresses a layer from other "
                  "content and leaves the config as it was."},
    Rule{.code = "E503",
         .section = "layer.md#distributable-format",
         .asks = "a layer is a tar archive",
         .hint = "pack the layer again",
         .story = "A header's checksum is wrong, a number is none, or the archive ends in the middle of a "
                  "file. What comes behind that "
                  "place cannot be read by anybody, so files are missing from the image."},
    Rule{.code = "E504",
         .section = "layer.md#distributable-format",
         .asks = "a layer holds no path twice",
         .hint = "pack the tree once, or use `stave pack --add`, where the last one wins",
         .story = "Two entries have the same path. Which of them a container sees depends on the client: "
                  "some take the first, some the last, "
                  "and scanners may look at the other one. Names are compared as they are unpacked: ./a, a "
                  "and a/ are the same path."},
    Rule{.code = "E505",
         .section = "layer.md#whiteouts",
         .asks = "a whiteout is an empty file that names what it removes",
         .hint = "no file of an image can have a name that begins with .wh.; rename it",
         .story = "Names that begin with .wh. are how a layer says that something below is gone. A bare "
                  ".wh., one with content, or an entry "
                  "inside of a whiteout says nothing; clients fail on it or unpack it as an ordinary file."},
    Rule{.code = "E506",
         .section = "layer.md#hardlinks",
         .asks = "a hardlink links to a file that is there when it is unpacked",
         .hint = "put the file before its hardlinks",
         .story = "The target of the hardlink is neither before it in this layer nor in a layer below, or it "
                  "is a directory, to which no "
                  "hardlink can be made. Unpacking ends there with an error."},
    Rule{.code = "W507",
         .section = "layer.md#whiteouts",
         .asks = "a path is either removed or put by a layer",
         .hint = "leave the whiteout off: a file replaces what is below, and a directory's old children have "
                 "whiteouts of their own",
         .story = "A whiteout applies to the layers below, so the entry beside it stays; that much the spec "
                  "says. podman and containerd with overlayfs "
                  "then show the old files below a directory that was to be replaced (measured with podman "
                  "4.3.1)."},
    Rule{.code = "W508",
         .section = "layer.md#file-types",
         .asks = "no file is stored as a sparse one",
         .hint = "pack without --sparse",
         .story = "Tar has four forms of sparse files, and no client reads all of them. Some unpack such a "
                  "file as its map followed by its "
                  "data, without an error."},
    Rule{.code = "W509",
         .section = "layer.md#distributable-format",
         .asks = "the archive ends with two blocks of zeros",
         .hint = "pack the layer again; it may have been cut off",
         .story = "POSIX ends an archive with 1024 zero bytes. Most readers take the end of the stream as "
                  "well, so nobody notices when "
                  "files at the end are missing."},
    Rule{.code = "E510",
         .section = "layer.md#distributable-format",
         .asks = "nothing follows the end of the archive",
         .hint = "join archives with `tar --concatenate`, not with cat",
         .story = "Behind the two zero blocks comes something other than zeros: mostly a second archive that "
                  "was appended. Readers stop at the "
                  "first end, so what is behind it is in the image and its digest, and in no container; a "
                  "scanner that reads on sees another image."},
    Rule{.code = "E511",
         .section = "layer.md#change-types",
         .asks = "every path is inside of the image's root",
         .hint = "do not unpack this layer with tools that you do not trust",
         .story = "The path, or a hardlink's target, climbs above the root by way of \"..\". A client that "
                  "follows it writes to the host; careful ones "
                  "refuse or cut it off. No tool makes such an archive by mistake."},
    Rule{.code = "E512",
         .section = "layer.md#change-types",
         .asks = "the root of an image is a directory",
         .hint = "do not unpack this layer with tools that you do not trust",
         .story = "An entry would replace the root directory by a file or a symlink. No container can run in "
                  "it, and a client that obeys "
                  "unpacks what follows somewhere else."},
    Rule{.code = "W513",
         .section = "layer.md#whiteouts",
         .asks = "a whiteout removes something that the layers below have",
         .hint = "leave it off; `stave diff` writes only those that are needed",
         .story = "Nothing is there to be removed. It does no harm in most clients; some versions of "
                  "containerd refuse the layer. Overlay's upper "
                  "directories, packed as they are, are full of such whiteouts."},
    Rule{.code = "E514",
         .section = "layer.md#file-types",
         .asks = "a file system can hold every name",
         .hint = "shorten the name to 255 bytes",
         .story = "No file system of Linux takes a name of more than 255 bytes (NAME_MAX), so unpacking ends "
                  "here with an error. Tar itself "
                  "can say names of any length."},
    Rule{.code = "E515",
         .section = "layer.md#file-types",
         .asks = "every entry is of a sort that tar readers know",
         .hint = "pack the tree again with a tool that writes ustar or pax",
         .story = "An entry is of a type that means nothing outside of the tool that wrote it, such as a "
                  "part of a file of several volumes. "
                  "Readers skip it, fail, or take it for a file."},
    Rule{.code = "W516",
         .section = "layer.md#change-types",
         .asks = "a layer describes the directories that its entries are in",
         .hint = "pack the parents as well; stave always does",
         .story = "Neither this layer nor one below says what the directory is like, so each client makes it "
                  "as it pleases: mode 0755 and "
                  "root in most, the time of unpacking in many. Trees then differ from host to host."},
    Rule{.code = "W517",
         .section = "layer.md#change-types",
         .asks = "no entry lies below a symlink of the layers below",
         .hint = "write the path that the symlink leads to: usr/bin/x where bin is a link to usr/bin",
         .story =
             "Clients replace the symlink by a directory that holds only the new entry. With bin -> usr/bin "
             "below and bin/x in the layer, "
             "podman and containerd show a /bin with x and nothing else, and /bin/sh is gone (measured)."},
    Rule{.code = "W518",
         .section = "layer.md#opaque-whiteout",
         .asks = "what is removed is named: explicit whiteouts instead of an opaque one",
         .hint = "nothing, if all your clients know opaque whiteouts",
         .story = "Readers have to take both forms, and makers should prefer explicit ones: an opaque "
                  "whiteout hides whatever the layers below "
                  "have, so the layer means something else on another base."},
    Rule{.code = "W519",
         .section = "layer.md#file-attributes",
         .asks = "attributes belong to the files, not to the machine that packed them",
         .hint = "pack without it; stave leaves such attributes out unless it is told otherwise",
         .story = "SELinux labels, IMA and EVM signatures, trusted.* and overlay's own attributes describe a "
                  "machine. On another one they cannot be "
                  "set without privileges, so unpacking fails there, or they mislead the kernel."},
    Rule{.code = "W520",
         .section = "layer.md#file-attributes",
         .asks = "names are UTF-8",
         .hint = "rename the file if it has to be seen on every system",
         .story = "Linux takes any bytes for a name, pax says UTF-8. Readers disagree about the rest: some "
                  "convert it, some refuse it, some "
                  "keep it."},
    Rule{.code = "W521",
         .section = "layer.md#whiteouts",
         .asks = "a layer holds no bookkeeping of a storage driver",
         .hint = "pack the tree instead of the driver's directory",
         .story = ".wh..wh.plnk and its like are AUFS's own. They mean nothing in a layer; clients that do "
                  "not know them unpack them as files."},
    Rule{.code = "E522",
         .section = "media-types.md#compatibility-matrix",
         .asks = "the compression of a layer is the one that its media type names",
         .hint = "correct the media type in the manifest",
         .story = "Some clients believe the media type, some look at the first bytes. The first sort fails "
                  "on this layer, the second takes "
                  "it, which is why nobody may have noticed."},
    Rule{.code = "W523",
         .section = "layer.md#hardlinks",
         .asks = "a hardlink's target is in the same layer",
         .hint = "put the file into this layer as well: a group of hardlinks is written whole or not at all",
         .story = "podman load and containerd look for the target among what the layer itself put, and fail "
                  "when it is in a layer "
                  "below (measured)."},
    Rule{.code = "E526",
         .section = "layer.md#file-attributes",
         .asks = "owners fit into the 32 bits that Linux has for them",
         .hint = "pack the file with another owner",
         .story = "Linux has user and group ids from 0 to 4294967294. Tar can say larger ones; clients fail "
                  "on them, or leave the file to whoever "
                  "unpacks it, since 4294967295 means \"leave it\" to the kernel (podman 4.3.1)."},
    Rule{
        .code = "W527",
        .section = "layer.md#change-types",
        .asks = "no entry goes through a symlink of its own layer",
        .hint = "write the path that the symlink leads to, and do not trust a layer in which the symlink "
                "leads out of the image",
        .story = "Some clients follow the symlink inside the image's root, some put a directory in its "
                 "place, some refuse. It is also how layers were made "
                 "that wrote to the host: a symlink to /etc, then a file below it.",
    },
    Rule{.code = "W528",
         .section = "layer.md#whiteouts",
         .asks = "whiteouts stand before the entries beside them",
         .hint = "pack the layer again; stave writes them first",
         .story = "A reader that applies a layer entry by entry can take a whiteout for an order to remove "
                  "what it has just put. Careful readers "
                  "remember what the layer put; the order is for all others."},
    Rule{.code = "E530",
         .section = "considerations.md",
         .asks = "a layer stays within the limits of those who read it",
         .hint = "if the layer is to be trusted, raise the limit that is named",
         .story = "A small blob can claim any number of bytes and entries. Readers have limits so that it "
                  "does not fill their disks; this "
                  "layer is over one of ours."},
};

}  // namespace

std::span<const Rule> layer_rules() { return table; }

}  // namespace stave::validate
