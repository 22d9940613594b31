// stave copy: an image from one place to another.

#include <fmt/format.h>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/cli/grounds.h"
#include "stave/cli/transfer.h"
#include "stave/cli/verbs.h"
#include "stave/place/place.h"

namespace stave::cli {
namespace {

void check_referrers(const Arguments& arguments, const place::Words& destination) {
  if (!arguments.has("--referrers")) return;
  const auto to = destination.transport;
  if (to == place::Transport::store || to == place::Transport::layout || to == place::Transport::registry)
    return;
  throw Error(Kind::usage, "--referrers: an archive holds one image",
              "copy to a registry, to oci:DIR or into the store");
}

int run_copy(const Invocation& invocation) {
  const auto& arguments = invocation.arguments;
  const auto& words = arguments.positionals();
  const auto grounds = grounds_of(invocation);
  const auto source = place::Words::parse(words[0]);
  const auto destination = words.size() > 1 ? place::Words::parse(words[1]) : place::Words{};
  place::Copy how{
      .name = {}, .force = arguments.has("--force"), .for_docker = arguments.get("--for") == "docker"};
  if (arguments.has("--all") && arguments.has("--platform"))
    throw Error(Kind::usage, "--all and --platform exclude each other");
  check_referrers(arguments, destination);
  place::check_destination(destination, how, grounds);

  const auto located = reduced(place::open(invocation.context, source, grounds), platforms_of(arguments),
                               destination, grounds);
  how.name = located.name;
  const auto copied =
      place::copy(invocation.context, *located.blobs, located.root, destination, how, grounds);
  if (arguments.has("--referrers"))
    place::copy_referrers(invocation.context, *located.blobs, located.root, destination, grounds);
  if (destination.transport == place::Transport::stream) return 0;
  print_copied(invocation, copied);
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
          "Places: `NAME[:TAG]` is the local store, `docker://HOST/PATH[:TAG]` a registry, `oci:DIR[:REF]` a "
          "layout, `oci-archive:FILE[:REF]` and "
          "`docker-archive:FILE[:REF]` archives, `-` standard output (an archive) or standard input. "
          "The archives that are written are OCI layouts which carry docker's manifest.json as well: podman, "
          "skopeo, containerd and docker load them.\n\n"
          "To a registry only what it lacks is sent, and the tag comes last; from one into the store or a "
          "layout, a "
          "copy that was interrupted goes on where it was.\n\n"
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
      {.names = "--all", .value = "", .help = "all platforms, which is the default"},
      {.names = "--referrers", .value = "", .help = "with what refers to it: signatures, bills of materials"},
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
      {"stave copy docker://registry.example.com/app:1 docker://mirror.example.com/app:1", "all platforms"},
      {"podman save --format oci-archive alpine | stave copy - alpine", "from podman"},
      {"stave copy oci:build/layout:1.2 --platform linux/arm64 app:1.2-arm64", "one platform of many"},
  };
  verb.run = run_copy;
  return verb;
}

}  // namespace stave::cli
