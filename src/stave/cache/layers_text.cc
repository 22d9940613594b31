// Little-endian numbers in the order of the structs; first a line that says which
// version this is, last a SHA-256 of all before it.

#include "stave/cache/layers_text.h"

#include <cstring>

namespace stave::cache {
namespace {

constexpr std::string_view magic = "stave layer 1\n";
constexpr std::size_t hash_size = 32;
constexpr std::size_t header_size = magic.size() + 2 * hash_size + 4 * sizeof(std::uint64_t);
constexpr std::size_t block_size = 32 + 16 + 2 * 8 + 2 * 4 + 2 * 32;

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  template <class Number>
  void number(Number value) {
    for (std::size_t i = 0; i < sizeof value; ++i) out_ += static_cast<char>(value >> (8 * i));
  }
  template <std::size_t n>
  void raw(const std::array<std::uint8_t, n>& bytes) {
    out_.append(reinterpret_cast<const char*>(bytes.data()), n);
  }
  void digest(const Digest& digest) { out_ += as_text(digest.raw()); }

 private:
  std::string& out_;
};

// Reads what is known to be long enough.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <class Number>
  void number(Number& value) {
    value = 0;
    for (std::size_t i = 0; i < sizeof value; ++i)
      value |= static_cast<Number>(static_cast<Number>(static_cast<unsigned char>(rest_[i])) << (8 * i));
    rest_.remove_prefix(sizeof value);
  }
  template <std::size_t n>
  void raw(std::array<std::uint8_t, n>& bytes) {
    std::memcpy(bytes.data(), rest_.data(), n);
    rest_.remove_prefix(n);
  }
  Digest digest() {
    const auto raw = as_bytes(rest_.substr(0, hash_size));
    rest_.remove_prefix(hash_size);
    return Digest::from_raw(Algorithm::sha256, raw);
  }

 private:
  std::string_view rest_;
};

// Every member of a block, in the order in which it is written and read.
template <class Side, class B>
void exchange(Side& side, B& block) {
  side.raw(block.seen);
  side.raw(block.content);
  side.number(block.plain_size);
  side.number(block.packed_size);
  side.number(block.plain_crc);
  side.number(block.packed_crc);
  for (auto& word : block.plain_hash) side.number(word);
  for (auto& word : block.packed_hash) side.number(word);
}

}  // namespace

std::string render(const Layer& layer) {
  std::string out(magic);
  out.reserve(header_size + layer.blocks.size() * block_size + hash_size);
  Writer writer(out);
  writer.digest(layer.digest);
  writer.digest(layer.diff_id);
  writer.number(layer.size);
  writer.number(layer.plain_size);
  writer.number(layer.entries);
  writer.number(static_cast<std::uint64_t>(layer.blocks.size()));
  for (const Block& block : layer.blocks) exchange(writer, block);
  writer.digest(digest_of(out));
  return out;
}

std::optional<Layer> parse(std::string_view bytes) {
  if (bytes.size() < header_size + hash_size || !bytes.starts_with(magic)) return std::nullopt;
  const std::string_view checked = bytes.substr(0, bytes.size() - hash_size);
  if (Reader(bytes.substr(checked.size())).digest() != digest_of(checked)) return std::nullopt;
  Reader reader(checked.substr(magic.size()));
  const Digest digest = reader.digest();
  Layer layer{.digest = digest, .diff_id = reader.digest(), .blocks = {}};
  reader.number(layer.size);
  reader.number(layer.plain_size);
  reader.number(layer.entries);
  std::uint64_t count = 0;
  reader.number(count);
  if ((checked.size() - header_size) % block_size != 0 ||
      count != (checked.size() - header_size) / block_size)
    return std::nullopt;
  layer.blocks.resize(count);
  std::uint64_t plain = 0;
  for (Block& block : layer.blocks) {
    exchange(reader, block);
    plain += block.plain_size;
  }
  if (layer.blocks.empty() || plain != layer.plain_size) return std::nullopt;
  return layer;
}

}  // namespace stave::cache
