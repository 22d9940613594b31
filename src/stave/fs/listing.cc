// Listing directories. getdents64 is called directly: fdopendir costs two more system
// calls and an allocation for every directory, and wants to own the descriptor.

#include "stave/fs/listing.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "stave/base/error.h"
#include "stave/base/limits.h"

namespace stave::fs {
namespace {

constexpr std::size_t buffer_bytes = 64 * 1024;

// struct linux_dirent64 of getdents64(2): inode and offset of 8 bytes each, the length of the record, the
// type, the name.
constexpr std::size_t length_at = 16;
constexpr std::size_t name_at = 19;

bool is_dots(const char* name) { return !std::strcmp(name, ".") || !std::strcmp(name, ".."); }

}  // namespace

void Names::add(const char* name) {
  starts_.push_back(bytes_.size());
  bytes_.append(name, std::strlen(name) + 1);
}

void Names::sort() {
  std::sort(starts_.begin(), starts_.end(), [this](std::size_t a, std::size_t b) {
    return std::strcmp(bytes_.data() + a, bytes_.data() + b) < 0;  // compares as unsigned char
  });
}

Names Lister::list(int fd, const Where& where) {
  buffer_.resize(buffer_bytes);
  Names names;
  for (;;) {
    const long got = retry([&] { return ::syscall(SYS_getdents64, fd, buffer_.data(), buffer_.size()); });
    if (got < 0) fail(errno, where);
    if (got == 0) break;
    for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
      std::uint16_t length = 0;
      std::memcpy(&length, &buffer_[at + length_at], sizeof length);
      const char* name = &buffer_[at + name_at];
      if (!is_dots(name)) names.add(name);
      at += length;
    }
    if (names.size() > limits::layer_entries) {
      throw limits::layer_entries.exceeded(where.text() + ": holds more files than a layer may");
    }
  }
  names.sort();
  return names;
}

}  // namespace stave::fs
