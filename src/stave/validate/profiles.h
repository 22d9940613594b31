// Profiles: what clients need of an image beyond the specification.

#pragma once

#include <cstddef>
#include <cstdint>

#include "stave/spec/spec.h"
#include "stave/validate/graph.h"
#include "stave/validate/report.h"

namespace stave::validate {

// What an image comes in, as far as clients care.
struct Package {
  enum class Is : std::uint8_t { layout, archive } is = Is::layout;
  std::size_t images = 1;              // how many references it holds
  bool docker_manifest = false;        // an archive with docker's manifest.json
  spec::Annotations annotations = {};  // of the reference that was validated
  Where where = {};                    // of its descriptor
};

// Checks the rules of `profile`. What the report holds already of the layers counts as well: it comes after
// check_layers.
void check_profile(Profile profile, const Package& package, const Graph& graph, Report& report);

}  // namespace stave::validate
