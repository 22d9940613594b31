// Image: load, edit, put.

#include "stave/image/image.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/layer/reader.h"

namespace stave::image {
namespace {

// The OCI name of what Docker calls otherwise; the bytes are the same (image-spec, media-types.md,
// "Compatibility Matrix").
std::string oci_media_type(const std::string& media_type) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 9> same = {{
      {spec::media::docker_manifest, spec::media::oci_manifest},
      {spec::media::docker_list, spec::media::oci_index},
      {spec::media::docker_config, spec::media::oci_config},
      {spec::media::docker_layer, spec::media::oci_layer},
      {spec::media::docker_layer_gzip, spec::media::oci_layer_gzip},
      {spec::media::docker_layer_zstd, spec::media::oci_layer_zstd},
      {"application/vnd.docker.image.rootfs.foreign.diff.tar",
       "application/vnd.oci.image.layer.nondistributable.v1.tar"},
      {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
       "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"},
      {"application/vnd.docker.image.rootfs.foreign.diff.tar.zstd",
       "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"},
  }};
  for (const auto& [docker, oci] : same) {
    if (media_type == docker) return std::string(oci);
  }
  return media_type;
}

void make_oci(spec::Manifest& manifest) {
  manifest.media_type = spec::media::oci_manifest;
  manifest.config.media_type = oci_media_type(manifest.config.media_type);
  for (auto& layer : manifest.layers) layer.media_type = oci_media_type(layer.media_type);
}

// Entries of the history that are not `empty_layer` stand for the layers, one each and in order (config.md,
// "history"), or the entry that comes next would describe another layer than its own. Bases exist that break
// this; what is too much stands for no layer, what is missing says nothing.
void settle_history(spec::Config& config) {
  std::size_t described = 0;
  for (auto& each : config.history) {
    if (described == config.diff_ids.size()) each.empty_layer = true;
    if (!each.empty_layer) ++described;
  }
  config.history.resize(config.history.size() + config.diff_ids.size() - described);
}

}  // namespace

Image scratch(const spec::Platform& platform) {
  // The config's descriptor is a place holder until `put` knows it.
  Image image{.manifest = {.config = {.media_type = std::string(spec::media::oci_config),
                                      .digest = digest_of(""),
                                      .size = 0},
                           .layers = {}},
              .config = {}};
  image.config.platform = platform;
  return image;
}

Image load(const content::BlobSource& blobs, const spec::Descriptor& descriptor) {
  const std::string text = content::read_document(blobs, descriptor);
  if (spec::classify(text, descriptor.media_type) != spec::DocumentKind::manifest) {
    throw Error(Kind::invalid, fmt::format("{} is an index, not an image", descriptor.digest.str()));
  }
  Image image{.manifest = spec::Manifest::parse(text), .config = {}};
  if (!spec::media::is_config(image.manifest.config.media_type)) {
    throw Error(Kind::unsupported,
                fmt::format("{} is no container image: its config is of type {}", descriptor.digest.str(),
                            quote(image.manifest.config.media_type)));
  }
  image.config = spec::Config::parse(content::read_document(blobs, image.manifest.config));
  if (image.config.diff_ids.size() != image.manifest.layers.size()) {
    throw Error(Kind::mismatch,
                fmt::format("the manifest {} has {} layers, its config {} diff_ids", descriptor.digest.str(),
                            image.manifest.layers.size(), image.config.diff_ids.size()));
  }
  return image;
}

Image append(Image image, const layer::Layer& layer, spec::History history) {
  if (image.manifest.layers.size() >= limits::image_layers) {
    throw Error(Kind::limit,
                fmt::format("the image would have more than {} layers, which container engines cannot mount",
                            limits::image_layers));
  }
  if (history.empty_layer) throw Error(Kind::internal, "the history entry of a layer says it is none");
  make_oci(image.manifest);
  settle_history(image.config);
  image.manifest.layers.push_back(layer.descriptor);
  image.config.diff_ids.push_back(layer.diff_id);
  image.config.history.push_back(std::move(history));
  return image;
}

Image with_config(Image image, spec::Config config) {
  if (config.diff_ids != image.config.diff_ids)
    throw Error(Kind::internal, "an edit of the config may not change the layers");
  if (config.platform != image.config.platform)
    throw Error(Kind::internal, "an edit of the config may not change the platform");
  make_oci(image.manifest);
  image.config = std::move(config);
  return image;
}

spec::Descriptor put(const content::Store& store, const Image& image) {
  spec::Manifest manifest = image.manifest;
  make_oci(manifest);  // one document, one vocabulary
  const spec::Descriptor config = store.put(image.config.render(), spec::media::oci_config);
  // What else the descriptor of the base's config said (annotations, data) was about other bytes.
  manifest.config = config;
  spec::Descriptor descriptor = store.put(manifest.render(), spec::media::oci_manifest);
  descriptor.platform = image.config.platform;
  return descriptor;
}

spec::Descriptor put_index(const content::Store& store, const std::vector<spec::Descriptor>& manifests,
                           const spec::Annotations& annotations) {
  spec::Index index;
  index.manifests = manifests;
  index.annotations = annotations;
  return store.put(index.render(), spec::media::oci_index);
}

namespace {

// BuildKit's attestations sit in an index as images for the platform unknown/unknown.
bool is_unknown(const spec::Platform& platform) {
  return platform.os == "unknown" && platform.architecture == "unknown";
}

// What the index says about what it lists, where it says anything.
bool is_said(const spec::Descriptor& descriptor) {
  return descriptor.platform && !descriptor.platform->os.empty();
}

std::optional<spec::Platform> unless_unknown(const spec::Platform& platform) {
  return is_unknown(platform) ? std::nullopt : std::optional(platform);
}

class LeafWalk {
 public:
  explicit LeafWalk(const content::BlobSource& blobs) : blobs_(blobs) {}

  void visit(const spec::Descriptor& descriptor, int depth) {
    const bool index = spec::media::is_index(descriptor.media_type);
    if (!index && !spec::media::is_manifest(descriptor.media_type)) return refuse_root(descriptor, depth);
    // Without a look at the manifest: a registry would be asked for each platform of an index.
    if (depth > 0 && !index && is_said(descriptor)) {
      out_.push_back({descriptor, unless_unknown(*descriptor.platform)});
    } else if (depth == 0 || (is_new(descriptor) && blobs_.find_size(descriptor.digest))) {
      open(descriptor, depth);
    }
  }

  std::vector<Leaf> take() { return std::move(out_); }

 private:
  // A root must be a manifest or an index; in an index anything may be listed (image-index.md, "manifests").
  static void refuse_root(const spec::Descriptor& descriptor, int depth) {
    if (depth > 0) return;
    throw Error(Kind::unsupported, fmt::format("{} is of type {}, neither image nor index",
                                               descriptor.digest.str(), quote(descriptor.media_type)));
  }

  // Eight levels of an index that lists the next one a thousand times would not end.
  bool is_new(const spec::Descriptor& descriptor) { return seen_.insert(descriptor.digest).second; }

  void open(const spec::Descriptor& descriptor, int depth) {
    const std::string text = content::read_document(blobs_, descriptor);
    if (spec::classify(text, descriptor.media_type) == spec::DocumentKind::manifest) {
      out_.push_back({descriptor, is_said(descriptor) ? unless_unknown(*descriptor.platform)
                                                      : configured_platform(text)});
      return;
    }
    if (depth >= limits::index_depth)
      throw Error(Kind::limit, fmt::format("more than {} indexes within each other", limits::index_depth));
    const auto index = spec::Index::parse(text);
    if (out_.size() + index.manifests.size() > limits::descriptors) {
      throw Error(Kind::limit, fmt::format("more than {} manifests", limits::descriptors));
    }
    for (const auto& child : index.manifests) visit(child, depth + 1);
  }

  std::optional<spec::Platform> configured_platform(const std::string& text) {
    const auto manifest = spec::Manifest::parse(text);
    if (!spec::media::is_config(manifest.config.media_type)) return std::nullopt;
    return unless_unknown(spec::Config::parse(content::read_document(blobs_, manifest.config)).platform);
  }

  const content::BlobSource& blobs_;
  std::set<Digest> seen_;
  std::vector<Leaf> out_;
};

// "linux/amd64, linux/arm64/v8 and 14 more": an index from outside may list thousands.
std::string list_of(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 16;
  if (names.size() <= shown) return printable(join(names, ", "));
  const std::vector<std::string> first(names.begin(), names.begin() + shown);
  return fmt::format("{} and {} more", printable(join(first, ", ")), names.size() - shown);
}

}  // namespace

std::vector<Leaf> leaves(const content::BlobSource& blobs, const spec::Descriptor& root) {
  LeafWalk walk(blobs);
  walk.visit(root, 0);
  return walk.take();
}

spec::Descriptor select(const content::BlobSource& blobs, const spec::Descriptor& root,
                        const spec::Platform& platform) {
  std::vector<spec::Descriptor> images;
  std::vector<spec::Platform> platforms;
  std::vector<std::string> names;
  for (auto& leaf : leaves(blobs, root)) {
    if (!leaf.platform) continue;
    images.push_back(leaf.descriptor);
    images.back().platform = leaf.platform;
    platforms.push_back(*leaf.platform);
    if (const auto text = leaf.platform->str(); std::find(names.begin(), names.end(), text) == names.end()) {
      names.push_back(text);
    }
  }
  const auto best = spec::best_match(platforms, platform);
  if (best) return images[*best];
  throw Error(Kind::not_found,
              fmt::format("there is no image for {}; {}", platform.str(),
                          names.empty() ? "no platform is known here" : "there is " + list_of(names)),
              names.empty() ? "" : fmt::format("choose one with --platform {}", printable(names.front())));
}

namespace {

// Owns the chain from a blob to its verified plain bytes.
class PlainLayer final : public Source {
 public:
  PlainLayer(std::unique_ptr<Source> blob, const Digest& diff_id, unsigned jobs)
      : blob_(std::move(blob)), want_(diff_id), hasher_(diff_id.algorithm()) {
    std::array<std::byte, 6> first{};
    const std::size_t n = read_full(*blob_, first);
    prefixed_ = std::make_unique<PrefixedSource>(std::string(as_text(Bytes(first).first(n))), *blob_);
    plain_ = compress::decompress(*prefixed_, compress::sniff(Bytes(first).first(n)), jobs);
  }

  std::size_t read(MutableBytes out) override {
    if (out.empty() || verified_) return 0;
    // Asked again after it failed, it must not take the next end for the right one.
    if (!hasher_) throw Error(Kind::mismatch, "a layer was read on after it failed");
    const std::size_t n = plain_->read(out);
    if (n != 0) {
      hasher_->update(out.first(n));
    } else {
      verify();
    }
    return n;
  }

 private:
  void verify() {
    Hasher hasher = std::move(*hasher_);
    hasher_.reset();
    // What the decompressor left, so that the blob's own digest is looked at.
    std::array<std::byte, 4096> rest;
    while (prefixed_->read(rest) != 0) {
    }
    const Digest got = std::move(hasher).finish();
    if (got != want_) {
      throw Error(Kind::mismatch,
                  fmt::format("a layer unpacks to {}, its config says {}", got.str(), want_.str()));
    }
    verified_ = true;
  }

  std::unique_ptr<Source> blob_;
  std::unique_ptr<Source> prefixed_;
  std::unique_ptr<Source> plain_;
  Digest want_;
  std::optional<Hasher> hasher_;  // none: the end was reached
  bool verified_ = false;
};

}  // namespace

std::unique_ptr<Source> open_layer(const content::BlobSource& blobs, const spec::Descriptor& descriptor,
                                   const Digest& diff_id, unsigned jobs) {
  return std::make_unique<PlainLayer>(content::open_verified(blobs, descriptor), diff_id, jobs);
}

layer::Stack stack_of(const content::BlobSource& blobs, const Image& image) {
  layer::Stack stack;
  for (std::size_t i = 0; i < image.manifest.layers.size(); ++i) {
    const auto& descriptor = image.manifest.layers[i];
    const std::string name = fmt::format("layer {} ({})", i + 1, descriptor.digest.str());
    if (!spec::media::is_layer(descriptor.media_type)) {
      throw Error(Kind::unsupported, fmt::format("{} is of type {}", name, quote(descriptor.media_type)));
    }
    stack.pieces.push_back(
        {.name = name,
         .size = descriptor.size,
         .open = [&blobs, descriptor, diff_id = image.config.diff_ids[i]](
                     unsigned jobs) { return open_layer(blobs, descriptor, diff_id, jobs); },
         .diff_id = image.config.diff_ids[i]});
  }
  return stack;
}

Image without_last(Image image, std::size_t count) {
  const std::size_t layers = image.manifest.layers.size();
  if (count > layers) {
    throw Error(Kind::usage, fmt::format("the image has {} layers, {} cannot be left off", layers, count));
  }
  if (count == 0) return image;
  settle_history(image.config);
  image.manifest.layers.resize(layers - count, image.manifest.config);
  image.config.diff_ids.resize(layers - count, image.manifest.config.digest);
  // Everything from the first layer that goes on is about an image that is no more.
  std::size_t kept = 0;
  std::size_t end = 0;
  while (end < image.config.history.size()) {
    const bool layer = !image.config.history[end].empty_layer;
    if (layer && kept == layers - count) break;
    if (layer) ++kept;
    ++end;
  }
  image.config.history.resize(end);
  return image;
}

layer::Tree tree_of(const Context& context, const content::BlobSource& blobs, const Image& image) {
  return layer::read_stack(context, stack_of(blobs, image), layer::Digests::no);
}

}  // namespace stave::image
