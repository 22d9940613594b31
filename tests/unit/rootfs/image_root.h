// What the tests of rootfs stand on: a root file system of an image with a passwd
// and a group file, and failures as words.

#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "stave/base/error.h"
#include "stave/fs/fs.h"
#include "unit/fs/scratch.h"

namespace stave::rootfs {

struct ImageRoot {
  ImageRoot() { scratch.directory("etc"); }
  void passwd(const std::string& text) const { scratch.file("etc/passwd", text); }
  void group(const std::string& text) const { scratch.file("etc/group", text); }
  fs::Dir dir() const { return scratch.dir(); }

  fs::Scratch scratch;
};

// "invalid: the image has no user "x"", or "" when nothing fails.
inline std::string failure(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return std::string(name(error.kind())) + ": " + error.what();
  }
  return "";
}

}  // namespace stave::rootfs
