// The files of a layout directory besides its blobs: what they are called, how they
// are read from other tools' layouts, and how they are written. Internal to content.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "stave/base/limits.h"
#include "stave/fs/fs.h"
#include "stave/hash/digest.h"

namespace stave::content {

inline constexpr std::string_view layout_file = "oci-layout";
inline constexpr std::string_view layout_text = R"({"imageLayoutVersion":"1.0.0"})";
inline constexpr std::string_view index_file = "index.json";
// What begins so is a temporary file of a writer (fs::TempFile).
inline constexpr std::string_view temporary_prefix = ".stave-tmp-";

// And what begins so is a part of the blob whose digits follow: who wants it goes on behind it
// (Store::resume).
inline constexpr std::string_view partial_prefix = ".stave-partial-";

// "blobs/sha256/0123…" (image-layout.md, "Blobs").
std::string blob_path(const Digest& digest);

// Written beside, fsynced, renamed over; the directory is fsynced as well.
void write_file(const fs::Dir& dir, std::string_view file_name, std::string_view text);

// A file of `root`, which may be a symlink in a foreign layout, as its blobs may. Kind::invalid if it is not
// there, as then it is no layout.
std::string read_layout_file(const fs::Dir& root, std::string_view file_name, limits::Cap limit);

// image-layout.md, "oci-layout file": Kind::invalid unless it is one, Kind::unsupported for another version
// than 1.x.
void check_layout(const fs::Dir& root);

}  // namespace stave::content
