// The 512 bytes that everything in a tar is made of: where each field of a
// header lies, how it is read and how it is written. Shared by encoder and
// reader; no policy in here.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "stave/tar/tar.h"

namespace stave::tar {

using Block = std::array<char, block_size>;

struct Field {
  std::size_t offset;
  std::size_t size;
};

// POSIX.1-2017, pax, "ustar Interchange Format"; the GNU and star fields that lie over `prefix` are from
// GNU tar's manual ("Basic Tar Format") and star's tar(5).
namespace field {
inline constexpr Field name{0, 100};
inline constexpr Field mode{100, 8};
inline constexpr Field uid{108, 8};
inline constexpr Field gid{116, 8};
inline constexpr Field size{124, 12};
inline constexpr Field mtime{136, 12};
inline constexpr Field checksum{148, 8};
inline constexpr Field type{156, 1};
inline constexpr Field linkname{157, 100};
inline constexpr Field magic{257, 6};
inline constexpr Field version{263, 2};
inline constexpr Field device_major{329, 8};
inline constexpr Field device_minor{337, 8};
inline constexpr Field prefix{345, 155};

inline constexpr Field gnu_atime{345, 12};
inline constexpr Field gnu_ctime{357, 12};
inline constexpr Field gnu_sparse{386, 96};   // four pairs of numbers
inline constexpr Field gnu_extended{482, 1};  // not 0: blocks with more pairs follow
inline constexpr Field gnu_real_size{483, 12};

inline constexpr Field star_prefix{345, 131};
inline constexpr Field star_trailer{508, 4};
}  // namespace field

enum class Format : std::uint8_t { v7, ustar, gnu, star };

inline std::string_view bytes_of(const Block& block, Field where) {
  return {block.data() + where.offset, where.size};
}

// A C string: all of the field, or what stands before its first NUL.
std::string_view string_of(const Block& block, Field where);

// Octal between blanks and NULs (an empty field is 0), or base-256 as GNU and star write it; nullopt if it is
// neither or does not fit.
std::optional<std::int64_t> parse_numeric(std::string_view text);

bool all_zero(const Block& block);

// POSIX sums unsigned bytes; old Sun tars summed signed ones. Either is accepted, as every reader does.
bool checksum_matches(const Block& block);

Format format_of(const Block& block);

// Is `number` at most what `where` holds in octal with its NUL?
constexpr bool fits_octal(Field where, std::uint64_t number) { return number >> (3 * (where.size - 1)) == 0; }

// Cuts what is too long, and never leaves a slash as the last byte of a cut name: some readers take the entry
// for a directory then, whatever the pax header says.
void put_string(Block& block, Field where, std::string_view text);

// Zero-padded octal and a NUL; 0 for a number that does not fit (its pax record holds the truth).
void put_octal(Block& block, Field where, std::uint64_t number);

// Writes magic, version and checksum: the last thing done to a block.
void seal(Block& block);

}  // namespace stave::tar
