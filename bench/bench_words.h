// What the benchmarks of the parts share: bytes that compress like files do, and
// trees on disk that go away again. The same bytes in every run.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stave/base/stream.h"

namespace stave::bench {

// `size` bytes of words and noise; gzip -6 leaves 38 % of them, of a root file system 32 %.
inline std::string like_files(std::size_t size, std::uint32_t seed = 1) {
  std::mt19937 random(seed);
  std::vector<std::string> words(4000);
  for (auto& word : words) {
    word.resize(2 + random() % 10);
    for (char& letter : word) letter = static_cast<char>('a' + std::min(random() % 26, random() % 26));
  }
  std::string text;
  text.reserve(size + 256);
  while (text.size() < size) {
    // The n-th word is rarer than the first, roughly as in a language.
    const std::size_t rank = random() % words.size() * (random() % words.size()) / words.size();
    text += words[rank * (random() % 64) / 64] + ' ';
    if (random() % 64 == 0) {
      for (int i = 0; i < 16; ++i) text += static_cast<char>(random() & 0xff);
    }
  }
  text.resize(size);
  return text;
}

inline std::string noise(std::size_t size) {
  std::mt19937 random(7);
  std::string bytes(size, '\0');
  std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<char>(random() & 0xff); });
  return bytes;
}

// A directory below the one for temporary files, removed at the end.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "stave-bench-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory: " + name);
    path_ = name;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;  // what is left is in a directory for temporary files
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

// `files` files of 1 KiB, a hundred in a directory.
inline void make_files(const std::string& root, int files) {
  const std::string text = like_files(std::size_t{64} << 10);
  for (int number = 0; number < files; ++number) {
    const std::string directory = root + "/d" + std::to_string(number / 100);
    if (number % 100 == 0) std::filesystem::create_directories(directory);
    std::ofstream(directory + "/f" + std::to_string(number)).write(text.data() + number % 60000, 1024);
  }
}

}  // namespace stave::bench
