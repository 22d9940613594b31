// Manifests, indexes and configs: any bytes are refused with stave::Error or
// read; what was read is rendered, reads the same again, and is rendered to the
// same bytes. No bytes are both an index and a manifest.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "stave/base/error.h"
#include "stave/spec/spec.h"

namespace {

using namespace stave;

template <class Document>
bool parses(std::string_view text) {
  std::optional<Document> document;
  try {
    document = Document::parse(text);
  } catch (const Error&) {
    return false;
  }
  // From here on nothing may be refused: an exception that leaves is a finding.
  const std::string rendered = document->render();
  const Document again = Document::parse(rendered);
  if (again.render() != rendered) std::abort();
  return true;
}

std::optional<spec::DocumentKind> classified(std::string_view text) {
  try {
    return spec::classify(text, "");
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto kind = classified(text);
  if (parses<spec::Manifest>(text) && kind != spec::DocumentKind::manifest) std::abort();
  if (parses<spec::Index>(text) && kind != spec::DocumentKind::index) std::abort();
  parses<spec::Config>(text);
  return 0;
}
