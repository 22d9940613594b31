// stave du: where the bytes of an image are, and which were shipped in vain.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/cli/entries.h"
#include "stave/cli/grounds.h"
#include "stave/cli/operand.h"
#include "stave/cli/table.h"
#include "stave/cli/verbs.h"
#include "stave/cli/width.h"
#include "stave/inspect/describe.h"
#include "stave/inspect/usage.h"
#include "stave/json/json.h"

namespace stave::cli {
namespace {

using inspect::Amount;
using inspect::Usage;

struct Limits {
  std::size_t depth = 1;
  std::size_t most = 10;
};

std::size_t number_of(const Arguments& arguments, const char* option, std::size_t otherwise) {
  const auto given = arguments.get(option);
  if (!given) return otherwise;
  const auto number = parse_number(*given);
  if (!number) throw Error(Kind::usage, fmt::format("{}: {} is no number", option, quote(*given)));
  return static_cast<std::size_t>(*number);
}

// What is known of a layer beside its files.
struct Stored {
  std::string digest;        // empty: of a tar that is no layer of an image
  std::uint64_t size = 0;    // as it is stored
  std::string made_by = {};  // as its image tells it
};

std::vector<Stored> stored_of(const Layers& layers) {
  std::vector<Stored> all;
  if (!layers.image) {
    for (const auto& piece : layers.stack.pieces) all.push_back({.digest = {}, .size = piece.size});
    return all;
  }
  for (const auto& line : inspect::layer_lines(*layers.image)) {
    all.push_back({.digest = line.descriptor.digest.str(),
                   .size = line.descriptor.size,
                   .made_by = inspect::readable_command(line.created_by)});
  }
  return all;
}

// --- for people ---

// As long as its part of all is; what is anything at all is seen.
std::string bar(std::uint64_t part, std::uint64_t all, bool utf8) {
  constexpr double width = 20;
  if (part == 0 || all == 0) return {};
  const long columns = std::lround(width * (static_cast<double>(part) / static_cast<double>(all)));
  std::string text;
  for (long column = 0; column < std::max(columns, 1L); ++column) text += utf8 ? "█" : "#";
  return text;
}

void add_row(Table& table, const Invocation& invocation, const Amount& amount, std::uint64_t all,
             std::string name) {
  table.add({human_size(amount.bytes), bar(amount.bytes, all, invocation.surroundings.utf8),
             std::to_string(amount.files), std::move(name)});
}

std::string directories_text(const Invocation& invocation, const Usage& usage, const Limits& limits,
                             const std::string& at) {
  Table table({{"SIZE", true}, {""}, {"FILES", true}, {"DIRECTORY"}});
  const std::uint64_t all = usage.total.visible.bytes;
  Amount others;
  std::size_t row = 0;
  for (const auto& directory : usage.directories) {
    if (row++ < limits.most) {
      add_row(table, invocation, directory.visible, all, shown(invocation, "/" + directory.path));
    } else {
      others.add(directory.visible);
    }
  }
  if (row > limits.most) {
    const std::size_t left = row - limits.most;
    add_row(table, invocation, others, all,
            left == 1 ? "1 other directory" : fmt::format("{} other directories", left));
  }
  table.add({human_size(all), "", std::to_string(usage.total.visible.files),
             fmt::format("in all below {}", shown(invocation, "/" + at))});
  return table.render(invocation.color());
}

std::string unless_zero(std::uint64_t bytes) { return bytes == 0 ? "" : human_size(bytes); }

std::string layers_text(const Invocation& invocation, const Usage& usage, const std::vector<Stored>& stored) {
  Table table({{"LAYER", true},
               {"STORED", true},
               {"UNPACKED", true},
               {"FILES", true},
               {"HIDDEN", true},
               {"REPEATED", true},
               {"MADE BY"}});
  const auto add = [&](std::string name, std::uint64_t size, const inspect::LayerUsage& layer,
                       const std::string& made_by) {
    table.add({std::move(name), human_size(size), human_size(layer.visible.bytes + layer.hidden.bytes),
               std::to_string(layer.visible.files + layer.hidden.files), unless_zero(layer.hidden.bytes),
               unless_zero(layer.repeated.bytes), shown(invocation, made_by)});
  };
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < usage.layers.size(); ++i) {
    add(std::to_string(i + 1), stored[i].size, usage.layers[i], stored[i].made_by);
    all += stored[i].size;
  }
  add("all", all, usage.total, "");
  std::string text;
  const auto& surroundings = invocation.surroundings;
  for (const auto& line : split(table.render(invocation.color()), '\n')) {
    if (line.empty()) continue;
    text +=
        (surroundings.stdout_is_terminal ? fit(line, surroundings.columns, surroundings.utf8) : line) + "\n";
  }
  return text;
}

std::string place_text(const Invocation& invocation, const inspect::Repeated::Place& place) {
  return shown(invocation, "/" + place.path) + (place.why.empty() ? "" : " (" + place.why + ")");
}

std::string repeated_text(const Invocation& invocation, const Usage& usage, const Limits& limits) {
  Table table({{"WASTED", true}, {"LAYER", true}, {"SHIPPED MORE THAN ONCE"}});
  std::size_t row = 0;
  for (const auto& repeated : usage.repeated) {
    if (row++ == limits.most) break;
    std::size_t number = 0;
    for (const auto& place : repeated.places) {
      constexpr std::size_t most_places = 5;
      if (number++ == most_places) {
        table.add({"", "", fmt::format("and {} more", repeated.places.size() - most_places)});
        break;
      }
      table.add({number == 1 ? human_size(repeated.waste()) : "", std::to_string(place.layer + 1),
                 place_text(invocation, place)});
    }
  }
  std::string text = table.render(invocation.color());
  if (row > limits.most) text += fmt::format("and {} others\n", usage.repeated.size() - limits.most);
  return text;
}

// --- for programs ---

void add_amount(json::Object& object, const Amount& amount) {
  object.number("files", amount.files);
  object.number("bytes", amount.bytes);
}

std::string amount_json(const Amount& amount) {
  json::Object object;
  add_amount(object, amount);
  return std::move(object).finish();
}

void add_usage(json::Object& object, const inspect::LayerUsage& usage) {
  object.text("visible", amount_json(usage.visible));
  object.text("hidden", amount_json(usage.hidden));
  object.text("repeated", amount_json(usage.repeated));
}

std::string layer_json(const inspect::LayerUsage& usage, const Stored& stored) {
  json::Object object;
  object.string_unless_empty("digest", stored.digest);
  object.number("size", stored.size);
  add_usage(object, usage);
  object.string_unless_empty("createdBy", stored.made_by);
  return std::move(object).finish();
}

std::string repeated_json(const inspect::Repeated& repeated) {
  std::vector<std::string> places;
  for (const auto& place : repeated.places) {
    json::Object object;
    object.number("layer", place.layer + 1);
    object.string("path", "/" + printable(place.path));
    object.string_unless_empty("why", place.why);
    places.push_back(std::move(object).finish());
  }
  json::Object object;
  object.string("digest", repeated.digest.str());
  object.number("size", repeated.size);
  object.number("wasted", repeated.waste());
  object.text("places", json::print_array(places));
  return std::move(object).finish();
}

std::string to_json(const Usage& usage, const std::vector<Stored>& stored, const std::string& at) {
  std::vector<std::string> layers, directories, repeated;
  for (std::size_t i = 0; i < usage.layers.size(); ++i)
    layers.push_back(layer_json(usage.layers[i], stored[i]));
  for (const auto& directory : usage.directories) {
    json::Object object;
    object.string("path", "/" + printable(directory.path));
    add_amount(object, directory.visible);
    directories.push_back(std::move(object).finish());
  }
  for (const auto& each : usage.repeated) repeated.push_back(repeated_json(each));
  json::Object object;
  object.string("path", "/" + printable(at));
  add_usage(object, usage.total);
  object.text("directories", json::print_array(directories));
  object.text("layers", json::print_array(layers));
  object.text("repeats", json::print_array(repeated));
  return std::move(object).finish() + "\n";
}

int run_du(const Invocation& invocation) {
  const auto& arguments = invocation.arguments;
  const Limits limits{.depth = number_of(arguments, "--depth", 1),
                      .most = number_of(arguments, "--most", 10)};
  const auto layers =
      open_layers(invocation, Operand::parse(arguments.positionals().front()), grounds_of(invocation));
  const auto layered = inspect::Layered::read(invocation.context, layers.stack, layer::Digests::yes);
  std::string at;
  try {
    at = layered.get(arguments.positionals().size() > 1 ? arguments.positionals()[1] : "/",
                     layer::Tree::Follow::all);
  } catch (const Error& e) {
    throw e.within(printable(layers.name));
  }
  const Usage usage = usage_of(layered, at, limits.depth);
  const auto stored = stored_of(layers);
  if (invocation.json) {
    invocation.print(to_json(usage, stored, at));
    return 0;
  }
  std::string text = directories_text(invocation, usage, limits, at);
  text += "\n" + layers_text(invocation, usage, stored);
  if (!usage.repeated.empty()) text += "\n" + repeated_text(invocation, usage, limits);
  invocation.print(text);
  return 0;
}

}  // namespace

Command du_verb() {
  Command verb{
      .name = "du",
      .summary = "show where the bytes of an image are",
      .description =
          "Shows where the bytes of an image (in any place) or a tar are: by directory, the biggest first, "
          "and by layer. Every file counts once, whatever names it has, in its directory or the one above "
          "it that is `--depth` levels below PATH, so that the rows add up to the last one.\n\n"
          "Of a layer, STORED is its blob, UNPACKED what is in its files, HIDDEN what of that a later layer "
          "replaced or removed, and so was shipped in vain, and REPEATED what was shipped before with the "
          "same content: by a chmod, a chown, a mv, a copy. The last table says which files these are.\n\n"
          "Costs one pass over the layers, each verified on its way, and a hash of every file."};
  verb.positionals = {
      {.name = "IMAGE", .help = "an image in any place, or a tar", .completes = Completes::image},
      {.name = "PATH", .help = "only what is below it", .least = 0},
  };
  verb.options = {
      {.names = "--depth", .value = "N", .help = "levels of directories below PATH (1)"},
      {.names = "-n,--most", .value = "N", .help = "rows of directories and of repeated files (10)"},
      {.names = "--json", .value = "", .help = "print JSON, with every row"},
      {.names = "--platform",
       .value = "PLATFORM",
       .help = "of an image that has several",
       .completes = Completes::platform},
  };
  verb.examples = {
      {"stave du app:1", "what is so big?"},
      {"stave du --depth 2 -n 20 app:1 /usr", "and where in /usr?"},
  };
  verb.run = run_du;
  return verb;
}

}  // namespace stave::cli
