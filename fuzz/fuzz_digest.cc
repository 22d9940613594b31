// Digests from anywhere: parse and find agree, what parses prints as it was
// written, and a blob passes VerifyingSource exactly when it is the one promised.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "stave/base/error.h"
#include "stave/hash/digest.h"

namespace {

using namespace stave;

void require(bool holds) {
  if (!holds) std::abort();
}

void parse(std::string_view text) {
  const auto found = Digest::find(text);
  try {
    const Digest digest = Digest::parse(text);
    require(found && digest == *found);
    require(digest.str() == text);
    require(text.ends_with(digest.hex()) && digest.hex().starts_with(digest.short_hex()));
  } catch (const Error& error) {
    require(!found);
    require(error.kind() == Kind::invalid || error.kind() == Kind::unsupported);
    for (const char c : std::string_view(error.what()))
      require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  }
}

void verify(std::string_view promised, std::string_view served) {
  VerifyingSource source(std::make_unique<BytesSource>(served), digest_of(promised), promised.size());
  try {
    require(read_all(source, promised.size(), "fuzz") == promised && served == promised);
  } catch (const Error& error) {
    require(error.kind() == Kind::mismatch && served != promised);
  }
}

}  // namespace

// The first byte says where to cut; the text is tried as it is, behind an algorithm, and as two blobs.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = data[0] % (text.size() + 1);
  parse(text);
  parse("sha256:" + std::string(text));
  verify(text.substr(0, cut), text.substr(cut));
  verify(text, text);
  return 0;
}
