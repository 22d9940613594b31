// The bytes of a kept layer's index: private to this version of stave, checked as a whole.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "stave/cache/layers.h"

namespace stave::cache {

std::string render(const Layer& layer);
// nullopt for what `render` of this version did not write.
std::optional<Layer> parse(std::string_view bytes);

}  // namespace stave::cache
