// Dates as HTTP writes them. Internal to http.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace stave::http {

// Seconds since the epoch of any of the three forms of RFC 9110, 5.6.7; nullopt if it is none. The day of the
// week is not looked at.
std::optional<std::int64_t> find_date(std::string_view text);

}  // namespace stave::http
