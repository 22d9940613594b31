// Fuzzing validation: any bytes as a document of each sort, or as a layer in any
// compression. A report comes of it, never an exception; and the same bytes give the same report.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "fuzz_tar.h"
#include "stave/base/limits.h"
#include "stave/base/stream.h"
#include "stave/validate/graph.h"
#include "stave/validate/layers.h"

namespace {

using namespace stave;
using validate::Sort;

std::string text_of(const validate::Report& report) {
  std::string text = std::to_string(report.errors()) + " " + std::to_string(report.warnings()) + "\n";
  for (const auto& finding : report.findings()) {
    text += std::string(finding.rule->code) + " " + finding.where.file + " " + finding.where.at + " " +
            finding.found + "\n";
  }
  return text;
}

std::string document(std::string_view bytes, std::optional<Sort> sort) {
  validate::Report report;
  validate::check_document(bytes, "document", sort, report);
  return text_of(report);
}

std::string layer(std::string_view bytes) {
  validate::Report report;
  BytesSource source(bytes);
  validate::check_layer(Context{}, source, bytes.size(), "layer", report);
  return text_of(report);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  // What the limits are for has its tests; here bombs would only take time.
  limits::install({limits::parse_setting("layer-bytes=16M"), limits::parse_setting("zstd-window=8M")});
  return 0;
}

// The first byte says as what the rest is looked at.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr std::uint8_t sorts = 6;
  switch (data[0] % (sorts + 2)) {
    case 0:
      if (document(bytes, std::nullopt) != document(bytes, std::nullopt)) std::abort();
      break;
    case 1:
      document(bytes, Sort::index);
      break;
    case 2:
      document(bytes, Sort::manifest);
      break;
    case 3:
      document(bytes, Sort::config);
      break;
    case 4:
      document(bytes, Sort::descriptor);
      break;
    case 5: {
      const std::string tar = fuzz::with_checksums(bytes);
      if (layer(tar) != layer(tar)) std::abort();
      break;
    }
    case sorts:
      document(bytes, Sort::layout);
      break;
    default:
      layer(bytes);
  }
  return 0;
}
