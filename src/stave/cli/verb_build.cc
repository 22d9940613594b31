// stave build: an image from a Containerfile.

#include <fmt/format.h>
#include <unistd.h>

#include "stave/base/text.h"
#include "stave/build/build.h"
#include "stave/cache/layers.h"
#include "stave/cli/build_place.h"
#include "stave/cli/build_screen.h"
#include "stave/cli/build_words.h"
#include "stave/cli/grounds.h"
#include "stave/cli/network.h"
#include "stave/cli/userns.h"
#include "stave/cli/verbs.h"
#include "stave/fs/link.h"
#include "stave/image/image.h"
#include "stave/json/json.h"
#include "stave/place/joined.h"
#include "stave/place/place.h"

namespace stave::cli {
namespace {

// What steps are told of goes to the Watcher; of what happens below it, a plain log wants the warnings only.
class OnlyWarnings : public Progress {
 public:
  explicit OnlyWarnings(Progress& to) : to_(to) {}
  int begin(std::string_view, std::uint64_t) override { return 0; }
  void advance(int, std::uint64_t) override {}
  void end(int, std::string_view, bool) override {}
  void warn(std::string_view message) override { to_.warn(message); }

 private:
  Progress& to_;
};

struct BuiltImage {
  spec::Descriptor descriptor;  // of the manifest
  Digest config;
};

// One run of the verb, from its words to an image with a name.
class Building {
 public:
  explicit Building(const Invocation& invocation)
      : invocation_(invocation),
        arguments_(invocation.arguments),
        quiet_progress_(*invocation.context.progress),
        grounds_(grounds_of(invocation)),
        options_(options_of(invocation)) {
    for (const auto& tag : arguments_.all("--tag")) tags_.push_back(place::stored_name(tag));
    if (const auto given = arguments_.get("--output")) output_ = place::Words::parse(*given);
    copy_ = {.name = tags_.empty() ? "" : tags_.front(), .force = arguments_.has("--force")};
    platforms_ = platforms_of(arguments_);
    if (platforms_.empty()) platforms_.push_back(this_platform());
    context_ = invocation.context;
    if (arguments_.get("--progress").value_or("auto") != "auto" ||
        !invocation.surroundings.stderr_is_terminal)
      context_.progress = &quiet_progress_;
    make_watcher();
  }

  int run() {
    if (output_) place::check_destination(*output_, copy_, grounds_);
    enter_namespace();
    opened_ = open_build_place(invocation_, grounds_, fetch());
    add_contexts(invocation_, grounds_, fetch(), options_);
    store_ = place::open_store(grounds_);
    try {
      if (arguments_.has("--check")) return check();
      build();
    } catch (...) {
      take_back();
      throw;
    }
    if (tags_.empty()) take_back();
    return 0;
  }

 private:
  void make_watcher() {
    const auto& surroundings = invocation_.surroundings;
    if (arguments_.get("--progress") == "json") {
      events_ = build_events(surroundings.err);
      watcher_ = events_.get();
      return;
    }
    if (arguments_.get("--progress") == "none") return;
    lines_ = std::make_unique<BuildLines>(BuildLines::How{.write = surroundings.err,
                                                          .milliseconds = surroundings.milliseconds,
                                                          .utf8 = surroundings.utf8,
                                                          .quiet = invocation_.quiet});
    watcher_ = lines_.get();
  }

  // An ordinary user needs a user namespace for RUN, and for nothing else. What comes on standard input can
  // be read once, so the namespace is entered without knowing.
  void enter_namespace() {
    if (::geteuid() == 0 && ids_in_use(invocation_).empty()) return;
    if (!ids_in_use(invocation_).empty()) {
      standing_ = stand_as_root(invocation_, Range::if_any);
      return;
    }
    bool needed = reads_input(arguments_);
    const std::string word = arguments_.positionals().empty() ? "." : arguments_.positionals().front();
    if (!needed && !build::is_git(word) && !build::is_url(word)) {
      needed = build::needs_runner(read_build_place(invocation_, grounds_).file, options_);
    } else {
      needed = true;
    }
    if (needed && !arguments_.has("--check")) standing_ = stand_as_root(invocation_, Range::if_any);
  }

  build::Fetch fetch() const {
    auto http = connection_settings(invocation_).http;
    return build::fetch_with(std::move(http), grounds_.spool);
  }

  build::Runner& runner() {
    if (runner_) return *runner_;
    const auto& surroundings = invocation_.surroundings;
    if (!options_.cache.empty()) {
      runner_ = build::make_runner({.cache = options_.cache,
                                    .runtime = arguments_.get("--runtime").value_or(""),
                                    .search_path = surroundings.env("PATH").value_or(""),
                                    .words = {"/proc/self/exe", step_verb_name},
                                    .environment = environment_words(),
                                    .in_user_namespace = standing_ != Standing::root,
                                    .one_id = standing_ == Standing::one_id,
                                    .ids = ids_in_use(invocation_)},
                                   context_);
      return *runner_;
    }
    throw Error(Kind::usage, "nothing says where the cache is, and RUN needs a root file system there",
                "set HOME or XDG_CACHE_HOME to an absolute path");
  }

  std::vector<std::string> environment_words() const {
    std::vector<std::string> words;
    for (const auto& [name, value] : invocation_.surroundings.environment)
      words.push_back(name + "=" + value);
    return words;
  }

  // What was packed and built before. Where nothing can be kept building just takes longer.
  void open_caches() {
    const auto cache = find_cache(invocation_.surroundings);
    if (!cache) return;
    options_.cache = *cache;
    try {
      layers_ = cache::Layers::open(*cache + "/layers");
      steps_ = build::open_step_cache(
          {.directory = *cache + "/build", .store = store_.get(), .imports = imports()});
    } catch (const Error& error) {
      if (error.kind() != Kind::denied && error.kind() != Kind::not_found)
        context_.progress->warn(fmt::format("nothing is remembered for the next build: {}", error.what()));
    }
    const auto now = fs::change_clock();
    options_.remember = {.layers = layers_ ? &*layers_ : nullptr,
                         .seen_after = {now.seconds, now.nanoseconds},
                         .verify = false};
    options_.owners = standing_ == Standing::one_id ? layer::Owners::aside : layer::Owners::real;
    options_.ids = ids_in_use(invocation_);
  }

  std::vector<std::pair<std::shared_ptr<const content::BlobSource>, spec::Descriptor>> imports() {
    std::vector<std::pair<std::shared_ptr<const content::BlobSource>, spec::Descriptor>> found;
    for (const auto& text : arguments_.all("--cache-from")) {
      const auto words = place::Words::parse(text);
      try {
        const auto located = place::open(context_, words, grounds_);
        found.emplace_back(located.blobs, located.root);
      } catch (const Error& error) {
        if (error.kind() == Kind::cancelled || error.kind() == Kind::usage) throw;
        // The first build of a cache has none yet.
        context_.progress->warn(fmt::format("--cache-from: {}", error.what()));
      }
    }
    return found;
  }

  build::Grounds build_grounds() {
    return {.store = store_.get(),
            .context = opened_.context,
            .find_base = find_base_in(invocation_, grounds_, *store_),
            .fetch = fetch(),
            .runner = [this]() -> build::Runner& { return runner(); },
            .steps = steps_.get(),
            .watcher = watcher_};
  }

  int check() {
    options_.platform = platforms_.front();
    const auto warnings = build::check(context_, opened_.place.file, options_, build_grounds());
    if (invocation_.json) {
      std::vector<std::string> parts;
      for (const auto& warning : warnings) {
        json::Object part;
        part.string("rule", warning.rule);
        part.string("message", warning.message);
        part.string("file", opened_.place.file.text.name);
        part.number("line", warning.where.line);
        parts.push_back(std::move(part).finish());
      }
      invocation_.print(json::print_pretty(json::parse(json::print_array(parts), "the warnings")) + "\n");
    } else {
      for (const auto& warning : warnings)
        invocation_.print(containerfile::show(opened_.place.file.text, warning.where,
                                              fmt::format("{} ({})", warning.message, warning.rule)) +
                          "\n");
      if (warnings.empty()) invocation_.print("no warnings\n");
    }
    return warnings.empty() ? 0 : 1;
  }

  BuiltImage build_for(const spec::Platform& platform) {
    auto options = options_;
    options.platform = platform;
    const auto image = build::build(context_, opened_.place.file, options, build_grounds());
    const auto descriptor = image::put(*store_, image);
    const auto manifest = spec::Manifest::parse(content::read_document(*store_, descriptor));
    return {descriptor, manifest.config.digest};
  }

  void build() {
    open_caches();
    std::vector<spec::Descriptor> images;
    std::vector<BuiltImage> built;
    for (const auto& platform : platforms_) {
      try {
        built.push_back(build_for(platform));
        images.push_back(built.back().descriptor);
      } catch (const Error& error) {
        throw platforms_.size() == 1 || error.kind() == Kind::cancelled ? error
                                                                        : error.within(platform.str());
      }
    }
    const auto root = images.size() == 1 ? images.front() : image::put_index(*store_, images, {});
    // The cache first: an image without it is of use, but who sees the image may count on the cache.
    export_cache();
    for (const auto& tag : tags_) {
      auto named = root;
      named.annotations = place::naming_annotations(tag, false);
      tell_moved(invocation_, tag, store_->tag(tag, named), root.digest);
    }
    if (output_) place::copy(context_, *store_, root, *output_, copy_, grounds_);
    write_files(root, built);
    if (lines_ && !invocation_.quiet)
      invocation_.surroundings.err(
          fmt::format("{} built, {} from the cache\n", plural(lines_->built(), "step"), lines_->cached()));
    tell(root, built);
  }

  void export_cache() {
    const auto to = arguments_.get("--cache-to");
    if (!to) return;
    if (!steps_)
      throw Error(Kind::usage, "--cache-to: nothing says where the cache is",
                  "set HOME or XDG_CACHE_HOME to an absolute path");
    const auto root = steps_->export_to(*store_);
    place::copy(context_, *store_, root, place::Words::parse(*to), {.name = "", .force = true}, grounds_);
  }

  void tell(const spec::Descriptor& root, const std::vector<BuiltImage>& built) {
    if (output_ && output_->transport == place::Transport::stream) {
      if (!invocation_.quiet) invocation_.surroundings.err(root.digest.str() + "\n");
      return;
    }
    invocation_.print(invocation_.json ? summary(root, built) : root.digest.str() + "\n");
  }

  std::string summary(const spec::Descriptor& root, const std::vector<BuiltImage>& built) const {
    json::Object object;
    object.string("mediaType", root.media_type);
    object.string("digest", root.digest.str());
    object.number("size", root.size);
    object.text("names", json::print_strings(tags_));
    std::vector<std::string> parts;
    for (const auto& image : built) {
      json::Object part;
      part.string("platform", image.descriptor.platform ? image.descriptor.platform->str() : "");
      part.string("digest", image.descriptor.digest.str());
      part.string("config", image.config.str());
      parts.push_back(std::move(part).finish());
    }
    object.text("images", json::print_array(parts));
    return json::print_pretty(json::parse(std::move(object).finish(), "the summary")) + "\n";
  }

  void write_file(const std::string& path, std::string_view text) const {
    const auto file = place::output_file(path, true);
    auto writer = fs::TempFile::in(file.directory);
    writer.write(as_bytes(text));
    std::move(writer).publish(file.name, fs::TempFile::Existing::replace);
  }

  // As docker writes them: the ID of an image is the digest of its config; that of several is their index.
  void write_files(const spec::Descriptor& root, const std::vector<BuiltImage>& built) const {
    const Digest id = built.size() == 1 ? built.front().config : root.digest;
    if (const auto path = arguments_.get("--iidfile")) write_file(*path, id.str());
    const auto path = arguments_.get("--metadata-file");
    if (!path) return;
    json::Object descriptor;
    descriptor.string("mediaType", root.media_type);
    descriptor.string("digest", root.digest.str());
    descriptor.number("size", root.size);
    json::Object object;
    if (built.size() == 1) object.string("containerimage.config.digest", id.str());
    object.text("containerimage.descriptor", std::move(descriptor).finish());
    object.string("containerimage.digest", root.digest.str());
    if (!tags_.empty()) object.string("image.name", join(tags_, ","));
    write_file(*path, json::print_pretty(json::parse(std::move(object).finish(), "the metadata")) + "\n");
  }

  // Blobs that no name leads to are of no use to anybody, but for those that steps of the next build are made
  // of.
  void take_back() {
    if (!store_) return;
    const auto made = store_->made();
    steps_.reset();
    store_.reset();
    if (find_cache(invocation_.surroundings)) return;
    try {
      content::Store::take_back({}, grounds_.store, made);
    } catch (const Error&) {
      // Whatever keeps them there, gc says it; what became of the work is the news here.
    }
  }

  const Invocation& invocation_;
  const Arguments& arguments_;
  OnlyWarnings quiet_progress_;
  place::Grounds grounds_;
  build::Options options_;
  Context context_;
  std::vector<std::string> tags_;
  std::optional<place::Words> output_;
  place::Copy copy_;
  std::vector<spec::Platform> platforms_;
  Standing standing_ = Standing::root;
  OpenedPlace opened_;
  std::shared_ptr<const content::Store> store_;
  std::optional<cache::Layers> layers_;
  std::unique_ptr<build::StepCache> steps_;
  std::unique_ptr<build::Runner> runner_;
  std::unique_ptr<BuildLines> lines_;
  std::unique_ptr<build::Watcher> events_;
  build::Watcher* watcher_ = &build::no_watcher();
};

int run_build(const Invocation& invocation) { return Building(invocation).run(); }

}  // namespace

Command build_verb() {
  Command verb{
      .name = "build",
      .summary = "make an image from a Containerfile",
      .description =
          "Builds the image that a Containerfile (or Dockerfile) describes, with the files of CONTEXT: a "
          "directory, a tar "
          "on standard input (`-`), a git repository or the URL of a tar. The language is that of current "
          "Dockerfiles, all "
          "18 instructions with their flags; history and config are written in BuildKit's words, so that "
          "images that are "
          "made of the same come out the same.\n\n"
          "Only RUN needs a root file system: it is run by runc or crun over an overlay, by an ordinary user "
          "in a user "
          "namespace. Everything else is computed from metadata: no mount, no namespace, no root.\n\n"
          "A step whose instruction, environment, parents and input files are what they were is not built "
          "again. "
          "Times of files in the context are no inputs; `--explain` says which input of a step changed. "
          "Names are looked "
          "up in the store, then at registries. Secrets are never part of layers, history or messages.\n\n"
          "The digest of the image is printed on standard output. Without `-t` and `-o` the image has no "
          "name, and gc "
          "removes it."};
  verb.positionals = {
      {.name = "CONTEXT",
       .help = "directory whose files COPY takes (default: .), - for a tar on standard input, or a URL",
       .least = 0,
       .most = 1,
       .completes = Completes::directory}};
  verb.options = build_options();
  verb.examples = {
      {"stave build -t hello .", "the Containerfile in this directory"},
      {"stave build -t app --platform linux/amd64,linux/arm64 -f app.Containerfile ctx",
       "for two platforms: an index"},
      {"stave build -t app --explain .", "which step was built again, and what changed"},
      {"stave build -t app --secret id=tok,src=tok --target final .",
       "a secret for RUN --mount=type=secret,id=tok"},
  };
  verb.run = run_build;
  return verb;
}

}  // namespace stave::cli
