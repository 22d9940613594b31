// Blobs, wherever they are. A BlobSource answers for bytes by their digest; who
// asks does not know whether a directory, an archive or a registry stands behind it.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/base/context.h"
#include "stave/base/stream.h"
#include "stave/hash/digest.h"
#include "stave/spec/spec.h"

namespace stave::content {

// Opens blobs by digest. Safe to use from several threads at once.
class BlobSource {
 public:
  virtual ~BlobSource() = default;

  // The bytes that are kept under `digest`, not verified; nullptr if there are none.
  virtual std::unique_ptr<Source> find(const Digest& digest) const = 0;
  // The same without its first `offset` bytes, which are not fetched where that is possible.
  virtual std::unique_ptr<Source> find_from(const Digest& digest, std::uint64_t offset) const;
  // How many bytes are kept under `digest`; nullopt if there are none. Costs no reading.
  virtual std::optional<std::uint64_t> find_size(const Digest& digest) const = 0;
  // For messages: "the layout \"/tmp/x\"".
  virtual std::string describe() const = 0;
};

// The bytes of a blob as a stream that fails with Kind::mismatch, at its end at the latest, unless they are
// what the descriptor says. Throws Kind::not_found if the source lacks it.
std::unique_ptr<Source> open_verified(const BlobSource& blobs, const spec::Descriptor& descriptor);

// A whole document (manifest, index, config), verified before a byte of it is given. Kind::limit above
// limits::document_bytes, before anything is read.
std::string read_document(const BlobSource& blobs, const spec::Descriptor& descriptor);

// One blob that an image is made of, and what refers to it.
struct Node {
  spec::Descriptor descriptor;
  int depth = 0;  // 0: the root that was handed in
};

// What follows a root: every blob that it reaches, children before parents, each once, in the order of the
// documents. Referred documents are verified and parsed (image-spec descriptor.md, manifest.md,
// image-index.md); anything of an unknown media type is a leaf, which is not looked for. A subject that is
// absent is left out.
//
// `missing_is_fine` decides about any other document that is absent, the root included: true leaves it (and
// what hangs below) out, false throws Kind::not_found. Throws Kind::limit for more than limits::index_depth
// indexes within each other or limits::archive_members blobs, Kind::mismatch and Kind::invalid for a blob
// that is referred to with different sizes or as different sorts of document.
std::vector<Node> reachable(const BlobSource& blobs, const spec::Descriptor& root,
                            bool missing_is_fine = false);

}  // namespace stave::content
