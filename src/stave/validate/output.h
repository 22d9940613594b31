// Output: a report as text for machines, and what a rule is about.

#pragma once

#include <string>
#include <string_view>

#include "stave/validate/layers.h"
#include "stave/validate/report.h"

namespace stave::validate {

// Where the section of a rule can be read: "https://…/descriptor.md#digests"; empty for a rule of a client.
std::string url(const Rule& rule);

// What was validated, for the top of a page.
struct Subject {
  std::string name;
  std::size_t images = 0;
  Read read;          // all zeros if no layer was looked into
  bool fast = false;  // layers were left out
};

// JSON for programs (docs/json.md, "validate"), two spaces of indent.
std::string to_json(const Report& report, const Subject& subject, bool valid);
// SARIF 2.1.0 (OASIS), for what shows findings beside code. `version` is stave's.
std::string to_sarif(const Report& report, std::string_view version);
// All rules, as JSON.
std::string rules_json();

// "/layers/1/digest" as people write it: "layers[1].digest". What is no pointer stays as it is.
std::string pointer_for_people(std::string_view pointer);

}  // namespace stave::validate
