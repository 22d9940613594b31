// The words of `stave build`: what its options mean, before anything is read or
// started.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/build/build.h"
#include "stave/cli/command.h"

namespace stave::cli {

std::vector<Option> build_options();

// "id=ID[,src=FILE|,env=NAME]": without a source the variable ID, else the file ID. The file is opened when a
// step wants it, and the variable read then. Kind::usage for anything else; no message shows a value.
std::pair<std::string, build::Secret> parse_secret(std::string_view text, const Surroundings& surroundings);
// "ID[=SOCKET]"; the socket is that of SSH_AUTH_SOCK where none is said.
std::pair<std::string, std::string> parse_ssh(std::string_view text, const Surroundings& surroundings);
// "NAME=VALUE", and "NAME" for the variable of the environment; nullopt if that is not set.
std::optional<std::pair<std::string, std::string>> parse_build_arg(std::string_view text,
                                                                   const Surroundings& surroundings);
// "10s", "5m", "1h30m", a plain number of seconds. Kind::usage for anything else, and for 0.
std::uint64_t parse_duration(std::string_view text, std::string_view option);
// "NAME:ADDRESS" as a line of /etc/hosts.
std::string parse_host(std::string_view text);
// A pair "KEY=VALUE" of --label and --annotation; without "=" the value is empty.
std::pair<std::string, std::string> parse_pair(std::string_view text, std::string_view option);

// What git may know of the environment.
std::vector<std::string> environment_of_git(const Surroundings& surroundings);

// The options that go on into build::Options as they are: arguments, labels, secrets, ssh, network, squash,
// cache levers. Those that need something opened (contexts, cache, platform) are left to the caller.
build::Options options_of(const Invocation& invocation);

}  // namespace stave::cli
