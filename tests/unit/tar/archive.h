// Words of the tar tests: archives put together from headers, records and raw
// fields, and what a Reader makes of them in one value.

#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "stave/base/error.h"
#include "stave/base/stream.h"
#include "stave/tar/tar.h"

namespace stave::tar {

inline const std::string trailer(trailer_size, '\0');

inline Header file(std::string name, std::uint64_t size = 0) {
  Header header;
  header.name = std::move(name);
  header.mode = 0644;
  header.size = size;
  return header;
}

inline std::string padded(std::string content) {
  content.append(padding(content.size()), '\0');
  return content;
}

inline std::string entry(const std::string& name, const std::string& content = "") {
  return encode(file(name, content.size())) + padded(content);
}

// Overwrites bytes of the header block at the start of `archive` and puts its checksum right again.
inline std::string patched(std::string archive, std::size_t at, std::string_view bytes) {
  archive.replace(at, bytes.size(), bytes);
  archive.replace(148, 8, "        ");
  unsigned sum = 0;
  for (std::size_t i = 0; i < block_size; ++i) sum += static_cast<unsigned char>(archive[i]);
  std::string digits;
  for (int shift = 15; shift >= 0; shift -= 3) digits += static_cast<char>('0' + (sum >> shift & 7));
  return archive.replace(148, 7, digits + '\0');
}

inline std::string octal(std::uint64_t number, std::size_t width) {
  std::string digits(width, '0');
  for (std::size_t i = width - 1; i-- > 0; number /= 8) digits[i] = static_cast<char>('0' + number % 8);
  digits[width - 1] = '\0';
  return digits;
}

inline std::string with_type(std::string archive, char flag) {
  return patched(std::move(archive), 156, {&flag, 1});
}

// A header of type `flag` that carries `data`: pax records, a GNU long name.
inline std::string special(char flag, const std::string& data) {
  return with_type(entry("special", data), flag);
}

inline std::string record(const std::string& key, const std::string& value) {
  const std::string rest = " " + key + "=" + value + "\n";
  std::size_t length = rest.size();
  while (std::to_string(length).size() + rest.size() != length) ++length;
  return std::to_string(length) + rest;
}

inline std::string pax(const std::string& records) { return special('x', records); }

struct Entry {
  Header header;
  std::string content;  // up to the budget
  std::uint64_t header_offset = 0;
  std::uint64_t content_offset = 0;
};

// What came of reading an archive: its entries, and the failure that ended it if one did.
struct Outcome {
  std::vector<Entry> entries;
  std::optional<Error> failure;
  bool ended_properly = false;

  const Header& only() const {
    if (failure) throw Error(*failure);
    if (entries.size() != 1) throw Error(Kind::internal, "not one entry: " + std::to_string(entries.size()));
    return entries[0].header;
  }
};

inline Outcome read_archive(std::string_view archive, std::uint64_t budget = 1 << 20) {
  BytesSource source(archive);
  Reader reader(source);
  Outcome outcome;
  try {
    for (Header header; reader.next(header);) {
      outcome.entries.push_back({header, "", reader.header_offset(), reader.content_offset()});
      std::string piece(4096, '?');
      while (budget != 0) {
        const std::size_t most = std::min<std::uint64_t>(piece.size(), budget);
        const std::size_t n = reader.read(std::as_writable_bytes(std::span(piece.data(), most)));
        if (n == 0) break;
        outcome.entries.back().content.append(piece, 0, n);
        budget -= n;
      }
    }
    outcome.ended_properly = reader.ended_properly();
  } catch (const Error& error) {
    outcome.failure = error;
  }
  return outcome;
}

inline Header read_one(std::string_view archive) { return read_archive(archive).only(); }

// The first header alone: what follows it need not be there.
inline Header header_of(std::string_view archive) {
  BytesSource source(archive);
  Reader reader(source);
  Header header;
  if (!reader.next(header)) throw Error(Kind::internal, "no entry");
  return header;
}

// The kind of the failure, or "read" when there was none.
inline std::string verdict(std::string_view archive) {
  const Outcome outcome = read_archive(archive);
  return outcome.failure ? std::string(name(outcome.failure->kind())) : "read";
}

inline std::string refusal(std::string_view archive) {
  const Outcome outcome = read_archive(archive);
  return outcome.failure ? outcome.failure->what() : "nothing was refused";
}

inline std::string file_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Error(Kind::not_found, path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::filesystem::path shared_data() {
  const char* const chosen = std::getenv("STAVE_DATA");
  return chosen != nullptr ? chosen : STAVE_SHARED_DATA;
}

}  // namespace stave::tar
