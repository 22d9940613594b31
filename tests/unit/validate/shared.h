// What the tests of validation share: documents in, codes out.

#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "stave/validate/graph.h"
#include "stave/validate/report.h"
#include "unit/content/layout.h"

namespace stave::testing {

using Codes = std::set<std::string>;

inline Codes codes(const validate::Report& report) {
  Codes out;
  for (const validate::Finding& finding : report.findings()) out.emplace(finding.rule->code);
  return out;
}

inline Codes codes_of(std::string_view text, std::optional<validate::Sort> sort = std::nullopt,
                      std::string_view file = "document.json") {
  validate::Report report;
  validate::check_document(text, file, sort, report);
  return codes(report);
}

// One finding a line, for messages: "E012 index.json/manifests/0/digest:7:14: ...".
inline std::string described(const validate::Report& report) {
  std::string out;
  for (const validate::Finding& finding : report.findings()) {
    const validate::Where& where = finding.where;
    out += std::string(finding.rule->code) + " " + where.file + where.at + ":" + std::to_string(where.line) +
           ":" + std::to_string(where.column) + ": " + finding.found + "\n";
  }
  return out;
}

}  // namespace stave::testing
