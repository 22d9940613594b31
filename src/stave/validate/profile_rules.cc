// The rules of the clients.

#include "stave/validate/rules.h"

namespace stave::validate {

std::span<const Rule> profile_rules() { return {}; }

}  // namespace stave::validate
