// Can this machine run programs that were made for another one? Internal to build.

#pragma once

#include <string>
#include <string_view>

#include "stave/spec/spec.h"

namespace stave::build {

// Is there a handler of binfmt_misc, in the directory where that is mounted, that takes programs with these
// first bytes? Parsed as Documentation/admin-guide/binfmt-misc.rst has it.
bool has_handler(const std::string& directory, std::string_view first_bytes);

// Throws Kind::denied, naming what is missing, where programs of `platform` cannot be run.
void check_machine(const spec::Platform& platform);

}  // namespace stave::build
