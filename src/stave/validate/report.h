// Report: what a validation found, each finding with the rule it breaks and the
// place where it does.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "stave/validate/rules.h"

namespace stave::validate {

// Where something is wrong. All of it may come from outside; who prints it makes it harmless.
struct Where {
  std::string file;  // "index.json", "blobs/sha256/<hex>", a path that was named, "layer 2 (sha256:<short>…)"
  std::string at =
      {};  // a JSON pointer ("/layers/1/digest"), or a path in a layer ("etc/passwd"); empty: all of it
  std::size_t line = 0;    // of a text, from 1; 0: none
  std::size_t column = 0;  // in bytes, from 1
};

struct Finding {
  const Rule* rule;
  Where where;
  std::string found;  // what is there, in one clause, outside bytes quoted
};

// Findings in the order in which they were added. Of one rule at most limits::findings_of_a_rule are kept,
// the rest is counted.
class Report {
 public:
  // Kind::internal for a code that the table lacks.
  void add(std::string_view code, Where where, std::string found);

  const std::vector<Finding>& findings() const { return findings_; }
  std::uint64_t errors() const { return errors_; }  // counted, also those that were not kept
  std::uint64_t warnings() const { return warnings_; }
  std::uint64_t left_out() const { return errors_ + warnings_ - findings_.size(); }

 private:
  std::vector<Finding> findings_;
  std::map<std::string_view, std::uint64_t> of_rule_;
  std::uint64_t errors_ = 0;
  std::uint64_t warnings_ = 0;
};

}  // namespace stave::validate
