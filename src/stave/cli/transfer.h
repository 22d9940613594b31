// What the verbs that move images have in common: copy, push and pull.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stave/cli/command.h"
#include "stave/place/place.h"

namespace stave::cli {

// The image as it is to be copied: `platforms` of it, or all if there are none. docker-archive holds one
// image; of several platforms, this machine's.
place::Located reduced(place::Located located, std::vector<spec::Platform> platforms,
                       const place::Words& destination, const place::Grounds& grounds);

// A place at a registry as words for verbs that know no other: docker:// may be left away before a name that
// begins with a host. Kind::usage, proposing docker://, for anything else.
place::Words registry_words(std::string_view text);

// What a copy made, as --json shows it.
std::string copied_json(const place::Copied& copied);
// The same on standard output: the digest, or JSON.
void print_copied(const Invocation& invocation, const place::Copied& copied);

}  // namespace stave::cli
