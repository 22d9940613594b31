// Containerfiles and ignore files: any text is read or refused; what was read can be
// expanded, and patterns answer for any path.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "stave/base/error.h"
#include "stave/containerfile/instructions.h"
#include "stave/containerfile/patterns.h"

namespace {

using namespace stave;

void read_file(std::string_view text) {
  try {
    const auto file = containerfile::parse({.name = "Containerfile", .text = std::string(text)});
    const auto variables = [](std::string_view name) {
      return name.size() % 2 == 0 ? std::optional<std::string>("a/b*c") : std::nullopt;
    };
    for (const auto& stage : file.stages) {
      for (const auto& instruction : stage.instructions) {
        try {
          static_cast<void>(containerfile::expanded(file, instruction, variables));
        } catch (const Error&) {
        }
      }
    }
  } catch (const Error&) {
  }
}

void read_patterns(std::string_view text) {
  try {
    const containerfile::Patterns patterns(containerfile::read_ignore_file(text.substr(0, 2000)));
    for (const std::string_view path : {"a", "a/b", "a/b/c.o", ".git", "src/x/y.cc"}) {
      static_cast<void>(patterns.excludes(path));
      static_cast<void>(patterns.may_include_below(path));
    }
  } catch (const Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_file(text);
  read_patterns(text);
  return 0;
}
