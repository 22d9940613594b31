// Where an operation happens: the parent directory as a handle, and one component in
// it. Every operation on a path below a Dir goes through here. Internal to fs.

#pragma once

#include <string>
#include <string_view>

#include "stave/fs/sys.h"

namespace stave::fs {

struct Place {
  int directory = -1;  // the parent
  std::string name;    // a single component; "." is the Dir itself
  Fd owned;            // what keeps `directory` open, unless it is the Dir's own
  int error = 0;       // why the parent could not be reached

  bool is_self() const { return name == "."; }
};

// Throws Kind::invalid for a path that is none; an unreachable parent is said in `error` (ELOOP: through a
// symlink).
Place try_locate(const Dir& dir, std::string_view relative);
// Opens a path in one system call, without its parent, where that can be done and succeeds; otherwise none,
// and whoever goes by `locate` finds out why. Throws Kind::invalid for a path that is none.
Fd try_open(const Dir& dir, std::string_view relative, int flags);
// Throws for both.
Place locate(const Dir& dir, std::string_view relative);

// The text of a symlink.
std::string read_link(int directory, const char* name, const Where& where);

}  // namespace stave::fs
