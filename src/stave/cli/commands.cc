// The program: every verb, in the order in which help lists them.

#include <utility>

#include "stave/cli/grounds.h"
#include "stave/cli/network.h"
#include "stave/cli/verbs.h"
#include "stave/compress/compress.h"
#include "stave/json/json.h"

namespace stave::cli {

Command version_verb() {
  Command verb{.name = "version",
               .summary = "print the version, and with --json those of the codecs",
               .description =
                   "Prints the version. `--json` adds the codecs, on whose versions the compressed bytes of "
                   "a layer depend (its diff_id does not)."};
  verb.options = {{.names = "--json", .value = "", .help = "print JSON"}};
  verb.examples = {{"stave version --json", "which libdeflate made this layer?"}};
  verb.run = [](const Invocation& invocation) {
    if (!invocation.json) {
      invocation.print("stave " STAVE_VERSION "\n");
      return 0;
    }
    json::Object codecs;
    for (const auto& codec : compress::versions()) codecs.string(codec.name, codec.version);
    json::Object object;
    object.string("version", STAVE_VERSION);
    object.string("platform", this_platform().str());
    object.text("codecs", std::move(codecs).finish());
    invocation.print(json::print_pretty(json::parse(std::move(object).finish(), "version")) + "\n");
    return 0;
  };
  return verb;
}

namespace {

// The verbs that take an image, which may be at a registry, say how to talk to one.
Command with_network(Command verb) {
  for (auto& each : verb.subcommands) each = with_network(std::move(each));
  if (!verb.subcommands.empty()) return verb;
  for (auto& option : network_options()) verb.options.push_back(std::move(option));
  return verb;
}

}  // namespace

Command program() {
  return {.name = "stave",
          .summary = "build, take apart and share OCI container images",
          .description =
              "Builds container images layer by layer, from files, with no daemon and no root, to "
              "the same bytes every time.",
          .subcommands = {with_network(build_verb()),
                          with_network(pack_verb()),
                          with_network(config_verb()),
                          with_network(index_verb()),
                          with_network(copy_verb()),
                          with_network(push_verb()),
                          with_network(pull_verb()),
                          with_network(tags_verb()),
                          with_network(referrers_verb()),
                          with_network(diff_verb()),
                          with_network(unpack_verb()),
                          with_network(run_verb()),
                          with_network(ls_verb()),
                          with_network(cat_verb()),
                          with_network(tree_verb()),
                          with_network(du_verb()),
                          with_network(inspect_verb()),
                          with_network(validate_verb()),
                          images_verb(),
                          tag_verb(),
                          with_network(rm_verb()),
                          fsck_verb(),
                          gc_verb(),
                          login_verb(),
                          logout_verb(),
                          version_verb(),
                          watch_verb(),
                          step_verb(),
                          complete_verb()}};
}

}  // namespace stave::cli
