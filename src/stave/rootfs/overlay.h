// Mounting an overlay with the options under which its upper directory can be read
// as a layer: what was renamed or changed is there in full, and nothing refers to
// what lies below.

#pragma once

#include <vector>

#include "stave/fs/fs.h"

namespace stave::rootfs {

struct Overlay {
  const std::vector<fs::Dir>* lowers = nullptr;  // the topmost first
  fs::Dir upper;
  fs::Dir work;  // empty, of the same file system
  fs::Dir target;
  bool in_user_namespace = false;
};

// 0, or the errno with which the kernel refused. Gives the upper directory the attributes of the topmost
// lower one, since the root of an overlay is the upper one. This process needs a /proc of its pid namespace.
int mount_overlay(const Overlay& overlay);

}  // namespace stave::rootfs
