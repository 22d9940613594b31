// References and platforms: any text is refused as Kind::usage or read, and is
// printed so that it reads the same again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "stave/base/error.h"
#include "stave/spec/reference.h"
#include "stave/spec/spec.h"

namespace {

using namespace stave;

template <class Name>
std::optional<Name> parse(std::string_view text) {
  try {
    return Name::parse(text);
  } catch (const Error& error) {
    if (error.kind() != Kind::usage) std::abort();
    return std::nullopt;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto reference = parse<spec::Reference>(text)) {
    if (reference->str() != text || !(spec::Reference::parse(reference->str()) == *reference)) std::abort();
    const spec::Reference tagged = reference->with_default_tag();
    if (!(spec::Reference::parse(tagged.str()) == tagged)) std::abort();
  }
  if (const auto platform = parse<spec::Platform>(text)) {
    if (!(spec::Platform::parse(platform->str()) == *platform) || !spec::runs_on(*platform, *platform))
      std::abort();
  }
  return 0;
}
