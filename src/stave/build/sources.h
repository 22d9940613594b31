// Files of instructions: those of an image or stage, of a heredoc, of what was
// fetched; and what a source of COPY selects among them. Internal to build.

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "stave/build/build.h"
#include "stave/build/files.h"

namespace stave::build {

// The files of an image whose layers are in `blobs`; read when they are first asked for.
std::shared_ptr<const Files> image_files(const image::Image& image,
                                         std::shared_ptr<const content::BlobSource> blobs, std::string name,
                                         std::string spool);
// One file in memory.
std::shared_ptr<const Files> text_file(const std::string& name, std::string text, std::uint32_t mode);

// All of a regular file's content; Kind::limit above `limit`.
std::string read_content(const Context& context, const Files& files, const std::string& path,
                         std::uint64_t limit);
// Its first bytes.
std::string read_beginning(const Context& context, const Files& files, const std::string& path,
                           std::size_t count);
// The content as a stream, which keeps what it needs.
std::unique_ptr<Source> open_content(const Context& context, const Files& files, const std::string& path);

// What a source names: where it is, and what it is called.
struct Picked {
  std::string name;  // as matched: its last component names what is put into a directory
  std::string path;  // behind symlinks, in the tree; "" is the root
};
// `..` is clamped, symlinks are followed inside the tree, wildcards match a component each. Nothing for a
// wildcard that matches nothing; Kind::not_found for a name that is not there.
std::vector<Picked> pick(const Context& context, const Files& files, const std::string& source);

}  // namespace stave::build
