// The reader: blocks in, entries out. It stands between an archive that nobody
// vouches for and everything that trusts a Header, so it is strict where readers disagree: what
// Go's archive/tar (and with it containerd) and this one read differently is refused, not guessed at.

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/tar/block.h"
#include "stave/tar/input.h"
#include "stave/tar/pax.h"
#include "stave/tar/sparse.h"
#include "stave/tar/tar.h"

namespace stave::tar {

struct Reader::State {
  State(Source& source, Ending ending) : input(source), ending_(ending) {}

  bool next(Header& header);
  std::size_t read(MutableBytes out);

  Input input;
  std::optional<Error> failure;  // after one, nothing that follows means anything
  bool ended = false;
  bool ended_properly = false;
  std::uint64_t header_offset = 0;
  std::uint64_t content_offset = 0;

 private:
  bool get_block();
  bool take_meta();
  void take_global();
  std::string_view get_special(std::size_t most, std::string_view what);
  std::int64_t get_numeric(Field where, std::string_view what) const;
  std::uint64_t get_unsigned(Field where, std::string_view what) const;
  std::uint64_t block_offset() const { return input.offset() - block_size; }

  void fill(Header& header);
  void put_name(Header& header) const;
  void put_type(Header& header) const;
  void put_linkname(Header& header) const;
  void put_devices(Header& header) const;
  void put_attributes(Header& header) const;
  void check_name(std::string_view name, std::string_view what) const;
  void begin_content(Header& header);
  bool begin_sparse(Header& header);
  void skip_content();
  std::size_t read_stored(MutableBytes out);
  std::size_t read_sparse(MutableBytes out);

  Block block_{};  // the header that is being looked at
  Format format_ = Format::v7;

  Extended global_;  // what applies to all that follows
  Extended local_;   // global_, overruled by the last extended header
  bool has_local_ = false;
  std::string long_name_, long_link_;
  std::optional<std::uint64_t> meta_offset_;  // where the first header of an entry with several began
  std::string special_;                       // data of a header that is not an entry

  std::uint64_t stored_ = 0;  // content in the archive that is not read yet
  std::uint64_t padding_ = 0;
  Ending ending_;
  bool has_content_ = false;
  bool sparse_ = false;
  SparseMap map_;
  std::size_t fragment_ = 0;    // the first that is not behind `position_`
  std::uint64_t position_ = 0;  // in the expanded file
  std::uint64_t size_ = 0;
};

// Blocks

// The next header; false at the end of the archive.
bool Reader::State::get_block() {
  const std::size_t got = input.read_full(std::as_writable_bytes(std::span(block_)));
  if (got == 0) return false;
  if (got != block_size) fail_truncated(input.offset());
  if (all_zero(block_)) {
    const std::size_t more = input.read_full(std::as_writable_bytes(std::span(block_)));
    if (more == 0) return false;
    if (more != block_size) fail_truncated(input.offset());
    if (!all_zero(block_)) fail(block_offset(), "a header follows a single block of zeros");
    ended_properly = true;
    return false;
  }
  if (!checksum_matches(block_)) {
    fail(block_offset(), "bad checksum in a header: no tar, or a damaged one", Kind::invalid,
         "a compressed archive has to be decompressed first");
  }
  format_ = format_of(block_);
  return true;
}

std::int64_t Reader::State::get_numeric(Field where, std::string_view what) const {
  const std::optional<std::int64_t> number = parse_numeric(bytes_of(block_, where));
  if (!number) fail(block_offset(), fmt::format("bad number {} as {}", quote(bytes_of(block_, where)), what));
  return *number;
}

std::uint64_t Reader::State::get_unsigned(Field where, std::string_view what) const {
  const std::int64_t number = get_numeric(where, what);
  if (number < 0) fail(block_offset(), fmt::format("negative {} {}", what, number));
  return static_cast<std::uint64_t>(number);
}

// Headers that describe the next one

// The data of a header that is not an entry, until the next call.
std::string_view Reader::State::get_special(std::size_t most, std::string_view what) {
  const std::uint64_t size = get_unsigned(field::size, "size");
  if (size > most) {
    fail(block_offset(), fmt::format("{} of {} bytes, over the limit of {}", what, size, most));
  }
  special_.resize(size);
  input.get(std::as_writable_bytes(std::span(special_)));
  input.skip(tar::padding(size));
  return special_;
}

// What a header for everything must not say: no archiver writes it, and readers disagree about what it means
// (Go ignores it, GNU tar applies it), so that a scanner and a runtime would see different trees.
void Reader::State::take_global() {
  const std::uint64_t at = input.offset();
  global_.take(get_special(pax_bytes, "pax header"), at);
  if (global_.path || global_.linkpath || global_.size || global_.sparse.present) {
    fail(at, "a global pax header that names or sizes every file", Kind::unsupported,
         "write the archive again without it");
  }
  if (global_.bytes() > pax_bytes)
    fail(at, fmt::format("global pax headers of more than {} bytes", pax_bytes));
}

// Was this header about others? As in Go, of several extended headers before an entry the last one holds.
bool Reader::State::take_meta() {
  const char flag = block_[field::type.offset];
  const std::uint64_t at = block_offset();
  const auto c_string = [](std::string_view text) { return text.substr(0, text.find('\0')); };
  switch (flag) {
    case 'g':
      take_global();
      return true;
    case 'x':
    case 'X':  // Sun's tar called it so
      local_ = global_;
      local_.take(get_special(pax_bytes, "pax header"), at + block_size);
      has_local_ = true;
      break;
    case 'L':
      long_name_ = c_string(get_special(limits::path_bytes + 1, "long name"));
      break;
    case 'K':
      long_link_ = c_string(get_special(limits::path_bytes + 1, "long link target"));
      break;
    default:
      return false;
  }
  if (!meta_offset_) meta_offset_ = at;
  return true;
}

bool Reader::State::next(Header& header) {
  if (ended) return false;
  skip_content();
  for (;;) {
    has_local_ = false;
    long_name_.clear();
    long_link_.clear();
    meta_offset_.reset();
    bool found = get_block();
    while (found && take_meta()) found = get_block();
    if (!found) {
      if (meta_offset_) fail_truncated(input.offset());
      ended = true;
      return false;
    }
    if (block_[field::type.offset] != 'V') break;  // the label of a GNU volume; it has no content, but might
    stored_ = get_unsigned(field::size, "size");
    padding_ = tar::padding(stored_);
    skip_content();
  }
  header_offset = meta_offset_.value_or(block_offset());
  fill(header);
  return true;
}

// Fields

void Reader::State::check_name(std::string_view name, std::string_view what) const {
  if (name.empty()) fail(header_offset, fmt::format("an entry without a {}", what));
  if (name.find('\0') != name.npos)
    fail(header_offset, fmt::format("{} {} holds a NUL byte", what, quote(name)));
  if (name.size() > limits::path_bytes) {
    fail(header_offset,
         fmt::format("a {} of {} bytes, over the limit of {}", what, name.size(), limits::path_bytes));
  }
}

// The name of the header itself. Go before 1.8 put a prefix where GNU has times: taken for one when it is
// text that cannot be a time.
static void put_header_name(const Block& block, Format format, std::string& name) {
  std::string_view prefix;
  if (format == Format::ustar) prefix = string_of(block, field::prefix);
  if (format == Format::star) prefix = string_of(block, field::star_prefix);
  if (format == Format::gnu && (!parse_numeric(bytes_of(block, field::gnu_atime)) ||
                                !parse_numeric(bytes_of(block, field::gnu_ctime)))) {
    prefix = string_of(block, field::prefix);
    const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
    if (!std::all_of(prefix.begin(), prefix.end(), is_ascii)) prefix = {};
  }
  name = prefix;
  if (!prefix.empty()) name += '/';
  name += string_of(block, field::name);
}

void Reader::State::put_name(Header& header) const {
  const Extended& extended = has_local_ ? local_ : global_;
  if (!extended.sparse.name.empty()) {
    header.name = extended.sparse.name;
  } else if (!long_name_.empty()) {
    header.name = long_name_;
  } else if (extended.path) {
    header.name = *extended.path;
  } else {
    put_header_name(block_, format_, header.name);
  }
  check_name(header.name, "name");
}

void Reader::State::put_type(Header& header) const {
  const char flag = block_[field::type.offset];
  switch (flag) {
    case '\0':  // v7 marks a directory only by the slash at its end
      header.type = header.name.back() == '/' ? Type::directory : Type::regular;
      return;
    case '0':
    case '7':  // contiguous
    case 'S':
      header.type = Type::regular;
      return;
    case '1':
      header.type = Type::hardlink;
      return;
    case '2':
      header.type = Type::symlink;
      return;
    case '3':
      header.type = Type::character;
      return;
    case '4':
      header.type = Type::block;
      return;
    case '5':
    case 'D':  // GNU incremental: its content lists the directory and is passed over
      header.type = Type::directory;
      return;
    case '6':
      header.type = Type::fifo;
      return;
    default:
      // POSIX would have it read as a regular file, but what a vendor means by it is not that.
      fail(header_offset, fmt::format("{} has the unknown type {}", quote(header.name), quote({&flag, 1})),
           Kind::unsupported, "multi-volume and vendor entries have to be converted first");
  }
}

void Reader::State::put_linkname(Header& header) const {
  header.linkname.clear();
  if (header.type != Type::hardlink && header.type != Type::symlink) return;
  const Extended& extended = has_local_ ? local_ : global_;
  if (!long_link_.empty()) {
    header.linkname = long_link_;
  } else if (extended.linkpath) {
    header.linkname = *extended.linkpath;
  } else {
    header.linkname = string_of(block_, field::linkname);
  }
  check_name(header.linkname, "link target");
}

void Reader::State::put_devices(Header& header) const {
  header.device_major = 0;
  header.device_minor = 0;
  const bool is_device = header.type == Type::character || header.type == Type::block;
  if (!is_device || format_ == Format::v7) return;
  const std::uint64_t major = get_unsigned(field::device_major, "device number");
  const std::uint64_t minor = get_unsigned(field::device_minor, "device number");
  if (std::max(major, minor) > std::numeric_limits<std::uint32_t>::max()) {
    fail(header_offset,
         fmt::format("{} is device {}:{}, which does not exist", quote(header.name), major, minor));
  }
  header.device_major = static_cast<std::uint32_t>(major);
  header.device_minor = static_cast<std::uint32_t>(minor);
}

void Reader::State::put_attributes(Header& header) const {
  const Extended& extended = has_local_ ? local_ : global_;
  header.mode = static_cast<std::uint32_t>(get_unsigned(field::mode, "mode") & 07777);
  header.uid = extended.uid ? *extended.uid : get_unsigned(field::uid, "owner");
  header.gid = extended.gid ? *extended.gid : get_unsigned(field::gid, "group");
  header.mtime = extended.mtime ? *extended.mtime : Timestamp{get_numeric(field::mtime, "mtime"), 0};
  extended.put_xattrs(header.xattrs);
  std::size_t total = 0;
  for (const auto& [name, value] : header.xattrs) total += name.size() + value.size();
  if (total > limits::xattrs_bytes) {
    fail(header_offset, fmt::format("{} has {} bytes of extended attributes, over the limit of {}",
                                    quote(header.name), total, limits::xattrs_bytes));
  }
}

void Reader::State::fill(Header& header) {
  put_name(header);
  put_type(header);
  put_linkname(header);
  put_devices(header);
  put_attributes(header);
  begin_content(header);
}

// Content

// Only types '0', '7' and 'S', and GNU's 'D', are followed by bytes. What a size field says of a link or a
// directory is ignored, as in Go: where it differs a reader that believes it would take content for headers.
void Reader::State::begin_content(Header& header) {
  const Extended& extended = has_local_ ? local_ : global_;
  const std::uint64_t size = extended.size ? *extended.size : get_unsigned(field::size, "size");
  const char flag = block_[field::type.offset];
  stored_ = header.type == Type::regular || flag == 'D' ? size : 0;
  padding_ = tar::padding(stored_);
  has_content_ = header.type == Type::regular;
  header.size = has_content_ ? size : 0;
  header.sparse = sparse_ = begin_sparse(header);
  size_ = header.size;
  position_ = 0;
  fragment_ = 0;
  content_offset = input.offset();
}

// Is it a sparse file? Then reads its map and puts the size of what it expands to.
bool Reader::State::begin_sparse(Header& header) {
  const Extended& extended = has_local_ ? local_ : global_;
  const SparseRecords& records = extended.sparse;
  if (block_[field::type.offset] == 'S') {
    if (format_ != Format::gnu)
      fail(header_offset, "a sparse file in a form that is not GNU's", Kind::unsupported);
    if (records.present) fail(header_offset, "a sparse file in two forms at once");
    header.size = get_unsigned(field::gnu_real_size, "size of a sparse file");
    map_ = read_gnu_map(block_, input);
  } else if (records.present) {
    const bool has_version = !records.major.empty() || !records.minor.empty();
    const bool in_records =
        !has_version || (records.major == "0" && (records.minor == "0" || records.minor == "1"));
    if (!in_records && (records.major != "1" || records.minor != "0")) {
      fail(header_offset,
           fmt::format("{} is stored as sparse in the unknown version {}.{}", quote(header.name),
                       quote(records.major), quote(records.minor)),
           Kind::unsupported);
    }
    const std::string& size_text = records.size.empty() ? records.realsize : records.size;
    const std::optional<std::uint64_t> size = parse_number(size_text);
    if (!size || *size > std::numeric_limits<std::int64_t>::max()) {
      fail(header_offset, fmt::format("a sparse file of {} bytes", quote(size_text)));
    }
    if (!has_content_) fail(header_offset, fmt::format("{} is sparse, but not a file", quote(header.name)));
    header.size = *size;
    map_ = in_records ? parse_map(records, header_offset) : read_text_map(input, stored_);
  } else {
    return false;
  }
  check_map(map_, header.size, stored_, header_offset);
  return true;
}

void Reader::State::skip_content() {
  input.skip(stored_);
  if (ending_ == Ending::whole) {
    input.skip(padding_);
  } else {
    input.skip_padding(padding_);
  }
  stored_ = 0;
  padding_ = 0;
  has_content_ = false;
}

std::size_t Reader::State::read_stored(MutableBytes out) {
  const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), stored_));
  const std::size_t n = input.read(out.first(most));
  if (n == 0 && most != 0) fail_truncated(input.offset());
  stored_ -= n;
  return n;
}

// One piece: of a fragment, or of the hole before it.
std::size_t Reader::State::read_sparse(MutableBytes out) {
  const auto first = [&](std::uint64_t count) {
    return out.first(static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), count)));
  };
  while (fragment_ < map_.size() && position_ == map_[fragment_].offset + map_[fragment_].length) ++fragment_;
  const std::uint64_t data = fragment_ < map_.size() ? map_[fragment_].offset : size_;
  std::size_t n = 0;
  if (position_ < data) {
    const MutableBytes hole = first(data - position_);
    if (!hole.empty()) std::memset(hole.data(), 0, hole.size());
    n = hole.size();
  } else if (position_ < size_) {
    n = read_stored(first(map_[fragment_].offset + map_[fragment_].length - position_));
  }
  position_ += n;
  return n;
}

std::size_t Reader::State::read(MutableBytes out) {
  if (!has_content_) return 0;
  return sparse_ ? read_sparse(out) : read_stored(out);
}

// The public face: a failure stays.

namespace {

template <class Work>
auto keeping(std::optional<Error>& failure, Work work) {
  if (failure) throw Error(*failure);
  try {
    return work();
  } catch (const Error& error) {
    failure = error;
    throw;
  }
}

}  // namespace

Reader::Reader(Source& source, Ending ending) : state_(std::make_unique<State>(source, ending)) {}
Reader::~Reader() = default;

bool Reader::next(Header& header) {
  return keeping(state_->failure, [&] { return state_->next(header); });
}

std::size_t Reader::read(MutableBytes out) {
  return keeping(state_->failure, [&] { return state_->read(out); });
}

bool Reader::drain() {
  return keeping(state_->failure, [&] { return state_->input.drain(); });
}

std::uint64_t Reader::header_offset() const { return state_->header_offset; }
std::uint64_t Reader::content_offset() const { return state_->content_offset; }
bool Reader::ended_properly() const { return state_->ended_properly; }

}  // namespace stave::tar
