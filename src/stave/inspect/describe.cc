// describe: gathering, and the JSON form.

#include "stave/inspect/describe.h"

#include <set>

#include "stave/base/error.h"
#include "stave/json/json.h"

namespace stave::inspect {

// History entries that are no empty_layer correspond to the layers, in order (config.md, "history").
std::vector<LayerLine> layer_lines(const image::Image& image) {
  std::vector<std::string> created_by;
  for (const auto& entry : image.config.history) {
    if (!entry.empty_layer) created_by.push_back(entry.created_by);
  }
  std::vector<LayerLine> lines;
  for (std::size_t i = 0; i < image.manifest.layers.size(); ++i) {
    LayerLine line{.descriptor = image.manifest.layers[i], .diff_id = {}, .created_by = {}};
    if (i < image.config.diff_ids.size()) line.diff_id = image.config.diff_ids[i];
    // A history that does not correspond says nothing about any layer.
    if (created_by.size() == image.manifest.layers.size()) line.created_by = created_by[i];
    lines.push_back(std::move(line));
  }
  return lines;
}

namespace {

// Takes `prefix` and the blanks behind it off `text`.
bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  while (text.starts_with(' ')) text.remove_prefix(1);
  return true;
}

// "|1 VERSION=3 /bin/sh -c make": build arguments before the command, the number of them first.
std::string without_shell(std::string_view text) {
  constexpr std::string_view shell = " /bin/sh -c ";
  const std::size_t blank = text.find(' ');
  const std::size_t at = text.find(shell);
  const std::string_view arguments = at > blank ? text.substr(blank + 1, at - blank - 1) : std::string_view();
  return std::string(arguments) + (arguments.empty() ? "" : " ") +
         std::string(text.substr(at + shell.size()));
}

}  // namespace

std::string readable_command(std::string_view created_by) {
  std::string blanks;
  for (const char c : created_by) {
    const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (!blank) blanks += c;
    if (blank && !blanks.empty() && blanks.back() != ' ') blanks += ' ';
  }
  std::string_view text = blanks;
  while (text.ends_with(' ')) text.remove_suffix(1);
  constexpr std::string_view buildkit = " # buildkit";
  if (text.ends_with(buildkit)) text.remove_suffix(buildkit.size());
  if (take_prefix(text, "/bin/sh -c #(nop)")) return std::string(text);
  const bool run = take_prefix(text, "RUN ");
  if (take_prefix(text, "/bin/sh -c ")) return "RUN " + std::string(text);
  if (text.starts_with('|') && text.find(" /bin/sh -c ") != text.npos) return "RUN " + without_shell(text);
  return (run ? "RUN " : "") + std::string(text);
}

Page describe(const content::BlobSource& blobs, const spec::Descriptor& root) {
  Page page{.root = root, .is_index = false, .annotations = {}, .parts = {}, .others = {}, .size = 0};
  const std::string text = content::read_document(blobs, root);
  page.is_index = spec::classify(text, root.media_type) == spec::DocumentKind::index;
  page.annotations =
      page.is_index ? spec::Index::parse(text).annotations : spec::Manifest::parse(text).annotations;
  for (const auto& leaf : image::leaves(blobs, root)) {
    if (!leaf.platform || !blobs.find_size(leaf.descriptor.digest)) {
      page.others.push_back(leaf.descriptor);
      continue;
    }
    Part part{.descriptor = leaf.descriptor,
              .image = image::load(blobs, leaf.descriptor),
              .layers = {},
              .size = leaf.descriptor.size};
    part.descriptor.platform = leaf.platform;
    part.layers = layer_lines(part.image);
    part.size += part.image.manifest.config.size;
    for (const auto& layer : part.layers) part.size += layer.descriptor.size;
    page.parts.push_back(std::move(part));
  }
  for (const auto& node : content::reachable(blobs, root, true)) {
    if (blobs.find_size(node.descriptor.digest)) page.size += node.descriptor.size;
  }
  return page;
}

namespace {

std::string layer_json(const LayerLine& layer) {
  json::Object object;
  object.string("mediaType", layer.descriptor.media_type);
  object.string("digest", layer.descriptor.digest.str());
  object.number("size", layer.descriptor.size);
  if (layer.diff_id) object.string("diffId", layer.diff_id->str());
  object.string_unless_empty("createdBy", layer.created_by);
  object.string_map_unless_empty("annotations", layer.descriptor.annotations);
  return std::move(object).finish();
}

std::string part_json(const Part& part) {
  json::Object object;
  object.string("platform", part.descriptor.platform->str());
  object.string("mediaType", part.descriptor.media_type);
  object.string("digest", part.descriptor.digest.str());
  object.string("configDigest", part.image.manifest.config.digest.str());
  object.number("size", part.size);
  object.string_unless_empty("created", part.image.config.created);
  object.string_unless_empty("author", part.image.config.author);
  // The "config" object as the image prints it: one place knows its members.
  const auto config = json::parse(part.image.config.render(), "the config");
  object.text("config", json::print(config.at("config")));
  std::vector<std::string> layers;
  for (const auto& layer : part.layers) layers.push_back(layer_json(layer));
  object.text("layers", json::print_array(layers));
  object.string_map_unless_empty("annotations", part.image.manifest.annotations);
  return std::move(object).finish();
}

}  // namespace

std::string to_json(const Page& page, const std::string& name) {
  json::Object object;
  object.string_unless_empty("name", name);
  object.string("mediaType", page.root.media_type);
  object.string("digest", page.root.digest.str());
  object.number("size", page.size);
  object.string_map_unless_empty("annotations", page.annotations);
  std::vector<std::string> images;
  for (const auto& part : page.parts) images.push_back(part_json(part));
  object.text("images", json::print_array(images));
  if (!page.others.empty()) {
    std::vector<std::string> others;
    for (const auto& other : page.others) others.push_back(json::print_string(other.digest.str()));
    object.text("others", json::print_array(others));
  }
  return json::print_pretty(json::parse(std::move(object).finish(), "the page"));
}

}  // namespace stave::inspect
