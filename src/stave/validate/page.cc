// docs/rules.md: the rules group by group, then every sentence of the spec that
// asks for something.

#include "stave/validate/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "stave/base/text.h"
#include "stave/validate/rules.h"
#include "stave/validate/sentences.h"

namespace stave::validate {
namespace {

constexpr std::string_view introduction =
    R"(# What `stave validate` checks

This page is printed from the tables that the checks themselves use (`src/stave/validate/*_rules.cc`, `sentences*.cc`); a test
holds it against them. To make it anew: `STAVE_UPDATE_DOCS=1 build/dev/unit_validate --gtest_filter='RulesPage.*'`.

A code is a letter and three digits, which never mean anything else again. `E` is an error: the specification says MUST, or a
client fails. `W` is a warning: it says SHOULD, or it is legal and known to go wrong. `stave validate --explain CODE` tells the
story of a rule.

)";

constexpr std::string_view about_sentences =
    R"(Every sentence of the image-spec ({}, after v1.1.1) with MUST, SHALL, SHOULD, REQUIRED or RECOMMENDED, with or without NOT, in
our words: file and number within the file, keyword, what it asks, and the rules that check it, or why no file can break it.
`tools/count-sentences` finds them in the text.

)";

struct Group {
  char digit;
  std::string_view title;
};
constexpr std::array<Group, 8> groups = {{{'0', "JSON, descriptors, digests, media types"},
                                          {'1', "Layouts and archives"},
                                          {'2', "Indexes"},
                                          {'3', "Manifests"},
                                          {'4', "Configs"},
                                          {'5', "Layers"},
                                          {'6', "Annotations"},
                                          {'7', "Profiles"}}};

// A cell of a table: '|' would end it.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string link(std::string_view section) {
  if (section.find(".md") == std::string_view::npos) return std::string(section);
  return fmt::format("[{0}](https://github.com/opencontainers/image-spec/blob/{1}/{0})", section,
                     image_spec_commit);
}

std::string source_of(const Rule& rule) {
  if (rule.profile != Profile::spec) return fmt::format("profile {}", name(rule.profile));
  const auto extra = std::find_if(beyond().begin(), beyond().end(),
                                  [&](const Beyond& each) { return each.code == rule.code; });
  return extra == beyond().end() ? link(rule.section)
                                 : fmt::format("{}; {}", link(rule.section), extra->reason);
}

void add_rules(std::string& page) {
  const auto out = std::back_inserter(page);
  for (const Group& group : groups) {
    const bool any = std::any_of(rules().begin(), rules().end(),
                                 [&](const Rule& rule) { return rule.code[1] == group.digit; });
    if (!any) continue;
    fmt::format_to(out, "## {}xx: {}\n\n| code | asks | what to do | from |\n|---|---|---|---|\n",
                   group.digit, group.title);
    for (const Rule& rule : rules()) {
      if (rule.code[1] == group.digit)
        fmt::format_to(out, "| {} | {} | {} | {} |\n", rule.code, cell(rule.asks), cell(rule.hint),
                       cell(source_of(rule)));
    }
    page += '\n';
  }
}

void add_sentences(std::string& page) {
  const auto out = std::back_inserter(page);
  page += "# The sentences of the specification\n\n";
  fmt::format_to(out, fmt::runtime(about_sentences), image_spec_commit);
  std::string_view file;
  for (const Sentence& each : sentences()) {
    if (each.file != file) {
      const auto count = std::count_if(sentences().begin(), sentences().end(),
                                       [&](const Sentence& one) { return one.file == each.file; });
      fmt::format_to(
          out, "{}## {}: {}\n\n| no. | section | keyword | asks | checked by |\n|---|---|---|---|---|\n",
          file.empty() ? "" : "\n", each.file, count);
      file = each.file;
    }
    fmt::format_to(
        out, "| {} | {} | {} | {} | {} |\n", each.number, each.section, each.keywords, cell(each.asks),
        each.codes.empty() ? fmt::format("nothing: {}", each.reason) : join(split(each.codes, ' '), ", "));
  }
}

}  // namespace

std::string rules_page() {
  std::string page(introduction);
  const auto checked = std::count_if(sentences().begin(), sentences().end(),
                                     [](const Sentence& each) { return !each.codes.empty(); });
  fmt::format_to(std::back_inserter(page),
                 "{} rules; {} sentences of the specification, of which a file can break {} and each of "
                 "those is checked.\n\n",
                 rules().size(), sentences().size(), checked);
  add_rules(page);
  add_sentences(page);
  return page;
}

}  // namespace stave::validate
