// pack: the pipeline from plan to blob.

#include "stave/layer/pack.h"

#include <fmt/format.h>

#include "stave/base/parallel.h"
#include "stave/base/text.h"
#include "stave/layer/plan.h"

namespace stave::layer {
namespace {

struct Slot {
  std::vector<std::byte> plain;
  compress::Block block;
  std::unique_ptr<compress::BlockCompressor> compressor;
};

}  // namespace

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

// Sends the layer into `sink`, and gives what it is but for the digest and size of what was sent.
template <class Finish>
Layer pack_into(const Context& context, const Changeset& changes, const compress::Codec& codec, Sink& sink,
                Finish finish) {
  const bool plain = codec.format == compress::Format::none;
  const Plan plan(changes, codec.format == compress::Format::zstd ? Cuts::zstd() : Cuts::gzip());
  Task task(context, fmt::format("packing {} {}", changes.size(), changes.size() == 1 ? "entry" : "entries"),
            plan.size());

  std::vector<Slot> slots(
      std::min<std::size_t>(2 * static_cast<std::size_t>(context.jobs) + 2, plan.block_count()));
  Hasher plain_hash;
  compress::BlockWriter frames(codec, sink);

  const auto make = [&](std::size_t i, Slot& slot) {
    plan.make(i, slot.plain);
    if (!slot.compressor) slot.compressor = std::make_unique<compress::BlockCompressor>(codec);
    slot.compressor->compress(slot.plain, slot.block);
  };
  const auto write = [&](std::size_t, Slot& slot) {
    frames.append(slot.block);
    task.advance(slot.plain.size());
  };
  std::vector<std::function<void(std::size_t, Slot&)>> takers = {write};
  // Without compression both hashes are the same one.
  if (!plain) takers.emplace_back([&](std::size_t, Slot& slot) { plain_hash.update(slot.plain); });
  in_order<Slot>(context, plan.block_count(), slots, make, takers);

  std::move(frames).finish();
  const content::Blob blob = finish();
  task.done(human_size(blob.size));
  return Layer{.descriptor = {.media_type = std::string(media_type_of(codec.format)),
                              .digest = blob.digest,
                              .size = blob.size},
               .diff_id = plain ? blob.digest : std::move(plain_hash).finish(),
               .plain_size = plan.size(),
               .entries = changes.size()};
}

// Hashes what it passes on.
class HashedSink final : public Sink {
 public:
  explicit HashedSink(Sink& sink) : sink_(sink) {}
  void write(Bytes bytes) override {
    hash_.write(bytes);
    sink_.write(bytes);
  }
  content::Blob finish() {
    const std::uint64_t size = hash_.size();
    return {.digest = std::move(hash_).finish(), .size = size};
  }

 private:
  Sink& sink_;
  HashingSink hash_;
};

}  // namespace

Layer pack(const Context& context, const Changeset& changes, const compress::Codec& codec,
           const content::Store& store) {
  auto writer = store.begin();
  return pack_into(context, changes, codec, writer, [&] { return std::move(writer).commit(); });
}

Layer pack(const Context& context, const Changeset& changes, const compress::Codec& codec, Sink& sink) {
  HashedSink hashed(sink);
  return pack_into(context, changes, codec, hashed, [&] { return hashed.finish(); });
}

}  // namespace stave::layer
