// Inside: what the first process of a container's pid namespace does. Internal to
// rootfs.

#pragma once

#include <functional>
#include <string_view>

#include "stave/rootfs/container.h"
#include "stave/runtime/watch.h"

namespace stave::rootfs {

// Leaves the mount namespace of the host, mounts the root file system and runs the container.
Ended run_inside(const Container& container, const runtime::Watch& watch,
                 const std::function<void(std::string_view)>& say);

}  // namespace stave::rootfs
