// Files, wherever an instruction takes them from: the build context, a named one, another stage, an image, a
// tar, a heredoc, something fetched. All of them are a Tree, whose contents and digests are looked at when
// they are needed.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "stave/base/context.h"
#include "stave/containerfile/patterns.h"
#include "stave/hash/digest.h"
#include "stave/layer/changeset.h"
#include "stave/layer/tree.h"

namespace stave::build {

class Files {
 public:
  virtual ~Files() = default;
  // "the build context", "stage \"builder\"": for messages.
  virtual std::string describe() const = 0;
  // What there is. May be called from several threads; made when it is first asked for.
  virtual const layer::Tree& tree(const Context& context) const = 0;
  // SHA-256 of the content of a regular file of the tree.
  virtual Digest digest(const Context& context, const std::string& path,
                        const layer::Tree::Inode& inode) const = 0;
  // Gives contents to the files of `changes` that came out of `tree` and have none yet.
  virtual void fill(const Context& context, layer::Changeset& changes) const = 0;
  // What stands for everything in it at once (the diff_ids of an image or stage); nullopt: only the files do.
  virtual std::optional<std::string> identity() const { return std::nullopt; }
  // Of a context on this host its directory, to be bound into a step; empty: there is none.
  virtual std::string directory() const { return {}; }
};

// A directory on this host without what `ignored` excludes. Files' digests come from `stats`, a file of the
// cache that remembers them by device, inode, size, mode, mtime and ctime (empty: nothing is remembered); see
// stat_cache.h. `owner` and times of files are not looked at by who asks for a step's key: owners become 0:0.
std::shared_ptr<const Files> open_context(const std::string& directory, containerfile::Patterns ignored,
                                          const std::string& stats, const std::string& name);
// A tar (plain, gzip, zstd, bzip2 and xz through their programs) as a context: of standard input, or what ADD
// unpacks. It is kept in an unnamed file in `spool`.
std::shared_ptr<const Files> tar_context(const Context& context, Source& tar, const std::string& spool,
                                         const std::string& name);

}  // namespace stave::build
