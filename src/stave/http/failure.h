// Failure: what a broken transfer means for a person, and for whoever thinks of
// trying again. Internal to http.

#pragma once

#include <cstdint>
#include <string_view>

#include "stave/base/error.h"
#include "stave/http/transfer.h"

namespace stave::http {

// How often it makes sense to try again.
enum class Hope : std::uint8_t {
  none,    // it will fail the same way: a certificate, a head that is too large
  little,  // it may have been a moment: nobody listens there, the name is not known
  some,    // connections break
};
Hope hope_of(const Failure& failure);

// One line: what, where, why; and what to do.
Error error_of(const Failure& failure, std::string_view method, const Url& url, const Options& options);

}  // namespace stave::http
