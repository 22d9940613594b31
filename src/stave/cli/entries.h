// Entries of a tree as people and programs are shown them.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "stave/cli/command.h"
#include "stave/layer/changeset.h"

namespace stave::json {
class Object;
}

namespace stave::cli {

// "regular", "directory", "symlink", "character", "block", "fifo".
std::string_view type_word(layer::Type type);

// "drwxr-xr-x", "-rwsr-sr-t": as POSIX wants it of ls -l.
std::string mode_string(const layer::Metadata& meta);

// "2024-09-06 11:34:36" in UTC, or "@SECONDS" outside of the years 1 to 9999.
std::string time_text(std::int64_t seconds);

// A name that came from an image: bytes that are no text and control characters are escaped (\x1b), and what
// is not ASCII becomes "?" on a terminal that has no more.
std::string shown(const Invocation& invocation, std::string_view name);

// The members `type`, `mode`, `uid`, `gid`, `size`, `mtime`, `link` and `device`, as far as they apply
// (docs/json.md).
void add_metadata(json::Object& object, const layer::Metadata& meta);

}  // namespace stave::cli
