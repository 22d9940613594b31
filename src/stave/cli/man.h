// Manual pages (roff, man macros) made from the table of commands.

#pragma once

#include <map>
#include <optional>
#include <string>

#include "stave/cli/command.h"

namespace stave::cli {

// File name ("stave-index-create.1") to page, for the program and every verb that is not hidden. The same
// table and date give the same bytes. `date` is days since the epoch's midnight in seconds, as
// SOURCE_DATE_EPOCH has it; without one pages have none.
std::map<std::string, std::string> man_pages(const Command& program, std::optional<std::int64_t> date);

}  // namespace stave::cli
