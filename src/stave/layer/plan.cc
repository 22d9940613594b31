// Plan: layout, cuts, and making a block.

#include "stave/layer/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <unordered_set>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/layer/path.h"
#include "stave/layer/whiteout.h"

namespace stave::layer {
namespace {

// FNV-1a, finished with a multiplication and a fold so that low bits depend on all of them. Part of the
// format (docs/format.md): it decides cuts.
std::uint64_t path_hash(std::string_view path) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : path) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  hash ^= hash >> 32;
  hash *= 0x9e3779b97f4a7c15;
  return hash ^ (hash >> 29);
}

std::uint64_t padded(std::uint64_t size) { return size + tar::padding(size); }

void check(const Change& change) {
  const auto name = basename(change.entry.path);
  if (change.entry.path.empty()) {
    throw Error(Kind::internal, "a layer cannot carry the root directory itself");
  }
  if (looks_like_whiteout(name)) {
    throw Error(Kind::invalid,
                fmt::format("{} cannot be packed: in a layer, a name that begins with .wh. removes a file",
                            quote(change.entry.path)),
                "rename the file or leave it out");
  }
}

}  // namespace

tar::Header header_of(const Change& change) {
  tar::Header header;
  if (change.removal) {
    header.name = whiteout_of(change.entry.path);
    return header;  // an empty regular file of mode 0 and mtime 0
  }
  const Metadata& meta = change.entry.meta;
  header.name = change.entry.path;
  if (meta.type == Type::directory) header.name += '/';
  header.type = meta.type;
  header.mode = meta.mode;
  header.uid = meta.uid;
  header.gid = meta.gid;
  if (meta.type == Type::regular) header.size = meta.size;
  header.mtime = meta.mtime;
  if (meta.type == Type::symlink || meta.type == Type::hardlink) header.linkname = meta.link;
  if (meta.type == Type::character || meta.type == Type::block) {
    header.device_major = meta.device_major;
    header.device_minor = meta.device_minor;
  }
  header.xattrs = meta.xattrs;
  return header;
}

Plan::Plan(const Changeset& changes, const Cuts& cuts) : changes_(changes) {
  offsets_.reserve(changes.size() + 1);
  blocks_.push_back({0, 0});
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (i != 0 && !written_before(changes[i - 1], changes[i])) {
      throw Error(Kind::internal,
                  fmt::format("changes out of order: {} and then {}", quote(changes[i - 1].entry.path),
                              quote(changes[i].entry.path)));
    }
    check(changes[i]);
    lay_out(i, cuts);
  }
  offsets_.push_back(size_);
  size_ += tar::trailer_size;
  check_removals();
}

// Nothing is removed and put in one layer: podman and containerd then keep the old files.
void Plan::check_removals() const {
  std::unordered_set<std::string_view> removed;
  for (const Change& change : changes_) {
    if (change.removal) removed.insert(change.entry.path);
  }
  if (removed.empty()) return;
  for (const Change& change : changes_) {
    if (!change.removal && removed.contains(change.entry.path))
      throw Error(Kind::internal, fmt::format("{} is both removed and put", quote(change.entry.path)));
  }
}

void Plan::cut(std::uint64_t offset, std::size_t entry) {
  if (blocks_.back().offset != offset) blocks_.push_back({offset, entry});
}

// The rule of docs/format.md, "Cuts". That a cut is the likelier the longer its entry is makes blocks of the
// same size of small files and of large ones, and two layouts that differ fall into step soon.
void Plan::lay_out(std::size_t entry, const Cuts& cuts) {
  const tar::Header header = header_of(changes_[entry]);
  const std::uint64_t most = limits::layer_bytes;
  if (header.size > most - std::min(size_, most)) {
    throw limits::layer_bytes.exceeded(fmt::format("with {} of {} the layer would be larger than {}",
                                                   quote(header.name), human_size(header.size),
                                                   human_size(most)));
  }
  const std::uint64_t header_size = tar::encode(header).size();
  const std::uint64_t length = header_size + padded(header.size);
  const std::uint64_t in_block = size_ - blocks_.back().offset;

  const bool large = header.size >= cuts.most;
  const bool natural = in_block >= cuts.least && path_hash(header.name) % cuts.mean < length;
  if (large || natural || in_block + length > cuts.most) cut(size_, entry);
  offsets_.push_back(size_);
  // A large file is cut at multiples of `most` of its own content, wherever it stands in the layer; its rest
  // shares a block with what follows.
  if (large) {
    for (std::uint64_t at = cuts.most; at <= header.size; at += cuts.most)
      cut(size_ + header_size + at, entry);
  }
  size_ += length;
}

std::uint64_t Plan::block_size(std::size_t block) const {
  const std::uint64_t end = block + 1 < blocks_.size() ? blocks_[block + 1].offset : size_;
  return end - blocks_[block].offset;
}

void Plan::describe(
    std::size_t block,
    const std::function<void(const Change&, const std::string& header, std::int64_t at)>& tell) const {
  const std::uint64_t begin = blocks_[block].offset;
  const std::uint64_t end = begin + block_size(block);
  for (std::size_t entry = blocks_[block].entry; entry < changes_.size() && offsets_[entry] < end; ++entry) {
    if (offsets_[entry + 1] <= begin) continue;
    tell(changes_[entry], tar::encode(header_of(changes_[entry])),
         static_cast<std::int64_t>(offsets_[entry]) - static_cast<std::int64_t>(begin));
  }
}

void Plan::make(std::size_t block, std::vector<std::byte>& out) const {
  const std::uint64_t begin = blocks_[block].offset;
  const std::uint64_t end = begin + block_size(block);
  out.resize(end - begin);
  std::uint64_t at = begin;
  // The entry that a block begins in may be the one before the entry that begins at it.
  for (std::size_t entry = blocks_[block].entry; entry < changes_.size() && at < end; ++entry) {
    const std::uint64_t to = std::min(end, offsets_[entry + 1]);
    if (to <= at) continue;
    emit(entry, at - offsets_[entry], to - offsets_[entry], out.data() + (at - begin));
    at = to;
  }
  std::memset(out.data() + (at - begin), 0, end - at);  // the trailer
}

// Bytes [from, to) of what one entry takes in the tar: header, content, padding.
void Plan::emit(std::size_t entry, std::uint64_t from, std::uint64_t to, std::byte* out) const {
  const Change& change = changes_[entry];
  const std::string header = tar::encode(header_of(change));
  if (from < header.size()) {
    const std::uint64_t n = std::min<std::uint64_t>(to, header.size()) - from;
    std::memcpy(out, header.data() + from, n);
    out += n;
    from += n;
  }
  const bool has_content = !change.removal && change.entry.meta.type == Type::regular;
  const std::uint64_t content_end = header.size() + (has_content ? change.entry.meta.size : 0);
  if (from < to && from < content_end) {
    const std::uint64_t n = std::min(to, content_end) - from;
    if (!change.contents) {
      throw Error(Kind::internal, fmt::format("{} has no content to read", quote(change.entry.path)));
    }
    change.contents->read(change, from - header.size(), {out, n});
    out += n;
    from += n;
  }
  if (from < to) std::memset(out, 0, to - from);
}

}  // namespace stave::layer
