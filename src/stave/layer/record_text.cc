// The text of a record. A line for each path, bytes that are not visible ASCII
// escaped, and a last line with the hash of everything before it: a record that was
// cut off or edited by hand is told from a whole one.

#include "stave/layer/record_text.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"

namespace stave::layer {
namespace {

constexpr std::string_view first_line = "stave record 2";
// Without layers, texts of symlinks and those xattrs that the disk has: good for everything but to stand for
// the image.
constexpr std::string_view first_line_of_1 = "stave record 1";
constexpr std::string_view first_words = "stave record ";
constexpr std::string_view hex_digits = "0123456789abcdef";
// A path and the text of a symlink of limits::path_bytes each and xattrs of limits::xattrs_bytes, every byte
// of them escaped.
constexpr std::size_t line_bytes = 8 * 1024 * 1024;
static_assert(line_bytes > 4 * (2 * limits::path_bytes + limits::xattrs_bytes));

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

// fmt::format would cost more than everything else together: there are ten numbers in a line.
template <class Number>
void append_number(std::string& out, Number number, int base = 10) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
  out.append(digits.data(), end);
}

template <class Time>
void append_time(std::string& out, const Time& time) {
  append_number(out, time.seconds);
  out += '.';
  std::array<char, 9> digits;
  std::uint32_t rest = time.nanoseconds;
  for (std::size_t i = digits.size(); i-- > 0; rest /= 10) digits[i] = static_cast<char>('0' + rest % 10);
  out.append(digits.data(), digits.size());
}

bool has_device(Type type) { return type == Type::character || type == Type::block; }

// Of Metadata or of fs::Stat.
template <class Known>
void append_kind(std::string& out, char type, const Known& known) {
  out += type;
  out += ':';
  append_number(out, known.mode, 8);
  out += ':';
  append_number(out, known.uid);
  out += ':';
  append_number(out, known.gid);
}

void append_image(std::string& out, const Metadata& meta) {
  append_kind(out, letter(types, meta.type), meta);
  if (!has_device(meta.type)) return;
  out += ':';
  append_number(out, meta.device_major);
  out += ':';
  append_number(out, meta.device_minor);
}

bool is_as_in_image(const Metadata& meta, const fs::Stat& disk) {
  return letter(types, meta.type) == letter(disk_types, disk.type) && meta.mode == disk.mode &&
         meta.uid == disk.uid && meta.gid == disk.gid;
}

bool is_same_time(const Timestamp& a, const fs::Time& b) {
  return a.seconds == b.seconds && a.nanoseconds == b.nanoseconds;
}

void append_xattrs(std::string& out, std::string_view word, const Xattrs& xattrs) {
  for (const auto& [name, value] : xattrs) {
    out += word;
    append_escaped(out, name);
    out += '=';
    append_escaped(out, value);
  }
}

void append_fingerprint(std::string& out, const fs::Stat& disk) {
  append_number(out, disk.size);
  out += ':';
  append_number(out, disk.inode);
  out += ':';
  append_time(out, disk.mtime);
  out += ':';
  append_time(out, disk.ctime);
}

void append_line(std::string& out, std::string_view path, const Record::Known& known) {
  const fs::Stat& disk = known.disk;
  out += '/';
  append_escaped(out, path);
  out += ' ';
  append_image(out, known.meta);
  out += ' ';
  if (is_as_in_image(known.meta, disk)) {
    out += '=';
  } else {
    append_kind(out, letter(disk_types, disk.type), disk);
  }
  out += ' ';
  append_fingerprint(out, disk);
  if (known.digest) {
    out += ' ';
    out += known.digest->str();
  }
  if (!is_same_time(known.meta.mtime, disk.mtime)) {
    out += " mtime=";
    append_time(out, known.meta.mtime);
  }
  if (known.meta.type == Type::symlink) {
    out += " link=";
    append_escaped(out, known.meta.link);
  }
  append_xattrs(out, " xattr=", known.meta.xattrs);
  append_xattrs(out, " has=", known.other_xattrs);
  out += '\n';
}

[[noreturn]] void damaged(std::string_view why) { throw Error(Kind::invalid, std::string(why)); }

// The lines of a record, hashed as they pass.
class Lines {
 public:
  explicit Lines(Source& source) : source_(source) {}

  // Without its end, which every line has, and which lies behind it; nullopt at the end of the source.
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

  // The line that `next` gave last.
  void hash(std::string_view line) { hasher_.update(std::string_view(line.data(), line.size() + 1)); }
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
  if (text.find('\\') == std::string_view::npos) return std::string(text);
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

void read_xattr(std::string_view text, Xattrs& xattrs) {
  std::string name = unescaped(take(text, '='));
  if (name.empty() || (!xattrs.empty() && xattrs.back().first >= name)) damaged("xattrs are not in order");
  xattrs.emplace_back(std::move(name), unescaped(text));
}

void read_extra(std::string_view text, Record::Known& known) {
  if (text.starts_with("mtime=")) {
    known.meta.mtime = time_of<Timestamp>(text.substr(6));
  } else if (text.starts_with("link=") && known.meta.type == Type::symlink) {
    known.meta.link = unescaped(text.substr(5));
    if (known.meta.link.size() > limits::path_bytes) damaged("the text of a symlink is too long");
  } else if (text.starts_with("xattr=")) {
    read_xattr(text.substr(6), known.meta.xattrs);
  } else if (text.starts_with("has=")) {
    read_xattr(text.substr(4), known.other_xattrs);
  } else if (const auto digest = Digest::find(text)) {
    known.digest = digest;
  } else {
    damaged("something is said of a file that is not known here");
  }
}

// Whoever has layers stands for them, and must know everything that they say.
void require_whole(const Record::Known& known) {
  if (known.meta.type == Type::symlink && known.meta.link.empty()) damaged("a symlink leads nowhere");
  if (known.meta.type == Type::regular && known.disk.size != 0 && !known.digest)
    damaged("a file has no digest");
}

bool is_clean(std::string_view path) {
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
    if (path.empty()) return false;
  }
  return true;
}

void read_line(std::string_view line, Record& record) {
  std::string_view name = take(line, ' ');
  if (!name.starts_with('/')) damaged("a path does not begin with a slash");
  name.remove_prefix(1);
  std::string path = unescaped(name);
  if (path.size() > limits::path_bytes || path.find('\0') != std::string::npos || !is_clean(path))
    damaged("a path is none of a file in an image");
  auto& all = record.known;
  if (!all.empty() && compare(all.rbegin()->first, path) >= 0) damaged("the paths are not in order");
  if (all.size() >= limits::layer_entries) {
    throw limits::layer_entries.exceeded(fmt::format("more than {} entries", limits::layer_entries.value()));
  }
  Record::Known known;
  read_image(take(line, ' '), known.meta);
  read_disk(take(line, ' '), known.meta, known.disk);
  read_fingerprint(take(line, ' '), known.disk);
  known.meta.mtime = {known.disk.mtime.seconds, known.disk.mtime.nanoseconds};
  while (!line.empty()) read_extra(take(line, ' '), known);
  if (!record.layers.empty()) require_whole(known);
  all.emplace_hint(all.end(), std::move(path), std::move(known));
}

void read_head(std::string_view line, Record& record) {
  const std::string_view word = take(line, ' ');
  if (word == "taken") {
    record.taken = time_of<fs::Time>(line);
  } else if (word == "aside") {
    const std::uint32_t uid = number32(take(line, ' '));
    record.aside = Record::Aside{uid, number32(line)};
  } else if (word == "layer") {
    if (!record.known.empty() || record.layers.size() >= limits::descriptors)
      damaged("there are too many layers, or they come late");
    record.layers.push_back(Digest::parse(line));
  } else {
    damaged("it begins with something that is not known here");
  }
}

}  // namespace

bool looks_like_record(std::string_view beginning) { return beginning.starts_with(first_words); }

void render_record(const Record& record, Sink& sink) {
  Hasher hasher;
  std::string text = fmt::format("{}\n", first_line);
  for (const Digest& layer : record.layers) text += fmt::format("layer {}\n", layer.str());
  if (record.aside) text += fmt::format("aside {} {}\n", record.aside->uid, record.aside->gid);
  text += "taken ";
  append_time(text, record.taken);
  text += '\n';
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
  bool of_1 = false;
  try {
    Record record;
    while (auto line = lines.next()) {
      ++count;
      if (count == 1) {
        if (!looks_like_record(*line)) damaged("it is no record of stave");
        if (*line != first_line && *line != first_line_of_1)
          throw Error(Kind::unsupported, "written by a later version of stave");
        of_1 = *line == first_line_of_1;
      } else if (line->starts_with("end ")) {
        const std::string end(line->substr(4));
        if (lines.next()) damaged("something follows its end");
        if (std::move(lines).finish().str() != end) damaged("it is not what stave wrote, its hash differs");
        if (of_1) record.layers.clear();
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
