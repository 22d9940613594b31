// Stack: layers on top of each other, each of which can be read as often as is
// needed. What an image, a single tar and a tree to be unpacked have in common.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stave/base/context.h"
#include "stave/base/stream.h"
#include "stave/hash/digest.h"
#include "stave/layer/changeset.h"
#include "stave/layer/tree.h"

namespace stave::layer {

struct Stack {
  struct Piece {
    std::string name;        // for messages: "layer 2 (sha256:…)", "\"rootfs.tar\""
    std::uint64_t size = 0;  // of what is stored, for progress; 0: unknown
    // The plain tar. Where it belongs to an image, it fails at its end unless digest and diff_id are right.
    // With more than one job it is decompressed by another thread while it is read (compress::decompress).
    std::function<std::unique_ptr<Source>(unsigned jobs)> open;
    std::optional<Digest> diff_id = {};  // of a layer of an image
    // Of a layer that was packed here (Known): the tar with zeros in place of contents, and any range of it,
    // checked block by block. Used by who needs no more, in place of `open`; what fails is read by that.
    std::function<std::unique_ptr<Source>()> listing = {};
    std::function<void(std::uint64_t offset, MutableBytes out)> read_at = {};
  };
  std::vector<Piece> pieces;  // the lowest first
};

// A tar on its own (plain, gzip or zstd by its first bytes) as a piece. `open_file` gives its stored bytes,
// each time from the start. Kind::unsupported for xz and bzip2, with the pipe that helps.
Stack::Piece piece_of_tar(std::string name, std::uint64_t size,
                          std::function<std::unique_ptr<Source>()> open_file);

// Puts the pieces on top of `on`. Every regular file gets a stamp that says where it is: `device` is the
// number of the piece, `inode` that of its entry; with Digests::yes also the SHA-256 of its content
// (Inode::digest). Costs one pass over every piece: its decompression and, for images and for digests, a hash
// each.
enum class Digests : std::uint8_t { no, yes };
// Pieces before `from` are taken to be in `on` already.
Tree read_stack(const Context& context, const Stack& stack, Digests digests, Tree on = {},
                std::size_t from = 0);

// Gives contents to those changes that `read_stack` of this stack found and that have none: one more pass
// over the pieces that hold any, whose wanted files go into one unnamed file in `directory`. Costs their size
// on disk.
void spool_contents(const Context& context, const Stack& stack, const std::string& directory,
                    Changeset& changes);

}  // namespace stave::layer
