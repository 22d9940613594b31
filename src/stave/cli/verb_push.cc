// stave push and pull: an image to a registry, and from one into the local store.

#include <fmt/format.h>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/cli/grounds.h"
#include "stave/cli/transfer.h"
#include "stave/cli/verbs.h"
#include "stave/image/image.h"
#include "stave/json/json.h"
#include "stave/place/place.h"

namespace stave::cli {
namespace {

// --- push ---

// Where it goes: as it was said, else by the name that the image has.
place::Words target_of(const std::vector<std::string>& words, const place::Located& located) {
  if (words.size() > 1) return registry_words(words[1]);
  if (located.name.empty() || spec::Reference::parse(located.name).registry.empty()) {
    throw Error(Kind::usage, fmt::format("{} has no name that begins with a registry", quote(words[0])),
                "say where it goes: stave push " + printable(words[0]) + " docker://HOST/PATH:TAG");
  }
  return place::Words::parse("docker://" + located.name);
}

int run_push(const Invocation& invocation) {
  const auto& arguments = invocation.arguments;
  const auto& words = arguments.positionals();
  const auto grounds = grounds_of(invocation);
  const place::Copy how{.name = {}, .untagged = arguments.has("--untagged")};
  if (words.size() > 1) place::check_destination(registry_words(words[1]), how, grounds);

  auto located = place::open(invocation.context, place::Words::parse(words[0]), grounds);
  const auto destination = target_of(words, located);
  located = reduced(std::move(located), platforms_of(arguments), destination, grounds);
  const auto copied =
      place::copy(invocation.context, *located.blobs, located.root, destination, how, grounds);
  if (arguments.has("--referrers"))
    place::copy_referrers(invocation.context, *located.blobs, located.root, destination, grounds);
  print_copied(invocation, copied);
  return 0;
}

// --- pull ---

struct Wanted {
  std::string word;
  place::Located image;
};

Wanted open_wanted(const Invocation& invocation, const std::string& word, const place::Grounds& grounds) {
  const bool prefixed = word.starts_with("docker://");
  const auto words = place::Words::parse(word);
  if (words.transport != place::Transport::registry && words.transport != place::Transport::store) {
    throw Error(Kind::usage, fmt::format("{} is at no registry", quote(word)),
                "stave copy " + printable(word) + " NAME");
  }
  if (prefixed) return {word, place::open(invocation.context, words, grounds)};
  auto image = place::open_at_registry(invocation.context, word, grounds);
  // A name is kept as it was typed: so it is found again by it.
  auto typed = spec::Reference::parse(words.reference);
  if (!typed.tag.empty()) typed.digest.reset();
  const std::string full = std::exchange(image.name, typed.str());
  if (full != image.name && !invocation.quiet)
    invocation.surroundings.err(fmt::format("{} is docker://{}\n", printable(image.name), printable(full)));
  return {word, std::move(image)};
}

place::Copied pull(const Invocation& invocation, const std::string& word, const place::Grounds& grounds) {
  const auto& arguments = invocation.arguments;
  auto [typed, image] = open_wanted(invocation, word, grounds);
  auto platforms = platforms_of(arguments);
  const bool index = spec::media::is_index(image.root.media_type);
  if (platforms.empty() && index && !arguments.has("--all")) platforms.push_back(this_platform());
  const std::string name = image.name;
  image = reduced(std::move(image), std::move(platforms), {}, grounds);
  const place::Words into{.transport = place::Transport::store, .path = {}, .reference = name};
  const auto copied =
      place::copy(invocation.context, *image.blobs, image.root, into, {.name = name}, grounds);
  if (arguments.has("--referrers"))
    place::copy_referrers(invocation.context, *image.blobs, image.root, into, grounds);
  return copied;
}

int run_pull(const Invocation& invocation) {
  const auto& arguments = invocation.arguments;
  if (arguments.has("--all") && arguments.has("--platform"))
    throw Error(Kind::usage, "--all and --platform exclude each other");
  const auto grounds = grounds_of(invocation);
  std::vector<std::string> results;
  for (const auto& word : arguments.positionals()) {
    const auto copied = pull(invocation, word, grounds);
    if (!invocation.json) {
      print_copied(invocation, copied);
      continue;
    }
    tell_moved(invocation, copied.name, copied.before, copied.root.digest);
    results.push_back(copied_json(copied));
  }
  if (invocation.json)
    invocation.print(json::print_pretty(json::parse(json::print_array(results), "the result")) + "\n");
  return 0;
}

const Option referrers_option{
    .names = "--referrers", .value = "", .help = "with what refers to it: signatures, bills of materials"};
const Option json_option{.names = "--json", .value = "", .help = "print the result as JSON"};

}  // namespace

Command push_verb() {
  Command verb{
      .name = "push",
      .summary = "send an image to a registry",
      .description =
          "Sends an image with everything it refers to: layers, configs, manifests, and the tag last, so "
          "that "
          "nobody sees half of it. What the registry has is not sent, and what another of its repositories "
          "has, from which the image comes, is mounted. No byte changes: the digest is the same there. "
          "Layers that are only to be had elsewhere (`urls`) are not sent.\n\n"
          "Without DST the image goes where its name says, if that begins with a host. `docker://` may be "
          "left away before a host. Without a tag it is `:latest`; `--untagged` sends it without any, to be "
          "listed by its digest in an index.\n\n"
          "An upload that was interrupted goes on where it was, if the registry still knows of it."};
  verb.positionals = {{.name = "SRC", .help = "an image in any place", .completes = Completes::image},
                      {.name = "DST", .help = "where it goes: docker://HOST/PATH[:TAG]", .least = 0}};
  verb.options = {
      {.names = "--platform",
       .value = "P[,P…]",
       .help = "only these",
       .repeatable = true,
       .completes = Completes::platform},
      {.names = "--untagged", .value = "", .help = "without a tag, by its digest alone"},
      referrers_option,
      json_option,
  };
  verb.examples = {
      {"stave push hello:scratch docker://registry.example.com/me/hello:1", "under another name"},
      {"stave push registry.example.com/me/hello:1", "under its own"},
      {"digest=$(stave push --untagged app docker://registry.example.com/me/app)",
       "by its digest, for `stave index create` on another machine"},
  };
  verb.run = run_push;
  return verb;
}

Command pull_verb() {
  Command verb{
      .name = "pull",
      .summary = "fetch an image from a registry into the local store",
      .description =
          "Fetches images into the local store: of an index this machine's platform, those of `--platform`, "
          "or `--all`. Every byte is verified. What is here already is not fetched, and a pull that was "
          "interrupted, or killed, goes on where it was.\n\n"
          "`docker://` may be left away. A name without a host is looked for where `registries.conf` says "
          "(its aliases and unqualified-search-registries), else at docker.io, and kept as it was typed."};
  verb.positionals = {{.name = "IMAGE", .help = "an image at a registry: [docker://]NAME[:TAG]", .most = 0}};
  verb.options = {
      {.names = "--platform",
       .value = "P[,P…]",
       .help = "these; default: this machine's",
       .repeatable = true,
       .completes = Completes::platform},
      {.names = "--all", .value = "", .help = "all platforms"},
      referrers_option,
      json_option,
  };
  verb.examples = {
      {"stave pull docker://registry.example.com/me/hello:1", "for this machine"},
      {"stave pull --platform linux/amd64,linux/arm64 alpine:3.20", "for two platforms, from docker.io"},
  };
  verb.run = run_pull;
  return verb;
}

}  // namespace stave::cli
