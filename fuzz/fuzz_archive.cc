// Fuzzing image archives: the input is the archive. It opens or is an Error; what
// it offers is followed, and every blob that is found has the size that was said.

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "stave/base/error.h"
#include "stave/image/image.h"
#include "stave/place/archive.h"

namespace {

using namespace stave;

// The input in an unnamed file, as Archive wants to read it.
fs::Fd file_of(std::string_view bytes) {
  fs::Fd file(::memfd_create("archive", MFD_CLOEXEC));
  if (!file) std::abort();
  while (!bytes.empty()) {
    const ssize_t n = ::write(file.get(), bytes.data(), bytes.size());
    if (n <= 0) std::abort();
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return file;
}

void follow(const place::Archive& archive, const place::Offer& offer) {
  try {
    static_cast<void>(image::leaves(archive, offer.descriptor));
  } catch (const Error&) {
  }
  try {
    for (const auto& node : content::reachable(archive, offer.descriptor, true)) {
      if (archive.find_size(node.descriptor.digest).has_value() !=
          (archive.find(node.descriptor.digest) != nullptr))
        std::abort();
    }
  } catch (const Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A compressed input would be expanded into /tmp without a limit of its own: decompression has its fuzzer.
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.starts_with("\x1f\x8b") || bytes.starts_with("\x28\xb5\x2f\xfd")) return 0;
  try {
    const auto archive = place::Archive::open({}, file_of(bytes), "the input", "/tmp");
    for (const auto& offer : archive->offers()) follow(*archive, offer);
  } catch (const Error&) {
  }
  return 0;
}
