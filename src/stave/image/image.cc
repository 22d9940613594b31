// Image: load, edit, put.

#include "stave/image/image.h"

#include <fmt/format.h>

#include <array>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/layer/reader.h"

namespace stave::image {
namespace {

// The OCI name of what Docker calls otherwise; the bytes are the same (image-spec, media-types.md,
// "Compatibility Matrix").
std::string oci_media_type(const std::string& media_type) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> same = {{
      {spec::media::docker_manifest, spec::media::oci_manifest},
      {spec::media::docker_list, spec::media::oci_index},
      {spec::media::docker_config, spec::media::oci_config},
      {spec::media::docker_layer, spec::media::oci_layer},
      {spec::media::docker_layer_gzip, spec::media::oci_layer_gzip},
      {spec::media::docker_layer_zstd, spec::media::oci_layer_zstd},
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
  make_oci(image.manifest);
  image.manifest.layers.push_back(layer.descriptor);
  image.config.diff_ids.push_back(layer.diff_id);
  image.config.history.push_back(std::move(history));
  return image;
}

Image with_config(Image image, spec::Config config) {
  if (config.diff_ids != image.config.diff_ids)
    throw Error(Kind::internal, "an edit of the config may not change the layers");
  make_oci(image.manifest);
  image.config = std::move(config);
  return image;
}

spec::Descriptor put(const content::Store& store, const Image& image) {
  spec::Manifest manifest = image.manifest;
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

std::optional<spec::Platform> platform_of(const content::BlobSource& blobs,
                                          const spec::Descriptor& descriptor, const std::string& text) {
  if (descriptor.platform && !descriptor.platform->os.empty()) {
    return is_unknown(*descriptor.platform) ? std::nullopt : descriptor.platform;
  }
  const auto manifest = spec::Manifest::parse(text);
  if (!spec::media::is_config(manifest.config.media_type)) return std::nullopt;
  const auto platform = spec::Config::parse(content::read_document(blobs, manifest.config)).platform;
  if (is_unknown(platform)) return std::nullopt;
  return platform;
}

void collect_leaves(const content::BlobSource& blobs, const spec::Descriptor& descriptor, int depth,
                    std::vector<Leaf>& out) {
  if (depth > limits::index_depth)
    throw Error(Kind::limit, fmt::format("more than {} indexes within each other", limits::index_depth));
  if (!spec::media::is_index(descriptor.media_type) && !spec::media::is_manifest(descriptor.media_type)) {
    // A root must be a manifest or an index; in an index anything may be listed (image-index.md,
    // "manifests").
    if (depth == 0)
      throw Error(Kind::unsupported, fmt::format("{} is of type {}, neither image nor index",
                                                 descriptor.digest.str(), quote(descriptor.media_type)));
    return;
  }
  // A platform that was left out when the index was copied is known only by what the index says of it.
  if (depth > 0 && !blobs.find_size(descriptor.digest)) {
    if (descriptor.platform && !is_unknown(*descriptor.platform))
      out.push_back({descriptor, descriptor.platform});
    return;
  }
  const std::string text = content::read_document(blobs, descriptor);
  if (spec::classify(text, descriptor.media_type) == spec::DocumentKind::manifest) {
    out.push_back({descriptor, platform_of(blobs, descriptor, text)});
    return;
  }
  const auto index = spec::Index::parse(text);
  if (out.size() + index.manifests.size() > limits::descriptors) {
    throw Error(Kind::limit, fmt::format("more than {} manifests", limits::descriptors));
  }
  for (const auto& child : index.manifests) collect_leaves(blobs, child, depth + 1, out);
}

}  // namespace

std::vector<Leaf> leaves(const content::BlobSource& blobs, const spec::Descriptor& root) {
  std::vector<Leaf> out;
  collect_leaves(blobs, root, 0, out);
  return out;
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
    names.push_back(leaf.platform->str());
  }
  const auto best = spec::best_match(platforms, platform);
  if (best) return images[*best];
  throw Error(
      Kind::not_found,
      fmt::format("there is no image for {}; {}", platform.str(),
                  names.empty() ? "no platform is known here" : "there is " + printable(join(names, ", "))),
      names.empty() ? "" : fmt::format("choose one with --platform {}", printable(names.front())));
}

namespace {

// Owns the chain from a blob to its verified plain bytes.
class PlainLayer final : public Source {
 public:
  PlainLayer(std::unique_ptr<Source> blob, const Digest& diff_id)
      : blob_(std::move(blob)), want_(diff_id), hasher_(diff_id.algorithm()) {
    std::array<std::byte, 6> first{};
    const std::size_t n = read_full(*blob_, first);
    prefixed_ = std::make_unique<PrefixedSource>(std::string(as_text(Bytes(first).first(n))), *blob_);
    plain_ = compress::decompress(*prefixed_, compress::sniff(Bytes(first).first(n)));
  }

  std::size_t read(MutableBytes out) override {
    const std::size_t n = plain_->read(out);
    if (n != 0) {
      hasher_.update(out.first(n));
    } else if (!ended_ && !out.empty()) {
      ended_ = true;
      // What the decompressor left, so that the blob's own digest is looked at.
      std::array<std::byte, 4096> rest{};
      while (prefixed_->read(rest) != 0) {
      }
      const Digest got = std::move(hasher_).finish();
      if (got != want_) {
        throw Error(Kind::mismatch,
                    fmt::format("a layer unpacks to {}, its config says {}", got.str(), want_.str()));
      }
    }
    return n;
  }

 private:
  std::unique_ptr<Source> blob_;
  std::unique_ptr<Source> prefixed_;
  std::unique_ptr<Source> plain_;
  Digest want_;
  Hasher hasher_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Source> open_layer(const content::BlobSource& blobs, const spec::Descriptor& descriptor,
                                   const Digest& diff_id) {
  return std::make_unique<PlainLayer>(content::open_verified(blobs, descriptor), diff_id);
}

layer::Tree tree_of(const Context& context, const content::BlobSource& blobs, const Image& image) {
  layer::Tree tree;
  for (std::size_t i = 0; i < image.manifest.layers.size(); ++i) {
    const auto& descriptor = image.manifest.layers[i];
    if (!spec::media::is_layer(descriptor.media_type)) {
      throw Error(Kind::unsupported,
                  fmt::format("layer {} is of type {}", i + 1, quote(descriptor.media_type)));
    }
    Task task(context, fmt::format("reading layer {}", i + 1), descriptor.size);
    try {
      const auto plain = open_layer(blobs, descriptor, image.config.diff_ids[i]);
      layer::LayerReader reader(*plain);
      tree.apply(context, reader);
      reader.finish();
    } catch (const Error& e) {
      throw e.within(fmt::format("layer {} ({})", i + 1, descriptor.digest.str()));
    }
    task.done();
  }
  return tree;
}

}  // namespace stave::image
