// Verbs that want ids of their own: an ordinary user's process becomes root of a
// user namespace. Only a process without threads can go in, so the verb has the
// program started anew, and main goes in before anything else.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "stave/cli/command.h"
#include "stave/rootfs/userns.h"

namespace stave::cli {

// As whom this process makes files.
enum class Standing : std::uint8_t {
  root,   // may give files to anybody
  range,  // root of a user namespace with a subordinate range: the same, and they are the range's outside
  one_id  // root of a user namespace in which there is nobody else
};

enum class Range : std::uint8_t {
  needed,  // without one it is an error that says how to get it
  if_any   // else one id
};

// Call it first thing in a verb. For root, and in the namespace, it gives how things stand; else it starts
// the program again with the same words, and does not return. Throws Kind::denied, Kind::not_found as
// rootfs::enter_user_namespace does.
Standing stand_as_root(const Invocation& invocation, Range range);

// What makes the ids of this process different from those of another: "" for root, else the maps. What was
// kept on disk by one is of no use to the other.
std::string ids_in_use(const Invocation& invocation);

// The ids of a user namespace for what this process makes, for a runtime that is started outside: those of
// the namespace it is in, else, for an ordinary user, the one there is; none for root.
std::optional<rootfs::Ids> ids_for_a_runtime(const Invocation& invocation);

// For main, before there is a thread: does what stand_as_root asked the program to do before it started
// again, and says in the environment that it is done.
void enter_namespace_if_asked(std::map<std::string, std::string>& environment);

}  // namespace stave::cli
