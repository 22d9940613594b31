// stave fsck: the local store or a layout, checked and mended.

#include <fmt/format.h>

#include <filesystem>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/cli/grounds.h"
#include "stave/cli/table.h"
#include "stave/cli/verbs.h"
#include "stave/content/fsck.h"
#include "stave/json/json.h"
#include "stave/place/words.h"

namespace stave::cli {
namespace {

// DIR or oci:DIR; what was named by itself as no layout is meant as a directory.
std::string layout_named(const std::string& word) {
  if (!word.starts_with("oci:")) return word;
  const auto words = place::Words::parse(word);
  if (!words.reference.empty())
    throw Error(Kind::usage, fmt::format("{} names an image, not a layout", quote(word)),
                "stave fsck oci:" + printable(words.path));
  return words.path;
}

std::string json_of(const content::Finding& finding) {
  json::Object object;
  object.string("trouble", content::name(finding.trouble));
  object.string("path", printable(finding.path));
  if (finding.digest) object.string("digest", finding.digest->str());
  std::vector<std::string> names;
  for (const auto& each : finding.names) names.push_back(printable(each));
  object.strings_unless_empty("names", names);
  object.string("message", finding.message);
  object.string_unless_empty("repair", finding.repair);
  return std::move(object).finish();
}

void print_json(const Invocation& invocation, const std::string& path, const content::Checked& checked) {
  std::vector<std::string> findings;
  for (const auto& finding : checked.findings) findings.push_back(json_of(finding));
  json::Object object;
  object.string("path", printable(path));
  object.number("names", checked.names);
  object.number("blobs", checked.blobs);
  object.number("bytes", checked.bytes);
  object.number("unrepaired", checked.unrepaired());
  object.text("findings", json::print_array(findings));
  invocation.print(json::print_pretty(json::parse(std::move(object).finish(), "fsck")) + "\n");
}

std::string summary(const content::Checked& checked) {
  const std::string whole = fmt::format("{} and {}, {}", plural(checked.names, "name"),
                                        plural(checked.blobs, "blob"), human_size(checked.bytes));
  if (checked.findings.empty()) return whole + ": nothing is wrong\n";
  const std::size_t left = checked.unrepaired();
  const std::size_t mended = checked.findings.size() - left;
  if (left == 0) return fmt::format("{}: {} mended\n", whole, plural(mended, "finding"));
  const std::string also = mended == 0 ? "" : fmt::format(", {} mended", mended);
  return fmt::format("{}: {}{}\n", whole, plural(left, "finding"), also);
}

void print_table(const Invocation& invocation, const content::Checked& checked, bool repair) {
  if (!checked.findings.empty()) {
    std::vector<Column> columns = {{"FINDING"}, {"WHERE"}, {"NAMES"}, {"WHAT"}};
    if (repair) columns.push_back({"MENDED"});
    Table table(columns);
    for (const auto& each : checked.findings) {
      table.add({std::string(content::name(each.trouble)), each.digest ? each.digest->short_hex() : each.path,
                 join(each.names, ", "), each.message, each.repair.empty() ? "no" : each.repair});
    }
    invocation.print(table.render(invocation.color()));
  }
  if (!invocation.quiet) invocation.print(summary(checked));
}

// What is left to do about what was found.
void tell_next(const Invocation& invocation, const content::Checked& checked, bool repair) {
  if (invocation.quiet || checked.unrepaired() == 0) return;
  invocation.surroundings.err(
      repair ? "hint: copy or pack the images again, or remove their names with `stave rm`\n"
             : "hint: --repair mends what can be mended, and throws nothing away\n");
}

int run_fsck(const Invocation& invocation) {
  const auto& words = invocation.arguments.positionals();
  const bool repair = invocation.arguments.has("--repair");
  const auto grounds = grounds_of(invocation);
  const std::string path = words.empty() ? grounds.store : layout_named(words.front());
  if (path.empty())
    throw Error(Kind::usage, "there is no place for the store: neither XDG_DATA_HOME nor HOME is set",
                "say where with --store DIR or STAVE_STORE");
  std::error_code error;
  // The local store is made on first use: until then there is nothing in it that could be wrong.
  const bool nothing =
      words.empty() && (!std::filesystem::exists(path, error) || std::filesystem::is_empty(path, error));
  const auto checked = nothing ? content::Checked{} : content::fsck(invocation.context, path, repair);
  if (invocation.json) {
    print_json(invocation, path, checked);
  } else {
    print_table(invocation, checked, repair);
  }
  tell_next(invocation, checked, repair);
  return checked.unrepaired() == 0 ? 0 : 1;
}

}  // namespace

Command fsck_verb() {
  Command verb{
      .name = "fsck",
      .summary = "check that everything the store promises is there",
      .description =
          "Reads every blob of the local store, or of a layout, and follows every reference: finds blobs "
          "that "
          "are damaged or missing, names that stand for nothing, wrong sizes and media types, a broken "
          "index.json, files that do not belong there, and what everybody may write to. An image may be "
          "sparse: platforms that were left out are not missing.\n\n"
          "`--repair` waits until nobody else works there. Nothing is thrown away: what is damaged moves to "
          ".stave-damaged in the layout, and so does index.json as it was; then copying or packing an image "
          "again heals it. A broken index.json is made anew from what can be read of it and from the "
          "manifests "
          "that nothing refers to, which come back without a name.\n\n"
          "The exit code is 0 if nothing is wrong, or everything was mended, and 1 otherwise."};
  verb.positionals = {{.name = "DIR",
                       .help = "a layout, also as oci:DIR; default: the local store",
                       .least = 0,
                       .completes = Completes::directory}};
  verb.options = {{.names = "--repair", .value = "", .help = "mend what can be mended"},
                  {.names = "--json", .value = "", .help = "print the findings as JSON"}};
  verb.examples = {{"stave fsck", "is the store whole?"},
                   {"stave fsck --repair oci:build/layout", "mend a layout"}};
  verb.run = run_fsck;
  return verb;
}

}  // namespace stave::cli
