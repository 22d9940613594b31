// Builder: an image made layer by layer from files, tars and directories,
// without a Containerfile. Steps stack in the order in which they are called.

#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "stave/base/context.h"
#include "stave/compress/compress.h"
#include "stave/content/store.h"
#include "stave/image/image.h"
#include "stave/layer/disk.h"
#include "stave/layer/import.h"
#include "stave/layer/tree.h"

namespace stave::image {

// Neighbouring `add` and `remove` steps make one layer; every other step, `new_layer` and `finish` end it.
// Layers go into the store as they are made; nothing refers to them before the caller tags what it makes of
// the finished image.
class Builder {
 public:
  struct Options {
    compress::Codec codec = {};
    std::string created = {};            // of the history entries, RFC 3339; empty: left out
    layer::Timestamp parent_mtime = {};  // of directories that are made because something is put below them
    bool warn_of_owners = false;         // of directory layers whose files are not root's
    layer::Remember remember = {};       // from what was packed before
  };

  // `blobs` has the base's layers; it and `store` outlive the builder.
  Builder(const Context& context, const content::Store& store, const content::BlobSource& blobs, Image base,
          Options options);

  // A directory becomes one layer, in which it is merged with what is there.
  void add_directory_layer(const std::string& directory, const layer::Adopt& adopt);
  // Whatever makes the image so far equal to a directory becomes one layer; none, with a warning, if nothing
  // differs. Content is compared, never guessed from times.
  void add_tree(const std::string& directory, const layer::Adopt& adopt);
  // A tar becomes one layer.
  void add_tar_layer(Source& input, const layer::Import& how);
  // Puts a file or a directory's contents somewhere; see layer::place.
  void add(const std::string& source, const std::string& destination, const layer::Adopt& adopt);
  // Removes a path (its parents are resolved, a symlink itself goes). Kind::not_found if it does not exist.
  void remove(const std::string& path);
  void new_layer();

  Image finish() &&;

 private:
  layer::Tree& tree();
  void check_owners(const std::string& directory, const layer::Adopt& adopt,
                    const layer::Changeset& changes) const;
  void append(const layer::Layer& layer, std::string created_by);

  const Context& context_;
  const content::Store& store_;
  content::Stacked blobs_;
  Image image_;
  Options options_;
  std::optional<layer::Tree> tree_;  // of all layers so far; made when it is first needed
  std::vector<std::string> edits_;   // of the layer that is being collected, for the history
  std::set<std::string> put_;        // paths put into it
};

}  // namespace stave::image
