// pax extended headers (POSIX.1-2017, pax, "pax Header Block"): records of
// "length key=value\n" that overrule the header after them, or, if global, all that follow.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "stave/base/limits.h"
#include "stave/tar/tar.h"

namespace stave::tar {

// All records of one extended header. Go's archive/tar and libarchive refuse more than 1 MiB, and it is what
// the extended attributes of a file may take.
inline constexpr std::size_t pax_bytes = limits::xattrs_bytes;

inline constexpr std::string_view schily_xattr = "SCHILY.xattr.";

struct Record {
  std::string key;
  std::string value;
};

// "24 path=a/very/long/name\n". The length counts its own digits.
std::string render(const Record& record);

// What GNU tar says of a sparse file (GNU tar manual, "Storing Sparse Files"); empty where it says nothing.
struct SparseRecords {
  std::string major, minor;
  std::string name;
  std::string size, realsize;  // of the expanded file; of both, `size` holds
  std::string numblocks;
  std::string map;  // "offset,length,offset,length": version 0.1, and 0.0 made into it
  bool present = false;
  bool offset_is_next = true;  // version 0.0: offsets and lengths alternate
};

// What extended headers say of an entry; a later record overrules an earlier one.
class Extended {
 public:
  std::optional<std::string> path, linkpath;
  std::optional<std::uint64_t> uid, gid, size;
  std::optional<Timestamp> mtime;
  SparseRecords sparse;

  // Takes all records of a header's data, which begins at `offset` of the archive. Throws Kind::invalid for a
  // malformed one. A value of nothing takes back what a global header said (POSIX), except that an extended
  // attribute may be empty.
  void take(std::string_view data, std::uint64_t offset);

  // The extended attributes, sorted, names unique. SCHILY.xattr overrules LIBARCHIVE.xattr, which says the
  // same in base64.
  void put_xattrs(Xattrs& out) const;

  // What its strings hold, so that global headers cannot pile up.
  std::size_t bytes() const;

 private:
  void take_record(std::string_view key, std::string_view value, std::uint64_t offset);
  void take_sparse(std::string_view key, std::string_view value, std::uint64_t offset);

  std::map<std::string, std::string> schily_, libarchive_;
};

}  // namespace stave::tar
