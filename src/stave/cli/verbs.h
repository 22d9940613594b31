// The verbs. Each function describes one: its words, its options, its examples,
// and what it runs.

#pragma once

#include "stave/cli/command.h"

namespace stave::cli {

// The hidden verb that watches over a container: its process has one thread only.
inline constexpr const char* watching_verb = "__run";
// The hidden verb that is one RUN of a build: one thread only, too.
inline constexpr const char* step_verb_name = "__step";

Command build_verb();
Command pack_verb();
Command config_verb();
Command index_verb();
Command copy_verb();
Command push_verb();
Command pull_verb();
Command tags_verb();
Command referrers_verb();
Command diff_verb();
Command unpack_verb();
Command run_verb();
Command watch_verb();  // hidden: what `run` becomes
Command step_verb();   // hidden: what `build` starts for a RUN
Command ls_verb();
Command cat_verb();
Command tree_verb();
Command du_verb();
Command inspect_verb();
Command validate_verb();
Command login_verb();
Command logout_verb();
Command images_verb();
Command tag_verb();
Command rm_verb();
Command gc_verb();
Command fsck_verb();
Command version_verb();
Command complete_verb();  // hidden: what the shells' completion scripts ask

}  // namespace stave::cli
