// Digests of files of this host by what stat says of them, so that an unchanged
// context costs a walk and no reading. ctime keeps it honest: no program can set it back.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "stave/fs/fs.h"
#include "stave/hash/digest.h"

namespace stave::build {

// A regular file as a walk found it. `digest`, where it is known, is the SHA-256 of its content.
struct SeenFile {
  std::string path;
  fs::Stat stat;
  std::optional<Digest> digest = {};
};

// May an unchanged ctime on this file system be taken for an unchanged file? ext4, xfs, btrfs, tmpfs,
// overlayfs and zfs; a server behind NFS, 9p or FUSE has a clock and rules of its own.
bool keeps_ctime(const fs::Fd& file);

// Had the file, by its ctime, been left alone when the clock (fs::change_clock) showed `began`? What was
// changed later may have changed again without looking different. Times without a fraction are taken for
// those of a file system that counts in seconds: two of them must lie between.
bool settled(const fs::Stat& stat, const fs::Time& began);

class StatCache {
 public:
  // What is kept in the file `path`; nothing if it is not there, damaged, or of another version.
  static StatCache load(const std::string& path);

  // The digest that was kept for exactly this path and stat.
  std::optional<Digest> find(std::string_view path, const fs::Stat& stat) const;

  // Writes a new file in place of the old one: those of `files` that have a digest and were settled when the
  // walk that found them `began`. A cache that cannot be written costs time the next time and is no error:
  // false.
  static bool save(const std::string& path, const std::vector<SeenFile>& files, const fs::Time& began);

 private:
  std::string bytes_;
  std::unordered_map<std::string_view, std::size_t> records_;  // by path: where in bytes_ its record is
};

}  // namespace stave::build
