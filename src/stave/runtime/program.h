// Programs of the host, found and named: where `runc` or `newuidmap` is, before
// anything is started.

#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace stave::runtime {

// The file that running `name` means: `name` itself if it holds a '/', else the first executable file of that
// name in the directories of `search_path` (as $PATH; relative ones are passed over) and behind them in those
// where systems keep such programs, /usr/sbin among them, which an ordinary user's $PATH lacks. nullopt if
// there is none.
std::optional<std::string> find_program(const std::string& name, std::string_view search_path);

}  // namespace stave::runtime
