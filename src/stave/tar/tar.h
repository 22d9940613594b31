// tar as a pure codec: a header encoder whose bytes are a contract, and a
// reader for hostile input. Knows nothing of OCI, whiteouts or file systems.
//
// What is written is what Go's archive/tar writes for the same header: ustar, with a pax extended header
// (POSIX.1-2001) only for what ustar cannot say. The reader takes v7, ustar, GNU, star and pax, sparse files
// of every form included.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stave/base/stream.h"

namespace stave::tar {

inline constexpr std::size_t block_size = 512;

enum class Type : std::uint8_t { regular, hardlink, symlink, character, block, directory, fifo };

// Seconds and nanoseconds since 1970-01-01 UTC; `nanoseconds` is in [0, 1e9) also before 1970.
struct Timestamp {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;
  friend auto operator<=>(const Timestamp&, const Timestamp&) = default;
};

using Xattrs = std::vector<std::pair<std::string, std::string>>;  // sorted by name, names unique

struct Header {
  std::string name;  // as in the archive: directories written by us end in '/'
  Type type = Type::regular;
  std::uint32_t mode = 0;  // permission, setuid, setgid and sticky bits: 07777
  std::uint64_t uid = 0;
  std::uint64_t gid = 0;
  std::uint64_t size = 0;  // bytes of content; 0 for everything but regular files
  Timestamp mtime;         // encode writes whole seconds, truncated towards minus infinity
  std::string linkname;    // symlink: its text; hardlink: the name of the entry it links to
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  Xattrs xattrs;
  bool sparse = false;  // reader only: the archive stored the file as sparse; content is given expanded

  friend bool operator==(const Header&, const Header&) = default;
};

// The header blocks of one entry (a multiple of 512 bytes): a pax extended header first where ustar does not
// suffice. Uname and gname are empty; size is written for regular files only. A time of -62135596800 (the
// year 1, Go's "no time") becomes 0. Throws Kind::invalid for what no tar can say (a NUL byte in a name, an
// empty name, a link without target, a file whose name ends in '/', an xattr name that is empty or has '=',
// numbers beyond 2^63 - 1, devices beyond 2^21 - 1, more pax data than readers accept) and for names over
// limits::path_bytes.
std::string encode(const Header& header);

// Bytes of zeros that follow content of `size` bytes.
constexpr std::uint64_t padding(std::uint64_t size) { return (block_size - size % block_size) % block_size; }

// The end of an archive: two zero blocks.
inline constexpr std::size_t trailer_size = 2 * block_size;

// Reads an archive that nobody vouches for. Throws Kind::invalid naming the offset (bad checksum, bad number,
// negative size, truncated, NUL or empty name, malformed pax record, overlapping sparse map, xattr or pax
// data over their limits); Kind::unsupported for an entry type that cannot be understood (multi-volume).
// Global pax headers apply to what follows; one that would name or size every file is unsupported, since
// readers disagree about it. After a failure every call throws it again. GNU long names, long links, base-256
// numbers, LIBARCHIVE.xattr.* and SCHILY.xattr.* are understood. Memory is bounded by limits::xattrs_bytes
// and limits::path_bytes.
class Reader {
 public:
  // Where the archive has to be whole. `umoci insert` (0.4.7) leaves the zeros off that follow the last file,
  // and Go's archive/tar, with which most clients read layers, takes that.
  enum class Ending : std::uint8_t { whole, without_padding };
  explicit Reader(Source& source, Ending ending = Ending::whole);
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader();

  // Goes to the next entry, skipping what is unread of the current one; false at the end of the archive (two
  // zero blocks, or the end of the stream on a block boundary: `ended_properly` tells which). Bytes after the
  // end are drained and ignored by `drain`.
  bool next(Header& header);

  // Content of the current entry, holes as zeros; 0 at its end.
  std::size_t read(MutableBytes out);

  // Where in the archive the current entry's first header block (pax or GNU included) began, and where its
  // stored content begins (that of a sparse file: after its map).
  std::uint64_t header_offset() const;
  std::uint64_t content_offset() const;
  bool ended_properly() const;  // two zero blocks were seen

  // After next() answered false: reads the source to its end, so that hashes and checksums around it are
  // complete. Says whether anything but zeros came.
  bool drain();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stave::tar
