// Chain IDs: the name of a layer applied on top of all those below it.

#include "stave/spec/chain.h"

#include "stave/spec/spec.h"

namespace stave::spec {

std::string chain_id(std::string_view previous, std::string_view next) {
  Hasher hasher;
  hasher.update(previous);
  hasher.update(" ");
  hasher.update(next);
  return std::move(hasher).finish().str();
}

std::vector<Digest> chain_ids(const std::vector<Digest>& diff_ids) {
  std::vector<Digest> chain;
  chain.reserve(diff_ids.size());
  for (const Digest& diff_id : diff_ids) {
    chain.push_back(chain.empty() ? diff_id : Digest::parse(chain_id(chain.back().str(), diff_id.str())));
  }
  return chain;
}

}  // namespace stave::spec
