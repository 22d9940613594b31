// A pipe whose ends no program that is started inherits. Internal to rootfs.

#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "stave/base/error.h"
#include "stave/fs/fs.h"

namespace stave::rootfs {

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno(errno, "pipe");
    out = fs::Fd(ends[0]);
    in = fs::Fd(ends[1]);
  }

  // Closes our writing end, and reads until all others are closed too. What comes after `most` bytes is lost.
  std::string read_rest(std::size_t most) {
    in = fs::Fd();
    std::string text;
    std::array<char, 4096> piece{};
    for (;;) {
      const ssize_t count = ::read(out.get(), piece.data(), piece.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;
      text.append(piece.data(), static_cast<std::size_t>(count));
      if (text.size() > most) text.resize(most);
    }
    return text;
  }

  fs::Fd out;
  fs::Fd in;
};

}  // namespace stave::rootfs
