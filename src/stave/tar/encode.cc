// The encoder: one header in, its blocks out. Every byte is a contract: layers
// get the diff_id that BuildKit and containerd give them, so whatever is odd in
// here is what Go's archive/tar does, checked against goldens that it wrote.

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/tar/block.h"
#include "stave/tar/pax.h"
#include "stave/tar/tar.h"

namespace stave::tar {
namespace {

// Go's zero time, 0001-01-01: it stands for "no time" there and is written as 0.
constexpr std::int64_t no_time = -62135596800;

constexpr std::uint64_t largest_signed = std::numeric_limits<std::int64_t>::max();

[[noreturn]] void refuse(const Header& header, std::string_view why, std::string hint = {}) {
  throw Error(Kind::invalid, fmt::format("{}: {}", quote(header.name), why), std::move(hint));
}

bool has_nul(std::string_view text) { return text.find('\0') != text.npos; }

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string ascii_only(std::string_view text) {
  std::string out;
  std::copy_if(text.begin(), text.end(), std::back_inserter(out),
               [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  return out;
}

bool is_link(Type type) { return type == Type::hardlink || type == Type::symlink; }

char flag_of(Type type) {
  switch (type) {
    case Type::regular:
      return '0';
    case Type::hardlink:
      return '1';
    case Type::symlink:
      return '2';
    case Type::character:
      return '3';
    case Type::block:
      return '4';
    case Type::directory:
      return '5';
    case Type::fifo:
      return '6';
  }
  throw Error(Kind::internal, "tar: an entry type that does not exist");
}

void check_names(const Header& h) {
  if (h.name.empty()) throw Error(Kind::invalid, "a tar entry without a name");
  if (has_nul(h.name)) refuse(h, "a name in a tar cannot hold a NUL byte");
  if (has_nul(h.linkname)) refuse(h, "a link target in a tar cannot hold a NUL byte");
  if (is_link(h.type) && h.linkname.empty()) refuse(h, "a link without a target");
  if (std::max(h.name.size(), h.linkname.size()) > limits::path_bytes) {
    refuse(h, fmt::format("name or link target is longer than {} bytes", limits::path_bytes));
  }
  // Readers that know only v7 take any name that ends in a slash for a directory; Go refuses it as well.
  const bool may_end_in_slash = h.type == Type::directory || is_link(h.type);
  if (h.name.back() == '/' && !may_end_in_slash) refuse(h, "only the name of a directory may end in a slash");
}

void check_numbers(const Header& h) {
  if (std::max({h.uid, h.gid, h.size}) > largest_signed) refuse(h, "owner or size is beyond 2^63 - 1");
  // There is no pax record for device numbers.
  if (!fits_octal(field::device_major, h.device_major) || !fits_octal(field::device_minor, h.device_minor)) {
    refuse(h, fmt::format("device {}:{} is beyond what a tar can hold (2097151)", h.device_major,
                          h.device_minor));
  }
}

// Directories, links, devices and fifos carry no content, so their size is 0 whatever the caller found on
// disk.
std::uint64_t stored_size(const Header& h) { return h.type == Type::regular ? h.size : 0; }

std::int64_t stored_mtime(const Header& h) { return h.mtime.seconds == no_time ? 0 : h.mtime.seconds; }

bool mtime_fits(const Header& h) {
  return stored_mtime(h) >= 0 && fits_octal(field::mtime, static_cast<std::uint64_t>(stored_mtime(h)));
}

struct Split {
  std::string_view prefix;
  std::string_view name;
};

// A long name cut at a slash into the two fields of ustar; nullopt if no cut fits. The last slash that leaves
// the prefix short enough is the one.
std::optional<Split> split_name(std::string_view name) {
  if (name.size() <= field::name.size || !is_ascii(name)) return std::nullopt;
  std::size_t searched = name.size();
  if (searched > field::prefix.size + 1) {
    searched = field::prefix.size + 1;
  } else if (name.back() == '/') {
    --searched;
  }
  const std::size_t slash = name.substr(0, searched).rfind('/');
  if (slash == name.npos || slash == 0) return std::nullopt;
  const std::string_view rest = name.substr(slash + 1);
  if (rest.empty() || rest.size() > field::name.size) return std::nullopt;
  return Split{name.substr(0, slash), rest};
}

// Everything that a plain header cannot say, in the order of the bytes of the keys. `ustar_suffices` is the
// exception of a long name that can be split: alone it needs no pax header, together with others it is among
// them.
std::vector<Record> records_of(const Header& h, bool& ustar_suffices) {
  std::vector<Record> records;
  ustar_suffices = true;
  const auto add = [&](std::string key, std::string value) {
    records.push_back({std::move(key), std::move(value)});
    ustar_suffices = false;
  };
  if (h.name.size() > field::name.size || !is_ascii(h.name)) {
    const bool splits = split_name(h.name).has_value();
    add("path", h.name);
    ustar_suffices = splits;
  }
  if (h.linkname.size() > field::linkname.size || !is_ascii(h.linkname)) add("linkpath", h.linkname);
  if (!fits_octal(field::uid, h.uid)) add("uid", std::to_string(h.uid));
  if (!fits_octal(field::gid, h.gid)) add("gid", std::to_string(h.gid));
  if (!fits_octal(field::size, stored_size(h))) add("size", std::to_string(h.size));
  if (!mtime_fits(h)) add("mtime", std::to_string(h.mtime.seconds));
  for (const auto& [name, value] : h.xattrs) {
    if (name.empty() || name.find('=') != name.npos || has_nul(name)) {
      refuse(h, fmt::format("a tar cannot hold an extended attribute named {}", quote(name)));
    }
    add(std::string(schily_xattr) + name, value);
  }
  const auto by_key = [](const Record& a, const Record& b) { return a.key < b.key; };
  std::sort(records.begin(), records.end(), by_key);
  const auto same_key = [](const Record& a, const Record& b) { return a.key == b.key; };
  if (std::adjacent_find(records.begin(), records.end(), same_key) != records.end()) {
    refuse(h, "the same extended attribute twice");
  }
  return records;
}

// What Go's path.Clean makes of a path that is not empty: no empty, `.` or resolvable `..` component.
std::string clean(std::string_view path) {
  const bool rooted = path.front() == '/';
  std::vector<std::string_view> kept;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    at = end + 1;
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      kept.push_back(part);
    } else if (!kept.empty() && kept.back() != "..") {
      kept.pop_back();
    } else if (!rooted) {
      kept.push_back(part);
    }
  }
  std::string out = rooted ? "/" : "";
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (i != 0) out += '/';
    out += kept[i];
  }
  return out.empty() ? "." : out;
}

// "dir/PaxHeaders.0/base"; of a directory "dir/" it is "dir/PaxHeaders.0". Old tars make a file of that name.
std::string extended_header_name(std::string_view name) {
  const std::size_t base = name.rfind('/') + 1;  // 0 without a slash
  std::string full(name.substr(0, base));
  if (!full.empty()) full += '/';
  full += "PaxHeaders.0/";
  full += name.substr(base);
  std::string shown = ascii_only(clean(full)).substr(0, field::name.size);
  shown.erase(shown.find_last_not_of('/') + 1);
  return shown;
}

void append(std::string& out, const Block& block) { out.append(block.data(), block.size()); }

void append_extended_header(std::string& out, const Header& h, const std::vector<Record>& records) {
  std::string data;
  for (const Record& record : records) data += render(record);
  if (data.size() > pax_bytes) {
    refuse(
        h,
        fmt::format("its pax header of {} bytes is over the {} that readers accept", data.size(), pax_bytes),
        "leave out extended attributes of this file");
  }
  Block block{};
  put_string(block, field::name, extended_header_name(h.name));
  put_octal(block, field::mode, 0);
  put_octal(block, field::uid, 0);
  put_octal(block, field::gid, 0);
  put_octal(block, field::size, data.size());
  put_octal(block, field::mtime, 0);
  block[field::type.offset] = 'x';
  seal(block);
  append(out, block);
  out += data;
  out.append(padding(data.size()), '\0');
}

// The header that every reader sees. Under a pax header it says as much of the truth as fits.
Block main_header(const Header& h, std::string_view prefix, std::string_view name,
                  std::string_view linkname) {
  Block block{};
  put_string(block, field::name, name);
  put_string(block, field::linkname, linkname);
  put_string(block, field::prefix, prefix);
  put_octal(block, field::mode, h.mode & 07777);
  put_octal(block, field::uid, h.uid);
  put_octal(block, field::gid, h.gid);
  put_octal(block, field::size, stored_size(h));
  put_octal(block, field::mtime, mtime_fits(h) ? static_cast<std::uint64_t>(stored_mtime(h)) : 0);
  block[field::type.offset] = flag_of(h.type);
  put_octal(block, field::device_major, h.device_major);
  put_octal(block, field::device_minor, h.device_minor);
  seal(block);
  return block;
}

}  // namespace

std::string encode(const Header& header) {
  check_names(header);
  check_numbers(header);
  bool ustar_suffices = true;
  const std::vector<Record> records = records_of(header, ustar_suffices);
  std::string out;
  if (ustar_suffices) {
    const Split split = split_name(header.name).value_or(Split{"", header.name});
    append(out, main_header(header, split.prefix, split.name, header.linkname));
    return out;
  }
  append_extended_header(out, header, records);
  append(out, main_header(header, "", ascii_only(header.name), ascii_only(header.linkname)));
  return out;
}

}  // namespace stave::tar
