// stave diff: what changed between any two trees, for people, for programs, or
// as the layer that turns one into the other.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <future>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/cli/entries.h"
#include "stave/cli/grounds.h"
#include "stave/cli/operand.h"
#include "stave/cli/userns.h"
#include "stave/cli/verbs.h"
#include "stave/cli/width.h"
#include "stave/compress/compress.h"
#include "stave/fs/fs.h"
#include "stave/json/json.h"
#include "stave/layer/compare.h"
#include "stave/layer/disk.h"
#include "stave/layer/pack.h"
#include "stave/layer/stack.h"

namespace stave::cli {
namespace {

using What = layer::Difference::What;

// --- the two sides ---

struct Side {
  Operand operand;
  std::optional<Layers> layers;                 // unless it is a directory
  std::shared_ptr<const layer::Record> record;  // of a directory that has one
};

layer::Tree read_directory_tree(const Context& context, const std::string& path, const layer::Record* record,
                                const layer::Adopt& adopt) {
  const auto root = std::make_shared<const fs::Dir>(fs::Dir::open(std::filesystem::canonical(path).string()));
  return layer::read_tree(context, root, adopt, record);
}

// Layers that both images begin with: read once, and what is equal is the same node.
std::size_t common_layers(const Side& a, const Side& b) {
  if (!a.layers || !b.layers || !a.layers->image || !b.layers->image) return 0;
  const auto& one = a.layers->image->config.diff_ids;
  const auto& other = b.layers->image->config.diff_ids;
  return static_cast<std::size_t>(std::mismatch(one.begin(), one.end(), other.begin(), other.end()).first -
                                  one.begin());
}

class Sides {
 public:
  Sides(const Invocation& invocation, const place::Grounds& grounds, const layer::Adopt& adopt)
      : invocation_(invocation), adopt_(adopt) {
    const auto& words = invocation.arguments.positionals();
    const auto platforms = platforms_of(invocation.arguments);
    if (platforms.size() > 2) throw Error(Kind::usage, "--platform: one for both sides, or one for each");
    if (words[0] == "-" && words[1] == "-")
      throw Error(Kind::usage, "standard input (-) can be read once only");
    for (const std::size_t i : {0, 1}) {
      sides_[i].operand = Operand::parse(words[i]);
      if (sides_[i].operand.is == Operand::Is::directory) continue;
      std::optional<spec::Platform> platform;
      if (!platforms.empty()) platform = platforms[std::min(i, platforms.size() - 1)];
      sides_[i].layers = open_layers(invocation, sides_[i].operand, platform, grounds);
    }
  }

  // With `contents` the upper side's files are wanted, too, and not only what is known of them.
  void read(bool contents) {
    for (Side& side : sides_) {
      if (!side.layers) side.record = layer::Record::find(side.operand.path);
    }
    recorded_[0] = is_recorded(sides_[0], sides_[1]);
    recorded_[1] = !contents && is_recorded(sides_[1], sides_[0]);
    const std::size_t common = common_layers(sides_[0], sides_[1]);
    if (common != 0) {
      layer::Stack shared = sides_[0].layers->stack;
      shared.pieces.resize(common);
      lower = layer::read_stack(invocation_.context, shared, layer::Digests::yes);
      upper = lower;
    }
    if (invocation_.context.jobs < 2) {
      read(0, common, lower);
      read(1, common, upper);
      return;
    }
    // Two directories share the threads; beside an archive or a record, a directory has them to itself.
    jobs_ = invocation_.context.jobs;
    if (!sides_[0].layers && !sides_[1].layers) jobs_ /= 2;
    // One after the other they would wait for the disk twice. The lower side's failure is the one that is
    // told.
    auto other = std::async(std::launch::async, [&] { read(1, common, upper); });
    read(0, common, lower);
    other.get();
  }

  // What the upper side's changed files hold, where that is in layers.
  void fetch(layer::Changeset& changes, const std::string& spool) const {
    if (sides_[1].layers) layer::spool_contents(invocation_.context, sides_[1].layers->stack, spool, changes);
  }

  layer::Tree lower;
  layer::Tree upper;

 private:
  // Is the directory on the other side known to have been made of this side's layers?
  static bool is_recorded(const Side& side, const Side& other) {
    return side.layers && side.layers->image && other.record &&
           other.record->is_of(side.layers->image->config.diff_ids);
  }

  void read(std::size_t number, std::size_t common, layer::Tree& tree) const {
    const Side& side = sides_[number];
    if (!side.layers) {
      Context context = invocation_.context;
      context.jobs = jobs_;
      tree = read_directory_tree(context, side.operand.path, side.record.get(), adopt_);
      return;
    }
    if (recorded_[number]) {
      tree = sides_[1 - number].record->tree();
      return;
    }
    tree = layer::read_stack(invocation_.context, side.layers->stack, layer::Digests::yes, tree, common);
  }

  const Invocation& invocation_;
  const layer::Adopt& adopt_;
  std::array<Side, 2> sides_;
  unsigned jobs_ = 1;                  // of a directory's walk
  std::array<bool, 2> recorded_ = {};  // the other side's record says what is in it: no layer is opened
};

// --- for people ---

struct Totals {
  std::size_t added = 0, removed = 0, modified = 0;
  std::uint64_t bytes_added = 0, bytes_removed = 0;
};

Totals totals_of(const std::vector<layer::Difference>& differences) {
  Totals totals;
  for (const auto& each : differences) {
    if (each.what == What::added) ++totals.added;
    if (each.what == What::removed) ++totals.removed;
    if (each.what == What::modified) ++totals.modified;
    const bool content = each.what != What::modified || each.aspects.has(layer::Aspect::content) ||
                         each.aspects.has(layer::Aspect::type);
    if (content) totals.bytes_added += each.after.size;
    if (content) totals.bytes_removed += each.before.size;
  }
  return totals;
}

std::string shown_path(const layer::Difference& each) {
  const layer::Metadata& meta = each.what == What::removed ? each.before : each.after;
  std::string path = "/" + printable(each.path);
  if (meta.type == layer::Type::directory && !each.path.empty()) path += '/';
  if (meta.type == layer::Type::symlink && each.what != What::removed) path += " -> " + printable(meta.link);
  if (each.what == What::modified) path += " (" + words(each.aspects) + ")";
  return path;
}

std::string shown_size(const layer::Difference& each) {
  if (each.what == What::added && each.after.type == layer::Type::regular)
    return "+" + human_size(each.after.size);
  if (each.what == What::removed && each.before.type == layer::Type::regular)
    return "-" + human_size(each.before.size);
  if (each.what != What::modified || each.before.size == each.after.size) return {};
  return each.before.size < each.after.size ? "+" + human_size(each.after.size - each.before.size)
                                            : "-" + human_size(each.before.size - each.after.size);
}

std::string_view letter(What what) {
  switch (what) {
    case What::added:
      return "A";
    case What::removed:
      return "D";
    default:
      return "M";
  }
}

std::string_view color_of(What what) {
  switch (what) {
    case What::added:
      return "\x1b[32m";
    case What::removed:
      return "\x1b[31m";
    default:
      return "\x1b[33m";
  }
}

void print_for_people(const Invocation& invocation, const std::vector<layer::Difference>& differences) {
  if (differences.empty()) return;
  // Sizes stand in one column; a path that is longer than most pushes only its own.
  constexpr std::size_t widest = 60;
  std::size_t width = 0;
  for (const auto& each : differences) {
    if (!shown_size(each).empty()) width = std::max(width, std::min(widest, display_width(shown_path(each))));
  }
  std::string text;
  for (const auto& each : differences) {
    const std::string size = shown_size(each);
    std::string line = fmt::format("{} {}", letter(each.what), shown_path(each));
    if (!size.empty()) line = pad(line, width + 2) + "  " + pad(size, 10, true);
    text += invocation.color() ? fmt::format("{}{}\x1b[0m\n", color_of(each.what), line) : line + "\n";
    constexpr std::size_t enough = 64 * 1024;
    if (text.size() > enough) invocation.print(text), text.clear();
  }
  const Totals totals = totals_of(differences);
  text += fmt::format("{} added, {} removed, {} modified; +{} -{}\n", totals.added, totals.removed,
                      totals.modified, human_size(totals.bytes_added), human_size(totals.bytes_removed));
  invocation.print(text);
}

// --- for programs ---

std::string json_of(const layer::Metadata& meta) {
  json::Object object;
  add_metadata(object, meta);
  std::vector<std::string> xattrs;
  for (const auto& [name, value] : meta.xattrs) xattrs.push_back(printable(name));
  object.strings_unless_empty("xattrs", xattrs);
  return std::move(object).finish();
}

std::string to_json(const std::vector<layer::Difference>& differences) {
  std::vector<std::string> changes;
  for (const auto& each : differences) {
    json::Object object;
    object.string("path", "/" + printable(each.path));
    object.string("change", each.what == What::added     ? "added"
                            : each.what == What::removed ? "removed"
                                                         : "modified");
    std::vector<std::string> aspects;
    for (const auto aspect : layer::all_aspects) {
      if (each.aspects.has(aspect)) aspects.emplace_back(name(aspect));
    }
    object.strings_unless_empty("aspects", aspects);
    if (each.what != What::added) object.text("before", json_of(each.before));
    if (each.what != What::removed) object.text("after", json_of(each.after));
    changes.push_back(std::move(object).finish());
  }
  const Totals totals = totals_of(differences);
  json::Object object;
  object.number("added", totals.added);
  object.number("removed", totals.removed);
  object.number("modified", totals.modified);
  object.number("bytesAdded", totals.bytes_added);
  object.number("bytesRemoved", totals.bytes_removed);
  object.text("changes", json::print_array(changes));
  return std::move(object).finish() + "\n";
}

// --- as a layer ---

struct LayerOrder {
  std::string path;  // "-": standard output
  compress::Codec codec;
  bool force = false;
};

std::optional<LayerOrder> layer_order(const Arguments& arguments) {
  const auto output = arguments.get("--output");
  if (!output) {
    for (const auto* option : {"--compression", "--force"}) {
      if (arguments.has(option))
        throw Error(Kind::usage, fmt::format("{} is about the layer that --output makes", option));
    }
    return std::nullopt;
  }
  if (arguments.has("--trust-mtime")) {
    throw Error(Kind::usage, "--trust-mtime is a guess, and a layer is not made of guesses",
                "leave it away: what is proven equal is not read anyway");
  }
  LayerOrder order{.path = *output, .codec = {}, .force = arguments.has("--force")};
  std::string codec = arguments.get("--compression").value_or("");
  if (codec.empty() && output->ends_with(".tar")) codec = "none";
  if (codec.empty() && (output->ends_with(".zst") || output->ends_with(".tzst"))) codec = "zstd";
  try {
    order.codec = compress::Codec::parse(codec.empty() ? "gzip" : codec);
  } catch (const Error& e) {
    throw e.within("--compression");
  }
  return order;
}

// Before anything is read, so that long work is not done in vain.
void check_output(const Invocation& invocation, const LayerOrder& order) {
  if (order.path != "-") {
    static_cast<void>(place::output_file(order.path, order.force));
  } else if (invocation.surroundings.stdout_is_terminal) {
    throw Error(Kind::usage, "a layer is not for a terminal", "redirect standard output, or name a file");
  }
}

layer::Layer write_layer(const Invocation& invocation, const LayerOrder& order,
                         const layer::Changeset& changes, const place::Grounds& grounds) {
  if (order.path == "-") {
    fs::PipeSink out(grounds.output, "standard output");
    return layer::pack(invocation.context, changes, order.codec, out);
  }
  const auto output = place::output_file(order.path, order.force);
  auto file = fs::TempFile::in(output.directory, grounds.output_mode);
  const auto layer = layer::pack(invocation.context, changes, order.codec, file);
  std::move(file).publish(output.name,
                          order.force ? fs::TempFile::Existing::replace : fs::TempFile::Existing::fail);
  return layer;
}

void tell_layer(const Invocation& invocation, const LayerOrder& order, const layer::Layer& layer) {
  json::Object object;
  object.string("mediaType", layer.descriptor.media_type);
  object.string("digest", layer.descriptor.digest.str());
  object.number("size", layer.descriptor.size);
  object.string("diffId", layer.diff_id.str());
  object.number("entries", layer.entries);
  const std::string text = invocation.json
                               ? std::move(object).finish() + "\n"
                               : fmt::format("mediaType  {}\ndigest     {}\nsize       {}\ndiff_id    {}\n",
                                             layer.descriptor.media_type, layer.descriptor.digest.str(),
                                             layer.descriptor.size, layer.diff_id.str());
  // The layer has standard output when it goes there.
  if (order.path == "-") {
    if (!invocation.quiet) invocation.surroundings.err(text);
  } else {
    invocation.print(text);
  }
}

layer::Compare how_of(const Arguments& arguments) {
  layer::Compare how{.ignore = {}, .trust_mtime = arguments.has("--trust-mtime")};
  for (const auto& given : arguments.all("--ignore")) {
    for (const auto& word : split(given, ',')) {
      const auto aspect = layer::find_aspect(word);
      if (!aspect) {
        std::vector<std::string> known;
        for (const auto each : layer::all_aspects) known.emplace_back(layer::name(each));
        throw Error(Kind::usage, fmt::format("--ignore: {} is no aspect of a file", quote(word)),
                    "there are " + join(known, ", "));
      }
      how.ignore.add(*aspect);
    }
  }
  return how;
}

int run_diff(const Invocation& invocation) {
  const auto& arguments = invocation.arguments;
  if (arguments.has("--userns")) stand_as_root(invocation, Range::needed);
  const auto how = how_of(arguments);
  const auto order = layer_order(arguments);
  if (order) check_output(invocation, *order);
  layer::Adopt adopt;
  if (const auto owner = arguments.get("--owner")) {
    const auto words = parse_owner(*owner);
    adopt.owner = layer::Owner{words.uid, words.gid};
  }
  if (order) adopt.newest_mtime = source_date_epoch(invocation.surroundings);
  const auto grounds = grounds_of(invocation);

  Sides sides(invocation, grounds, adopt);
  sides.read(order.has_value());
  const auto differences = layer::compare(invocation.context, sides.lower, sides.upper, how);
  if (!order) {
    if (invocation.json) {
      invocation.print(to_json(differences));
    } else {
      print_for_people(invocation, differences);
    }
    return differences.empty() ? 0 : 1;
  }
  layer::warn_of_untellable(invocation.context, differences);
  auto changes = layer::changeset_of(sides.upper, differences);
  if (changes.empty()) invocation.context.progress->warn("nothing differs: the layer is empty");
  sides.fetch(changes, grounds.spool);
  tell_layer(invocation, *order, write_layer(invocation, *order, changes, grounds));
  return 0;
}

}  // namespace

Command diff_verb() {
  Command verb{
      .name = "diff",
      .summary = "show what changed between two trees, or make a layer of it",
      .description =
          "Compares two trees: each a directory, a tar (plain, gzip or zstd), or an image in any place; "
          "`IMAGE~N` is IMAGE without its last N layers. A name that exists as a file or directory is that; "
          "`-` is an image archive or a tar on standard input.\n\n"
          "Each line says `A` (added), `D` (removed) or `M` (modified) and a path; what was modified is said "
          "in parentheses: type, content, mode, owner, mtime, xattr, link (the text of a symlink, or which "
          "names are one file) or device. mtimes are compared by whole seconds, the mtime of `/` not at "
          "all.\n\n"
          "Files count as equal unread only where that is proven: the same inode and ctime, the fingerprint "
          "that `stave unpack` kept beside the tree, or the same digest on both sides. Everything else of "
          "equal size is read.\n\n"
          "With `-o` the difference becomes a layer that turns A into B: whiteouts for what is gone, every "
          "parent of a changed path with its metadata, hardlink groups whole. Its descriptor and diff_id go "
          "to standard output. The codec follows the file's name (`.tar`, `.zst`, else gzip) or "
          "`--compression`.\n\n"
          "Exits with 0 if nothing differs and with 1 if something does; with `-o` with 0."};
  verb.positionals = {
      {.name = "A", .help = "a directory, a tar, or an image", .completes = Completes::image},
      {.name = "B", .help = "what it is compared with", .completes = Completes::image},
  };
  verb.options = {
      {.names = "-o,--output",
       .value = "FILE|-",
       .help = "write the difference as a layer",
       .completes = Completes::file},
      {.names = "--json", .value = "", .help = "print JSON"},
      {.names = "--ignore",
       .value = "ASPECT[,ASPECT…]",
       .help = "differences in these are none: mtime, owner, mode, xattr, …",
       .repeatable = true},
      {.names = "--trust-mtime",
       .value = "",
       .help = "take files of equal size and mtime for equal, unread; not with -o"},
      {.names = "--platform",
       .value = "P[,P]",
       .help = "of images that have several; two: one for each side",
       .repeatable = true,
       .completes = Completes::platform},
      {.names = "--owner", .value = "UID[:GID]", .help = "owner of everything in directories"},
      {.names = "--compression", .value = "CODEC[:LEVEL]", .help = "of the layer: gzip, zstd or none"},
      {.names = "--userns",
       .value = "",
       .help = "see owners as in the user namespace that unpack --userns uses"},
      {.names = "--force", .value = "", .help = "replace an existing output file"},
  };
  verb.examples = {
      {"stave diff rootfs-v1 rootfs-v2", "what changed between two directories"},
      {"stave diff rootfs-v1 rootfs-v2 -o layer.tar.gz", "the changeset as a layer"},
      {"stave diff app:1~1 app:1", "what the last layer did"},
      {"stave diff alpine:3.19 alpine:3.20 --json --ignore mtime", "two images, for a program"},
  };
  verb.run = run_diff;
  return verb;
}

}  // namespace stave::cli
