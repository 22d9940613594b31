// pax records, rendered and parsed.

#include "stave/tar/pax.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "stave/base/text.h"
#include "stave/tar/input.h"

namespace stave::tar {
namespace {

constexpr std::string_view libarchive_xattr = "LIBARCHIVE.xattr.";
constexpr std::string_view gnu_sparse = "GNU.sparse.";

bool starts(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

[[noreturn]] void fail_record(std::uint64_t offset, std::string_view key, std::string_view value) {
  fail(offset, fmt::format("malformed pax record {} of {}", quote(key), quote(value)));
}

std::uint64_t get_number(std::string_view key, std::string_view value, std::uint64_t offset) {
  const std::optional<std::uint64_t> number = parse_number(value);
  if (!number || *number > std::numeric_limits<std::int64_t>::max()) fail_record(offset, key, value);
  return *number;
}

// "-1.25" is 1.25 seconds before the epoch; digits past the nanosecond are cut off, as Go does it.
std::optional<Timestamp> parse_time(std::string_view text) {
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view part = point == text.npos ? std::string_view() : text.substr(point + 1);
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(whole.data(), whole.data() + whole.size(), seconds);
  if (error != std::errc() || end != whole.data() + whole.size() || whole.empty()) return std::nullopt;
  std::uint32_t nanoseconds = 0;
  std::uint32_t unit = 100'000'000;
  for (const char c : part) {
    if (c < '0' || c > '9') return std::nullopt;
    nanoseconds += unit * static_cast<std::uint32_t>(c - '0');
    unit /= 10;
  }
  if (whole[0] == '-' && nanoseconds != 0) {
    if (seconds == std::numeric_limits<std::int64_t>::min()) return std::nullopt;
    return Timestamp{seconds - 1, 1'000'000'000 - nanoseconds};
  }
  return Timestamp{seconds, nanoseconds};
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// libarchive writes what is not printable in the name of an attribute as %XX.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3 || hex_digit(text[i + 1]) < 0 || hex_digit(text[i + 2]) < 0) return std::nullopt;
    out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
    i += 2;
  }
  return out;
}

int base64_digit(char c) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::size_t at = digits.find(c);
  return at == digits.npos ? -1 : static_cast<int>(at);
}

// RFC 4648, section 4; libarchive leaves the padding out.
std::optional<std::string> base64_decoded(std::string_view text) {
  text = text.substr(0, text.find_last_not_of('=') + 1);
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int digit = base64_digit(c);
    if (digit < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xff);
  }
  return out;
}

// Takes one record off the front of `data`. False if it is malformed.
bool take_front(std::string_view& data, std::string_view& key, std::string_view& value) {
  const std::size_t space = data.find(' ');
  if (space == data.npos) return false;
  const std::optional<std::uint64_t> length = parse_number(data.substr(0, space));
  if (!length || *length > data.size() || *length < space + 2) return false;
  const std::string_view record = data.substr(space + 1, *length - space - 1);
  const std::size_t equals = record.find('=');
  if (record.back() != '\n' || equals == record.npos || equals == 0) return false;
  key = record.substr(0, equals);
  value = record.substr(equals + 1, record.size() - equals - 2);
  data.remove_prefix(*length);
  return key.find('\0') == key.npos;
}

std::size_t bytes_of(const std::map<std::string, std::string>& xattrs) {
  std::size_t total = 0;
  for (const auto& [name, value] : xattrs) total += name.size() + value.size();
  return total;
}

}  // namespace

std::string render(const Record& record) {
  const std::size_t rest = record.key.size() + record.value.size() + 3;  // ' ', '=' and '\n'
  std::size_t length = rest + std::to_string(rest).size();
  if (std::to_string(length).size() + rest != length) ++length;
  return std::to_string(length) + ' ' + record.key + '=' + record.value + '\n';
}

void Extended::take(std::string_view data, std::uint64_t offset) {
  std::string_view rest = data;
  while (!rest.empty()) {
    const std::uint64_t at = offset + (data.size() - rest.size());
    std::string_view key, value;
    if (!take_front(rest, key, value)) fail(at, "malformed pax record: its length, key or line end is wrong");
    take_record(key, value, at);
  }
  if (!sparse.offset_is_next) fail(offset, "GNU.sparse.offset without GNU.sparse.numbytes");
}

void Extended::take_record(std::string_view key, std::string_view value, std::uint64_t offset) {
  const auto put = [&](auto& field, auto&& parsed) {
    field = parsed;
    if (value.empty()) field.reset();
  };
  const auto number = [&] { return value.empty() ? 0 : get_number(key, value, offset); };
  if (key == "path") return put(path, value);
  if (key == "linkpath") return put(linkpath, value);
  if (key == "uid") return put(uid, number());
  if (key == "gid") return put(gid, number());
  if (key == "size") return put(size, number());
  if (key == "mtime") {
    const std::optional<Timestamp> time = parse_time(value);
    if (!time && !value.empty()) fail_record(offset, key, value);
    mtime = time;
  } else if (starts(key, schily_xattr)) {
    key.remove_prefix(schily_xattr.size());
    if (key.empty()) fail(offset, "an extended attribute without a name");
    schily_.insert_or_assign(std::string(key), std::string(value));
  } else if (starts(key, libarchive_xattr)) {
    std::optional<std::string> name = percent_decoded(key.substr(libarchive_xattr.size()));
    std::optional<std::string> content = base64_decoded(value);
    if (!name || !content || name->empty() || name->find('\0') != name->npos) fail_record(offset, key, value);
    libarchive_.insert_or_assign(std::move(*name), std::move(*content));
  } else if (starts(key, gnu_sparse)) {
    take_sparse(key.substr(gnu_sparse.size()), value, offset);
  }
}

void Extended::take_sparse(std::string_view key, std::string_view value, std::uint64_t offset) {
  sparse.present = true;
  if (key == "major") sparse.major = value;
  if (key == "minor") sparse.minor = value;
  if (key == "name") sparse.name = value;
  if (key == "size") sparse.size = value;
  if (key == "realsize") sparse.realsize = value;
  if (key == "numblocks") sparse.numblocks = value;
  if (key == "map") sparse.map = value;
  if (key != "offset" && key != "numbytes") return;
  if (!parse_number(value) || sparse.offset_is_next != (key == "offset")) {
    fail(offset, fmt::format("GNU.sparse.{} of {} out of place", key, quote(value)));
  }
  sparse.offset_is_next = !sparse.offset_is_next;
  if (!sparse.map.empty()) sparse.map += ',';
  sparse.map += value;
}

void Extended::put_xattrs(Xattrs& out) const {
  out.assign(schily_.begin(), schily_.end());
  if (libarchive_.empty()) return;
  std::map<std::string, std::string> all = schily_;
  all.insert(libarchive_.begin(), libarchive_.end());
  out.assign(all.begin(), all.end());
}

std::size_t Extended::bytes() const {
  const std::size_t names = (path ? path->size() : 0) + (linkpath ? linkpath->size() : 0);
  return names + bytes_of(schily_) + bytes_of(libarchive_);
}

}  // namespace stave::tar
