// What a walk does at one name and at one directory, whoever does it: the walk itself,
// or a thread that reads ahead of it. Internal to fs.

#pragma once

#include <utility>

#include "stave/fs/fs.h"
#include "stave/fs/listing.h"
#include "stave/fs/sys.h"
#include "stave/fs/xattrs.h"

namespace stave::fs {

// One thread's way to look at files. Errors name the root of the walk and `found.path`.
class Looker {
 public:
  explicit Looker(const Dir& root) : root_(root) {}

  Where where(const Found& found) const { return {root_.name(), found.path}; }

  // Puts `name` behind the first `path_size` bytes of `found.path`. Kind::limit if that is too long.
  void extend(Found& found, std::size_t path_size, const char* name) const;
  // Fills in everything but the path: stat, text of a symlink, extended attributes.
  void look(int directory, const char* name, Found& found);
  // Opens the directory that `found` was seen to be. Kind::changed if it is another one by now.
  Fd enter(int parent, const char* name, const Found& found) const;
  Names list(int fd, const Found& found) { return lister_.list(fd, where(found)); }

 private:
  const Dir& root_;
  Lister lister_;
  XattrReader xattrs_;
};

}  // namespace stave::fs
