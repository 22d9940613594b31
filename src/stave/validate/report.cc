// Report: kept in order, bounded for each rule.

#include "stave/validate/report.h"

#include <fmt/format.h>

#include <utility>

#include "stave/base/error.h"
#include "stave/base/limits.h"

namespace stave::validate {

void Report::add(std::string_view code, Where where, std::string found) {
  const Rule* rule = find_rule(code);
  if (rule == nullptr || rule->code != code)
    throw Error(Kind::internal, fmt::format("there is no rule {}", code));
  ++(rule->severity() == Severity::error ? errors_ : warnings_);
  if (++of_rule_[rule->code] > limits::findings_of_a_rule) return;
  findings_.push_back({rule, std::move(where), std::move(found)});
}

}  // namespace stave::validate
