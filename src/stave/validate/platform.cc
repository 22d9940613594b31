// Platforms, which indexes and configs describe alike (image-index.md,
// "Platform Variants"; config.md, "Properties").

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "stave/base/text.h"
#include "stave/json/position.h"
#include "stave/validate/checks.h"

namespace stave::validate {
namespace {

// `go tool dist list` of Go 1.4 to 1.24, with those that were dropped.
constexpr std::array<std::string_view, 19> systems = {
    "aix",  "android", "darwin",  "dragonfly", "freebsd", "hurd",   "illumos", "ios",    "js", "linux",
    "nacl", "netbsd",  "openbsd", "plan9",     "solaris", "wasip1", "windows", "wasip2", "zos"};
constexpr std::array<std::string_view, 28> architectures = {
    "386",     "amd64",   "amd64p32", "arm",      "arm64",     "arm64be",     "armbe",
    "loong64", "mips",    "mips64",   "mips64le", "mips64p32", "mips64p32le", "mipsle",
    "ppc",     "ppc64",   "ppc64le",  "riscv",    "riscv64",   "s390",        "s390x",
    "sparc",   "sparc64", "wasm",     "m68k",     "alpha",     "sh",          "shbe"};

template <std::size_t n>
bool is_in(const std::array<std::string_view, n>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// "v8", "v8.1": a prefix, a number, and a minor number where the table has them.
bool is_version(std::string_view text, std::string_view prefix, bool minor) {
  if (!text.starts_with(prefix)) return false;
  const std::vector<std::string> parts = split(text.substr(prefix.size()), '.');
  return parts.size() <= (minor ? 2U : 1U) &&
         std::all_of(parts.begin(), parts.end(),
                     [](const std::string& part) { return parse_number(part).has_value(); });
}

// The table of image-index.md, "Platform Variants". Its dots go on as Go's document does.
bool is_variant(std::string_view architecture, std::string_view variant) {
  if (architecture == "arm") return variant == "v6" || variant == "v7" || variant == "v8";
  if (architecture == "arm64") return is_version(variant, "v", true);
  if (architecture == "ppc64le" || architecture == "ppc64") return is_version(variant, "power", false);
  if (architecture == "riscv64") return variant.starts_with("rva") && variant.ends_with("u64");
  if (architecture == "amd64") return is_version(variant, "v", false);
  return false;
}

// Buildkit marks what is no image (attestations) with "unknown/unknown".
bool is_unknown(std::string_view text) { return text == "unknown"; }

void check_names(const spec::Platform& platform, const Item& item, const PlatformCodes& codes) {
  if (!platform.os.empty() && !is_in(systems, platform.os) && !is_unknown(platform.os)) {
    if (const auto os = item.find("os"))
      os->report(codes.names, fmt::format("the os {}", quote(platform.os)));
  }
  const std::string& architecture = platform.architecture;
  if (!architecture.empty() && !is_in(architectures, architecture) && !is_unknown(architecture)) {
    if (const auto found = item.find("architecture"))
      found->report(codes.names, fmt::format("the architecture {}", quote(architecture)));
  }
  if (!platform.variant.empty() && !is_variant(architecture, platform.variant)) {
    if (const auto variant = item.find("variant")) {
      variant->report(codes.variant,
                      fmt::format("the variant {} of {}", quote(platform.variant), quote(architecture)));
    }
  }
}

}  // namespace

std::optional<spec::Platform> check_platform(const Item& item, const Shape& shape,
                                             const PlatformCodes& codes) {
  check_lookalikes(item, {"architecture", "os", "os.version", "os.features", "variant"});
  const auto os = item.get_string("os", shape, true);
  const auto architecture = item.get_string("architecture", shape, true);
  spec::Platform platform = {.os = os.value_or(""),
                             .architecture = architecture.value_or(""),
                             .variant = item.get_string("variant", shape, false).value_or(""),
                             .os_version = item.get_string("os.version", shape, false).value_or(""),
                             .os_features = {}};
  item.each_string("os.features", shape, [&](const Item& feature) {
    platform.os_features.push_back(feature.string());
    if (platform.os == "windows" && platform.os_features.back() != "win32k")
      feature.report(codes.features, fmt::format("the feature {}", quote(platform.os_features.back())));
  });
  check_names(platform, item, codes);
  if (!os || !architecture) return std::nullopt;
  return platform;
}

}  // namespace stave::validate
