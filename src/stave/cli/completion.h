// Completion scripts for shells, made from the table of commands. They stand
// alone: bash needs no bash-completion. Names of images are asked of the program
// itself through its hidden verb `__complete images`.

#pragma once

#include <string>

#include "stave/cli/command.h"

namespace stave::cli {

std::string bash_completion(const Command& program);
std::string zsh_completion(const Command& program);
std::string fish_completion(const Command& program);

}  // namespace stave::cli
