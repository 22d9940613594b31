// The stat cache: little-endian numbers; first a line that says which version this
// is, last a SHA-256 of all before it.

#include "stave/build/stat_cache.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <cstring>
#include <filesystem>

#include "stave/base/error.h"
#include "stave/base/limits.h"

namespace stave::build {
namespace {

constexpr std::string_view magic = "stave stats 1\n";
constexpr std::size_t hash_size = 32;
constexpr std::size_t stat_size = 5 * 8 + 3 * 4;  // device, inode, size, two times, mode
constexpr std::size_t fixed_size = stat_size + hash_size;

constexpr std::uint32_t zfs_magic = 0x2fc12fc1;  // not in linux/magic.h
constexpr std::uint32_t xfs_magic = 0x58465342;

template <class Number>
void put_number(std::string& out, Number value) {
  for (std::size_t i = 0; i < sizeof value; ++i) out += static_cast<char>(value >> (8 * i));
}

std::uint32_t get_length(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i)
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return value;
}

// Everything of a stat that a change of content or mode moves. Owners are none of an image's business here,
// and a change of them moves the ctime anyway.
std::string rendered(const fs::Stat& stat) {
  std::string out;
  out.reserve(stat_size);
  put_number(out, stat.device);
  put_number(out, stat.inode);
  put_number(out, stat.size);
  put_number(out, stat.mode);
  put_number(out, static_cast<std::uint64_t>(stat.mtime.seconds));
  put_number(out, stat.mtime.nanoseconds);
  put_number(out, static_cast<std::uint64_t>(stat.ctime.seconds));
  put_number(out, stat.ctime.nanoseconds);
  return out;
}

}  // namespace

bool keeps_ctime(const fs::Fd& file) {
  struct statfs what = {};
  if (::fstatfs(file.get(), &what) != 0) return false;
  switch (static_cast<std::uint32_t>(what.f_type)) {
    case EXT4_SUPER_MAGIC:
    case xfs_magic:
    case BTRFS_SUPER_MAGIC:
    case TMPFS_MAGIC:
    case OVERLAYFS_SUPER_MAGIC:
    case zfs_magic:
      return true;
    default:
      return false;
  }
}

bool settled(const fs::Stat& stat, const fs::Time& began) {
  const bool coarse = stat.ctime.nanoseconds == 0 && stat.mtime.nanoseconds == 0;
  const fs::Time quiet{stat.ctime.seconds + (coarse ? 2 : 0), stat.ctime.nanoseconds};
  return quiet < began;
}

StatCache StatCache::load(const std::string& path) {
  StatCache cache;
  try {
    const std::filesystem::path name(path);
    const fs::Fd file = fs::Dir::open(name.parent_path()).open_file(name.filename().native());
    cache.bytes_ = fs::read_file(file, limits::stat_cache_bytes, "the stat cache");
  } catch (const Error&) {
    return {};  // not there, or nothing that we wrote
  }
  const std::string_view all = cache.bytes_;
  if (!all.starts_with(magic) || all.size() < magic.size() + hash_size) return {};
  const auto records = all.substr(0, all.size() - hash_size);
  if (as_text(digest_of(records).raw()) != all.substr(records.size())) return {};
  for (std::size_t at = magic.size(); at < records.size();) {
    const auto rest = records.substr(at);
    if (rest.size() < sizeof(std::uint32_t) + fixed_size) return {};
    const std::size_t length = get_length(rest);
    if (length > rest.size() - sizeof(std::uint32_t) - fixed_size) return {};
    const std::size_t begin = at + sizeof(std::uint32_t);
    cache.records_.emplace(records.substr(begin, length), begin + length);
    at = begin + length + fixed_size;
  }
  return cache;
}

std::optional<Digest> StatCache::find(std::string_view path, const fs::Stat& stat) const {
  const auto found = records_.find(path);
  if (found == records_.end()) return std::nullopt;
  const auto record = std::string_view(bytes_).substr(found->second, fixed_size);
  if (record.substr(0, stat_size) != rendered(stat)) return std::nullopt;
  return Digest::from_raw(Algorithm::sha256, as_bytes(record.substr(stat_size)));
}

bool StatCache::save(const std::string& path, const std::vector<SeenFile>& files, const fs::Time& began) {
  std::string out(magic);
  for (const auto& file : files) {
    if (!file.digest || !settled(file.stat, began)) continue;
    put_number(out, static_cast<std::uint32_t>(file.path.size()));
    out += file.path;
    out += rendered(file.stat);
    out += as_text(file.digest->raw());
  }
  out += as_text(digest_of(out).raw());
  try {
    const std::filesystem::path name(path);
    const fs::Dir directory = fs::Dir::create(name.parent_path(), 0700);
    fs::TempFile file = fs::TempFile::in(directory, 0600);
    file.write(as_bytes(out));
    // Unsynced: what a crash tears the checksum tells.
    std::move(file).publish(name.filename().native(), fs::TempFile::Existing::replace, false);
  } catch (const Error&) {
    return false;
  }
  return true;
}

}  // namespace stave::build
