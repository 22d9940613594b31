// stave inspect: a page about an image.

#include <fmt/format.h>

#include <limits>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/cli/grounds.h"
#include "stave/cli/table.h"
#include "stave/cli/verbs.h"
#include "stave/cli/width.h"
#include "stave/image/image.h"
#include "stave/inspect/describe.h"
#include "stave/json/json.h"
#include "stave/place/place.h"

namespace stave::cli {
namespace {

class PageText {
 public:
  explicit PageText(const Invocation& invocation) : invocation_(invocation) {}

  void field(std::string_view name, const std::string& value) {
    if (!value.empty()) fields(name, {value});
  }

  void fields(std::string_view name, const std::vector<std::string>& values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      bool first = i == 0;
      for (const auto& line : folded(one_line(values[i]), indent_.size() + name_width + 1)) {
        text_ += indent_ + (first ? pad(name, name_width) : std::string(name_width, ' ')) + " " + line + "\n";
        first = false;
      }
    }
  }

  void part(const inspect::Part& part, bool of_many) {
    const auto& config = part.image.config;
    indent_ = of_many ? "  " : "";
    if (of_many) {
      text_ += "\n" + one_line(part.descriptor.platform->str()) + "\n";
      field("Digest", part.descriptor.digest.str());
    } else {
      field("Platform", part.descriptor.platform->str());
    }
    field("Size", fmt::format("{} in {}", human_size(part.size), plural(part.layers.size(), "layer")));
    field("Created", created(config.created));
    field("Author", config.author);
    if (config.entrypoint) field("Entrypoint", json::print_strings(*config.entrypoint));
    if (config.cmd) field("Cmd", json::print_strings(*config.cmd));
    field("Workdir", config.working_dir);
    field("User", config.user);
    fields("Env", config.env);
    fields("Port", keys(config.exposed_ports));
    fields("Volume", keys(config.volumes));
    fields("Label", pairs(config.labels));
    field("Stop signal", config.stop_signal);
    fields("Annotation", pairs(part.image.manifest.annotations));
    layers(part);
    indent_.clear();
  }

  void layers(const inspect::Part& part) {
    if (part.layers.empty()) return;
    // What made a layer is shown in full: on a terminal it goes on in its column.
    const std::string bare = layer_table(part, 0).render(false);
    const std::size_t before = indent_.size() + bare.find(made_by);
    const auto& surroundings = invocation_.surroundings;
    constexpr std::size_t least = 20;
    const bool fold = surroundings.stdout_is_terminal && surroundings.columns >= before + least;
    text_ += "\n";
    for (const auto& line :
         split(layer_table(part, fold ? surroundings.columns - before : no_end).render(false), '\n')) {
      if (line.empty()) continue;
      const bool cut = surroundings.stdout_is_terminal && !fold;
      text_ += (cut ? fit(indent_ + line, surroundings.columns, surroundings.utf8) : indent_ + line) + "\n";
    }
  }

  const std::string& text() const { return text_; }

  static std::vector<std::string> pairs(const std::map<std::string, std::string>& map) {
    std::vector<std::string> out;
    for (const auto& [name, value] : map) out.push_back(name + "=" + value);
    return out;
  }

 private:
  static std::vector<std::string> keys(const std::map<std::string, std::string>& map) {
    std::vector<std::string> out;
    for (const auto& [name, value] : map) out.push_back(name);
    return out;
  }

  // On a terminal what is longer than a line goes on below itself; for a pipe it stays whole.
  std::vector<std::string> folded(const std::string& text, std::size_t left) const {
    const auto& surroundings = invocation_.surroundings;
    constexpr std::size_t least =
        20;  // narrower columns are harder to read than lines that the terminal breaks
    if (!surroundings.stdout_is_terminal || surroundings.columns < left + least) return {text};
    return wrap(text, surroundings.columns - left);
  }

  // With what made each in lines of at most `columns`; 0: without.
  static Table layer_table(const inspect::Part& part, std::size_t columns) {
    Table table({{"LAYER", true}, {"DIGEST"}, {"SIZE", true}, {"TYPE"}, {made_by}});
    std::size_t number = 0;
    for (const auto& layer : part.layers) {
      std::vector<std::string> command;
      if (columns != 0) command = wrap(one_line(inspect::readable_command(layer.created_by)), columns);
      table.add({std::to_string(++number), layer.descriptor.digest.short_hex(),
                 human_size(layer.descriptor.size), kind(layer.descriptor.media_type),
                 command.empty() ? "" : command.front()});
      for (std::size_t i = 1; i < command.size(); ++i) table.add({"", "", "", "", command[i]});
    }
    return table;
  }

  // How long ago that was, by the clock; SOURCE_DATE_EPOCH stands for it, so that a page can be made again.
  std::string created(const std::string& text) const {
    const auto time = find_rfc3339(text);
    // Reproducible images carry 0, which says nothing.
    if (!time || *time == 0) return text;
    const auto now = source_date_epoch(invocation_.surroundings).value_or(invocation_.surroundings.now);
    return text + " (" + age_text(now - *time) + ")";
  }

  static constexpr std::size_t name_width = 12;
  static constexpr const char* made_by = "MADE BY";
  static constexpr std::size_t no_end = std::numeric_limits<std::size_t>::max();

  static std::string kind(const std::string& media_type) {
    if (media_type.ends_with("gzip")) return "gzip";
    if (media_type.ends_with("zstd")) return "zstd";
    return spec::media::is_layer(media_type) ? "tar" : media_type;
  }

  const Invocation& invocation_;
  std::string text_;
  std::string indent_;
};

std::string page_text(const Invocation& invocation, const inspect::Page& page, const std::string& name) {
  PageText out(invocation);
  out.field("Name", name);
  out.field("Digest", page.root.digest.str());
  out.field("Type", page.is_index        ? fmt::format("index of {}", plural(page.parts.size(), "image"))
                    : page.parts.empty() ? "artifact, not an image that runs"
                                         : "image");
  if (page.is_index) {
    out.field("Size", human_size(page.size));
    out.fields("Annotation", PageText::pairs(page.annotations));
  }
  for (const auto& part : page.parts) out.part(part, page.is_index);
  std::vector<std::string> others;
  for (const auto& other : page.others) {
    if (other.digest == page.root.digest) continue;
    others.push_back(other.digest.str() +
                     (other.platform ? " (" + other.platform->str() + ", not here)" : ""));
  }
  if (!others.empty()) out.fields("Also listed", others);
  return out.text();
}

// The bytes of a document as they are.
std::string raw(const Invocation& invocation, const place::Located& located, const std::string& which) {
  if (which == "index") {
    if (!spec::media::is_index(located.root.media_type)) {
      throw Error(Kind::not_found, "the image has no index, only a manifest", "ask for --raw manifest");
    }
    return content::read_document(*located.blobs, located.root);
  }
  auto platforms = platforms_of(invocation.arguments);
  const bool single = platforms.empty() && !spec::media::is_index(located.root.media_type);
  if (platforms.empty()) platforms.push_back(this_platform());
  const auto descriptor =
      single ? located.root : image::select(*located.blobs, located.root, platforms.front());
  std::string manifest = content::read_document(*located.blobs, descriptor);
  if (which == "manifest") return manifest;
  return content::read_document(*located.blobs, spec::Manifest::parse(manifest).config);
}

int run_inspect(const Invocation& invocation) {
  const auto& arguments = invocation.arguments;
  const auto grounds = grounds_of(invocation);
  const auto words = place::Words::parse(arguments.positionals().front());
  // The config is read for its platform, and again for what it says.
  const auto located = place::spooled(place::open(invocation.context, words, grounds), grounds);
  if (const auto which = arguments.get("--raw")) {
    invocation.print(raw(invocation, located, *which));
    return 0;
  }
  auto root = located.root;
  const auto platforms = platforms_of(arguments);
  if (platforms.size() > 1) throw Error(Kind::usage, "--platform: one at a time");
  if (!platforms.empty()) root = image::select(*located.blobs, root, platforms.front());
  const auto page = inspect::describe(*located.blobs, root);
  invocation.print(invocation.json ? inspect::to_json(page, located.name) + "\n"
                                   : page_text(invocation, page, located.name));
  return 0;
}

}  // namespace

Command inspect_verb() {
  Command verb{.name = "inspect",
               .summary = "show what an image is made of",
               .description =
                   "Shows an image on a page: names and digests, its age and size, how it runs, its layers "
                   "and the command "
                   "that made each. Its age is by the clock, or by `SOURCE_DATE_EPOCH` where that is set. "
                   "`--json` is the same for machines, `--raw` prints a document byte for byte."};
  verb.positionals = {{.name = "IMAGE", .help = "an image in any place", .completes = Completes::image}};
  verb.options = {
      {.names = "--platform", .value = "PLATFORM", .help = "only this one", .completes = Completes::platform},
      {.names = "--json", .value = "", .help = "print JSON"},
      {.names = "--raw",
       .value = "DOCUMENT",
       .help = "print index, manifest or config as it is stored",
       .choices = {"index", "manifest", "config"}},
  };
  verb.examples = {
      {"stave inspect hello:alpine", "a page about it"},
      {"stave inspect --raw manifest oci-archive:hello.tar | sha256sum", "the manifest's digest"},
  };
  verb.run = run_inspect;
  return verb;
}

}  // namespace stave::cli
