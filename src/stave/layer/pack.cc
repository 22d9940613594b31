// pack: the pipeline from plan to blob.

#include "stave/layer/pack.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <optional>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/parallel.h"
#include "stave/base/text.h"
#include "stave/hash/resumable.h"
#include "stave/layer/plan.h"

namespace stave::layer {

std::string_view media_type_of(compress::Format format) {
  switch (format) {
    case compress::Format::gzip:
      return spec::media::oci_layer_gzip;
    case compress::Format::zstd:
      return spec::media::oci_layer_zstd;
    default:
      return spec::media::oci_layer;
  }
}

namespace {

// What a thread needs to make blocks: made once for each that works at the same time.
struct Tools {
  compress::BlockCompressor compressor;
  std::optional<ContentKeys> keys;
  compress::Block other = {};  // to compare with
};

class ToolBox {
 public:
  ToolBox(const compress::Codec& codec, const Reuse* reuse) : codec_(codec), reuse_(reuse) {}

  // Calls `work` with tools that nobody else has.
  template <class Work>
  void lend(Work work) {
    auto tools = take();
    work(*tools);
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(tools));
  }

 private:
  std::unique_ptr<Tools> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        auto tools = std::move(free_.back());
        free_.pop_back();
        return tools;
      }
    }
    auto tools = std::make_unique<Tools>(Tools{.compressor = compress::BlockCompressor(codec_), .keys = {}});
    if (reuse_ != nullptr) tools->keys.emplace(reuse_->secret());
    return tools;
  }

  const compress::Codec& codec_;
  const Reuse* reuse_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Tools>> free_;
};

// The compressed stream: passed on, and hashed. What lies between its head and its end is hashed by a thread
// of its own, block by block, because writing takes as long as hashing; the hash of its beginning may be
// known already.
class Packed final : public Sink {
 public:
  explicit Packed(Sink& sink) : sink_(sink) {}

  void write(Bytes bytes) override {
    if (!by_block_) hash(bytes);
    sink_.write(bytes);
  }

  // From here on, until `end_blocks`, who writes leaves hashing to who calls `hash`.
  void begin_blocks(bool known) {
    by_block_ = true;
    hashing_ = !known;
  }
  void end_blocks() { by_block_ = false; }

  void hash(Bytes bytes) {
    if (hashing_) hash_.update(bytes);
    end_.append(as_text(bytes.last(std::min<std::size_t>(bytes.size(), ResumableHasher::step))));
    end_.erase(0, end_.size() - std::min<std::size_t>(end_.size(), ResumableHasher::step));
    size_ += bytes.size();
  }
  ResumableHasher::State state() const { return hash_.state(); }
  // What came so far has a hash that is known.
  void resume(const cache::HashWords& words) {
    const std::uint64_t rest = size_ % ResumableHasher::step;
    hash_ = ResumableHasher({.words = words, .bytes = size_ - rest});
    hash_.update(as_bytes(end_).last(rest));
    hashing_ = true;
  }
  std::uint64_t size() const { return size_; }
  Digest finish() && { return std::move(hash_).finish(); }

 private:
  Sink& sink_;
  bool by_block_ = false;

  ResumableHasher hash_;
  bool hashing_ = true;
  std::string end_;         // the last bytes, at most one step
  std::uint64_t size_ = 0;  // of what was hashed or known
};

// What the cache said was not so.
struct CacheIsWrong {
  std::size_t block;
};

class Pipeline {
 public:
  Pipeline(const Context& context, const Plan& plan, const compress::Codec& codec, const Reuse* reuse,
           Sink& sink)
      : context_(context),
        plan_(plan),
        reuse_(reuse),
        plain_(codec.format == compress::Format::none),
        same_(reuse != nullptr && !reuse->verifies() ? std::min(reuse->same(), plan.block_count() - 1) : 0),
        tools_(codec, reuse),
        packed_(sink),
        frames_(codec, packed_),
        blocks_(reuse != nullptr ? plan.block_count() : 0) {}

  // Sends everything into the sink; what it is, but for its number of entries.
  cache::Layer run(Task& task) {
    std::vector<Slot> slots(
        std::min<std::size_t>(static_cast<std::size_t>(context_.jobs) + 2, plan_.block_count()));
    const auto make = [this](std::size_t i, Slot& slot) {
      tools_.lend([&](Tools& tools) { this->make(i, slot, tools); });
    };
    std::vector<std::function<void(std::size_t, Slot&)>> takers = {
        [&](std::size_t i, Slot& slot) {
          frames_.append(slot.block);
          task.advance(plan_.block_size(i));
        },
        [this](std::size_t i, Slot& slot) { hash_packed(i, slot); }};
    // Without compression both hashes are the same one.
    if (!plain_) takers.emplace_back([this](std::size_t i, Slot& slot) { hash_plain(i, slot); });
    packed_.begin_blocks(same_ != 0);
    in_order<Slot>(context_, plan_.block_count(), slots, make, takers);
    packed_.end_blocks();

    std::move(frames_).finish();
    const std::uint64_t size = packed_.size();
    const Digest digest = std::move(packed_).finish();
    return {.digest = digest,
            .diff_id = plain_ ? digest : std::move(plain_hash_).finish(),
            .size = size,
            .plain_size = plan_.size(),
            .blocks = std::move(blocks_)};
  }

 private:
  struct Slot {
    std::vector<std::byte> plain;
    compress::Block block;
  };

  // Any thread.
  void make(std::size_t i, Slot& slot, Tools& tools) {
    if (i < same_) {
      blocks_[i] = reuse_->known().blocks[i];
      if (reuse_->get(i, slot.block)) return;
    }
    plan_.make(i, slot.plain);
    ContentKey key{};
    if (reuse_ != nullptr) key = tools.keys->of(slot.plain);
    const bool found = reuse_ != nullptr && !reuse_->verifies() && i >= same_ &&
                       reuse_->find(key, slot.plain.size(), slot.block);
    if (!found) tools.compressor.compress(slot.plain, slot.block);
    if (reuse_ == nullptr) return;
    if (reuse_->verifies()) verify(i, key, slot, tools.other);
    const std::uint32_t crc = compress::crc32_of(slot.block.bytes);
    // The hashes behind this block count on its being what it was.
    if (i < same_) {
      if (blocks_[i].content != key || blocks_[i].packed_crc != crc ||
          blocks_[i].packed_size != slot.block.bytes.size())
        throw CacheIsWrong{i};
      return;
    }
    blocks_[i] = {.seen = reuse_->seen(i),
                  .content = key,
                  .plain_size = slot.plain.size(),
                  .packed_size = slot.block.bytes.size(),
                  .plain_crc = slot.block.crc32,
                  .packed_crc = crc};
  }

  // Nothing that is known of this block may be something else than what was just made.
  void verify(std::size_t i, const ContentKey& key, const Slot& slot, compress::Block& other) const {
    if (i < reuse_->same()) {
      if (reuse_->known().blocks[i].content != key) throw CacheIsWrong{i};
      if (reuse_->get(i, other) && other.bytes != slot.block.bytes) throw CacheIsWrong{i};
    }
    if (reuse_->find(key, slot.plain.size(), other) &&
        (other.bytes != slot.block.bytes || other.crc32 != slot.block.crc32))
      throw CacheIsWrong{i};
  }

  // In order.
  void hash_packed(std::size_t i, Slot& slot) {
    if (i == same_ && i != 0) packed_.resume(reuse_->known().blocks[i].packed_hash);
    if (reuse_ != nullptr && i >= same_) {
      blocks_[i].packed_hash = packed_.state().words;
      if (plain_) blocks_[i].plain_hash = blocks_[i].packed_hash;
    }
    packed_.hash(slot.block.bytes);
  }

  void hash_plain(std::size_t i, Slot& slot) {
    if (i < same_) return;
    // Blocks begin on multiples of 512 bytes of the tar.
    if (i == same_ && i != 0)
      plain_hash_ =
          ResumableHasher({.words = reuse_->known().blocks[i].plain_hash, .bytes = plan_.block_offset(i)});
    if (reuse_ != nullptr) blocks_[i].plain_hash = plain_hash_.state().words;
    plain_hash_.update(slot.plain);
  }

  const Context& context_;
  const Plan& plan_;
  const Reuse* reuse_;
  const bool plain_;
  const std::size_t same_;  // blocks at the beginning that are not looked at
  ToolBox tools_;
  Packed packed_;
  compress::BlockWriter frames_;
  ResumableHasher plain_hash_;
  std::vector<cache::Block> blocks_;  // each field of each written by one thread
};

Layer layer_of(const cache::Layer& made, const compress::Codec& codec) {
  return {.descriptor = {.media_type = std::string(media_type_of(codec.format)),
                         .digest = made.digest,
                         .size = made.size},
          .diff_id = made.diff_id,
          .plain_size = made.plain_size,
          .entries = made.entries};
}

// Is the blob of a layer that is known as a whole in the store? If not, the cache may have it.
bool have_blob(const cache::Layer& layer, const cache::Layers& layers, const content::Store& store) {
  if (store.find_size(layer.digest) == layer.size) return true;
  const auto blob = layers.open_blob(layer.digest);
  if (!blob) return false;
  try {
    fs::FileSource source(blob, 0, layer.size, layers.path());
    auto writer = store.begin();
    copy(source, writer);
    std::move(writer).commit_as(layer.digest, layer.size);
    return true;
  } catch (const Error& e) {
    // A damaged one is as good as none.
    if (e.kind() != Kind::mismatch && e.kind() != Kind::changed) throw;
    return false;
  }
}

// Remembering is a service, and its failure no failure of the work.
void keep(const Context& context, const Reuse& reuse, const cache::Layer& layer, const std::string& where) {
  try {
    reuse.keep(layer);
  } catch (const Error& e) {
    // A home that cannot be written to is usual for services.
    if (e.kind() == Kind::denied) return;
    context.progress->warn(fmt::format("{}: the layer is not remembered: {}", quote(where), e.what()));
  }
}

class Packing {
 public:
  Packing(const Context& context, const Changeset& changes, const compress::Codec& codec)
      : context_(context),
        changes_(changes),
        codec_(codec),
        plan_(changes, codec.format == compress::Format::zstd ? Cuts::zstd() : Cuts::gzip()) {}

  Layer into(Sink& sink) { return layer_of(run(nullptr, sink), codec_); }

  Layer into(const content::Store& store) { return layer_of(store_anew(store, nullptr), codec_); }

  Layer into(const content::Store& store, const Remember& remember) {
    if (remember.layers == nullptr || plan_.size() < limits::least_cached_layer) return into(store);
    const Reuse reuse(remember, plan_, codec_, store);
    if (const auto* whole = reuse.whole();
        whole != nullptr && !remember.verify && have_blob(*whole, *remember.layers, store)) {
      Task(context_, label(), 0).done(fmt::format("{}, unchanged", human_size(whole->size)));
      reuse.used(*whole);
      return layer_of(*whole, codec_);
    }
    try {
      const cache::Layer made = store_anew(store, &reuse);
      if (remember.verify && reuse.whole() != nullptr && reuse.whole()->digest != made.digest)
        throw CacheIsWrong{plan_.block_count()};
      keep(context_, reuse, made, remember.layers->path());
      return layer_of(made, codec_);
    } catch (const CacheIsWrong& wrong) {
      if (remember.verify) {
        throw Error(Kind::mismatch,
                    fmt::format("{}: block {} of {} is not what packing makes of it",
                                quote(remember.layers->path()), wrong.block, plan_.block_count()),
                    "remove that directory, it will be made again; and please report it");
      }
      reuse.forget();
      return into(store);
    }
  }

 private:
  std::string label() const {
    return fmt::format("packing {} {}", changes_.size(), changes_.size() == 1 ? "entry" : "entries");
  }

  cache::Layer run(const Reuse* reuse, Sink& sink) {
    Task task(context_, label(), plan_.size());
    cache::Layer layer = Pipeline(context_, plan_, codec_, reuse, sink).run(task);
    layer.entries = changes_.size();
    task.done(human_size(layer.size));
    return layer;
  }

  cache::Layer store_anew(const content::Store& store, const Reuse* reuse) {
    auto writer = store.begin_hashed();
    cache::Layer layer = run(reuse, writer);
    std::move(writer).commit_hashed(layer.digest);
    return layer;
  }

  const Context& context_;
  const Changeset& changes_;
  const compress::Codec& codec_;
  Plan plan_;
};

}  // namespace

Layer pack(const Context& context, const Changeset& changes, const compress::Codec& codec,
           const content::Store& store, const Remember& remember) {
  return Packing(context, changes, codec).into(store, remember);
}

Layer pack(const Context& context, const Changeset& changes, const compress::Codec& codec, Sink& sink) {
  return Packing(context, changes, codec).into(sink);
}

}  // namespace stave::layer
