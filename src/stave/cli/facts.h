// Facts about the program as a whole that more than one place tells: its exit
// codes and the environment variables it reads.

#pragma once

#include <span>
#include <string_view>

namespace stave::cli {

struct ExitCode {
  int code;
  std::string_view meaning;
};

// In order of their numbers; docs/exit-codes.md says the same at length.
std::span<const ExitCode> exit_codes();

struct Variable {
  std::string_view name;
  std::string_view meaning;
};

std::span<const Variable> variables();

}  // namespace stave::cli
