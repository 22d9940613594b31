// stave ls and stave cat: files of an image in any place, without unpacking it,
// and which layer they came from.

#include <fmt/format.h>

#include <algorithm>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/cache/layers.h"
#include "stave/cli/entries.h"
#include "stave/cli/grounds.h"
#include "stave/cli/operand.h"
#include "stave/cli/table.h"
#include "stave/cli/verbs.h"
#include "stave/cli/width.h"
#include "stave/inspect/origins.h"
#include "stave/json/json.h"
#include "stave/layer/known.h"
#include "stave/layer/path.h"

namespace stave::cli {
namespace {

using inspect::Event;
using inspect::Layered;
using inspect::Origins;
using layer::Tree;

// What is printed at once: a listing has a million lines, and a pipe takes 64 KiB.
constexpr std::size_t enough = 64 * 1024;

// --- what both read ---

// With what the cache knows of layers that were packed here, of which not everything is read then.
Layers open_known(const Invocation& invocation, const place::Grounds& grounds) {
  auto layers = open_layers(invocation, Operand::parse(invocation.arguments.positionals().front()), grounds);
  const auto directory = find_cache(invocation.surroundings);
  if (!layers.image || !directory || invocation.arguments.has("--no-cache")) return layers;
  try {
    const auto cache = cache::Layers::open(*directory + "/layers");
    for (std::size_t i = 0; i < layers.stack.pieces.size(); ++i)
      layer::use_known(cache, layers.blobs, layers.image->manifest.layers[i], layers.stack.pieces[i]);
  } catch (const Error&) {
    // Without a cache everything is read.
  }
  return layers;
}

Option no_cache_option() {
  return {.names = "--no-cache", .value = "", .help = "read and verify every layer, also those packed here"};
}

// --- ls ---

struct Item {
  std::string path;      // from the root, without a '/' before it
  layer::Metadata meta;  //
  std::optional<Digest> digest = {};
  bool gone = false;  // a layer removed it
};

struct Asked {
  bool details = false;    // -l
  bool below = false;      // -R
  bool layers = false;     // --layers
  bool null = false;       // -z
  std::string path = "/";  // as it was typed
};

Asked asked_of(const Invocation& invocation) {
  const auto& arguments = invocation.arguments;
  Asked asked{.details = arguments.has("--long"),
              .below = arguments.has("--recursive"),
              .layers = arguments.has("--layers"),
              .null = arguments.has("--null")};
  if (arguments.positionals().size() > 1) asked.path = arguments.positionals()[1];
  if (asked.path.empty()) throw Error(Kind::usage, "PATH is empty", "the root of the image is /");
  if (asked.null && (asked.details || asked.layers || invocation.json))
    throw Error(Kind::usage, "-z is for names alone, not with -l, --layers or --json");
  return asked;
}

// As ls does: a symlink is looked through, but with -l it is shown itself unless a '/' follows it.
Tree::Follow follow_of(const Asked& asked) {
  return asked.details && !asked.path.ends_with('/') ? Tree::Follow::parents : Tree::Follow::all;
}

bool is_directory(const Tree& tree, const std::string& path) {
  const auto* inode = tree.find(path);
  return inode != nullptr && inode->meta.type == layer::Type::directory;
}

std::vector<Item> items_of(const Layered& layered, const Origins* origins, const Asked& asked,
                           const std::string& at) {
  const Tree& tree = layered.tree();
  std::vector<Item> items;
  const auto add = [&](const std::string& path, const Tree::Inode& inode) {
    items.push_back({.path = path, .meta = inode.meta, .digest = inode.digest});
  };
  if (!is_directory(tree, at)) {
    add(at, *tree.find(at));
    return items;
  }
  const std::size_t levels = asked.below ? layer::all_levels : 1;
  tree.visit_below(at, levels, add);
  if (origins == nullptr || !asked.layers) return items;
  for (auto& gone : origins->gone_below(at, levels))
    items.push_back({.path = std::move(gone.path), .meta = std::move(gone.was), .gone = true});
  std::sort(items.begin(), items.end(),
            [](const Item& a, const Item& b) { return layer::compare(a.path, b.path) < 0; });
  return items;
}

// One level is shown by names, as ls does; more by paths from the root; a file as it was typed.
std::string name_of(const Item& item, const Asked& asked, const std::string& at) {
  if (asked.below || asked.layers) return "/" + item.path;
  return item.path == at ? asked.path : std::string(layer::basename(item.path));
}

std::string size_text(const layer::Metadata& meta) {
  if (meta.type == layer::Type::character || meta.type == layer::Type::block)
    return fmt::format("{},{}", meta.device_major, meta.device_minor);
  return std::to_string(meta.size);
}

std::string owner_text(const layer::Metadata& meta) { return fmt::format("{}:{}", meta.uid, meta.gid); }

std::string with_target(const Invocation& invocation, const std::string& name, const layer::Metadata& meta) {
  if (meta.type != layer::Type::symlink) return shown(invocation, name);
  return shown(invocation, name) + " -> " + shown(invocation, meta.link);
}

// Lines are printed as they come, so that memory holds no text of them all.
class Lines {
 public:
  explicit Lines(const Invocation& invocation) : invocation_(invocation) {}
  void add(const std::string& line) {
    text_ += line;
    if (text_.size() > enough) end();
  }
  void end() {
    invocation_.print(text_);
    text_.clear();
  }

 private:
  const Invocation& invocation_;
  std::string text_;
};

void print_names(const Invocation& invocation, const std::vector<Item>& items, const Asked& asked,
                 const std::string& at) {
  Lines lines(invocation);
  for (const Item& item : items) {
    const std::string name = name_of(item, asked, at);
    lines.add(asked.null ? name + '\0' : shown(invocation, name) + '\n');
  }
  lines.end();
}

void print_details(const Invocation& invocation, const std::vector<Item>& items, const Asked& asked,
                   const std::string& at) {
  std::size_t owner_width = 0, size_width = 0;
  for (const Item& item : items) {
    owner_width = std::max(owner_width, owner_text(item.meta).size());
    size_width = std::max(size_width, size_text(item.meta).size());
  }
  Lines lines(invocation);
  for (const Item& item : items) {
    const auto& meta = item.meta;
    lines.add(fmt::format("{} {} {} {} {}\n", mode_string(meta), pad(owner_text(meta), owner_width),
                          pad(size_text(meta), size_width, true), time_text(meta.mtime.seconds),
                          with_target(invocation, name_of(item, asked, at), meta)));
  }
  lines.end();
}

std::string event_text(const Event& event) {
  std::string text(name(event.what));
  if (!event.aspects.empty()) text += " (" + words(event.aspects) + ")";
  return text;
}

// "added by 1, changed (mode) by 2"
std::string story_text(const std::vector<Event>& events) {
  std::string text;
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    if (i != 0) text += ", ";
    text += fmt::format("{} by {}", event_text(events[i]), events[i].layer + 1);
  }
  return text;
}

void print_layers(const Invocation& invocation, const std::vector<Item>& items, const Asked& asked,
                  const std::string& at, const Origins& origins) {
  std::vector<Column> columns = {{"LAYER", true}, {"WHAT"}};
  if (asked.details) columns.insert(columns.end(), {{"MODE"}, {"OWNER"}, {"MTIME"}});
  columns.insert(columns.end(), {{"SIZE", true}, {"PATH"}, {"BEFORE"}});
  Table table(columns);
  for (const Item& item : items) {
    const auto& events = origins.of(item.path);
    const auto& meta = item.meta;
    std::vector<std::string> row;
    row.push_back(events.empty() ? "" : std::to_string(events.back().layer + 1));
    row.push_back(events.empty() ? "" : event_text(events.back()));
    if (asked.details)
      row.insert(row.end(), {mode_string(meta), owner_text(meta), time_text(meta.mtime.seconds)});
    row.push_back(meta.type == layer::Type::regular ? human_size(meta.size) : "");
    row.push_back(with_target(invocation, name_of(item, asked, at), meta));
    row.push_back(story_text(events));
    table.add(std::move(row));
  }
  invocation.print(table.render(invocation.color()));
}

std::string event_json(const Event& event) {
  json::Object object;
  object.number("layer", event.layer + 1);
  object.string("what", name(event.what));
  std::vector<std::string> aspects;
  for (const auto aspect : layer::all_aspects) {
    if (event.aspects.has(aspect)) aspects.emplace_back(layer::name(aspect));
  }
  object.strings_unless_empty("aspects", aspects);
  return std::move(object).finish();
}

// Values are bytes, often binary ones: in hexadecimal, as getfattr -e hex gives them.
std::string xattrs_json(const layer::Xattrs& xattrs) {
  json::Object object;
  for (const auto& [name, value] : xattrs) {
    std::string hex = "0x";
    for (const char c : value) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
    object.string(printable(name), hex);
  }
  return std::move(object).finish();
}

std::string item_json(const Item& item, const Origins& origins) {
  json::Object object;
  object.string("path", "/" + printable(item.path));
  add_metadata(object, item.meta);
  if (!item.meta.xattrs.empty()) object.text("xattrs", xattrs_json(item.meta.xattrs));
  if (item.digest) object.string("digest", item.digest->str());
  if (item.gone) object.boolean("gone", true);
  const auto& events = origins.of(item.path);
  if (!events.empty()) object.number("layer", events.back().layer + 1);
  std::vector<std::string> history;
  for (const Event& event : events) history.push_back(event_json(event));
  object.text("history", json::print_array(history));
  return std::move(object).finish();
}

void print_json(const Invocation& invocation, const std::vector<Item>& items, const std::string& at,
                const Origins& origins) {
  Lines lines(invocation);
  lines.add("{\"path\":" + json::print_string("/" + printable(at)) + ",\"entries\":[");
  bool first = true;
  for (const Item& item : items) {
    lines.add((first ? "" : ",") + item_json(item, origins));
    first = false;
  }
  lines.add("]}\n");
  lines.end();
}

int run_ls(const Invocation& invocation) {
  const Asked asked = asked_of(invocation);
  const auto layers = open_known(invocation, grounds_of(invocation));
  // Only who asks what a layer did to a file pays for a hash of its content.
  const bool story = asked.layers || invocation.json;
  const auto layered =
      Layered::read(invocation.context, layers.stack, story ? layer::Digests::yes : layer::Digests::no);
  std::string at;
  try {
    at = layered.get(asked.path, follow_of(asked));
  } catch (const Error& e) {
    throw e.within(printable(layers.name));
  }
  std::optional<Origins> origins;
  if (story) origins.emplace(layered);
  const auto items = items_of(layered, origins ? &*origins : nullptr, asked, at);
  if (invocation.json) {
    print_json(invocation, items, at, *origins);
  } else if (asked.layers) {
    print_layers(invocation, items, asked, at, *origins);
  } else if (asked.details) {
    print_details(invocation, items, asked, at);
  } else {
    print_names(invocation, items, asked, at);
  }
  return 0;
}

// --- cat ---

// The file that is meant, as a change without contents: what spool_contents takes.
layer::Change wanted(const Layered& layered, const std::string& path) {
  const std::string at = layered.get(path, Tree::Follow::all);
  const Tree::Inode& inode = *layered.tree().find(at);
  if (inode.meta.type != layer::Type::regular) {
    throw Error(Kind::usage,
                fmt::format("{} is a {}, not a file", quote("/" + at), type_word(inode.meta.type)),
                inode.meta.type == layer::Type::directory ? "stave ls shows what is in it" : "");
  }
  layer::Change change;
  change.entry = {at, inode.meta};
  change.stamp = inode.stamp;
  return change;
}

void print_content(const Invocation& invocation, const layer::Change& change) {
  std::vector<std::byte> buffer(limits::copy_buffer);
  for (std::uint64_t offset = 0; offset < change.entry.meta.size;) {
    invocation.context.check();
    const auto part =
        MutableBytes(buffer).first(std::min<std::uint64_t>(buffer.size(), change.entry.meta.size - offset));
    change.contents->read(change, offset, part);
    invocation.print(as_text(part));
    offset += part.size();
  }
}

layer::Changeset wanted(const Layered& layered, const std::vector<std::string>& words) {
  layer::Changeset files;
  for (std::size_t i = 1; i < words.size(); ++i) files.push_back(wanted(layered, words[i]));
  return files;
}

// Is it the path of a file that these layers put, and are no symlinks on the way that lower layers could
// lead elsewhere? What a layer puts over all others is what is seen.
bool is_put(const Tree& tree, const std::string& path) {
  const auto clean = layer::clean(path);
  if (!clean || path.find("..") != std::string::npos) return false;
  const auto* inode = tree.find(*clean);
  return inode != nullptr && inode->meta.type == layer::Type::regular;
}

// The layers on top that are known, if they have all of the files: those below need not be read.
std::optional<layer::Stack> known_top(const Invocation& invocation, const layer::Stack& stack) {
  layer::Stack top;
  const auto is_known = [](const layer::Stack::Piece& piece) { return static_cast<bool>(piece.listing); };
  const auto unknown = std::find_if_not(stack.pieces.rbegin(), stack.pieces.rend(), is_known);
  top.pieces.assign(unknown.base(), stack.pieces.end());
  if (top.pieces.empty() || top.pieces.size() == stack.pieces.size()) return std::nullopt;
  try {
    const auto tree = layer::read_stack(invocation.context, top, layer::Digests::no);
    const auto& words = invocation.arguments.positionals();
    if (std::all_of(words.begin() + 1, words.end(), [&](const auto& path) { return is_put(tree, path); }))
      return top;
  } catch (const Error& e) {
    if (e.kind() == Kind::cancelled) throw;
    // A hardlink to what is below, say: all layers will tell.
  }
  return std::nullopt;
}

int run_cat(const Invocation& invocation) {
  const auto grounds = grounds_of(invocation);
  const auto layers = open_known(invocation, grounds);
  const auto stack = known_top(invocation, layers.stack).value_or(layers.stack);
  layer::Changeset files;
  try {
    files = wanted(Layered::read(invocation.context, stack, layer::Digests::no),
                   invocation.arguments.positionals());
  } catch (const Error& e) {
    throw e.kind() == Kind::cancelled ? e : e.within(printable(layers.name));
  }
  // Set aside until what they are read from is known to be what it should be.
  layer::spool_contents(invocation.context, stack, grounds.spool, files);
  for (const auto& file : files) print_content(invocation, file);
  return 0;
}

Option platform_option() {
  return {.names = "--platform",
          .value = "PLATFORM",
          .help = "of an image that has several",
          .completes = Completes::platform};
}

}  // namespace

Command ls_verb() {
  Command verb{
      .name = "ls",
      .summary = "list files of an image, and which layer they came from",
      .description =
          "Lists what is at PATH in an image (in any place) or a tar, without unpacking it. PATH is followed "
          "as a process in the image would: symlinks never lead out. One level is listed by its names, as "
          "ls does; with `-R` everything below, by its paths.\n\n"
          "`--layers` tells for each path which layer put it last, and what was done to it before, "
          "including paths that a layer removed: added, changed (in parentheses what: content, mode, owner, "
          "…), again (shipped as it was), removed. Layers are counted from 1, the lowest.\n\n"
          "Names that are no text are shown with escapes (`\\x1b`); `-z` prints them as they are.\n\n"
          "Costs one pass over the layers, each verified on its way; `--layers` and `--json` hash the files, "
          "too. A layer that was packed here is listed by what the cache knows of it, and its blob not "
          "read."};
  verb.positionals = {
      {.name = "IMAGE", .help = "an image in any place, or a tar", .completes = Completes::image},
      {.name = "PATH", .help = "in the image; / if it is left out", .least = 0},
  };
  verb.options = {
      {.names = "-l,--long", .value = "", .help = "mode, owner, size, mtime (UTC), target of symlinks"},
      {.names = "-R,--recursive", .value = "", .help = "everything below"},
      {.names = "--layers", .value = "", .help = "which layer put, changed or removed it"},
      {.names = "--json", .value = "", .help = "print JSON"},
      {.names = "-z,--null", .value = "", .help = "end names with NUL, and do not escape them"},
      no_cache_option(),
      platform_option(),
  };
  verb.examples = {
      {"stave ls -l alpine:3.20 /etc", "a directory"},
      {"stave ls -R --layers oci-archive:app.tar /srv", "who put it there?"},
      {"stave ls -Rz app:1 | xargs -0 -n1 echo", "every path, whatever is in its name"},
  };
  verb.run = run_ls;
  return verb;
}

Command cat_verb() {
  Command verb{
      .name = "cat",
      .summary = "print files of an image",
      .description =
          "Prints files of an image (in any place) or a tar, one after the other. Paths are followed as a "
          "process in the image would: symlinks and hardlinks are looked through, and never lead out.\n\n"
          "Nothing is printed before the layers that hold the files were read to their ends and are what "
          "the image says of them (digest and diff_id); until then the files are set aside in `TMPDIR`. If "
          "one of them cannot be had, none is printed. Of a layer that was packed here, only the blocks with "
          "the files are read, and each must be the one that was packed."};
  verb.positionals = {
      {.name = "IMAGE", .help = "an image in any place, or a tar", .completes = Completes::image},
      {.name = "PATH", .help = "of a file in the image", .least = 1, .most = 0},
  };
  verb.options = {no_cache_option(), platform_option()};
  verb.examples = {
      {"stave cat alpine:3.20 /etc/os-release", "which release is it?"},
      {"stave cat oci-archive:app.tar /srv/app | sha256sum", "the digest of a file"},
  };
  verb.run = run_cat;
  return verb;
}

}  // namespace stave::cli
