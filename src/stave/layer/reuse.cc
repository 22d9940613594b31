// Reuse: fingerprints, the longest common beginning, blocks by content.

#include "stave/layer/reuse.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/fs/fs.h"
#include "stave/hash/resumable.h"
#include "stave/layer/known.h"

namespace stave::layer {
namespace {

cache::Fingerprint fingerprint_of(const Digest& digest) {
  cache::Fingerprint fingerprint{};
  std::memcpy(fingerprint.data(), digest.raw().data(), fingerprint.size());
  return fingerprint;
}

// Could the file have changed after it was seen, and have the same ctime still? File systems that count in
// whole seconds, or in two of them, show it by having no fraction.
bool is_old(const Timestamp& ctime, const Timestamp& seen_after) {
  constexpr std::int64_t coarsest = 2;
  if (ctime.nanoseconds == 0) return ctime.seconds < seen_after.seconds - coarsest;
  return ctime < seen_after;
}

// How a change looks: its header, where that is, and which state of a file on disk has the content. All
// numbers of one width, so that nothing of one can be taken for a part of another.
void look_at(const Change& change, const std::string& header, std::int64_t at, bool has_content,
             ResumableHasher& hasher) {
  const Stamp stamp = has_content ? change.stamp : Stamp{};
  const std::array<std::uint64_t, 8> numbers = {static_cast<std::uint64_t>(at),
                                                header.size(),
                                                stamp.device,
                                                stamp.inode,
                                                static_cast<std::uint64_t>(stamp.mtime.seconds),
                                                stamp.mtime.nanoseconds,
                                                static_cast<std::uint64_t>(stamp.ctime.seconds),
                                                stamp.ctime.nanoseconds};
  hasher.update(std::as_bytes(std::span(numbers)));
  hasher.update(as_bytes(header));
}

}  // namespace

Reuse::Reuse(const Remember& remember, const Plan& plan, const compress::Codec& codec,
             const content::Store& store)
    : remember_(remember), plan_(plan), format_(codec.format), store_(store) {
  name_.codec = fingerprint_of(digest_of(compress::identity(codec)));
  describe();
  choose();
}

void Reuse::describe() {
  for (std::size_t block = 0; block < plan_.block_count(); ++block) {
    ResumableHasher hasher;
    bool reliable = true;
    const std::uint64_t size = plan_.block_size(block);
    hasher.update(std::as_bytes(std::span(&size, 1)));
    plan_.describe(block, [&](const Change& change, const std::string& header, std::int64_t at) {
      const Metadata& meta = change.entry.meta;
      const bool has_content = !change.removal && meta.type == Type::regular && meta.size != 0;
      if (has_content)
        reliable &= change.contents != nullptr && change.contents->stamped() &&
                    is_old(change.stamp.ctime, remember_.seen_after);
      look_at(change, header, at, has_content, hasher);
    });
    looks_.push_back(fingerprint_of(std::move(hasher).finish()));
    seen_.push_back(reliable ? looks_.back() : cache::Fingerprint{});
  }
  name_.first = looks_.front();
}

void Reuse::choose() {
  for (cache::Layer& layer : remember_.layers->find(name_)) {
    const std::size_t most = std::min(layer.blocks.size(), looks_.size());
    std::size_t same = 0;
    // What was not to be relied on has no fingerprint and is like nothing.
    while (same < most && layer.blocks[same].seen == looks_[same]) ++same;
    // The last block holds the end of the tar: more cannot follow it, whatever an index says.
    if (same == layer.blocks.size() && same != looks_.size()) --same;
    if (same <= same_) continue;
    same_ = same;
    known_ = kept(std::move(layer));
  }
}

const cache::Layer* Reuse::whole() const {
  return known_ && same_ == looks_.size() && same_ == known().blocks.size() ? &known() : nullptr;
}

std::unique_ptr<Reuse::Kept> Reuse::kept(cache::Layer layer) const {
  auto kept = std::make_unique<Kept>(std::move(layer));
  kept->offsets.reserve(kept->layer.blocks.size());
  std::uint64_t offset = compress::head_size(format_);
  for (const cache::Block& block : kept->layer.blocks) {
    kept->offsets.push_back(offset);
    offset += block.packed_size;
  }
  return kept;
}

bool Reuse::read(Kept& kept, std::size_t block, compress::Block& out) const {
  std::call_once(kept.blob.opened, [&] {
    auto file = remember_.layers->open_blob(kept.layer.digest);
    if (!file) file = store_.open_blob(kept.layer.digest);
    if (file && fs::stat(*file).size == kept.layer.size) kept.blob.file = std::move(file);
  });
  if (!kept.blob.file) return false;
  const cache::Block& known = kept.layer.blocks[block];
  if (known.packed_size > kept.layer.size) return false;
  out.bytes.resize(known.packed_size);
  out.crc32 = known.plain_crc;
  out.plain_size = known.plain_size;
  try {
    fs::read_at(*kept.blob.file, kept.offsets[block], out.bytes, "a blob that was packed before");
  } catch (const Error&) {
    return false;
  }
  return compress::crc32_of(out.bytes) == known.packed_crc;
}

bool Reuse::get(std::size_t block, compress::Block& out) const { return read(*known_, block, out); }

void Reuse::read_recent() const {
  for (cache::Layer& layer : remember_.layers->recent(name_.codec, limits::cached_blocks)) {
    for (std::size_t i = 0; i < layer.blocks.size(); ++i)
      pieces_.emplace(layer.blocks[i].content, Piece{recent_.size(), i});
    recent_.push_back(kept(std::move(layer)));
  }
}

bool Reuse::find(const ContentKey& content, std::uint64_t plain_size, compress::Block& out) const {
  std::call_once(recent_read_, [&] { read_recent(); });
  const auto piece = pieces_.find(content);
  if (piece == pieces_.end()) return false;
  Kept& kept = *recent_[piece->second.layer];
  return kept.layer.blocks[piece->second.block].plain_size == plain_size &&
         read(kept, piece->second.block, out);
}

void Reuse::keep(const cache::Layer& layer) const {
  if (const auto blob = store_.open_blob(layer.digest))
    remember_.layers->put(name_, layer, *blob, headers_of(plan_));
}

void Reuse::forget() const { remember_.layers->remove(name_); }

void Reuse::used(const cache::Layer& layer) const { remember_.layers->touch(name_, layer.digest); }

}  // namespace stave::layer
