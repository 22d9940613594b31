// Layers: what is in them, read entry by entry, against what the spec and the
// clients ask of a changeset.

#pragma once

#include "stave/base/context.h"
#include "stave/content/blob.h"
#include "stave/validate/graph.h"
#include "stave/validate/report.h"

namespace stave::validate {

// Reads each layer of the images once, in the order of the images: digest, compression, diff_id, the tar and
// its entries, and what they mean to the layers below. Costs the decompression of every layer.
void check_layers(const Context& context, const content::BlobSource& blobs, const Graph& graph,
                  Report& report);

// A layer on its own, from its stored bytes.
void check_layer(const Context& context, std::unique_ptr<Source> stored, const std::string& file,
                 Report& report);

// What a client needs beyond the spec (docs/rules.md, "Profiles").
void check_profile(Profile profile, const spec::Descriptor& root, const Graph& graph, Report& report);

}  // namespace stave::validate
