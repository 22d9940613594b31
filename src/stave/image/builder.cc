// Builder: steps to layers.

#include "stave/image/builder.h"

#include <fmt/format.h>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/layer/compare.h"
#include "stave/layer/record.h"
#include "stave/layer/stack.h"

namespace stave::image {

Builder::Builder(const Context& context, const content::Store& store, const content::BlobSource& blobs,
                 Image base, Options options)
    : context_(context),
      store_(store),
      blobs_(store, blobs),
      image_(std::move(base)),
      options_(std::move(options)) {}

layer::Tree& Builder::tree() {
  if (!tree_) tree_ = tree_of(context_, blobs_, image_);
  return *tree_;
}

void Builder::append(const layer::Layer& layer, std::string created_by) {
  spec::History history;
  history.created = options_.created;
  history.created_by = std::move(created_by);
  image_ = image::append(std::move(image_), layer, std::move(history));
}

// Files that somebody unpacked or made without being root keep that owner in the layer, which is rarely
// meant.
void Builder::check_owners(const std::string& directory, const layer::Adopt& adopt,
                           const layer::Changeset& changes) const {
  if (!options_.warn_of_owners || adopt.owner) return;
  for (const auto& change : changes) {
    const auto& meta = change.entry.meta;
    if (change.removal || (meta.uid == 0 && meta.gid == 0)) continue;
    return context_.progress->warn(
        fmt::format("{} belongs to {}:{} and will in the image, too; --owner 0:0 makes it root's",
                    quote(directory + "/" + change.entry.path), meta.uid, meta.gid));
  }
}

void Builder::add_directory_layer(const std::string& directory, const layer::Adopt& adopt) {
  new_layer();
  const std::string history = "stave pack --layer";
  if (image_.manifest.layers.empty()) {
    // On top of nothing a directory is its own changeset: no tree is built, and memory stays with what the
    // plan needs.
    tree_.reset();
    const auto root = std::make_shared<const fs::Dir>(fs::Dir::open(directory));
    const auto changes = layer::read_directory(context_, root, adopt);
    check_owners(directory, adopt, changes);
    return append(layer::pack(context_, changes, options_.codec, store_, options_.remember), history);
  }
  layer::place(context_, tree(),
               {.source = directory,
                .destination = "/",
                .adopt = adopt,
                .parent_mtime = options_.parent_mtime,
                .replace_metadata = true});
  const auto changes = tree().take_changes();
  check_owners(directory, adopt, changes);
  append(layer::pack(context_, changes, options_.codec, store_, options_.remember), history);
}

void Builder::add_tree(const std::string& directory, const layer::Adopt& adopt) {
  new_layer();
  // What was edited into the tree at hand has no digests, so it is read again as the layers that it became.
  tree_.reset();
  const auto root = std::make_shared<const fs::Dir>(fs::Dir::open(directory));
  const auto record = layer::Record::find(directory);
  // What the directory was unpacked from is in its record, and no layer need be opened.
  const layer::Tree lower = record != nullptr && record->is_of(image_.config.diff_ids)
                                ? record->tree()
                                : layer::read_stack(context_, stack_of(blobs_, image_), layer::Digests::yes);
  const layer::Tree upper = layer::read_tree(context_, root, adopt, record.get());
  const auto differences = layer::compare(context_, lower, upper, {});
  layer::warn_of_untellable(context_, differences);
  const auto changes = layer::changeset_of(upper, differences);
  if (changes.empty()) {
    return context_.progress->warn(
        fmt::format("{} is what the image holds already: there is no layer to add", quote(directory)));
  }
  check_owners(directory, adopt, changes);
  append(layer::pack(context_, changes, options_.codec, store_, options_.remember), "stave pack --tree");
}

void Builder::add_tar_layer(Source& input, const layer::Import& how) {
  new_layer();
  layer::Tree* below = how.recompress || tree_ ? &tree() : nullptr;
  append(layer::import_tar(context_, input, how, below, store_), "stave pack --layer");
}

void Builder::add(const std::string& source, const std::string& destination, const layer::Adopt& adopt) {
  const auto warn_twice = [&](const std::string& path) {
    if (put_.insert(path).second) return;
    context_.progress->warn(fmt::format("{} is added twice; the last one wins", quote("/" + path)));
  };
  layer::place(
      context_, tree(),
      {.source = source, .destination = destination, .adopt = adopt, .parent_mtime = options_.parent_mtime},
      warn_twice);
  edits_.push_back("--add " + destination);
}

void Builder::remove(const std::string& path) {
  tree().remove(tree().resolve(path, layer::Tree::Follow::parents));
  edits_.push_back("--rm " + path);
}

void Builder::new_layer() {
  if (edits_.empty()) return;
  constexpr std::size_t shown = 8;  // a history is read by people
  const std::size_t more = edits_.size() > shown ? edits_.size() - shown : 0;
  edits_.resize(edits_.size() - more);
  std::string history = "stave pack " + join(edits_, " ");
  if (more != 0) history += fmt::format(" and {} more", more);
  edits_.clear();
  put_.clear();
  const auto changes = tree().take_changes();
  append(layer::pack(context_, changes, options_.codec, store_, options_.remember), history);
}

Image Builder::finish() && {
  new_layer();
  return std::move(image_);
}

}  // namespace stave::image
