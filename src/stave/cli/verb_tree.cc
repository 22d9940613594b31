// stave tree: the documents and blobs that an image is made of, as a tree of
// text, as JSON, as a picture.

#include <fmt/format.h>

#include <algorithm>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/cli/grounds.h"
#include "stave/cli/verbs.h"
#include "stave/cli/width.h"
#include "stave/image/image.h"
#include "stave/inspect/graph.h"
#include "stave/place/place.h"

namespace stave::cli {
namespace {

using inspect::Graph;
using inspect::GraphNode;

// What stands left of a node: a column for each level above it.
class Branches {
 public:
  explicit Branches(bool utf8) : utf8_(utf8) {}

  std::string of(const GraphNode& node) {
    if (node.depth == 0) {
      left_ = {node.children};
      return {};
    }
    left_.resize(node.depth);
    const bool last = --left_.back() == 0;
    std::string text;
    for (std::size_t i = 0; i + 1 < left_.size(); ++i) text += left_[i] == 0 ? "    " : down();
    text += last ? corner() : tee();
    left_.push_back(node.children);
    return text;
  }

 private:
  std::string_view down() const { return utf8_ ? "│   " : "|   "; }
  std::string_view corner() const { return utf8_ ? "└── " : "`-- "; }
  std::string_view tee() const { return utf8_ ? "├── " : "|-- "; }

  bool utf8_;
  std::vector<std::size_t> left_;  // children still to come, of each node from the root to the last one
};

std::string text_of(const Invocation& invocation, const Graph& graph) {
  const bool utf8 = invocation.surroundings.utf8;
  Branches branches(utf8);
  std::vector<std::string> names;
  std::size_t name_width = 0, size_width = 0;
  // A long media type pushes only its own line.
  constexpr std::size_t widest = 50;
  for (const auto& node : graph.nodes) {
    names.push_back(branches.of(node) + one_line(label(node), utf8));
    name_width = std::max(name_width, std::min(widest, display_width(names.back())));
    size_width = std::max(size_width, human_size(node.descriptor.size).size());
  }
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto& node = graph.nodes[i];
    std::string line =
        fmt::format("{}  {}  {}", pad(names[i], name_width), node.descriptor.digest.short_hex(),
                    pad(human_size(node.descriptor.size), size_width, true));
    const std::string remark = one_line(join(remarks(node), ", "), utf8);
    if (!remark.empty()) line += "  " + remark;
    text += line + "\n";
  }
  return text + fmt::format("{}, {}\n", plural(graph.blobs, "blob"), human_size(graph.size));
}

void write_picture(const Invocation& invocation, const std::string& path, const Graph& graph) {
  const auto force = invocation.arguments.has("--force");
  const auto output = place::output_file(path, force);
  auto file = fs::TempFile::in(output.directory, grounds_of(invocation).output_mode);
  file.write(as_bytes(to_svg(graph)));
  std::move(file).publish(output.name,
                          force ? fs::TempFile::Existing::replace : fs::TempFile::Existing::fail);
}

int run_tree(const Invocation& invocation) {
  const auto& arguments = invocation.arguments;
  const auto picture = arguments.get("--svg");
  if (!picture && arguments.has("--force")) throw Error(Kind::usage, "--force is about the file of --svg");
  if (picture) static_cast<void>(place::output_file(*picture, arguments.has("--force")));
  const auto grounds = grounds_of(invocation);
  const auto words = place::Words::parse(arguments.positionals().front());
  const auto located = place::spooled(place::open(invocation.context, words, grounds), grounds);
  const auto platforms = platforms_of(arguments);
  if (platforms.size() > 1) throw Error(Kind::usage, "--platform: one at a time");
  const auto root =
      platforms.empty() ? located.root : image::select(*located.blobs, located.root, platforms.front());
  const auto graph = inspect::graph_of(*located.blobs, root, located.name);
  if (picture) write_picture(invocation, *picture, graph);
  if (invocation.json) {
    invocation.print(inspect::to_json(graph) + "\n");
  } else if (!picture) {
    invocation.print(text_of(invocation, graph));
  }
  return 0;
}

}  // namespace

Command tree_verb() {
  Command verb{
      .name = "tree",
      .summary = "show the documents and blobs an image is made of",
      .description =
          "Shows index, manifests, configs and layers of an image as a tree, each with the beginning of its "
          "digest and its size. What an index lists and is not here, or is damaged, is shown as such; a blob "
          "that stands above already is marked `as above`, and what is below it is not repeated. The last "
          "line counts what is here, each blob once.\n\n"
          "Documents are verified; of layers no byte is read."};
  verb.positionals = {{.name = "IMAGE", .help = "an image in any place", .completes = Completes::image}};
  verb.options = {
      {.names = "--platform", .value = "PLATFORM", .help = "only this one", .completes = Completes::platform},
      {.names = "--json", .value = "", .help = "print JSON"},
      {.names = "--svg", .value = "FILE", .help = "draw it into a file", .completes = Completes::file},
      {.names = "--force", .value = "", .help = "replace an existing file"},
  };
  verb.examples = {
      {"stave tree hello:multi", "every blob of every platform"},
      {"stave tree --svg hello.svg hello:multi", "the same as a picture"},
  };
  verb.run = run_tree;
  return verb;
}

}  // namespace stave::cli
