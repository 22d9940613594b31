// Files on disk as entries of a tree: what is taken of their metadata, and how
// their content is read so that a file that changes meanwhile is noticed.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "stave/base/context.h"
#include "stave/fs/fs.h"
#include "stave/layer/changeset.h"
#include "stave/layer/record.h"
#include "stave/layer/tree.h"

namespace stave::layer {

struct Owner {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

// How metadata of files on disk becomes metadata in a layer.
struct Adopt {
  std::optional<Owner> owner = {};  // nullopt: as found
  std::optional<std::uint32_t> mode =
      {};  // of files; directories get the x bits that go with its r bits. nullopt: as found
  std::optional<Timestamp> mtime = {};            // nullopt: as found
  std::optional<std::int64_t> newest_mtime = {};  // SOURCE_DATE_EPOCH: a later time found becomes this one
};

// Extended attributes that become part of a layer: security.capability, user.* without user.overlay.*, and
// POSIX ACLs. Never labels and hashes of the machine that packs (security.selinux, security.ima,
// security.evm), trusted.*, or NFSv4 ACLs.
bool is_packed_xattr(std::string_view name);

// Which state of a file it is, and what is in the files below `directory`, each at its path in the image.
Stamp stamp_of(const fs::Stat& stat);
std::shared_ptr<const Contents> contents_below(std::shared_ptr<const fs::Dir> directory);

Metadata adopt(const fs::Stat& stat, const std::string& link, const fs::Xattrs& xattrs, const Adopt& how);

// A whole directory as a changeset on top of nothing, in path order, without its root: hardlinks become links
// to the first name of their group, sockets are left out with a warning. Costs one walk; content is read when
// the layer is packed, and a file that is another one by then is Kind::changed.
Changeset read_directory(const Context& context, std::shared_ptr<const fs::Dir> directory, const Adopt& how);

// A whole directory as a tree, its root's metadata included: the same rules, but names of one file share
// their inode. What `record` (may be null) knows better than the disk counts; see Record::settle.
Tree read_tree(const Context& context, std::shared_ptr<const fs::Dir> directory, const Adopt& how,
               const Record* record);

// Puts what `source` names into the tree: a file at `destination`, a directory's contents below it.
// `destination` is resolved as a process chrooted into the tree would; directories of the source go through
// symlinks of the tree, too, so with bin -> usr/bin in the tree a source's bin/x becomes usr/bin/x. A
// trailing '/' means into. Missing parents are 0755 0:0 with `parent_mtime`; directories of the tree keep
// their metadata unless `replace_metadata`. A symlink named as source is followed, those inside stay links.
//
// Throws Kind::not_found for a source that does not exist, Kind::exists where a directory of the tree would
// be lost to a file or link, Kind::invalid for a name that a layer cannot carry.
struct Placement {
  std::string source;       // host path
  std::string destination;  // in the image
  Adopt adopt;
  Timestamp parent_mtime;
  bool replace_metadata = false;
};
// Says which canonical paths were put that are no directories.
void place(const Context& context, Tree& tree, const Placement& what,
           const std::function<void(const std::string&)>& on_put = {});

}  // namespace stave::layer
