// Handlers of binfmt_misc, as the kernel shows them.

#include "stave/build/emulation.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace stave::build {
namespace {

// The first 20 bytes of a program for arm64, and for s390x.
const std::string arm64 = std::string(
                              "\x7f"
                              "ELF\2\1\1",
                              7) +
                          std::string(9, '\0') + std::string("\2\0\xb7\0", 4);
const std::string s390x = std::string(
                              "\x7f"
                              "ELF\2\2\1",
                              7) +
                          std::string(9, '\0') + std::string("\0\2\0\x16", 4);

class Handlers : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/stave-binfmt-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  void put(const std::string& name, const std::string& text) {
    std::ofstream(directory_ + "/" + name) << text;
  }
  // As qemu-user-static registers it in Debian.
  static std::string qemu(const std::string& state) {
    return state +
           "\ninterpreter /usr/bin/qemu-aarch64-static\nflags: OCF\noffset 0\n"
           "magic 7f454c460201010000000000000000000200b700\nmask ffffffffffffff00fffffffffffffffffeffffff\n";
  }
  std::string directory_;
};

TEST_F(Handlers, TakeWhatTheirMagicSays) {
  put("status", "enabled\n");
  EXPECT_FALSE(has_handler(directory_, arm64));
  put("qemu-aarch64", qemu("enabled"));
  EXPECT_TRUE(has_handler(directory_, arm64));
  EXPECT_FALSE(has_handler(directory_, s390x));
}

TEST_F(Handlers, ThatAreDisabledTakeNothing) {
  put("qemu-aarch64", qemu("disabled"));
  EXPECT_FALSE(has_handler(directory_, arm64));
}

TEST_F(Handlers, OfOtherThings) {
  put("python", "enabled\ninterpreter /usr/bin/python3\nflags: \noffset 0\nmagic 550d0d0a\n");
  put("jar", "enabled\ninterpreter /usr/bin/jexec\nextension .jar\n");
  put("broken", "enabled\nmagic xyz\n");
  EXPECT_FALSE(has_handler(directory_, arm64));
}

TEST_F(Handlers, WithoutADirectoryThereAreNone) { EXPECT_FALSE(has_handler(directory_ + "/no", arm64)); }

}  // namespace
}  // namespace stave::build
