// Documents of other projects, where the machine has them.

#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "stave/json/json.h"

namespace stave::testing {

inline std::filesystem::path shared_data() {
  const char* set = std::getenv("STAVE_DATA");
  return set ? set : STAVE_SHARED_DATA;
}

// Fails the test if there is no such file: that only some are absent is not the absence we skip for.
inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace stave::testing

// In a TEST: leaves it, saying what was skipped, when other projects' documents are not here.
#define STAVE_NEEDS_SHARED(what)                                          \
  if (!std::filesystem::exists(stave::testing::shared_data() / (what))) { \
    GTEST_SKIP() << "skipped: no " << (what) << " (set STAVE_DATA)";      \
  }                                                                       \
  static_assert(true)
