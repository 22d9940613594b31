// The table of all rules, from its parts.

#include "stave/validate/rules.h"

#include <algorithm>
#include <string>

namespace stave::validate {
namespace {

std::vector<Rule> gathered() {
  std::vector<Rule> all;
  for (const auto part : {document_rules(), layer_rules(), profile_rules()})
    all.insert(all.end(), part.begin(), part.end());
  std::sort(all.begin(), all.end(),
            [](const Rule& a, const Rule& b) { return a.code.substr(1) < b.code.substr(1); });
  return all;
}

}  // namespace

std::string_view name(Profile profile) {
  switch (profile) {
    case Profile::spec:
      return "spec";
    case Profile::podman:
      return "podman";
    case Profile::docker:
      return "docker";
    case Profile::containerd:
      return "containerd";
  }
  return "";
}

const std::vector<Rule>& rules() {
  static const std::vector<Rule> all = gathered();
  return all;
}

const Rule* find_rule(std::string_view code) {
  constexpr std::size_t digits = 3;
  if (code.size() == digits + 1 && (code[0] == 'E' || code[0] == 'e' || code[0] == 'W' || code[0] == 'w'))
    code.remove_prefix(1);
  const auto found = std::find_if(rules().begin(), rules().end(),
                                  [&](const Rule& each) { return each.code.substr(1) == code; });
  return found == rules().end() ? nullptr : &*found;
}

}  // namespace stave::validate
