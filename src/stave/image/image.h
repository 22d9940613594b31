// Image: a manifest and its config as one immutable value. Editing gives a new
// image; the one at hand and its bytes stay what they are.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/base/context.h"
#include "stave/content/store.h"
#include "stave/layer/pack.h"
#include "stave/layer/stack.h"
#include "stave/layer/tree.h"
#include "stave/spec/spec.h"

namespace stave::image {

// An image for one platform. What it refers to (layers) lives in a BlobSource.
struct Image {
  spec::Manifest manifest;  // config and layers are its business; `config` and `layers` here agree with it
                            // only after `put`
  spec::Config config;
};

// An image of no layers for `platform`: "from scratch".
Image scratch(const spec::Platform& platform);

// Reads the image that `descriptor` names: a manifest with an image config. Documents are verified before
// they are parsed. Kind::unsupported for a config of another media type (an artifact), Kind::mismatch when
// layers and diff_ids differ in number.
Image load(const content::BlobSource& blobs, const spec::Descriptor& descriptor);

// The image with a layer more on top, and its history entry (config.md, "history"). Docker media types of the
// image become their OCI equals; the layers' bytes stay. A history that does not fit the layers below is made
// to: entries too many stand for no layer, entries too few are filled up with ones that say nothing.
// Kind::limit above limits::image_layers.
Image append(Image image, const layer::Layer& layer, spec::History history);

// The image with another config, whose history is the caller's business. The platform and diff_ids must be
// the same (Kind::internal). Docker media types become OCI, as in `append`.
Image with_config(Image image, spec::Config config);

// Writes config and manifest (its layers must be there), children first. Gives the descriptor of the
// manifest, with the platform.
spec::Descriptor put(const content::Store& store, const Image& image);

// Writes an index over manifests or other indexes, in their order.
spec::Descriptor put_index(const content::Store& store, const std::vector<spec::Descriptor>& manifests,
                           const spec::Annotations& annotations);

// One image below a root: where it is, and what it is for.
struct Leaf {
  spec::Descriptor descriptor;             // of the manifest
  std::optional<spec::Platform> platform;  // as the index says, else as its config does; nullopt for what is
                                           // no image (attestations, artifacts)
};

// Every manifest below `root` in document order, nested indexes included; what is absent only if the index
// says its platform. Costs a read of each index, and of manifest and config where the index is silent about
// the platform.
std::vector<Leaf> leaves(const content::BlobSource& blobs, const spec::Descriptor& root);

// The manifest below `root` that runs on `platform`. A root that is a single image is given as it is only if
// it runs there. Kind::not_found naming what there is.
spec::Descriptor select(const content::BlobSource& blobs, const spec::Descriptor& root,
                        const spec::Platform& platform);

// Its layers, the lowest first, to be read as often as is needed: each is verified (digest and diff_id) when
// its end is reached. `blobs` must outlive the stack. Kind::unsupported for a layer of an unknown media type.
layer::Stack stack_of(const content::BlobSource& blobs, const Image& image);

// The image without its last `count` layers: their history goes with them, what runs stays. Kind::usage if it
// has fewer.
Image without_last(Image image, std::size_t count);

// The tree of all its layers, read and verified (digest and diff_id). Costs the decompression of every layer.
layer::Tree tree_of(const Context& context, const content::BlobSource& blobs, const Image& image);

// The uncompressed bytes of a layer, by what its first bytes say it is; fails at its end unless blob and
// diff_id are what they should be. With more than one job another thread decompresses meanwhile.
std::unique_ptr<Source> open_layer(const content::BlobSource& blobs, const spec::Descriptor& descriptor,
                                   const Digest& diff_id, unsigned jobs = 1);

}  // namespace stave::image
