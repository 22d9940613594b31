// stave tags and referrers: what a registry says it has.

#include <fmt/format.h>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/cli/grounds.h"
#include "stave/cli/table.h"
#include "stave/cli/transfer.h"
#include "stave/cli/verbs.h"
#include "stave/cli/width.h"
#include "stave/json/json.h"
#include "stave/place/place.h"

namespace stave::cli {
namespace {

int run_tags(const Invocation& invocation) {
  const auto words = registry_words(invocation.arguments.positionals().front());
  const auto repository = place::open_repository(invocation.context, words, grounds_of(invocation));
  const auto tags = repository->tags();
  if (!invocation.json) {
    std::string text;
    for (const auto& tag : tags) text += printable(tag) + "\n";
    invocation.print(text);
    return 0;
  }
  json::Object object;
  object.string("name", place::remote_reference(words).name());
  object.strings_unless_empty("tags", tags);
  if (tags.empty()) object.text("tags", "[]");
  invocation.print(json::print_pretty(json::parse(std::move(object).finish(), "tags")) + "\n");
  return 0;
}

std::string referrer_json(const spec::Descriptor& referrer) {
  json::Object object;
  object.string("digest", referrer.digest.str());
  object.string("mediaType", printable(referrer.media_type));
  object.string_unless_empty("artifactType", printable(referrer.artifact_type));
  object.number("size", referrer.size);
  if (!referrer.annotations.empty()) {
    json::Object annotations;
    for (const auto& [name, value] : referrer.annotations)
      annotations.string(printable(name), printable(value));
    object.text("annotations", std::move(annotations).finish());
  }
  return std::move(object).finish();
}

int run_referrers(const Invocation& invocation) {
  const auto located =
      place::open(invocation.context, place::Words::parse(invocation.arguments.positionals().front()),
                  grounds_of(invocation));
  const auto referrers = place::referrers_of(*located.blobs, located.root.digest,
                                             invocation.arguments.get("--type").value_or(""));
  if (invocation.json) {
    std::vector<std::string> all;
    for (const auto& each : referrers) all.push_back(referrer_json(each));
    json::Object object;
    object.string("subject", located.root.digest.str());
    object.text("referrers", json::print_array(all));
    invocation.print(json::print_pretty(json::parse(std::move(object).finish(), "referrers")) + "\n");
    return 0;
  }
  Table table({{"DIGEST"}, {"ARTIFACT TYPE"}, {"SIZE", true}});
  for (const auto& each : referrers)
    table.add({each.digest.str(), each.artifact_type, human_size(each.size)});
  invocation.print(table.render(invocation.color()));
  return 0;
}

}  // namespace

Command tags_verb() {
  Command verb{.name = "tags",
               .summary = "list the tags of a repository at a registry",
               .description = "Lists the tags of a repository, in the order that the registry gives them."};
  verb.positionals = {{.name = "REPOSITORY", .help = "docker://HOST/PATH; docker:// may be left away"}};
  verb.options = {{.names = "--json", .value = "", .help = "print JSON"}};
  verb.examples = {{"stave tags docker://registry.example.com/me/hello", "which versions are there?"}};
  verb.run = run_tags;
  return verb;
}

Command referrers_verb() {
  Command verb{.name = "referrers",
               .summary = "list what refers to an image: signatures, bills of materials",
               .description =
                   "Lists the manifests that name an image as their subject: what the registry answers, or, "
                   "where it does not know referrers, what the fallback tag lists. Of an image in a store or "
                   "layout, those that are listed there beside it."};
  verb.positionals = {{.name = "IMAGE", .help = "an image in any place", .completes = Completes::image}};
  verb.options = {{.names = "--type", .value = "TYPE", .help = "only those of this artifact type"},
                  {.names = "--json", .value = "", .help = "print JSON"}};
  verb.examples = {{"stave referrers docker://registry.example.com/me/hello:1", "is it signed?"}};
  verb.run = run_referrers;
  return verb;
}

}  // namespace stave::cli
