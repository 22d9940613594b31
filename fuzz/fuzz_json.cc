// The one JSON parse: any bytes are refused with stave::Error or read, and what
// was read is printed so that it reads the same again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "stave/base/error.h"
#include "stave/json/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stave;
  json::Value value;
  try {
    value = json::parse(std::string_view(reinterpret_cast<const char*>(data), size), "input");
  } catch (const Error&) {
    return 0;
  }
  // From here on nothing may be refused: an exception that leaves is a finding.
  const std::string printed = json::print(value);
  const json::Value again = json::parse(printed, "printed");
  if (again != value || json::print(again) != printed) std::abort();
  if (json::parse(json::print_pretty(value), "printed") != value) std::abort();
  return 0;
}
