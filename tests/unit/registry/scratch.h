// What tests of registries stand on: a directory that goes away, files in it, and
// failures as words.

#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "stave/base/error.h"

namespace stave::testing {

namespace files = std::filesystem;

class Scratch {
 public:
  Scratch() {
    std::string pattern = "/tmp/stave-registry-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    files::remove_all(path_, ignored);
  }

  std::string path(std::string_view relative = {}) const {
    return relative.empty() ? path_ : path_ + "/" + std::string(relative);
  }
  // Writes a file below; gives its path.
  std::string write(std::string_view relative, std::string_view text) const {
    const files::path file = path(relative);
    files::create_directories(file.parent_path());
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out << text;
    EXPECT_TRUE(out.good()) << file;
    return file;
  }
  std::string read(std::string_view relative) const {
    std::ifstream in(path(relative), std::ios::binary);
    EXPECT_TRUE(in) << relative;
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  unsigned mode(std::string_view relative) const {
    struct ::stat found{};
    EXPECT_EQ(::lstat(path(relative).c_str(), &found), 0) << relative;
    return found.st_mode & 07777U;
  }

 private:
  std::string path_;
};

// "kind: what it says | hint"; "nothing" if nothing is thrown.
template <class F>
std::string message(F f) {
  try {
    f();
  } catch (const Error& error) {
    return std::string(name(error.kind())) + ": " + error.what() +
           (error.hint().empty() ? "" : " | " + error.hint());
  }
  return "nothing";
}

}  // namespace stave::testing
