// Known: the headers of a layer as a stream of records (where, how long, bytes) in
// zstd frames, and blocks by their places in the blob.

#include "stave/layer/known.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "stave/base/error.h"
#include "stave/hash/content_key.h"
#include "stave/layer/pack.h"

namespace stave::layer {
namespace {

constexpr std::string_view magic = "stave headers 1\n";
constexpr compress::Codec headers_codec = {.format = compress::Format::zstd, .level = 1};
constexpr std::size_t frame_size = 1024 * 1024;

using Record = std::array<std::uint64_t, 2>;  // where the header is in the tar, how long it is

[[noreturn]] void fail_wrong() { throw Error(Kind::mismatch, "what the cache knows of the layer is wrong"); }

class HeadersWriter {
 public:
  HeadersWriter() : compressor_(headers_codec), frames_(headers_codec, out_) {}

  void add(std::uint64_t at, std::string_view header) {
    const Record record = {at, header.size()};
    plain_ += as_text(std::as_bytes(std::span(record)));
    plain_ += header;
    if (plain_.size() >= frame_size) flush();
  }

  std::string finish() && {
    flush();
    std::move(frames_).finish();
    return std::string(magic) + out_.take();
  }

 private:
  void flush() {
    if (plain_.empty()) return;
    compressor_.compress(as_bytes(plain_), block_);
    frames_.append(block_);
    plain_.clear();
  }

  StringSink out_;
  compress::BlockCompressor compressor_;
  compress::BlockWriter frames_;
  compress::Block block_;
  std::string plain_;
};

// Headers where they belong, zeros everywhere else.
class Listing final : public Source {
 public:
  Listing(std::string_view headers, std::uint64_t size)
      : packed_(headers), records_(compress::decompress(packed_, compress::Format::zstd)), size_(size) {
    advance();
  }

  std::size_t read(MutableBytes out) override {
    if (position_ == next_ + header_.size() && next_ != size_) advance();
    const bool in_header = position_ >= next_ && next_ != size_;
    const std::uint64_t end = in_header ? next_ + header_.size() : next_;
    const MutableBytes part = out.first(std::min<std::uint64_t>(out.size(), end - position_));
    if (in_header) {
      std::memcpy(part.data(), header_.data() + (position_ - next_), part.size());
    } else {
      std::fill(part.begin(), part.end(), std::byte{0});
    }
    position_ += part.size();
    return part.size();
  }

  // Within what is not a header nothing has to be made.
  std::uint64_t skip(std::uint64_t count) override {
    std::uint64_t left = count;
    std::array<std::byte, 4096> passed{};
    while (left != 0) {
      if (position_ < next_) {
        const std::uint64_t n = std::min(left, next_ - position_);
        position_ += n;
        left -= n;
        continue;
      }
      const std::size_t n = read(MutableBytes(passed).first(std::min<std::uint64_t>(passed.size(), left)));
      if (n == 0) break;
      left -= n;
    }
    return count - left;
  }

 private:
  void advance() {
    Record record{};
    const std::size_t got = read_full(*records_, std::as_writable_bytes(std::span(record)));
    const std::uint64_t before = position_;
    if (got == 0) {
      next_ = size_;
      header_.clear();
      return;
    }
    if (got != sizeof record || record[0] < before || record[0] > size_ || record[1] == 0 ||
        record[1] > size_ - record[0])
      fail_wrong();
    next_ = record[0];
    header_.resize(record[1]);
    if (read_full(*records_, std::as_writable_bytes(std::span(header_))) != header_.size()) fail_wrong();
  }

  BytesSource packed_;
  std::unique_ptr<Source> records_;
  const std::uint64_t size_;    // of the tar
  std::uint64_t position_ = 0;  // in the tar
  std::uint64_t next_ = 0;      // where `header_` is; the end of the tar behind the last one
  std::string header_;
};

std::optional<compress::Format> format_of(std::string_view media_type) {
  for (const auto format : {compress::Format::none, compress::Format::gzip, compress::Format::zstd}) {
    if (media_type == media_type_of(format)) return format;
  }
  return std::nullopt;
}

// Ranges of the tar, of which the last block that was needed is kept.
class Ranges {
 public:
  Ranges(std::shared_ptr<const Known> known, std::shared_ptr<const content::BlobSource> blobs)
      : known_(std::move(known)), blobs_(std::move(blobs)) {}

  void read(std::uint64_t offset, MutableBytes out) {
    while (!out.empty()) {
      const std::size_t block = known_->block_at(offset);
      if (block != block_) {
        block_ = none;
        known_->read_block(*blobs_, block, plain_);
        block_ = block;
      }
      const std::uint64_t from = offset - known_->block_begin(block);
      const std::size_t n = std::min<std::uint64_t>(out.size(), plain_.size() - from);
      std::memcpy(out.data(), plain_.data() + from, n);
      out = out.subspan(n);
      offset += n;
    }
  }

 private:
  static constexpr std::size_t none = ~std::size_t{0};
  std::shared_ptr<const Known> known_;
  std::shared_ptr<const content::BlobSource> blobs_;
  std::size_t block_ = none;
  std::vector<std::byte> plain_;
};

}  // namespace

std::string headers_of(const Plan& plan) {
  HeadersWriter writer;
  for (std::size_t block = 0; block < plan.block_count(); ++block) {
    plan.describe(block, [&](const Change&, const std::string& header, std::int64_t at) {
      // What began in an earlier block was told there.
      if (at >= 0) writer.add(plan.block_offset(block) + static_cast<std::uint64_t>(at), header);
    });
  }
  return std::move(writer).finish();
}

Known::Known(cache::Layer layer, std::string headers, const KeySecret& secret, compress::Format format)
    : layer_(std::move(layer)), headers_(std::move(headers)), secret_(secret), format_(format) {
  std::uint64_t plain = 0;
  std::uint64_t packed = compress::head_size(format);
  for (const auto& block : layer_.blocks) {
    plain_offsets_.push_back(plain);
    packed_offsets_.push_back(packed);
    plain += block.plain_size;
    packed += block.packed_size;
  }
}

std::shared_ptr<const Known> Known::find(const cache::Layers& layers, const spec::Descriptor& descriptor) {
  const auto format = format_of(descriptor.media_type);
  if (!format || descriptor.digest.algorithm() != Algorithm::sha256) return nullptr;
  auto headers = layers.find_headers(descriptor.digest);
  if (!headers || !headers->starts_with(magic)) return nullptr;
  auto layer = layers.find_blob(descriptor.digest);
  if (!layer || layer->size != descriptor.size) return nullptr;
  headers->erase(0, magic.size());
  return std::shared_ptr<const Known>(
      new Known(std::move(*layer), std::move(*headers), layers.secret(), *format));
}

std::unique_ptr<Source> Known::listing() const {
  return std::make_unique<Listing>(headers_, layer_.plain_size);
}

std::size_t Known::block_at(std::uint64_t offset) const {
  if (offset >= layer_.plain_size) fail_wrong();
  const auto after = std::upper_bound(plain_offsets_.begin(), plain_offsets_.end(), offset);
  return static_cast<std::size_t>(after - plain_offsets_.begin()) - 1;
}

void Known::read_block(const content::BlobSource& blobs, std::size_t block,
                       std::vector<std::byte>& out) const {
  const cache::Block& known = layer_.blocks[block];
  compress::Block packed{.bytes = {}, .crc32 = known.plain_crc, .plain_size = known.plain_size};
  const auto blob = blobs.find(layer_.digest);
  if (!blob || known.packed_size > layer_.size) fail_wrong();
  packed.bytes.resize(known.packed_size);
  if (blob->skip(packed_offsets_[block]) != packed_offsets_[block] ||
      read_full(*blob, packed.bytes) != packed.bytes.size() ||
      compress::crc32_of(packed.bytes) != known.packed_crc)
    fail_wrong();
  // One block between the beginning and the end of a stream is a stream.
  StringSink stream;
  compress::BlockWriter writer({.format = format_}, stream);
  writer.append(packed);
  std::move(writer).finish();
  BytesSource source(stream.text());
  const auto plain = compress::decompress(source, format_);
  out.resize(known.plain_size);
  if (read_full(*plain, out) != out.size() || ContentKeys(secret_).of(out) != known.content) fail_wrong();
}

void use_known(const cache::Layers& layers, std::shared_ptr<const content::BlobSource> blobs,
               const spec::Descriptor& descriptor, Stack::Piece& piece) {
  if (blobs->find_size(descriptor.digest) != descriptor.size) return;
  const auto known = Known::find(layers, descriptor);
  if (!known || (piece.diff_id && known->layer().diff_id != *piece.diff_id)) return;
  piece.listing = [known] { return known->listing(); };
  const auto ranges = std::make_shared<Ranges>(known, std::move(blobs));
  piece.read_at = [ranges](std::uint64_t offset, MutableBytes out) { ranges->read(offset, out); };
}

}  // namespace stave::layer
