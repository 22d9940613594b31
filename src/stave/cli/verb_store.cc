// The verbs about the local store: images, tag, rm, gc.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/cache/layers.h"
#include "stave/cli/grounds.h"
#include "stave/cli/table.h"
#include "stave/cli/verbs.h"
#include "stave/inspect/describe.h"
#include "stave/json/json.h"
#include "stave/place/place.h"

namespace stave::cli {
namespace {

struct Line {
  std::string name;
  inspect::Page page;
  std::string platforms;
};

std::string name_in(const spec::Descriptor& descriptor) {
  const auto found = descriptor.annotations.find(std::string(spec::annotation::ref_name));
  return found == descriptor.annotations.end() ? "" : found->second;
}

std::vector<Line> lines_of(const Invocation& invocation, const content::Store& store) {
  std::vector<Line> lines;
  for (const auto& descriptor : store.index().manifests) {
    try {
      Line line{name_in(descriptor), inspect::describe(store, descriptor), {}};
      std::vector<std::string> platforms;
      for (const auto& part : line.page.parts) platforms.push_back(part.descriptor.platform->str());
      line.platforms = join(platforms, ", ");
      lines.push_back(std::move(line));
    } catch (const Error& e) {
      // One damaged image does not hide the others.
      invocation.context.progress->warn(fmt::format("{}: {}", quote(name_in(descriptor)), e.what()));
    }
  }
  std::sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) {
    return std::pair(a.name, a.page.root.digest) < std::pair(b.name, b.page.root.digest);
  });
  return lines;
}

int run_images(const Invocation& invocation) {
  const auto store = place::open_store(grounds_of(invocation));
  const auto lines = lines_of(invocation, *store);
  if (invocation.json) {
    std::vector<std::string> all;
    for (const auto& line : lines) {
      json::Object object;
      object.string("name", line.name);
      object.string("digest", line.page.root.digest.str());
      object.string("mediaType", line.page.root.media_type);
      std::vector<std::string> platforms;
      for (const auto& part : line.page.parts) platforms.push_back(part.descriptor.platform->str());
      object.text("platforms", json::print_strings(platforms));
      object.number("size", line.page.size);
      all.push_back(std::move(object).finish());
    }
    invocation.print(json::print_pretty(json::parse(json::print_array(all), "images")) + "\n");
    return 0;
  }
  if (invocation.quiet) {
    for (const auto& line : lines) invocation.print(line.page.root.digest.str() + "\n");
    return 0;
  }
  Table table({{"NAME"}, {"PLATFORM"}, {"DIGEST"}, {"LAYERS", true}, {"SIZE", true}});
  for (const auto& line : lines) {
    std::size_t layers = 0;
    for (const auto& part : line.page.parts) layers = std::max(layers, part.layers.size());
    table.add({line.name.empty() ? "<none>" : line.name, line.platforms, line.page.root.digest.short_hex(),
               std::to_string(layers), human_size(line.page.size)});
  }
  invocation.print(table.render(invocation.color()));
  return 0;
}

int run_tag(const Invocation& invocation) {
  const auto grounds = grounds_of(invocation);
  const auto& words = invocation.arguments.positionals();
  const auto source = place::Words::parse(words[0]);
  if (source.transport != place::Transport::store) {
    throw Error(Kind::usage, fmt::format("{} is not in the local store", quote(words[0])),
                fmt::format("stave copy {} {}", printable(words[0]), printable(words[1])));
  }
  const std::string name = place::stored_name(words[1]);
  const auto located = place::open(invocation.context, source, grounds);
  const auto store = place::open_store(grounds);
  auto named = located.root;
  named.annotations.merge(place::naming_annotations(name, false));
  tell_moved(invocation, name, store->tag(name, named), named.digest);
  return 0;
}

void remove_here(const Invocation& invocation, const place::Grounds& grounds,
                 const std::vector<std::string>& words) {
  const auto store = place::open_store(grounds);
  std::vector<std::string> names;
  for (const auto& word : words) {
    // Everything is looked up before anything goes. A digest stands for the images that have no name.
    const auto digest = Digest::find(word);
    const auto name = digest ? std::optional(word) : place::find_name(*store, word);
    if (!name)
      throw Error(Kind::not_found, fmt::format("there is no image {} in the local store", quote(word)),
                  "`stave images` lists what is there");
    names.push_back(*name);
  }
  std::vector<std::string> gone;
  store->edit_index([&](spec::Index& index) {
    for (const auto& name : names) {
      std::erase_if(index.manifests, [&](const spec::Descriptor& each) {
        if (name_in(each) != name && !(name_in(each).empty() && each.digest.str() == name)) return false;
        gone.push_back(each.digest.str());
        return true;
      });
    }
  });
  for (const auto& digest : gone) invocation.print(digest + "\n");
}

void remove_there(const Invocation& invocation, const place::Grounds& grounds, const place::Words& words) {
  const auto reference = spec::Reference::parse(words.reference);
  const std::string what = reference.digest ? reference.digest->str() : reference.tag;
  const auto repository = place::open_repository(invocation.context, words, grounds);
  const auto there = repository->find_descriptor(what);
  if (!there) {
    throw Error(Kind::not_found, fmt::format("there is no {}", printable(words.str())),
                fmt::format("`stave tags docker://{}` lists what is there", printable(reference.name())));
  }
  const bool whole = invocation.arguments.has("--whole");
  try {
    repository->erase(what, whole);
  } catch (const Error& e) {
    if (e.kind() != Kind::unsupported || whole || reference.digest) throw;
    throw Error(e.kind(), e.what(), "--whole removes the image itself, and with it every other tag it has");
  }
  invocation.print(there->digest.str() + "\n");
}

int run_rm(const Invocation& invocation) {
  const auto grounds = grounds_of(invocation);
  std::vector<std::string> here;
  std::vector<place::Words> there;
  for (const auto& word : invocation.arguments.positionals()) {
    if (!word.starts_with("docker://")) {
      here.push_back(word);
      continue;
    }
    there.push_back(place::Words::parse(word));
    const auto reference = spec::Reference::parse(there.back().reference);
    if (reference.tag.empty() && !reference.digest)
      throw Error(Kind::usage, fmt::format("{} has neither tag nor digest", quote(word)),
                  "say which goes: a whole repository is removed at the registry itself");
  }
  if (!here.empty()) remove_here(invocation, grounds, here);
  for (const auto& words : there) remove_there(invocation, grounds, words);
  return 0;
}

// A blob that the cache holds as well takes room until that lets go of it, too. A cache that is not ours to
// tidy does not keep the store from being tidied: nullopt, and it is said.
std::optional<cache::Layers::Freed> free_layers(const Invocation& invocation, bool all) {
  const auto cache = find_cache(invocation.surroundings);
  if (!cache) return std::nullopt;
  try {
    const auto layers = cache::Layers::open(*cache + "/layers");
    return all ? layers.clear() : layers.remove_unshared();
  } catch (const Error& e) {
    invocation.context.progress->warn(fmt::format("the cache stays as it is: {}", e.what()));
    return std::nullopt;
  }
}

// "90s", "15m", "12h", "7d", "2w" in seconds.
std::int64_t parse_age(std::string_view text) {
  constexpr std::array<std::pair<char, std::uint64_t>, 5> units = {
      {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}}};
  constexpr std::uint64_t most = 100ull * 366 * 86400;
  for (const auto& [letter, seconds] : units) {
    if (!text.ends_with(letter)) continue;
    const auto number = parse_number(text.substr(0, text.size() - 1));
    if (number && *number <= most / seconds) return static_cast<std::int64_t>(*number * seconds);
  }
  throw Error(Kind::usage, fmt::format("--older-than: {} is no age", quote(text)),
              "write a number and its unit, s, m, h, d or w: 7d");
}

std::string gc_json(const content::Store::Garbage& garbage, const cache::Layers::Freed& freed, bool dry_run) {
  std::vector<std::string> files;
  for (const auto& each : garbage.files) {
    json::Object file;
    file.string(each.digest ? "digest" : "path", each.digest ? each.digest->str() : printable(each.path));
    file.number("size", each.size);
    files.push_back(std::move(file).finish());
  }
  json::Object object;
  object.number("blobs", garbage.blobs);
  object.number("bytes", garbage.bytes);
  object.number("cachedLayers", freed.layers);
  object.number("cachedBytes", freed.bytes);
  object.boolean("dryRun", dry_run);
  object.text("removed", json::print_array(files));
  return json::print_pretty(json::parse(std::move(object).finish(), "gc")) + "\n";
}

std::string gc_text(const content::Store::Garbage& garbage, const cache::Layers::Freed& freed, bool dry_run) {
  std::string text = fmt::format("{} {}, {}", dry_run ? "would remove" : "removed",
                                 plural(garbage.blobs, "blob"), human_size(garbage.bytes));
  if (freed.layers != 0)
    text += fmt::format("; {} from the cache, {}", plural(freed.layers, "layer"), human_size(freed.bytes));
  return text + "\n";
}

// A pull that was interrupted is given a day to go on, unless somebody said how old is old enough.
std::optional<std::int64_t> partials_before(const Invocation& invocation) {
  constexpr std::int64_t day = 86400;
  if (invocation.arguments.has("--cache")) return std::nullopt;
  const auto age = invocation.arguments.get("--older-than");
  // One of no age at all is older than none.
  const std::int64_t seconds = age ? parse_age(*age) : day;
  return seconds == 0 ? std::nullopt : std::optional(invocation.surroundings.now - seconds);
}

int run_gc(const Invocation& invocation) {
  const auto& arguments = invocation.arguments;
  const bool dry_run = arguments.has("--dry-run");
  const auto age = arguments.get("--older-than");
  const auto before =
      age ? std::optional(invocation.surroundings.now - parse_age(*age)) : std::optional<std::int64_t>();
  content::Store::Garbage garbage;
  cache::Layers::Freed freed;
  {
    const auto store =
        place::open_store(grounds_of(invocation), content::Store::Access::exclusive, invocation.context);
    // How old a blob is has to be seen before the cache lets go of it, which changes its ctime.
    garbage = store->find_garbage(invocation.context, {}, before, partials_before(invocation));
    // First what is in no store: it is counted here, what leaves the store below is counted there.
    const auto before_store = dry_run ? std::nullopt : free_layers(invocation, arguments.has("--cache"));
    if (before_store) freed = *before_store;
    if (!dry_run) store->remove_garbage(invocation.context, garbage);
    if (before_store) free_layers(invocation, false);
  }
  if (invocation.json) {
    invocation.print(gc_json(garbage, freed, dry_run));
    return 0;
  }
  if (arguments.has("--verbose")) {
    Table table({{"FILE"}, {"SIZE", true}});
    for (const auto& each : garbage.files)
      table.add({each.digest ? each.digest->str() : each.path, human_size(each.size)});
    if (!table.empty()) invocation.print(table.render(invocation.color()));
  }
  if (!invocation.quiet) invocation.print(gc_text(garbage, freed, dry_run));
  return 0;
}

}  // namespace

Command images_verb() {
  Command verb{.name = "images",
               .summary = "list the images of the local store",
               .description =
                   "Lists what the local store holds. The size is that of all blobs of an image, compressed "
                   "as they are; images may share blobs. `-q` prints digests only."};
  verb.options = {{.names = "--json", .value = "", .help = "print a JSON array"}};
  verb.examples = {{"stave images", "a table"},
                   {"stave images --json | jq -r '.[].name'", "names for a script"}};
  verb.run = run_images;
  return verb;
}

Command tag_verb() {
  Command verb{.name = "tag",
               .summary = "give an image another name",
               .description =
                   "Gives an image of the local store one more name. A name that belongs to another image "
                   "moves, and the digest that it had is told."};
  verb.positionals = {{.name = "IMAGE", .help = "an image of the local store", .completes = Completes::image},
                      {.name = "NAME", .help = "the new name", .completes = Completes::image}};
  verb.examples = {{"stave tag hello:scratch registry.example.com/hello:1.0", "a name to push by"}};
  verb.run = run_tag;
  return verb;
}

Command rm_verb() {
  Command verb{.name = "rm",
               .summary = "remove names from the local store or a registry",
               .description =
                   "Removes names, and images without a name by their digest. Blobs stay until `stave gc` "
                   "removes those that nothing refers to.\n\n"
                   "Of `docker://HOST/PATH:TAG` the tag goes. Some registries only remove manifests by their "
                   "digest, with every tag they have: that is done for a digest, and for a tag with "
                   "`--whole`. Blobs go when the registry collects its garbage."};
  verb.positionals = {{.name = "IMAGE",
                       .help = "a name or digest, or docker://HOST/PATH:TAG",
                       .most = 0,
                       .completes = Completes::image}};
  verb.options = {{.names = "--whole",
                   .value = "",
                   .help = "at a registry: the manifest itself, with all its tags, if tags cannot go alone"}};
  verb.examples = {{"stave rm hello:scratch && stave gc", "remove an image and free its space"},
                   {"stave rm docker://registry.example.com/me/hello:old", "remove a tag at a registry"}};
  verb.run = run_rm;
  return verb;
}

Command gc_verb() {
  Command verb{
      .name = "gc",
      .summary = "free the space of blobs that nothing refers to",
      .description =
          "Removes blobs of the local store that no image refers to, and layers that only the cache of "
          "`pack` still holds. Waits until no other stave works in the store, and says so when that takes "
          "longer than a second. What an interrupted pull left is kept for a day, so that the next one goes "
          "on with it; `--older-than` says otherwise, and `--cache` keeps none of it."};
  verb.options = {
      {.names = "-n,--dry-run", .value = "", .help = "only say what would go from the store"},
      {.names = "--older-than", .value = "AGE", .help = "keep blobs that are younger: 90s, 15m, 12h, 7d, 2w"},
      {.names = "-v,--verbose", .value = "", .help = "list what goes"},
      {.names = "--cache", .value = "", .help = "forget all layers packed before"},
      {.names = "--json", .value = "", .help = "print the result as JSON"}};
  verb.examples = {{"stave gc --dry-run --verbose", "what would go, and how much would that free?"},
                   {"stave gc --older-than 7d", "leave alone what was made this week"}};
  verb.run = run_gc;
  return verb;
}

Command complete_verb() {
  Command verb{.name = "__complete",
               .summary = "what completion scripts ask",
               .description = "Prints the names of images."};
  verb.positionals = {{.name = "WHAT", .help = "images", .least = 1, .most = 0}};
  verb.run = [](const Invocation& invocation) {
    const auto grounds = grounds_of(invocation);
    if (!content::Store::is_layout(grounds.store)) return 0;
    for (const auto& descriptor : content::Store::open(grounds.store).index().manifests) {
      if (const auto name = name_in(descriptor); !name.empty()) invocation.print(name + "\n");
    }
    return 0;
  };
  verb.hidden = true;
  return verb;
}

}  // namespace stave::cli
