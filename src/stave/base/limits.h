// Limits. Nothing from outside is small: every read of a document, an archive
// or a name has a bound, and each bound has its name and its reason here.
//
// Most of them are constants. Those that a person with an unusual image may have to move are `Limit`s: they
// have a name for the command line (`--limit layer-bytes=2T`), and the table of them is docs/limits.md.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stave/base/error.h"

namespace stave::limits {

enum class Unit : std::uint8_t { bytes, count };

// A limit that can be moved. Stands for the number that holds in this process (`install`), so it is used as
// one.
class Limit {
 public:
  constexpr Limit(std::size_t row, std::string_view name, Unit unit, std::uint64_t standard,
                  std::uint64_t most, std::string_view reason)
      : row_(row), name_(name), unit_(unit), standard_(standard), most_(most), reason_(reason) {}

  std::uint64_t value() const;
  // What it bounds compares with it as with a number.
  operator std::uint64_t() const { return value(); }

  // The failure of what went past it: Kind::limit, with the hint that names the option.
  Error exceeded(const std::string& message) const;
  // A number of its unit, as people read it: "1.00 TiB", "20000000".
  std::string shown(std::uint64_t number) const;
  std::string shown() const { return shown(value()); }

  constexpr std::size_t row() const { return row_; }
  constexpr std::string_view name() const { return name_; }
  constexpr Unit unit() const { return unit_; }
  constexpr std::uint64_t standard() const { return standard_; }  // what holds when nobody says otherwise
  constexpr std::uint64_t most() const { return most_; }          // what it can be raised to
  constexpr std::string_view reason() const { return reason_; }

 private:
  std::size_t row_;
  std::string_view name_;
  Unit unit_;
  std::uint64_t standard_;
  std::uint64_t most_;
  std::string_view reason_;
};

// A bound that is handed down: a Limit, or a number that nobody moves.
class Cap {
 public:
  constexpr Cap(std::uint64_t number) : number_(number) {}
  constexpr Cap(const Limit& limit) : limit_(&limit) {}

  std::uint64_t value() const { return limit_ == nullptr ? number_ : limit_->value(); }
  Error exceeded(const std::string& message) const;

 private:
  std::uint64_t number_ = 0;
  const Limit* limit_ = nullptr;
};

inline constexpr std::uint64_t kib = 1ull << 10;
inline constexpr std::uint64_t mib = 1ull << 20;
inline constexpr std::uint64_t gib = 1ull << 30;
inline constexpr std::uint64_t tib = 1ull << 40;
inline constexpr std::uint64_t largest_file = (1ull << 63) - 1;  // off_t

inline constexpr Limit document_bytes{
    0,
    "document-bytes",
    Unit::bytes,
    8 * mib,
    gib,
    "a manifest, index or config: registries should take 4 MiB (distribution-spec), clients stop at 4 to 8"};
inline constexpr Limit layout_index_bytes{
    1,           "layout-index-bytes",
    Unit::bytes, 64 * mib,
    gib,         "index.json of a layout: 65,536 references with 1 KiB for each"};
inline constexpr Limit json_values{2,
                                   "json-values",
                                   Unit::count,
                                   4'000'000,
                                   1'000'000'000,
                                   "values of one JSON document: a short member takes 15 times its text in "
                                   "memory; 65,536 references have about a million"};
inline constexpr Limit archive_members{
    3,
    "archive-members",
    Unit::count,
    1'000'000,
    1'000'000'000,
    "members of an image archive and blobs below one image: an archive has about three for each layer"};
inline constexpr Limit archive_bytes{
    4,
    "archive-bytes",
    Unit::bytes,
    tib,
    largest_file,
    "an archive that is decompressed or read from a pipe into $TMPDIR before it is looked at"};
inline constexpr Limit layer_entries{5,
                                     "layer-entries",
                                     Unit::count,
                                     20'000'000,
                                     4'000'000'000,
                                     "entries of one layer: the largest public images hold under a million, "
                                     "and each takes 250 bytes of memory"};
inline constexpr Limit layer_bytes{
    6,
    "layer-bytes",
    Unit::bytes,
    tib,
    largest_file,
    "uncompressed bytes of one layer, holes included: a bomb of a few megabytes ends there"};
inline constexpr Limit unpack_bytes{
    7,
    "unpack-bytes",
    Unit::bytes,
    tib,
    largest_file,
    "content of all layers that one unpack puts on the disk, what later layers remove included"};
inline constexpr Limit sparse_expansion{
    8,
    "sparse-expansion",
    Unit::bytes,
    16 * gib,
    largest_file,
    "sparse files of a foreign layer that is rewritten in full: a tar of 2 KiB can claim exabytes"};
inline constexpr Limit path_depth{
    9,
    "path-depth",
    Unit::count,
    2048,
    2048,
    "directories within directories: what walks a tree recurses, and 4096 overflowed a stack of 8 MiB"};
inline constexpr Limit zstd_window{
    10,          "zstd-window",
    Unit::bytes, 128 * mib,
    2 * gib,     "memory that a zstd frame may ask for; a power of two, as `zstd -d` takes without --long"};

inline constexpr Limit layer_metadata{11,
                                      "layer-metadata",
                                      Unit::bytes,
                                      gib,
                                      tib,
                                      "names, link targets and extended attributes of one layer, which stay "
                                      "in memory: a million files have 100 MiB"};

// The table. Every Limit stands in its row.
inline constexpr std::array all = {&document_bytes,   &layout_index_bytes, &json_values, &archive_members,
                                   &archive_bytes,    &layer_entries,      &layer_bytes, &unpack_bytes,
                                   &sparse_expansion, &path_depth,         &zstd_window, &layer_metadata};

using Setting = std::pair<const Limit*, std::uint64_t>;

// "layer-bytes=2T", "layer-entries=1000". Throws Kind::usage for an unknown name (with the nearest), for what
// is no number, and for one that is 0 or above `most`.
Setting parse_setting(std::string_view text);

// Makes these hold in this process, and for all others what is standard. The numbers are read without a lock
// from every thread: call it before the first one starts, once, and never again while stave works. A value in
// each call would have had to pass through every reader of every format; a limit is a property of the process
// as `ulimit` is.
void install(const std::vector<Setting>& settings);

// One read or write of a stream copy. Larger gained nothing in a `dd` of a cached file, smaller costs system
// calls.
inline constexpr std::size_t copy_buffer = 256 * 1024;

// Nesting of JSON. The image-spec's deepest document needs 6; the stack of a recursive printer stays far
// away.
inline constexpr int json_depth = 64;

// Layers of one image: overlayfs takes 127 lower directories in containers/storage and Docker.
inline constexpr std::size_t image_layers = 127;

// Indexes within indexes before we call it a loop.
inline constexpr int index_depth = 8;

// Descriptors of one index or layers of one manifest, and references of a layout; a document of 8 MiB cannot
// hold many more.
inline constexpr std::size_t descriptors = 65536;

// A path inside an image. Linux takes 4096 bytes in one system call; tars of deep trees hold longer names,
// and a pax header of 1 MiB is what Go's archive/tar accepts for all records together.
inline constexpr std::size_t path_bytes = 64 * 1024;

// One component of such a path: NAME_MAX of every Linux file system.
inline constexpr std::size_t name_bytes = 255;

// Symlinks followed while resolving one path: the kernel's own number (MAXSYMLINKS).
inline constexpr int symlinks_followed = 40;

// All extended attributes of one file. The kernel bounds a value and the list of names at 64 KiB each
// (XATTR_SIZE_MAX).
inline constexpr std::size_t xattrs_bytes = 1024 * 1024;

// What the cache knows of one packed layer: 136 bytes for each block, so 64 MiB are enough for 100 GiB of
// tar.
inline constexpr std::uint64_t cached_index_bytes = 64ull * 1024 * 1024;

// What the cache knows of what is in one packed layer: 10 to 20 bytes for each entry.
inline constexpr std::uint64_t cached_headers_bytes = 256ull * 1024 * 1024;

// Blocks of layers packed before that are held in memory to be found by their content: about 12 MiB.
inline constexpr std::size_t cached_blocks = 65536;

// A layer whose tar is smaller is packed in milliseconds, and not worth three files in the cache.
inline constexpr std::uint64_t least_cached_layer = 1024 * 1024;

// A Containerfile, with the documents in it: the largest public ones have under 100 KiB. And its
// instructions: each is a step that is looked at.
inline constexpr std::uint64_t containerfile_bytes = 16 * mib;
inline constexpr std::size_t containerfile_instructions = 100'000;
// What the cache says of one step: a name and a digest for each of its input files. And steps of one cache
// that is imported.
inline constexpr std::uint64_t step_record_bytes = 64 * mib;
inline constexpr std::size_t step_records = 100'000;
// Digests of the files of one context: a million of them.
inline constexpr std::uint64_t stat_cache_bytes = 256 * mib;
// A file that ADD fetches.
inline constexpr std::uint64_t added_url_bytes = tib;
// .dockerignore: a line for each file would still fit.
inline constexpr std::uint64_t ignore_bytes = 4 * mib;

// Findings of one rule that a report keeps; a layer can break one a million times.
inline constexpr std::uint64_t findings_of_a_rule = 50;

// What a build step's process is told: its arguments and environment (the kernel takes 6 MiB of them) and its
// secrets (docker: 500 kB each), twice as long in hexadecimal.
inline constexpr std::uint64_t step_order_bytes = 64 * mib;

// Processes of a build step, where something counts them: compilers of a large machine are hundreds, and a
// small machine has 32768 for everybody.
inline constexpr std::uint64_t step_processes = 8192;

}  // namespace stave::limits
