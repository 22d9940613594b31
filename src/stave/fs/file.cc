// Open files as streams and as ranges. Ranges are read with pread only, so any number
// of threads may share a descriptor; what ends early has been cut
// under our hands and is never padded.

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/fs/fs.h"
#include "stave/fs/sys.h"

namespace stave::fs {
namespace {

constexpr std::uint64_t max_offset = std::numeric_limits<std::int64_t>::max();

// One pread of at least a byte unless the file ends.
std::size_t read_some(int fd, std::uint64_t offset, MutableBytes out, std::string_view name) {
  const ssize_t got =
      retry([&] { return ::pread(fd, out.data(), out.size(), static_cast<::off_t>(offset)); });
  if (got < 0) throw_errno(errno, quote(name));
  return static_cast<std::size_t>(got);
}

void check_range(std::uint64_t offset, std::uint64_t size, std::string_view name) {
  if (offset <= max_offset && size <= max_offset - offset) return;
  throw Error(Kind::invalid,
              fmt::format("{}: no file reaches from {} over {} bytes", quote(name), offset, size));
}

[[noreturn]] void ended(std::string_view name, std::uint64_t at, std::uint64_t wanted) {
  throw Error(Kind::changed,
              fmt::format("{}: ends at {} where {} more bytes were expected", quote(name), at, wanted),
              "it became shorter while it was read; try again when nothing writes to it");
}

void wait_for(int fd, short events) {
  struct ::pollfd waiting{fd, events, 0};
  retry([&] { return ::poll(&waiting, 1, -1); });  // what went wrong is told by the next read or write
}

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK; }

void fill_zero(MutableBytes out) { std::fill(out.begin(), out.end(), std::byte{0}); }

}  // namespace

FileSource::FileSource(std::shared_ptr<const Fd> fd, std::uint64_t offset, std::uint64_t size,
                       std::string name)
    : fd_(std::move(fd)), offset_(offset), rest_(size), name_(std::move(name)) {
  check_range(offset, size, name_);
}

std::size_t FileSource::read(MutableBytes out) {
  out = out.first(static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), rest_)));
  if (out.empty()) return 0;
  const std::size_t got = read_some(fd_->get(), offset_, out, name_);
  if (got == 0) ended(name_, offset_, rest_);
  offset_ += got;
  rest_ -= got;
  return got;
}

std::uint64_t FileSource::skip(std::uint64_t count) {
  count = std::min(count, rest_);
  offset_ += count;
  rest_ -= count;
  return count;
}

std::size_t PipeSource::read(MutableBytes out) {
  for (;;) {
    const ssize_t got = retry([&] { return ::read(fd_, out.data(), out.size()); });
    if (got >= 0) return static_cast<std::size_t>(got);
    if (!would_block()) throw_errno(errno, "reading " + quote(name_));
    wait_for(fd_, POLLIN);
  }
}

void PipeSink::write(Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t written = retry([&] { return ::write(fd_, bytes.data(), bytes.size()); });
    if (written >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    } else if (would_block()) {
      wait_for(fd_, POLLOUT);
    } else if (errno == EPIPE) {
      throw Error(Kind::io, "writing " + quote(name_) + ": whoever was reading it has gone (broken pipe)");
    } else {
      throw_errno(errno, "writing " + quote(name_));
    }
  }
}

void read_at(const Fd& fd, std::uint64_t offset, MutableBytes out, std::string_view name) {
  check_range(offset, out.size(), name);
  while (!out.empty()) {
    const std::size_t got = read_some(fd.get(), offset, out, name);
    if (got == 0) ended(name, offset, out.size());
    offset += got;
    out = out.subspan(got);
  }
}

void read_at_skipping_holes(const Fd& fd, std::uint64_t offset, MutableBytes out, std::string_view name) {
  check_range(offset, out.size(), name);
  // A question costs more than copying so few bytes; most files of a system are smaller.
  constexpr std::size_t worth_asking = 64 * 1024;
  if (out.size() < worth_asking) return read_at(fd, offset, out, name);
  const Stat now = stat(fd);
  constexpr std::uint64_t unit = 512;
  if (now.blocks >= now.size / unit) return read_at(fd, offset, out, name);  // no holes worth the name

  // Where the next hole is, is not asked: tmpfs looks at every page up to there, block after block. What is
  // read from a hole behind some data costs as much as data.
  constexpr std::size_t piece = 1024 * 1024;
  const auto advance = [&](std::uint64_t size) {
    offset += size;
    out = out.subspan(static_cast<std::size_t>(size));
  };
  // lseek moves the shared position, which nobody here uses; its answer depends on the file alone.
  while (!out.empty()) {
    const ::off_t data = ::lseek(fd.get(), static_cast<::off_t>(offset), SEEK_DATA);
    if (data < 0 && errno == ENXIO) {
      // No data from here on: a hole up to the end of the file, which may come before the end of `out`.
      const std::uint64_t size = stat(fd).size;
      if (size < offset || size - offset < out.size()) ended(name, std::max(size, offset), out.size());
      return fill_zero(out);
    }
    // A file system that knows no holes, or one (some FUSE) that answers nonsense.
    if (data < static_cast<::off_t>(offset)) return read_at(fd, offset, out, name);
    const auto hole_size = std::min<std::uint64_t>(static_cast<std::uint64_t>(data) - offset, out.size());
    fill_zero(out.first(static_cast<std::size_t>(hole_size)));
    advance(hole_size);
    const std::size_t data_size = std::min(piece, out.size());
    read_at(fd, offset, out.first(data_size), name);
    advance(data_size);
  }
}

std::string read_file(const Fd& fd, limits::Cap limit, std::string_view name) {
  const std::uint64_t most = limit.value();
  const auto too_large = [&] {
    throw limit.exceeded(fmt::format("{}: larger than {}", quote(name), human_size(most)));
  };
  const std::uint64_t expected = stat(fd).size;
  if (expected > most) too_large();
  // Read to its end rather than to `expected`: files under /proc say 0. One byte more finds the end at once.
  std::string text(static_cast<std::size_t>(expected) + 1, '\0');
  std::size_t have = 0;
  for (;;) {
    const std::size_t got =
        read_some(fd.get(), have, std::as_writable_bytes(std::span(text).subspan(have)), name);
    have += got;
    if (have > most) too_large();
    if (got == 0) break;
    if (have == text.size()) text.resize(text.size() + 4096 + text.size() / 2);
  }
  text.resize(have);
  return text;
}

}  // namespace stave::fs
