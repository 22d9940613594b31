// stave config: show how an image runs, or edit that into a new image.

#include <fmt/format.h>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/cli/config_options.h"
#include "stave/cli/grounds.h"
#include "stave/cli/verbs.h"
#include "stave/image/image.h"
#include "stave/json/json.h"
#include "stave/place/place.h"

namespace stave::cli {
namespace {

// Edits one image, whatever it is part of.
class Editor {
 public:
  Editor(const Invocation& invocation, const content::BlobSource& blobs, const content::Store& store)
      : arguments_(invocation.arguments),
        blobs_(blobs),
        store_(store),
        platforms_(platforms_of(invocation.arguments)) {
    const auto epoch = source_date_epoch(invocation.surroundings);
    if (epoch && edits_config(arguments_) && !arguments_.has("--created")) created_ = rfc3339(*epoch);
  }

  // The edited manifest, or an index of the same shape over edited manifests. With --platform only those are
  // edited; everything else stays as it is, to the byte.
  spec::Descriptor edit(const spec::Descriptor& descriptor) {
    if (spec::media::is_index(descriptor.media_type)) return edit_index(descriptor);
    if (!spec::media::is_manifest(descriptor.media_type)) return descriptor;
    const auto leaf = image::leaves(blobs_, descriptor);
    if (leaf.empty() || !leaf.front().platform || !is_meant(*leaf.front().platform)) return descriptor;
    ++edited_;
    auto image = image::load(blobs_, descriptor);
    auto config = image.config;
    auto annotations = image.manifest.annotations;
    apply_config_options(arguments_, created_, config, annotations);
    // What no edit touches is not printed anew either: its bytes are somebody's digest.
    if (config == image.config && annotations == image.manifest.annotations) return descriptor;
    image = image::with_config(std::move(image), std::move(config));
    image.manifest.annotations = std::move(annotations);
    auto edited = image::put(store_, image);
    edited.platform = descriptor.platform ? descriptor.platform : edited.platform;
    edited.annotations = descriptor.annotations;
    return edited;
  }

  std::size_t edited() const { return edited_; }

 private:
  spec::Descriptor edit_index(const spec::Descriptor& descriptor) {
    auto index = spec::Index::parse(content::read_document(blobs_, descriptor));
    for (auto& child : index.manifests) {
      if (blobs_.find_size(child.digest)) child = edit(child);
    }
    auto edited =
        store_.put(index.render(), index.media_type.empty() ? descriptor.media_type : index.media_type);
    edited.annotations = descriptor.annotations;
    edited.platform = descriptor.platform;
    return edited;
  }

  bool is_meant(const spec::Platform& platform) const {
    if (platforms_.empty()) return true;
    for (const auto& each : platforms_) {
      if (spec::runs_on(platform, each)) return true;
    }
    return false;
  }

  const Arguments& arguments_;
  const content::BlobSource& blobs_;
  const content::Store& store_;
  std::vector<spec::Platform> platforms_;
  std::string created_;
  std::size_t edited_ = 0;
};

// The configs as they are, one JSON document for each image.
void show(const Invocation& invocation, const place::Located& located) {
  auto platforms = platforms_of(invocation.arguments);
  std::vector<spec::Descriptor> images;
  for (const auto& platform : platforms)
    images.push_back(image::select(*located.blobs, located.root, platform));
  if (platforms.empty()) {
    for (const auto& leaf : image::leaves(*located.blobs, located.root)) {
      if (leaf.platform && located.blobs->find_size(leaf.descriptor.digest))
        images.push_back(leaf.descriptor);
    }
  }
  for (const auto& descriptor : images) {
    const auto manifest = spec::Manifest::parse(content::read_document(*located.blobs, descriptor));
    const auto config = json::parse(content::read_document(*located.blobs, manifest.config), "the config");
    invocation.print(json::print_pretty(config) + "\n");
  }
}

int run_config(const Invocation& invocation) {
  const auto& arguments = invocation.arguments;
  const auto grounds = grounds_of(invocation);
  const auto words = place::Words::parse(arguments.positionals().front());
  const auto tag = arguments.get("--tag");
  if (!tag) {
    if (edits_config(arguments)) {
      throw Error(Kind::usage, "an image does not change; its edited form needs a name",
                  "say which with -t NAME (it may be the one it has)");
    }
    show(invocation, place::open(invocation.context, words, grounds));
    return 0;
  }
  const std::string name = place::stored_name(*tag);
  place::in_store(grounds, [&](const content::Store& store) {
    const auto located = place::open(invocation.context, words, grounds);
    place::copy_blobs(invocation.context, *located.blobs, located.root, store);
    Editor editor(invocation, store, store);
    const auto edited = editor.edit(located.root);
    if (editor.edited() == 0) {
      throw Error(Kind::not_found, fmt::format("{} has no image for that platform", quote(words.str())),
                  "`stave inspect` shows what there is");
    }
    auto named = edited;
    named.annotations.merge(place::naming_annotations(name, false));
    tell_moved(invocation, name, store.tag(name, named), edited.digest);
    invocation.print(edited.digest.str() + "\n");
  });
  return 0;
}

}  // namespace

Command config_verb() {
  Command verb{.name = "config",
               .summary = "show how an image runs, or edit that into a new image",
               .description =
                   "Without `-t`, prints the config of an image: of each of its platforms, or of those of "
                   "`--platform`.\n\n"
                   "With `-t NAME` and edits, makes a new image with the same layers and calls it NAME, "
                   "which may be the name it has. Of an image for several platforms every one is edited "
                   "unless `--platform` says which; the others keep their bytes."};
  verb.positionals = {{.name = "IMAGE", .help = "an image in any place", .completes = Completes::image}};
  verb.options = {
      {.names = "-t,--tag",
       .value = "NAME[:TAG]",
       .help = "the name of the edited image",
       .completes = Completes::image},
      {.names = "--platform",
       .value = "P[,P…]",
       .help = "only these",
       .repeatable = true,
       .completes = Completes::platform},
  };
  for (auto& option : config_options()) verb.options.push_back(std::move(option));
  verb.examples = {
      {"stave config hello:alpine", "show it"},
      {"stave config hello:alpine -t hello:2 --env LANG=C.UTF-8 --env DEBUG- --cmd ''",
       "edit it into another image"},
  };
  verb.run = run_config;
  return verb;
}

}  // namespace stave::cli
