// What a runtime would say of a program that is not there, said before anything is
// started, and once: runtimes print their word on the container's own standard
// error as well.

#pragma once

#include <optional>
#include <string_view>

#include "stave/fs/fs.h"
#include "stave/runtime/runtime.h"

namespace stave::rootfs {

// Looks for process.args[0] of `config` (a config.json of ours) in the root file system, along the PATH of
// the container. nullopt if it is there and executable by somebody, and if it could come from a mount: then
// the runtime has to say.
std::optional<runtime::Refusal> foresee_refusal(std::string_view config, const fs::Dir& root);

}  // namespace stave::rootfs
