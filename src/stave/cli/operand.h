// Operands that hold files: a directory, a tar, or an image in any place. What
// `diff` compares, `unpack` unpacks and `run` runs.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "stave/cli/command.h"
#include "stave/image/image.h"
#include "stave/layer/stack.h"
#include "stave/place/place.h"
#include "stave/spec/spec.h"

namespace stave::cli {

struct Operand {
  enum class Is : std::uint8_t { directory, tar, image };
  Is is = Is::image;
  std::string text;            // as it was typed
  std::string path = {};       // of a directory or tar
  place::Words words = {};     // of an image
  std::size_t layers_off = 0;  // IMAGE~N: that many of its last layers are left off

  // A word with a '/' at its beginning (or "./", "../"), or the name of a file or directory that exists, is
  // that; everything else an image (place::Words), with "~N" behind it. Kind::not_found for a path that is
  // not there, Kind::invalid for what is neither file nor directory. "-" is standard input: an image archive
  // or a tar, whichever it turns out to be.
  static Operand parse(std::string_view text);
};

// The layers of an image or tar, which keeps open whatever they are read from.
struct Layers {
  std::shared_ptr<const content::BlobSource> blobs;  // of an image
  std::optional<image::Image> image;                 // without the layers that were left off
  std::optional<spec::Descriptor> descriptor;        // of its manifest, unless layers were left off
  std::string name;                                  // for people
  layer::Stack stack;
};

// Opens an image (the one for `platform`, else for this machine; a single image as it is when no platform is
// given) or a tar. Kind::usage for a directory.
Layers open_layers(const Invocation& invocation, const Operand& operand,
                   const std::optional<spec::Platform>& platform, const place::Grounds& grounds);
// The same for the one --platform that may have been given.
Layers open_layers(const Invocation& invocation, const Operand& operand, const place::Grounds& grounds);

}  // namespace stave::cli
