// The rules of layers.

#include "stave/validate/rules.h"

namespace stave::validate {

std::span<const Rule> layer_rules() { return {}; }

}  // namespace stave::validate
