// stave pack: an image from files, without a Containerfile.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/cache/layers.h"
#include "stave/cli/config_options.h"
#include "stave/cli/grounds.h"
#include "stave/cli/pack_words.h"
#include "stave/cli/userns.h"
#include "stave/cli/verbs.h"
#include "stave/compress/compress.h"
#include "stave/fs/link.h"
#include "stave/image/builder.h"
#include "stave/image/image.h"
#include "stave/json/json.h"
#include "stave/place/joined.h"
#include "stave/place/place.h"

namespace stave::cli {
namespace {

// What holds for the --add and --layer that follow on the command line.
struct Manner {
  std::optional<OwnerWords> owner;
  std::optional<std::uint32_t> mode;
  std::optional<std::int64_t> mtime;
  bool keep_mtime = false;
};

void set_mtime(const std::string& value, Manner& manner) {
  manner.keep_mtime = value == "keep";
  manner.mtime = manner.keep_mtime ? std::nullopt : std::optional(parse_time(value, "--mtime"));
}

compress::Codec codec_of(const Arguments& arguments) {
  try {
    return compress::Codec::parse(arguments.get("--compression").value_or("gzip"));
  } catch (const Error& e) {
    throw e.within("--compression");
  }
}

// One run of pack for one platform.
class Packing {
 public:
  Packing(const Invocation& invocation, const place::Grounds& grounds, const content::Store& store,
          const cache::Layers* layers, const spec::Platform& platform)
      : invocation_(invocation),
        arguments_(invocation.arguments),
        grounds_(grounds),
        store_(store),
        layers_(layers),
        platform_(platform),
        epoch_(source_date_epoch(invocation.surroundings)),
        codec_(codec_of(arguments_)) {}

  // Where the base is; null: there is none.
  const std::shared_ptr<const content::BlobSource>& base() const { return base_; }

  spec::Descriptor run() {
    auto base = image::scratch(platform_);
    std::shared_ptr<const content::BlobSource> base_blobs;
    if (const auto reference = arguments_.get("--base")) base = open_base(*reference, base_blobs);
    image::Builder builder(invocation_.context, store_,
                           base_blobs ? *base_blobs : static_cast<const content::BlobSource&>(store_),
                           std::move(base),
                           {.codec = codec_,
                            .created = created(),
                            .parent_mtime = {epoch_.value_or(0), 0},
                            .warn_of_owners = ::geteuid() != 0,
                            .remember = remember()});
    Manner manner;
    for (const auto& [option, value] : arguments_.in_order()) step(builder, manner, option, value);
    auto image = std::move(builder).finish();
    auto config = image.config;
    auto annotations = image.manifest.annotations;
    config.created.clear();  // the base's time is not this image's
    apply_config_options(arguments_, epoch_ ? rfc3339(*epoch_) : "", config, annotations);
    image = image::with_config(std::move(image), std::move(config));
    image.manifest.annotations = std::move(annotations);
    return image::put(store_, image);
  }

 private:
  layer::Remember remember() const {
    const auto now = fs::change_clock();
    return {.layers = layers_,
            .seen_after = {now.seconds, now.nanoseconds},
            .verify = arguments_.has("--verify-cache")};
  }

  image::Image open_base(const std::string& reference, std::shared_ptr<const content::BlobSource>& blobs) {
    const auto words = place::Words::parse(reference);
    const auto located = place::open_anywhere(invocation_.context, words, grounds_);
    blobs = located.blobs;
    base_ = located.blobs;
    const auto descriptor = image::select(*blobs, located.root, platform_);
    // The new image refers to the base's layers: they come along.
    place::copy_blobs(invocation_.context, *blobs, descriptor, store_);
    return image::load(*blobs, descriptor);
  }

  std::string created() const {
    if (const auto given = arguments_.get("--created"); given && !given->empty())
      return rfc3339(parse_time(*given, "--created"));
    return epoch_ && !arguments_.has("--created") ? rfc3339(*epoch_) : "";
  }

  void step(image::Builder& builder, Manner& manner, const std::string& option, const std::string& value) {
    if (option == "--owner") manner.owner = parse_owner(value);
    if (option == "--mode") manner.mode = parse_mode(value);
    if (option == "--mtime") set_mtime(value, manner);
    if (option == "--new-layer") builder.new_layer();
    if (option == "--rm") builder.remove(value);
    if (option == "--layer") add_layer(builder, manner, value);
    if (option == "--add") add(builder, manner, value);
    if (option == "--tree") add_tree(builder, manner, value);
  }

  // Metadata exactly as found, unless something was said.
  layer::Adopt as_found(const Manner& manner) const {
    layer::Adopt adopt{.owner = {}, .mode = manner.mode, .mtime = {}, .newest_mtime = epoch_};
    if (manner.owner) adopt.owner = layer::Owner{manner.owner->uid, manner.owner->gid};
    if (manner.mtime) adopt.mtime = layer::Timestamp{*manner.mtime, 0};
    return adopt;
  }

  void add_tree(image::Builder& builder, const Manner& manner, const std::string& value) {
    const std::string path = expand(value, platform_);
    std::error_code error;
    const auto real = std::filesystem::canonical(path, error);
    if (error) throw_errno(error.value(), "--tree " + quote(path));
    if (!std::filesystem::is_directory(real)) {
      throw Error(Kind::invalid, fmt::format("--tree: {} is no directory", quote(path)),
                  "--layer takes a tar, --add a file");
    }
    builder.add_tree(real.string(), as_found(manner));
  }

  void add(image::Builder& builder, const Manner& manner, const std::string& value) {
    const auto words = parse_add(expand(value, platform_));
    const auto owner = manner.owner.value_or(OwnerWords{});
    layer::Adopt adopt{.owner = layer::Owner{owner.uid, owner.gid},
                       .mode = manner.mode,
                       .mtime = {},
                       .newest_mtime = epoch_};
    if (!manner.keep_mtime) adopt.mtime = layer::Timestamp{manner.mtime.value_or(epoch_.value_or(0)), 0};
    builder.add(words.source, words.destination, adopt);
  }

  void add_layer(image::Builder& builder, const Manner& manner, const std::string& value) {
    if (value == "-") {
      const auto input = place::open_input(invocation_.context, grounds_);
      return builder.add_tar_layer(*input, import_of("standard input", 0));
    }
    const std::string path = expand(value, platform_);
    std::error_code error;
    const auto real = std::filesystem::canonical(path, error);
    if (error) throw_errno(error.value(), "--layer " + quote(path));
    if (std::filesystem::is_directory(real)) {
      return builder.add_directory_layer(real.string(), as_found(manner));
    }
    const auto file = std::make_shared<const fs::Fd>(
        fs::Dir::open(real.parent_path().string()).open_file(real.filename().string()));
    const auto size = fs::stat(*file).size;
    fs::FileSource input(file, 0, size, path);
    builder.add_tar_layer(input, import_of(quote(path), size));
  }

  layer::Import import_of(const std::string& name, std::uint64_t size) const {
    layer::Import how{.name = name,
                      .size = size,
                      .force = arguments_.has("--force"),
                      .recompress = {},
                      .spool = grounds_.spool};
    if (arguments_.has("--recompress")) how.recompress = codec_;
    return how;
  }

  const Invocation& invocation_;
  const Arguments& arguments_;
  const place::Grounds& grounds_;
  const content::Store& store_;
  const cache::Layers* layers_;
  const spec::Platform& platform_;
  std::optional<std::int64_t> epoch_;
  compress::Codec codec_;
  std::shared_ptr<const content::BlobSource> base_ = {};
};

// Standard input gives what it has once.
void check_streams(const Arguments& arguments) {
  int streams = arguments.get("--base") == "-" ? 1 : 0;
  for (const auto& layer : arguments.all("--layer")) streams += layer == "-" ? 1 : 0;
  if (streams > 1)
    throw Error(Kind::usage, "standard input (-) is named more than once, and can be read once only");
  if (streams == 1 && platforms_of(arguments).size() > 1) {
    throw Error(Kind::usage, "standard input (-) can be read once only, and there are several platforms",
                "write it into a file first");
  }
}

// Whatever can be refused is refused before the first byte is read.
void check_early(const Invocation& invocation, const std::vector<std::string>& tags) {
  const auto& arguments = invocation.arguments;
  if (tags.empty() && !arguments.has("--output")) {
    throw Error(Kind::usage, "the image has neither a name nor a destination",
                "name it with -t NAME, or write it somewhere with -o DEST");
  }
  check_streams(arguments);
  static_cast<void>(codec_of(arguments));
  Manner manner;
  for (const auto& [option, value] : arguments.in_order()) {
    if (option == "--owner") parse_owner(value);
    if (option == "--mode") parse_mode(value);
    if (option == "--mtime") set_mtime(value, manner);
    if (option == "--add")
      static_cast<void>(parse_add(expand(
          value,
          spec::Platform{
              .os = "os", .architecture = "arch", .variant = "", .os_version = "", .os_features = {}})));
  }
  spec::Config config;
  spec::Annotations annotations;
  apply_config_options(arguments, "", config, annotations);
}

std::string summary_json(const spec::Descriptor& root, const std::vector<std::string>& tags,
                         const std::vector<spec::Descriptor>& images) {
  json::Object object;
  object.string("mediaType", root.media_type);
  object.string("digest", root.digest.str());
  object.number("size", root.size);
  object.text("names", json::print_strings(tags));
  std::vector<std::string> parts;
  for (const auto& image : images) {
    json::Object part;
    part.string("platform", image.platform ? image.platform->str() : "");
    part.string("digest", image.digest.str());
    parts.push_back(std::move(part).finish());
  }
  object.text("images", json::print_array(parts));
  return json::print_pretty(json::parse(std::move(object).finish(), "the summary")) + "\n";
}

// What the command line asks for beside the steps.
struct Order {
  std::vector<std::string> tags;
  std::optional<place::Words> output;
  place::Copy copy;
};

// The layers packed before. Where they cannot be kept packing just takes longer, and says so if it was asked
// to look at them.
std::optional<cache::Layers> open_layers(const Invocation& invocation) {
  if (invocation.arguments.has("--no-cache")) return std::nullopt;
  const auto cache = find_cache(invocation.surroundings);
  const bool asked = invocation.arguments.has("--verify-cache");
  if (!cache && asked)
    throw Error(Kind::usage, "--verify-cache: nothing says where the cache is",
                "set HOME or XDG_CACHE_HOME to an absolute path");
  if (!cache) return std::nullopt;
  try {
    return cache::Layers::open(*cache + "/layers");
  } catch (const Error& e) {
    if (asked) throw;
    // A home that cannot be written to is usual for services.
    if (e.kind() != Kind::denied && e.kind() != Kind::not_found)
      invocation.context.progress->warn(fmt::format("nothing is remembered for the next pack: {}", e.what()));
    return std::nullopt;
  }
}

void pack_into(const Invocation& invocation, const Order& order, const place::Grounds& grounds,
               const content::Store& store) {
  const auto& arguments = invocation.arguments;
  auto platforms = platforms_of(arguments);
  if (platforms.empty()) platforms.push_back(this_platform());
  const auto layers = open_layers(invocation);
  std::vector<spec::Descriptor> images;
  std::vector<std::shared_ptr<const content::BlobSource>> bases;
  for (const auto& platform : platforms) {
    try {
      Packing packing(invocation, grounds, store, layers ? &*layers : nullptr, platform);
      images.push_back(packing.run());
      if (packing.base()) bases.push_back(packing.base());
    } catch (const Error& e) {
      throw platforms.size() == 1 || e.kind() == Kind::cancelled ? e : e.within(platform.str());
    }
  }
  const auto root = images.size() == 1 ? images.front() : image::put_index(store, images, {});

  for (const auto& tag : order.tags) {
    auto named = root;
    named.annotations = place::naming_annotations(tag, false);
    tell_moved(invocation, tag, store.tag(tag, named), root.digest);
  }
  if (order.output) {
    // Layers of a base at the same registry need not be sent there again.
    std::vector<std::shared_ptr<const content::BlobSource>> from = {{&store, [](const content::Store*) {}}};
    from.insert(from.end(), bases.begin(), bases.end());
    place::copy(invocation.context, place::Joined(std::move(from)), root, *order.output, order.copy, grounds);
  }
  // The archive has standard output when it goes there.
  if (order.output && order.output->transport == place::Transport::stream) {
    if (!invocation.quiet) invocation.surroundings.err(root.digest.str() + "\n");
  } else {
    invocation.print(invocation.json ? summary_json(root, order.tags, images) : root.digest.str() + "\n");
  }
}

// Blobs that no name leads to are of no use to anybody: after a failure, or when the image was only wanted
// elsewhere, they go at once instead of waiting for gc.
void take_back(const place::Grounds& grounds, std::shared_ptr<const content::Store>& store) {
  const auto made = store->made();
  store.reset();
  try {
    content::Store::take_back({}, grounds.store, made);
  } catch (const Error&) {
    // Whatever keeps them there, gc says it; what became of the work is the news here.
  }
}

int run_pack(const Invocation& invocation) {
  const auto& arguments = invocation.arguments;
  if (arguments.has("--userns")) stand_as_root(invocation, Range::needed);
  Order order;
  for (const auto& tag : arguments.all("--tag")) order.tags.push_back(place::stored_name(tag));
  if (const auto given = arguments.get("--output")) order.output = place::Words::parse(*given);
  order.copy = {.name = order.tags.empty() ? "" : order.tags.front(), .force = arguments.has("--force")};
  check_early(invocation, order.tags);
  const auto grounds = grounds_of(invocation);
  if (order.output) place::check_destination(*order.output, order.copy, grounds);

  auto store = place::open_store(grounds);
  try {
    pack_into(invocation, order, grounds, *store);
  } catch (...) {
    take_back(grounds, store);
    throw;
  }
  if (order.tags.empty()) take_back(grounds, store);
  return 0;
}

}  // namespace

Command pack_verb() {
  Command verb{
      .name = "pack",
      .summary = "make an image from files, directories and tars",
      .description =
          "Makes an image without a Containerfile: from scratch, or on top of `--base`. "
          "Layers stack in the order of the command line; neighbouring `--add` and `--rm` make one layer. "
          "The digest goes to standard output.\n\n"
          "`--layer` takes a directory, whose metadata is kept exactly as found, or a tar (plain, gzip or "
          "zstd, told by its content), which becomes a layer byte for byte after it was checked; "
          "`-` is standard input.\n\n"
          "`--tree DIR` makes one layer of whatever turns the image so far into DIR: what was added and "
          "changed, and whiteouts for what is gone (see `stave diff`). Contents are compared, times are not "
          "trusted; a tree made by `stave unpack` is compared by its fingerprints.\n\n"
          "`--add SRC[:DEST]` puts a file at DEST, or the contents of a directory below it. Without DEST it "
          "is `/BASENAME`; a DEST that ends in `/` means into. DEST is resolved in the image as a process "
          "chrooted "
          "there would. `\\:` is a colon; `{os}`, `{arch}` and `{variant}` become the platform's, `{{` is a "
          "brace. Owner is 0:0, the mode as found, mtime SOURCE_DATE_EPOCH, else 0. Missing parents are 0755 "
          "0:0; existing ones keep their metadata.\n\n"
          "The same input gives the same digest on any machine, whoever packs it and with however many "
          "threads. With SOURCE_DATE_EPOCH, later mtimes are clamped to it.\n\n"
          "What was packed is remembered in the cache: files that nobody touched since are not opened again, "
          "and "
          "blocks that are known by their content are not compressed again. The result never depends on it."};
  const std::string layers = "Layers";
  verb.options = {
      {.names = "-t,--tag",
       .value = "NAME[:TAG]",
       .help = "name the image in the local store",
       .repeatable = true,
       .completes = Completes::image},
      {.names = "-o,--output",
       .value = "DEST",
       .help =
           "copy the result there as well: docker://NAME, oci:DIR, oci-archive:FILE, docker-archive:FILE, -",
       .completes = Completes::file},
      {.names = "--platform",
       .value = "P[,P…]",
       .help = "make one image for each and an index over them; default: this machine's",
       .repeatable = true,
       .completes = Completes::platform},
      {.names = "--compression",
       .value = "CODEC[:LEVEL]",
       .help = "of the layers that are made: gzip, zstd or none; default gzip:5"},
      {.names = "--no-cache", .value = "", .help = "neither use nor fill the cache of layers packed before"},
      {.names = "--verify-cache", .value = "", .help = "pack everything anew and compare with the cache"},
      {.names = "--json", .value = "", .help = "print the result as JSON"},
      {.names = "--base",
       .value = "IMAGE",
       .help = "start from an image, in any place; a name that is not here is fetched",
       .completes = Completes::image,
       .group = layers},
      {.names = "--layer",
       .value = "PATH|-",
       .help = "a directory or a tar becomes one layer",
       .repeatable = true,
       .completes = Completes::file,
       .group = layers},
      {.names = "--tree",
       .value = "DIR",
       .help = "one layer: whatever makes the image so far equal to a directory",
       .repeatable = true,
       .completes = Completes::directory,
       .group = layers},
      {.names = "--add",
       .value = "SRC[:DEST]",
       .help = "put a file, or a directory's contents, somewhere",
       .repeatable = true,
       .completes = Completes::file,
       .group = layers},
      {.names = "--rm",
       .value = "PATH",
       .help = "remove a path of what is below",
       .repeatable = true,
       .group = layers},
      {.names = "--new-layer",
       .value = "",
       .help = "what follows goes into another layer",
       .repeatable = true,
       .group = layers},
      {.names = "--owner",
       .value = "UID[:GID]",
       .help = "owner of what follows",
       .repeatable = true,
       .group = layers},
      {.names = "--mode",
       .value = "OCTAL",
       .help = "mode of files that follow; directories get x where that has r",
       .repeatable = true,
       .group = layers},
      {.names = "--mtime",
       .value = "keep|TIME",
       .help = "mtime of what follows: as found, or a time",
       .repeatable = true,
       .group = layers},
      {.names = "--userns",
       .value = "",
       .help = "see owners as in the user namespace that unpack --userns uses",
       .group = layers},
      {.names = "--recompress",
       .value = "",
       .help = "rewrite tars of --layer in canonical form",
       .group = layers},
      {.names = "--force",
       .value = "",
       .help = "take tars that break the spec; replace an existing output file",
       .group = layers},
  };
  for (auto& option : config_options()) verb.options.push_back(std::move(option));
  verb.examples = {
      {"stave pack -t hello:scratch --add hello --entrypoint ./hello", "from scratch: one layer, one binary"},
      {"stave pack -t hello:alpine --layer alpine.tar.gz --add hello:/root/hello --workdir /root "
       "--entrypoint 'time ./hello'",
       "a root file system and a program on top"},
      {"stave pack -t hello:multi --platform linux/amd64,linux/arm64 --add 'build/{arch}/hello:/hello' "
       "--entrypoint /hello",
       "one image for each platform, and an index"},
      {"stave pack -t app:2 --base app:1 --tree ./rootfs", "app:1 made equal to a directory, as one layer"},
      {"stave pack --base docker://registry.example.com/alpine:3.20 --add app:/app -o "
       "docker://registry.example.com/me/app:2",
       "from a registry to a registry"},
      {"tar -C rootfs -c . | stave pack -o - --layer - --cmd sh | podman load", "from pipe to pipe"},
  };
  verb.run = run_pack;
  return verb;
}

}  // namespace stave::cli
