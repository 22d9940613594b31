// Two readers, one archive: ours and libarchive's, entry by entry. Where both read an
// entry they must agree on its name, type, size, mode, link target and content. Ours may refuse
// what libarchive takes: it is strict on purpose. Every other difference is one of those below, each with its
// name and reason (fuzz/differences.md), or a defect of one of them.

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <clocale>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz_tar.h"
#include "stave/base/error.h"
#include "stave/base/stream.h"
#include "stave/base/text.h"
#include "stave/tar/block.h"
#include "stave/tar/tar.h"

namespace {

using namespace stave;

// Holes cost nothing in an archive: so much of each content is compared.
constexpr std::size_t most_content = 1 << 16;
// Of an archive; libarchive takes seconds for one with tens of thousands.
constexpr std::size_t most_entries = 256;

struct Entry {
  std::string name;
  tar::Type type = tar::Type::regular;
  std::uint64_t size = 0;
  std::uint32_t mode = 0;
  std::string link;
  std::string content;
  std::uint64_t header = 0;  // offset of the first header block; ours only
  bool sparse = false;       // ours only
};

// What a reader made of an archive: entries, and how it ended.
struct Reading {
  std::vector<Entry> entries;
  std::string failure;  // empty: read to its end
};

Reading read_ours(std::string_view archive) {
  Reading reading;
  BytesSource source(archive);
  tar::Reader reader(source);
  try {
    for (tar::Header header; reading.entries.size() < most_entries && reader.next(header);) {
      Entry entry{.name = header.name,
                  .type = header.type,
                  .size = header.size,
                  .mode = header.mode,
                  .link = header.linkname,
                  .content = {},
                  .header = reader.header_offset(),
                  .sparse = header.sparse};
      std::array<std::byte, 4096> piece{};
      while (entry.content.size() < most_content) {
        const std::size_t n = reader.read(piece);
        if (n == 0) break;
        entry.content.append(as_text(Bytes(piece).first(n)));
      }
      entry.content.resize(std::min(entry.content.size(), most_content));
      reading.entries.push_back(std::move(entry));
    }
  } catch (const Error& error) {
    reading.failure = error.what();
  }
  return reading;
}

struct FreeArchive {
  void operator()(archive* handle) const { archive_read_free(handle); }
};

std::string text_of(const char* text) { return text == nullptr ? std::string() : std::string(text); }

tar::Type type_of(archive_entry* entry) {
  if (archive_entry_hardlink(entry) != nullptr) return tar::Type::hardlink;
  switch (archive_entry_filetype(entry)) {
    case AE_IFLNK:
      return tar::Type::symlink;
    case AE_IFCHR:
      return tar::Type::character;
    case AE_IFBLK:
      return tar::Type::block;
    case AE_IFDIR:
      return tar::Type::directory;
    case AE_IFIFO:
      return tar::Type::fifo;
    default:
      return tar::Type::regular;
  }
}

Reading read_theirs(std::string_view bytes) {
  Reading reading;
  const std::unique_ptr<archive, FreeArchive> handle(archive_read_new());
  archive_read_support_format_tar(handle.get());
  if (archive_read_open_memory(handle.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) {
    reading.failure = text_of(archive_error_string(handle.get()));
    return reading;
  }
  archive_entry* found = nullptr;
  while (reading.entries.size() < most_entries) {
    const int result = archive_read_next_header(handle.get(), &found);
    if (result == ARCHIVE_EOF) break;
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) {
      reading.failure = "header: " + text_of(archive_error_string(handle.get()));
      break;
    }
    Entry entry{.name = text_of(archive_entry_pathname(found)),
                .type = type_of(found),
                .size = static_cast<std::uint64_t>(std::max<la_int64_t>(archive_entry_size(found), 0)),
                .mode = static_cast<std::uint32_t>(archive_entry_perm(found)) & 07777,
                .link = archive_entry_hardlink(found) != nullptr ? text_of(archive_entry_hardlink(found))
                                                                 : text_of(archive_entry_symlink(found)),
                .content = std::string(most_content, '\0')};
    const la_ssize_t n = archive_read_data(handle.get(), entry.content.data(), entry.content.size());
    entry.content.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    reading.entries.push_back(std::move(entry));
    if (n < 0) {
      reading.failure = "content: " + text_of(archive_error_string(handle.get()));
      break;
    }
  }
  return reading;
}

// The headers of one entry: its own block, and those before it that are about it.
struct Headers {
  std::string metas;  // their type letters, in order
  bool late = false;  // a size or checksum of those behind a NUL
  tar::Block own{};

  char type() const { return own[tar::field::type.offset]; }
  std::int64_t number(tar::Field where) const {
    return tar::parse_numeric(tar::bytes_of(own, where)).value_or(-1);
  }
  bool has(std::string_view letters) const { return metas.find_first_of(letters) != metas.npos; }
};

bool begins_late(const tar::Block& block, tar::Field where) {
  const auto text = tar::bytes_of(block, where);
  const std::size_t digit = text.find_first_of("01234567");
  return digit != text.npos && text.substr(0, digit).find('\0') != text.npos;
}

Headers headers_at(std::string_view archive, std::uint64_t offset) {
  Headers headers;
  while (offset + tar::block_size <= archive.size()) {
    std::copy_n(archive.begin() + static_cast<std::ptrdiff_t>(offset), tar::block_size, headers.own.begin());
    const char type = headers.type();
    if (std::string_view("xXgLKV").find(type) == std::string_view::npos) break;
    headers.metas += type;
    headers.late = headers.late || begins_late(headers.own, tar::field::size) ||
                   begins_late(headers.own, tar::field::checksum);
    const auto size = static_cast<std::uint64_t>(std::max<std::int64_t>(headers.number(tar::field::size), 0));
    offset += tar::block_size + size + tar::padding(size);
  }
  return headers;
}

// libarchive looks for GNU's map of a sparse file in every GNU header, POSIX readers only in those of type S.
bool has_map_for_nothing(const Headers& headers) {
  return tar::format_of(headers.own) == tar::Format::gnu && headers.type() != 'S' &&
         headers.own[tar::field::gnu_sparse.offset] != '\0';
}

// What is known to be different at an entry. `ours` and `theirs` are the entries, `archive` all bytes.
struct Case {
  std::string_view archive;
  const Entry& ours;
  const Entry& theirs;
  Headers headers;

  bool differs_only_in(bool name, bool type, bool mode, bool link) const {
    return (name || ours.name == theirs.name) && (type || ours.type == theirs.type) &&
           (mode || ours.mode == theirs.mode) && (link || ours.link == theirs.link);
  }
};

struct Difference {
  std::string_view name;
  bool (*is)(const Case&);
};

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool has_content(char type) { return type == '\0' || type == '0' || type == '7' || type == 'S'; }

constexpr std::array differences = {
    // GNU's header of a long name with no name in it: as in Go the entry's own holds, to libarchive it has
    // none.
    Difference{"empty-long-name-is-none",
               [](const Case& c) {
                 return (c.theirs.name.empty() && c.headers.has("L")) ||
                        (c.theirs.link.empty() && c.headers.has("K"));
               }},
    // GNU tar and Go read the number behind a NUL (an old tar let the field before overflow), libarchive 0.
    Difference{"numbers-behind-a-nul",
               [](const Case& c) {
                 return c.headers.late || begins_late(c.headers.own, tar::field::mode) ||
                        begins_late(c.headers.own, tar::field::size);
               }},
    Difference{"map-of-what-is-not-sparse", [](const Case& c) { return has_map_for_nothing(c.headers); }},
    // A hole at the end of a sparse file: libarchive says where data is, and gives no zeros behind the last.
    Difference{"hole-at-the-end",
               [](const Case& c) {
                 return c.ours.sparse && c.differs_only_in(false, false, false, false) &&
                        c.ours.content.starts_with(c.theirs.content) &&
                        c.ours.content.find_first_not_of('\0', c.theirs.content.size()) == std::string::npos;
               }},
    // libarchive hands names through iconv and normalises them; a layer's names are bytes.
    Difference{"names-are-bytes",
               [](const Case& c) { return !is_ascii(c.ours.name) || !is_ascii(c.ours.link); }},
    // A global header: POSIX applies it to all that follows, libarchive passes over it.
    Difference{
        "global-headers-apply",
        [](const Case& c) { return c.archive.find("g") != std::string_view::npos && c.headers.has("g"); }},
    // libarchive takes every regular file whose name ends in a slash for a directory, POSIX and Go only one
    // of v7.
    Difference{"slash-makes-no-directory",
               [](const Case& c) {
                 return has_content(c.headers.type()) && c.ours.name.ends_with('/') &&
                        c.theirs.type == tar::Type::directory;
               }},
    // Go before 1.8 wrote prefixes into GNU headers, star has a shorter one: Go reads both so, libarchive
    // neither.
    Difference{"prefix-of-gnu-and-star",
               [](const Case& c) {
                 const auto format = tar::format_of(c.headers.own);
                 return (format == tar::Format::gnu || format == tar::Format::star) &&
                        c.differs_only_in(true, false, false, false);
               }},
    // A magic that only begins as ustar's: to Go a v7 header, which has no prefix.
    Difference{"magic-is-whole",
               [](const Case& c) {
                 return tar::format_of(c.headers.own) == tar::Format::v7 &&
                        tar::bytes_of(c.headers.own, tar::field::magic).starts_with("ustar");
               }},
    // Content behind something that has none: as in Go, no bytes of the archive belong to it.
    Difference{"no-content-behind-links-and-directories",
               [](const Case& c) {
                 return !has_content(c.headers.type()) &&
                        (c.headers.number(tar::field::size) != 0 || c.headers.has("xX"));
               }},
};

// What libarchive refuses at an entry that ours reads.
struct Refusal {
  std::string_view archive;
  std::string_view failure;  // libarchive's words
  Headers headers;
  const Entry& ours;
};

struct KnownRefusal {
  std::string_view name;
  bool (*is)(const Refusal&);
};

// Spaces, digits, spaces and NULs.
bool is_plain_octal(std::string_view field) {
  constexpr std::string_view blanks(" \0", 2);
  field.remove_prefix(std::min(field.find_first_not_of(' '), field.size()));
  field.remove_prefix(std::min(field.find_first_not_of("01234567"), field.size()));
  return field.find_first_not_of(blanks) == std::string_view::npos;
}

constexpr std::array refusals = {
    KnownRefusal{
        "numbers-behind-a-nul",
        [](const Refusal& r) { return r.headers.late || begins_late(r.headers.own, tar::field::checksum); }},
    KnownRefusal{"map-of-what-is-not-sparse",
                 [](const Refusal& r) { return has_map_for_nothing(r.headers); }},
    // What a pax header overrules is not looked at, as in Go; libarchive refuses a bad size that nobody uses.
    KnownRefusal{"overruled-numbers",
                 [](const Refusal& r) {
                   return r.failure.find("negative size") != std::string_view::npos && r.headers.has("xX");
                 }},
    // A regular file may say so by a NUL (POSIX); libarchive lets only '0' be sparse by its pax header.
    KnownRefusal{"sparse-of-type-nul",
                 [](const Refusal& r) {
                   return r.failure == "header: Non-regular file cannot be sparse" && r.headers.has("xX") &&
                          r.headers.type() == '\0';
                 }},
    // It takes an archive for a tar only if every number of the first header has a form that it knows: device
    // numbers of
    // what is no device, and base-256 with other leading bits than 80 and ff, have not.
    KnownRefusal{"numbers-of-the-first-header",
                 [](const Refusal& r) {
                   using namespace tar::field;
                   const std::array numbers = {mode,  uid,      gid,          size,
                                               mtime, checksum, device_major, device_minor};
                   return r.failure == "Unrecognized archive format" &&
                          std::any_of(numbers.begin(), numbers.end(), [&](tar::Field where) {
                            return !is_plain_octal(r.archive.substr(where.offset, where.size));
                          });
                 }},
};

std::string shown(const Entry& e) {
  return quote(e.name) + " type " + std::to_string(static_cast<int>(e.type)) + " size " +
         std::to_string(e.size) + " mode " + std::to_string(e.mode) + " link " + quote(e.link) + " content " +
         std::to_string(e.content.size());
}

[[noreturn]] void report(const std::string& what, const Reading& ours, const Reading& theirs) {
  std::fprintf(stderr, "%s\nours: %zu entries, %s\ntheirs: %zu entries, %s\n", what.c_str(),
               ours.entries.size(), ours.failure.c_str(), theirs.entries.size(), theirs.failure.c_str());
  for (std::size_t i = 0; i < std::max(ours.entries.size(), theirs.entries.size()); ++i) {
    if (i < ours.entries.size()) std::fprintf(stderr, "  ours   %s\n", shown(ours.entries[i]).c_str());
    if (i < theirs.entries.size()) std::fprintf(stderr, "  theirs %s\n", shown(theirs.entries[i]).c_str());
  }
  std::abort();
}

bool same(const Entry& a, const Entry& b) {
  return a.name == b.name && a.type == b.type && a.size == b.size && a.mode == b.mode && a.link == b.link &&
         a.content == b.content;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  // libarchive converts names with the locale's help; this one leaves them alone as far as any does.
  if (std::setlocale(LC_CTYPE, "C.UTF-8") == nullptr) std::abort();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string archive = fuzz::with_checksums({reinterpret_cast<const char*>(data), size});
  const Reading ours = read_ours(archive);
  if (ours.entries.empty()) return 0;
  const Reading theirs = read_theirs(archive);
  const std::size_t both = std::min(ours.entries.size(), theirs.entries.size());
  for (std::size_t i = 0; i < both; ++i) {
    const Entry& mine = ours.entries[i];
    const Entry& other = theirs.entries[i];
    const Case it{archive, mine, other, headers_at(archive, mine.header)};
    const bool known = std::any_of(differences.begin(), differences.end(),
                                   [&](const Difference& difference) { return difference.is(it); });
    // From there on they may be at different places of the archive.
    if (known) return 0;
    if (same(mine, other)) continue;
    // What ours refuses only when its content is read to the end, theirs gave in part.
    if (i + 1 == ours.entries.size() && !ours.failure.empty()) return 0;
    report("they differ at entry " + std::to_string(i), ours, theirs);
  }
  // Ours is strict: what it refuses is refused by name in the tests of the reader.
  if (!ours.failure.empty() && ours.entries.size() <= theirs.entries.size()) return 0;
  if (both < ours.entries.size() && !theirs.failure.empty()) {
    const Refusal it{archive, theirs.failure, headers_at(archive, ours.entries[both].header),
                     ours.entries[both]};
    if (std::any_of(refusals.begin(), refusals.end(),
                    [&](const KnownRefusal& refusal) { return refusal.is(it); }))
      return 0;
  }
  if (ours.entries.size() != theirs.entries.size()) report("one sees more", ours, theirs);
  return 0;
}
