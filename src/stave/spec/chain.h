// One step of a chain ID (config.md, "Layer ChainID"). Internal to spec.

#pragma once

#include <string>
#include <string_view>

namespace stave::spec {

// The digest of "previous next". sha256 whatever the diff_ids are, as the image-spec's own identity package
// does.
std::string chain_id(std::string_view previous, std::string_view next);

}  // namespace stave::spec
