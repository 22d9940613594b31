// The text of a record. A line for each path, bytes that are not visible ASCII
// escaped, and a last line with the hash of everything before it: a record that was
// cut off or edited by hand is told from a whole one.

#include "stave/layer/record_text.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <vector>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"

namespace stave::layer {
namespace {

constexpr std::string_view first_line = "stave record 1";
constexpr std::string_view first_words = "stave record ";
constexpr std::string_view hex_digits = "0123456789abcdef";
// A path of limits::path_bytes and xattrs of limits::xattrs_bytes, every byte of them escaped.
constexpr std::size_t line_bytes = 8 * 1024 * 1024;
static_assert(line_bytes > 4 * (limits::path_bytes + limits::xattrs_bytes));

// In the order of Type and of fs::FileType.
constexpr std::array types = {Type::regular,   Type::directory, Type::symlink,
                              Type::character, Type::block,     Type::fifo};
constexpr std::array disk_types = {fs::FileType::regular,   fs::FileType::directory, fs::FileType::symlink,
                                   fs::FileType::character, fs::FileType::block,     fs::FileType::fifo};
constexpr std::string_view type_letters = "fdlcbp";

template <class All, class One>
char letter(const All& all, One type) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i] == type) return type_letters[i];
  }
  throw Error(Kind::internal, "a record of a file of a type that no layer has");
}

void append_escaped(std::string& out, std::string_view bytes) {
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7f && c != '\\' && c != '=') {
      out += c;
    } else {
      out += "\\x";
      out += hex_digits[byte >> 4];
      out += hex_digits[byte & 15];
    }
  }
}

template <class Time>
std::string time_text(const Time& time) {
  return fmt::format("{}.{:09}", time.seconds, time.nanoseconds);
}

bool has_device(Type type) { return type == Type::character || type == Type::block; }

std::string image_text(const Metadata& meta) {
  std::string text = fmt::format("{}:{:o}:{}:{}", letter(types, meta.type), meta.mode, meta.uid, meta.gid);
  if (has_device(meta.type)) text += fmt::format(":{}:{}", meta.device_major, meta.device_minor);
  return text;
}

bool is_as_in_image(const Metadata& meta, const fs::Stat& disk) {
  return letter(types, meta.type) == letter(disk_types, disk.type) && meta.mode == disk.mode &&
         meta.uid == disk.uid && meta.gid == disk.gid;
}

bool is_same_time(const Timestamp& a, const fs::Time& b) {
  return a.seconds == b.seconds && a.nanoseconds == b.nanoseconds;
}

void append_line(std::string& out, std::string_view path, const Record::Known& known) {
  const fs::Stat& disk = known.disk;
  out += '/';
  append_escaped(out, path);
  out += ' ';
  out += image_text(known.meta);
  if (is_as_in_image(known.meta, disk)) {
    out += " =";
  } else {
    out += fmt::format(" {}:{:o}:{}:{}", letter(disk_types, disk.type), disk.mode, disk.uid, disk.gid);
  }
  out += fmt::format(" {}:{}:{}:{}", disk.size, disk.inode, time_text(disk.mtime), time_text(disk.ctime));
  if (known.digest) out += fmt::format(" {}", known.digest->str());
  if (!is_same_time(known.meta.mtime, disk.mtime)) out += " mtime=" + time_text(known.meta.mtime);
  for (const auto& [name, value] : known.meta.xattrs) {
    out += " xattr=";
    append_escaped(out, name);
    out += '=';
    append_escaped(out, value);
  }
  out += '\n';
}

[[noreturn]] void damaged(std::string_view why) { throw Error(Kind::invalid, std::string(why)); }

// The lines of a record, hashed as they pass.
class Lines {
 public:
  explicit Lines(Source& source) : source_(source) {}

  // Without its end, which every line has; nullopt at the end of the source.
  std::optional<std::string_view> next() {
    for (;;) {
      const std::size_t end = text_.find('\n', searched_);
      if (end != std::string::npos) {
        const std::string_view line = std::string_view(text_).substr(start_, end - start_);
        start_ = searched_ = end + 1;
        return line;
      }
      if (!more()) break;
    }
    if (start_ != text_.size()) damaged("its last line is cut off");
    return std::nullopt;
  }

  void hash(std::string_view line) {
    hasher_.update(line);
    hasher_.update("\n");
  }
  Digest finish() && { return std::move(hasher_).finish(); }

 private:
  bool more() {
    text_.erase(0, start_);
    start_ = 0;
    searched_ = text_.size();
    if (text_.size() > line_bytes) {
      throw Error(Kind::limit, fmt::format("a line of more than {}", human_size(line_bytes)));
    }
    const std::size_t n = source_.read(buffer_);
    text_.append(as_text(Bytes(buffer_).first(n)));
    return n != 0;
  }

  Source& source_;
  Hasher hasher_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(limits::copy_buffer);
  std::string text_;
  std::size_t start_ = 0;     // of the line that comes next
  std::size_t searched_ = 0;  // there is no end of a line before
};

// Takes what is before the next `separator` off `rest`.
std::string_view take(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return part;
}

std::uint64_t number(std::string_view text, std::uint64_t most) {
  const auto value = parse_number(text);
  if (!value || *value > most) damaged("a number is none or too large");
  return *value;
}
std::uint32_t number32(std::string_view text) {
  return static_cast<std::uint32_t>(number(text, 0xffffffffull));
}

std::uint32_t mode_of(std::string_view text) {
  std::uint32_t mode = 0;
  if (text.empty() || text.size() > 4) damaged("a mode is none");
  for (const char digit : text) {
    if (digit < '0' || digit > '7') damaged("a mode is none");
    mode = mode * 8 + static_cast<std::uint32_t>(digit - '0');
  }
  return mode;
}

template <class Time>
Time time_of(std::string_view text) {
  constexpr std::uint64_t most = 0x7fffffffffffffffull;
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::uint64_t seconds = number(take(text, '.'), negative ? most + 1 : most);
  if (text.size() != 9) damaged("a time is none");
  return {static_cast<std::int64_t>(negative ? 0 - seconds : seconds),
          static_cast<std::uint32_t>(number(text, 999'999'999))};
}

std::size_t type_index(std::string_view text) {
  const std::size_t index = text.size() == 1 ? type_letters.find(text[0]) : std::string_view::npos;
  if (index == std::string_view::npos) damaged("a type is none");
  return index;
}

unsigned hex_digit(char c) {
  const std::size_t value = hex_digits.find(c);
  if (value == std::string_view::npos) damaged("an escape is none");
  return static_cast<unsigned>(value);
}

std::string unescaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 4 || text[i + 1] != 'x') damaged("an escape is none");
    out += static_cast<char>(hex_digit(text[i + 2]) << 4 | hex_digit(text[i + 3]));
    i += 3;
  }
  return out;
}

void read_image(std::string_view text, Metadata& meta) {
  meta.type = types[type_index(take(text, ':'))];
  meta.mode = mode_of(take(text, ':'));
  meta.uid = number32(take(text, ':'));
  meta.gid = number32(take(text, ':'));
  if (has_device(meta.type)) {
    meta.device_major = number32(take(text, ':'));
    meta.device_minor = number32(take(text, ':'));
  }
  if (!text.empty()) damaged("more is said of a file than there is");
}

void read_disk(std::string_view text, const Metadata& meta, fs::Stat& disk) {
  if (text == "=") {
    disk.type = disk_types[type_index(std::string(1, letter(types, meta.type)))];
    disk.mode = meta.mode;
    disk.uid = meta.uid;
    disk.gid = meta.gid;
    return;
  }
  disk.type = disk_types[type_index(take(text, ':'))];
  disk.mode = mode_of(take(text, ':'));
  disk.uid = number32(take(text, ':'));
  disk.gid = number32(text);
}

void read_fingerprint(std::string_view text, fs::Stat& disk) {
  constexpr std::uint64_t any = ~0ull;
  disk.size = number(take(text, ':'), any);
  disk.inode = number(take(text, ':'), any);
  disk.mtime = time_of<fs::Time>(take(text, ':'));
  disk.ctime = time_of<fs::Time>(text);
}

void read_extra(std::string_view text, Record::Known& known) {
  if (const auto digest = Digest::find(text)) {
    known.digest = digest;
  } else if (text.starts_with("mtime=")) {
    known.meta.mtime = time_of<Timestamp>(text.substr(6));
  } else if (text.starts_with("xattr=")) {
    text.remove_prefix(6);
    std::string name = unescaped(take(text, '='));
    auto& xattrs = known.meta.xattrs;
    if (name.empty() || (!xattrs.empty() && xattrs.back().first >= name)) damaged("xattrs are not in order");
    xattrs.emplace_back(std::move(name), unescaped(text));
  } else {
    damaged("something is said of a file that is not known here");
  }
}

void read_line(std::string_view line, Record& record) {
  std::string_view name = take(line, ' ');
  if (!name.starts_with('/')) damaged("a path does not begin with a slash");
  name.remove_prefix(1);
  const std::string path = unescaped(name);
  if (path.size() > limits::path_bytes || path.find('\0') != std::string::npos || clean(path) != path)
    damaged("a path is none of a file in an image");
  auto& all = record.known;
  if (!all.empty() && compare(all.rbegin()->first, path) >= 0) damaged("the paths are not in order");
  if (all.size() >= limits::layer_entries) {
    throw Error(Kind::limit, fmt::format("more than {} entries", limits::layer_entries));
  }
  Record::Known known;
  read_image(take(line, ' '), known.meta);
  read_disk(take(line, ' '), known.meta, known.disk);
  read_fingerprint(take(line, ' '), known.disk);
  known.meta.mtime = {known.disk.mtime.seconds, known.disk.mtime.nanoseconds};
  while (!line.empty()) read_extra(take(line, ' '), known);
  all.emplace_hint(all.end(), path, std::move(known));
}

void read_head(std::string_view line, Record& record) {
  const std::string_view word = take(line, ' ');
  if (word == "taken") {
    record.taken = time_of<fs::Time>(line);
  } else if (word == "aside") {
    const std::uint32_t uid = number32(take(line, ' '));
    record.aside = Record::Aside{uid, number32(line)};
  } else {
    damaged("it begins with something that is not known here");
  }
}

}  // namespace

bool looks_like_record(std::string_view beginning) { return beginning.starts_with(first_words); }

void render_record(const Record& record, Sink& sink) {
  Hasher hasher;
  std::string text = fmt::format("{}\n", first_line);
  if (record.aside) text += fmt::format("aside {} {}\n", record.aside->uid, record.aside->gid);
  text += fmt::format("taken {}\n", time_text(record.taken));
  const auto flush = [&] {
    hasher.update(text);
    sink.write(as_bytes(text));
    text.clear();
  };
  for (const auto& [path, known] : record.known) {
    append_line(text, path, known);
    if (text.size() > limits::copy_buffer) flush();
  }
  flush();
  sink.write(as_bytes(fmt::format("end {}\n", std::move(hasher).finish().str())));
}

Record parse_record(Source& source) {
  Lines lines(source);
  std::uint64_t count = 0;
  try {
    Record record;
    while (auto line = lines.next()) {
      ++count;
      if (count == 1) {
        if (!looks_like_record(*line)) damaged("it is no record of stave");
        if (*line != first_line) throw Error(Kind::unsupported, "written by a later version of stave");
      } else if (line->starts_with("end ")) {
        const std::string end(line->substr(4));
        if (lines.next()) damaged("something follows its end");
        if (std::move(lines).finish().str() != end) damaged("it is not what stave wrote, its hash differs");
        return record;
      } else if (line->starts_with('/')) {
        read_line(*line, record);
      } else {
        read_head(*line, record);
      }
      lines.hash(*line);
    }
  } catch (const Error& e) {
    throw e.within(fmt::format("line {}", count));
  }
  damaged("it is cut off");
}

}  // namespace stave::layer
