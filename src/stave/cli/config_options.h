// The options that say how an image runs, shared by pack and config: each is an
// edit of a config or of annotations, in the order of the command line.

#pragma once

#include <vector>

#include "stave/cli/command.h"
#include "stave/spec/spec.h"

namespace stave::cli {

// --entrypoint, --cmd, --env, --workdir, --user, --port, --volume, --label, --stop-signal, --author,
// --created, --annotation.
std::vector<Option> config_options();

// Did the command line ask for any of them?
bool edits_config(const Arguments& arguments);

// Makes the edits. `NAME-` removes an entry of --env, --port, --volume, --label, --annotation; an empty text
// removes what the others set. A new entrypoint clears an inherited cmd unless --cmd is given, too. `created`
// (SOURCE_DATE_EPOCH) stands in for --created when that is not given.
void apply_config_options(const Arguments& arguments, const std::string& created, spec::Config& config,
                          spec::Annotations& annotations);

}  // namespace stave::cli
