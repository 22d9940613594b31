// stave copy: an image from one place to another.

#include <fmt/format.h>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/cli/grounds.h"
#include "stave/cli/verbs.h"
#include "stave/image/image.h"
#include "stave/json/json.h"
#include "stave/place/place.h"

namespace stave::cli {
namespace {

// The blobs of two places, which it keeps open.
class Both final : public content::BlobSource {
 public:
  Both(std::shared_ptr<const content::BlobSource> first, std::shared_ptr<const content::BlobSource> second)
      : first_(std::move(first)), second_(std::move(second)), stacked_(*first_, *second_) {}
  std::unique_ptr<Source> find(const Digest& digest) const override { return stacked_.find(digest); }
  std::optional<std::uint64_t> find_size(const Digest& digest) const override {
    return stacked_.find_size(digest);
  }
  std::string describe() const override { return stacked_.describe(); }

 private:
  std::shared_ptr<const content::BlobSource> first_;
  std::shared_ptr<const content::BlobSource> second_;
  content::Stacked stacked_;
};

// The image as it is to be copied. docker-archive holds one image; of several platforms, this machine's.
place::Located reduced(place::Located located, std::vector<spec::Platform> platforms,
                       const place::Words& destination, const place::Grounds& grounds) {
  if (platforms.empty() && destination.transport == place::Transport::docker_archive &&
      spec::media::is_index(located.root.media_type)) {
    platforms.push_back(this_platform());
  }
  if (platforms.size() < 2) {
    if (!platforms.empty()) located.root = image::select(*located.blobs, located.root, platforms.front());
    return located;
  }
  // A new index over some of its platforms is made in the store: it is part of no place yet.
  auto made = place::open_store(grounds);
  located.root = place::restrict_to(located, platforms, *made);
  located.blobs = std::make_shared<Both>(std::move(located.blobs), std::move(made));
  return located;
}

int run_copy(const Invocation& invocation) {
  const auto& arguments = invocation.arguments;
  const auto& words = arguments.positionals();
  const auto grounds = grounds_of(invocation);
  const auto source = place::Words::parse(words[0]);
  const auto destination = words.size() > 1 ? place::Words::parse(words[1]) : place::Words{};
  place::Copy how{
      .name = {}, .force = arguments.has("--force"), .for_docker = arguments.get("--for") == "docker"};
  place::check_destination(destination, how, grounds);

  const auto located = reduced(place::open(invocation.context, source, grounds), platforms_of(arguments),
                               destination, grounds);
  how.name = located.name;
  const auto copied =
      place::copy(invocation.context, *located.blobs, located.root, destination, how, grounds);
  tell_moved(invocation, copied.name, copied.before, copied.root.digest);

  if (destination.transport == place::Transport::stream) return 0;
  if (invocation.json) {
    json::Object object;
    object.string_unless_empty("name", copied.name);
    object.string("mediaType", copied.root.media_type);
    object.string("digest", copied.root.digest.str());
    invocation.print(json::print_pretty(json::parse(std::move(object).finish(), "the result")) + "\n");
  } else {
    invocation.print(copied.root.digest.str() + "\n");
  }
  return 0;
}

}  // namespace

Command copy_verb() {
  Command verb{
      .name = "copy",
      .summary = "copy an image from one place to another",
      .description =
          "Copies an image with everything it refers to; every blob is verified, and no byte changes. "
          "Without DST it goes to the local store under the name it has.\n\n"
          "Places: `NAME[:TAG]` is the local store, `oci:DIR[:REF]` a layout, `oci-archive:FILE[:REF]` and "
          "`docker-archive:FILE[:REF]` archives, `-` standard output (an archive) or standard input. "
          "The archives that are written are OCI layouts which carry docker's manifest.json as well: podman, "
          "skopeo, containerd and docker load them.\n\n"
          "All platforms are copied unless `--platform` says which; a docker-archive holds one, this "
          "machine's."};
  verb.positionals = {{.name = "SRC", .help = "where the image is", .completes = Completes::image},
                      {.name = "DST",
                       .help = "where it goes; default: the local store",
                       .least = 0,
                       .completes = Completes::image}};
  verb.options = {
      {.names = "--platform",
       .value = "P[,P…]",
       .help = "only these",
       .repeatable = true,
       .completes = Completes::platform},
      {.names = "--for",
       .value = "CLIENT",
       .help = "docker: add the full name that docker's containerd store looks for",
       .choices = {"docker"}},
      {.names = "-f,--force", .value = "", .help = "replace an existing file"},
      {.names = "--json", .value = "", .help = "print the result as JSON"},
  };
  verb.examples = {
      {"stave copy hello:scratch oci-archive:hello.tar", "into a file"},
      {"stave copy hello:multi - | podman load", "to podman, through a pipe"},
      {"podman save --format oci-archive alpine | stave copy - alpine", "from podman"},
      {"stave copy oci:build/layout:1.2 --platform linux/arm64 app:1.2-arm64", "one platform of many"},
  };
  verb.run = run_copy;
  return verb;
}

}  // namespace stave::cli
