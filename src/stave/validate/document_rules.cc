// The rules of documents: JSON, descriptors, layouts, indexes, manifests, configs, annotations.

#include "stave/validate/rules.h"

namespace stave::validate {

std::span<const Rule> document_rules() { return {}; }

}  // namespace stave::validate
