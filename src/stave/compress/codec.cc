// Formats and codecs by name: what a stream's first bytes say it is, and what a
// person may ask for.

#include <fmt/format.h>
#include <libdeflate.h>
#include <zlib.h>
#include <zstd.h>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/compress/compress.h"
#include "stave/compress/inflate.h"

namespace stave::compress {
namespace {

struct Levels {
  int lowest, normal, highest;
};

// zstd levels above 19 need windows that RFC 8878, 3.1.1.1.2 does not ask a decoder to have.
Levels levels(Format format) { return format == Format::gzip ? Levels{0, 5, 12} : Levels{1, 3, 19}; }

bool starts_with(Bytes bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && as_text(bytes.first(magic.size())) == magic;
}

}  // namespace

std::string_view name(Format format) {
  switch (format) {
    case Format::none:
      return "none";
    case Format::gzip:
      return "gzip";
    case Format::zstd:
      return "zstd";
    case Format::xz:
      return "xz";
    case Format::bzip2:
      return "bzip2";
  }
  throw Error(Kind::internal, "a compression format without a name");
}

Format sniff(Bytes first) {
  using namespace std::string_view_literals;
  if (starts_with(first, "\x1f\x8b\x08"sv)) return Format::gzip;            // RFC 1952, 2.3.1
  if (starts_with(first, "\x28\xb5\x2f\xfd"sv)) return Format::zstd;        // RFC 8878, 3.1.1
  if (starts_with(first, "\xfd\x37\x7a\x58\x5a\x00"sv)) return Format::xz;  // The .xz File Format, 2.1.1.1
  const bool skippable = first.size() >= 4 && (std::to_integer<unsigned>(first[0]) & 0xf0) == 0x50;
  if (skippable && starts_with(first.subspan(1), "\x2a\x4d\x18"sv)) return Format::zstd;  // RFC 8878, 3.1.2
  const auto level = first.size() >= 4 ? std::to_integer<char>(first[3]) : '\0';
  if (starts_with(first, "BZh"sv) && level >= '1' && level <= '9') return Format::bzip2;
  return Format::none;
}

Codec Codec::parse(std::string_view text) {
  const std::string_view format_name = text.substr(0, text.find(':'));
  if (text == "none") return {Format::none, 0};
  if (format_name != "gzip" && format_name != "zstd") {
    throw Error(Kind::usage, fmt::format("{} is not a compression", quote(text)),
                "say gzip, gzip:LEVEL, zstd, zstd:LEVEL or none");
  }
  const Format format = format_name == "gzip" ? Format::gzip : Format::zstd;
  const auto [lowest, normal, highest] = levels(format);
  if (format_name.size() == text.size()) return {format, normal};

  const auto level = parse_number(text.substr(format_name.size() + 1));
  if (!level || *level < static_cast<std::uint64_t>(lowest) || *level > static_cast<std::uint64_t>(highest)) {
    throw Error(Kind::usage, fmt::format("compression {}: the levels of {} are {} to {}", quote(text),
                                         format_name, lowest, highest));
  }
  return {format, static_cast<int>(*level)};
}

std::string Codec::str() const {
  if (format == Format::none) return "none";
  return fmt::format("{}:{}", name(format), level);
}

std::vector<Version> versions() {
  std::vector<Version> all = {
      {"libdeflate", LIBDEFLATE_VERSION_STRING}, {"zlib", zlibVersion()}, {"libzstd", ZSTD_versionString()}};
  if (auto isal = isal_version(); !isal.empty()) all.push_back({"isa-l", std::move(isal)});
  return all;
}

}  // namespace stave::compress
