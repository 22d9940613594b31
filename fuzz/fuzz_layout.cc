// Fuzzing index.json and what follows from it: the input is index.json of a layout in
// memory, and every blob that it asks for is the input again, so that loops
// and lies are near. Nothing but an Error may come of it.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "stave/base/error.h"
#include "stave/content/blob.h"
#include "stave/spec/spec.h"

namespace {

using namespace stave;

// Answers with the same bytes whatever the digest.
class Echo : public content::BlobSource {
 public:
  explicit Echo(std::string_view text) : text_(text) {}
  std::unique_ptr<Source> find(const Digest&) const override { return std::make_unique<BytesSource>(text_); }
  std::optional<std::uint64_t> find_size(const Digest&) const override { return text_.size(); }
  std::string describe() const override { return "the echo"; }

 private:
  std::string_view text_;
};

// Children first and each once, or an Error.
void check_reachable(const content::BlobSource& blobs, const spec::Descriptor& root) {
  try {
    const auto nodes = content::reachable(blobs, root, true);
    if (!nodes.empty() && nodes.back().descriptor.digest != root.digest) std::abort();
  } catch (const Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Echo blobs(text);
  // The root that is named rightly is verified and parsed; those that the input names are found out.
  for (const auto type : {spec::media::oci_index, spec::media::oci_manifest}) {
    check_reachable(blobs, {.media_type = std::string(type), .digest = digest_of(text), .size = size});
  }
  try {
    const auto index = spec::Index::parse(text);
    for (const auto& each : index.manifests) check_reachable(blobs, each);
    if (spec::Index::parse(index.render()) != index) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
