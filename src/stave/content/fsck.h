// fsck: is everything that a layout promises really there? Every blob is read and
// hashed, every reference followed. What can be mended without guessing is; nothing
// is thrown away that was not made to be.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/base/context.h"
#include "stave/hash/digest.h"

namespace stave::content {

// What can be wrong with a layout (image-layout.md).
enum class Trouble : std::uint8_t {
  layout,         // oci-layout or blobs/ is absent or not what it should be
  index,          // index.json is absent or cannot be read
  damaged_blob,   // a blob's content is not what its name says, or no content at all
  missing_blob,   // an image needs a blob that is not here, or is damaged
  dangling_name,  // index.json refers to what is not here, or is damaged
  wrong_size,     // a descriptor says another size than its blob has
  wrong_type,     // a descriptor of index.json says another media type than its document has
  bad_document,   // a manifest or index is here, whole, and cannot be read as what it is said to be
  stray_file,     // what a killed writer left
  no_blob,        // a file in blobs/ that bears no digest's name
  open_mode,      // everybody may write to it
};

// "damaged_blob", as programs read it.
std::string_view name(Trouble trouble);

struct Finding {
  Trouble trouble = Trouble::layout;
  std::string path;                   // in the layout: "index.json", "blobs/sha256/…"
  std::optional<Digest> digest = {};  // of the blob that it is about
  std::vector<std::string> names =
      {};                    // the first of the images that need it; of one without a name, its digest
  std::string message = {};  // one line, harmless to a terminal
  std::string repair = {};   // what was done about it; empty: nothing, it is still so
};

struct Checked {
  std::size_t names = 0;               // references of index.json
  std::size_t blobs = 0;               // that are what they should be
  std::uint64_t bytes = 0;             // of those
  std::vector<Finding> findings = {};  // in the order of checking, which depends on the content alone

  std::size_t unrepaired() const;
};

// The directory, beside index.json, into which `fsck` moves what it takes out of the way.
inline constexpr std::string_view aside_directory = ".stave-damaged";

// Checks the layout at `path`. Reads every blob once, on `context.jobs` threads; takes memory for their
// names. An image may be sparse: what an index refers to need not be here, nor what has urls elsewhere, nor a
// subject (see `reachable`).
//
// Only checking, it holds the layout's shared lock, and looks for stray files only if nobody else uses the
// layout, whose files they might be. With `repair` it waits for everybody else, and then:
//  - damaged blobs and what is no blob move to `aside_directory`, so that putting the image again heals it;
//  - dangling names leave index.json, sizes and media types there are put right, and index.json as it was is
//    kept aside; a broken one is made anew from the descriptors that can still be read in it, and from every
//    manifest and index that nothing refers to, which come back without a name;
//  - oci-layout and blobs/ are made, stray files removed, and others may no longer write.
// An image that lacks a blob keeps its name: that is what copying it again heals.
//
// Throws Kind::not_found if there is no such directory, Kind::invalid if it does not look like a layout at
// all, Kind::unsupported for another layout version, and what the file system says when it does not let
// itself be read or mended.
Checked fsck(const Context& context, const std::string& path, bool repair);

}  // namespace stave::content
