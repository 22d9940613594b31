// Limits. Nothing from outside is small: every read of a document, an archive
// or a name has a bound, and each bound has its name and its reason here.

#pragma once

#include <cstddef>
#include <cstdint>

namespace stave::limits {

// One read or write of a stream copy. Larger gained nothing in a `dd` of a cached file, smaller costs system
// calls.
inline constexpr std::size_t copy_buffer = 256 * 1024;

// A manifest, index or config. The distribution-spec says registries should take at least 4 MiB and
// that clients may refuse more; containerd and containers/image stop at 4 MiB to 8 MiB.
inline constexpr std::uint64_t document_bytes = 8ull * 1024 * 1024;

// index.json of a layout: one line for each reference; 64 MiB holds over 200,000 of them.
inline constexpr std::uint64_t layout_index_bytes = 64ull * 1024 * 1024;

// Nesting of JSON. The image-spec's deepest document needs 6; the stack of a recursive printer stays far
// away.
inline constexpr int json_depth = 64;

// Layers of one image: overlayfs takes 127 lower directories in containers/storage and Docker.
inline constexpr std::size_t image_layers = 127;

// Indexes within indexes before we call it a loop.
inline constexpr int index_depth = 8;

// Descriptors of one index or layers of one manifest; a document of 8 MiB cannot hold many more.
inline constexpr std::size_t descriptors = 65536;

// A path inside an image. Linux takes 4096 bytes in one system call; tars of deep trees hold longer names,
// and a pax header of 1 MiB is what Go's archive/tar accepts for all records together.
inline constexpr std::size_t path_bytes = 64 * 1024;

// Directories within directories of one tree: what walks it recurses, and with 4096 of them the walk
// overflowed a stack of 8 MiB under AddressSanitizer. PATH_MAX (4096 bytes) has room for 2048 components of
// one letter.
inline constexpr std::size_t path_depth = 2048;

// One component of such a path: NAME_MAX of every Linux file system.
inline constexpr std::size_t name_bytes = 255;

// Symlinks followed while resolving one path: the kernel's own number (MAXSYMLINKS).
inline constexpr int symlinks_followed = 40;

// Entries of one layer. The largest public images hold under a million files; the index takes about 250 bytes
// each.
inline constexpr std::uint64_t layer_entries = 20'000'000;

// Uncompressed bytes of one layer, so that a bomb of a few megabytes ends: 1 TiB.
inline constexpr std::uint64_t layer_bytes = 1ull << 40;

// A sparse file that is written out in full when a foreign layer is rewritten: a tar of 2 KiB can claim
// exabytes. 16 GiB is more than any disk image seen in a container.
inline constexpr std::uint64_t sparse_expansion = 16ull << 30;

// Members of an image archive, which are blobs and a few documents: a docker-archive has about three for each
// layer.
inline constexpr std::size_t archive_members = 1'000'000;

// All extended attributes of one file. The kernel bounds a value and the list of names at 64 KiB each
// (XATTR_SIZE_MAX).
inline constexpr std::size_t xattrs_bytes = 1024 * 1024;

// What the cache knows of one packed layer: 136 bytes for each block, so 64 MiB are enough for 100 GiB of
// tar.
inline constexpr std::uint64_t cached_index_bytes = 64ull * 1024 * 1024;

// Blocks of layers packed before that are held in memory to be found by their content: about 12 MiB.
inline constexpr std::size_t cached_blocks = 65536;

// A layer whose tar is smaller is packed in milliseconds, and not worth three files in the cache.
inline constexpr std::uint64_t least_cached_layer = 1024 * 1024;

// Findings of one rule that a report keeps; a layer can break one a million times.
inline constexpr std::uint64_t findings_of_a_rule = 50;

}  // namespace stave::limits
