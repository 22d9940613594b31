// Fields of a header block, read and written.

#include "stave/tar/block.h"

#include <algorithm>
#include <numeric>

namespace stave::tar {
namespace {

std::optional<std::int64_t> parse_octal(std::string_view text) {
  constexpr std::string_view blanks("\0 ", 2);
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == text.npos) return 0;
  text.remove_prefix(first);
  text = text.substr(0, text.find('\0'));
  text = text.substr(0, text.find_last_not_of(' ') + 1);
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '7' || value >> 60 != 0) return std::nullopt;
    value = value * 8 + static_cast<std::uint64_t>(c - '0');
  }
  return static_cast<std::int64_t>(value);
}

// The top bit says base-256; what is left is a big-endian two's complement number whose sign is the next bit.
std::optional<std::int64_t> parse_base256(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const bool negative = (byte(0) & 0x40) != 0;
  const unsigned char flip =
      negative ? 0xff : 0;  // -a-1 == ~a: a negative number is read through its complement
  std::uint64_t value = (byte(0) ^ flip) & 0x7fu;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (value >> 55 != 0) return std::nullopt;  // the next byte would reach the sign bit
    value = value << 8 | (byte(i) ^ flip);
  }
  const auto number = static_cast<std::int64_t>(value);
  return negative ? ~number : number;
}

// The sum of the block with its checksum field taken as blanks, over bytes of type `Byte`.
template <class Byte>
std::int64_t sum(const Block& block) {
  std::int32_t total = 0;
  for (const char c : block) total += static_cast<Byte>(c);
  for (const char c : bytes_of(block, field::checksum)) total -= static_cast<Byte>(c);
  return total + ' ' * static_cast<std::int32_t>(field::checksum.size);
}

}  // namespace

std::string_view string_of(const Block& block, Field where) {
  const std::string_view bytes = bytes_of(block, where);
  return bytes.substr(0, bytes.find('\0'));
}

std::optional<std::int64_t> parse_numeric(std::string_view text) {
  const bool binary = !text.empty() && (static_cast<unsigned char>(text[0]) & 0x80) != 0;
  return binary ? parse_base256(text) : parse_octal(text);
}

bool all_zero(const Block& block) {
  return std::all_of(block.begin(), block.end(), [](char c) { return c == 0; });
}

bool checksum_matches(const Block& block) {
  const std::optional<std::int64_t> stored = parse_octal(bytes_of(block, field::checksum));
  return stored && (*stored == sum<unsigned char>(block) || *stored == sum<signed char>(block));
}

Format format_of(const Block& block) {
  using namespace std::string_view_literals;
  const std::string_view magic = bytes_of(block, field::magic);
  if (magic == "ustar\0"sv) {
    return bytes_of(block, field::star_trailer) == "tar\0"sv ? Format::star : Format::ustar;
  }
  if (magic == "ustar "sv && bytes_of(block, field::version) == " \0"sv) return Format::gnu;
  return Format::v7;
}

void put_string(Block& block, Field where, std::string_view text) {
  char* const out = block.data() + where.offset;
  const std::string_view kept = text.substr(0, where.size);
  std::copy(kept.begin(), kept.end(), out);
  // Go puts one NUL over the first of the trailing slashes, and leaves the others behind it.
  if (text.size() > where.size && kept.back() == '/') out[kept.find_last_not_of('/') + 1] = '\0';
}

void put_octal(Block& block, Field where, std::uint64_t number) {
  if (!fits_octal(where, number)) number = 0;
  char* digit = block.data() + where.offset + where.size - 1;
  *digit = '\0';
  for (std::size_t i = 1; i < where.size; ++i, number /= 8) *--digit = static_cast<char>('0' + number % 8);
}

void seal(Block& block) {
  using namespace std::string_view_literals;
  put_string(block, field::magic, "ustar\0"sv);
  put_string(block, field::version, "00"sv);
  const auto total = static_cast<std::uint64_t>(sum<unsigned char>(block));
  put_octal(block, {field::checksum.offset, field::checksum.size - 1}, total);
  block[field::checksum.offset + field::checksum.size - 1] = ' ';
}

}  // namespace stave::tar
