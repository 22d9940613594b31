// The program: every verb, in the order in which help lists them.

#include "stave/cli/grounds.h"
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

Command program() {
  return {.name = "stave",
          .summary = "build, take apart and share OCI container images",
          .description =
              "Builds container images layer by layer, from files, with no daemon and no root, to "
              "the same bytes every time.",
          .subcommands = {pack_verb(),    config_verb(),  index_verb(),    copy_verb(),    diff_verb(),
                          unpack_verb(),  run_verb(),     ls_verb(),       cat_verb(),     tree_verb(),
                          du_verb(),      inspect_verb(), validate_verb(), images_verb(),  tag_verb(),
                          rm_verb(),      fsck_verb(),    gc_verb(),       version_verb(), watch_verb(),
                          complete_verb()}};
}

}  // namespace stave::cli
