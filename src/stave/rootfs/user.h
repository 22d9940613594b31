// Who a process of a container is: Config.User of an image (image-spec, config.md,
// "User"), looked up in the passwd and group files of the image itself.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "stave/fs/fs.h"

namespace stave::rootfs {

struct User {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups = {};  // supplementary, sorted, without `gid`
  std::string home = "/";

  friend bool operator==(const User&, const User&) = default;
};

// `text` is one of user, uid, user:group, uid:gid, uid:group and user:gid; empty is uid 0. Numbers need no
// entry. Without a group, the gid and the supplementary groups are those of the user's entries, and gid 0 if
// there is none; with a group, no supplementary ones. Lines of the files that are not understood count for
// nothing. Throws Kind::invalid for a name that is in neither file, for a number above 2^31-1 (what runtimes
// take), and for a file that is no regular file; Kind::limit for a file above 1 MiB.
User find_user(std::string_view text, const fs::Dir& root);

}  // namespace stave::rootfs
