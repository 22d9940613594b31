// Platforms: os/architecture[/variant] as people type it, as documents hold it,
// and which image runs where. Names are normalised as containerd's platforms
// package does, but for arm64, whose variant we always write, as Docker Hub does.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/json/json.h"
#include "stave/spec/document.h"

namespace stave::spec {
namespace {

constexpr std::array<std::string_view, 15> architectures = {
    "386",    "amd64", "arm",     "arm64",   "loong64", "mips",    "mips64", "mips64le",
    "mipsle", "ppc64", "ppc64le", "riscv64", "s390x",   "sparc64", "wasm"};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool is_architecture(std::string_view name) {
  return std::find(architectures.begin(), architectures.end(), name) != architectures.end();
}

bool is_word(std::string_view text) {
  constexpr std::size_t longest = 64;
  return !text.empty() && text.size() <= longest && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  });
}

// "v7" is {7, 0}, "v8.2" is {8, 2}; amd64 without a variant is its first one.
std::optional<std::pair<std::uint64_t, std::uint64_t>> version_of(const Platform& platform) {
  const std::string& architecture = platform.architecture;
  if (architecture != "arm" && architecture != "arm64" && architecture != "amd64") return std::nullopt;
  if (platform.variant.empty()) return std::pair<std::uint64_t, std::uint64_t>(1, 0);
  if (platform.variant[0] != 'v') return std::nullopt;
  const std::vector<std::string> parts = split(std::string_view(platform.variant).substr(1), '.');
  const auto major = parse_number(parts[0]);
  const auto minor = parts.size() > 1 ? parse_number(parts[1]) : 0;
  if (parts.size() > 2 || !major || !minor) return std::nullopt;
  return std::pair(*major, *minor);
}

// A later minor version adds features, a later major one has those of the first minor before it.
bool is_lower(const Platform& offered, const Platform& wanted) {
  const auto low = version_of(offered);
  const auto high = version_of(wanted);
  if (!low || !high) return false;
  return low->first == high->first ? low->second <= high->second
                                   : low->first < high->first && low->second == 0;
}

bool version_fits(std::string_view offered, std::string_view wanted) {
  if (wanted.empty() || offered == wanted) return true;
  return offered.starts_with(wanted) && offered[wanted.size()] == '.';
}

bool features_fit(const std::vector<std::string>& offered, const std::vector<std::string>& wanted) {
  if (wanted.empty()) return true;
  return std::all_of(offered.begin(), offered.end(), [&](const std::string& feature) {
    return std::find(wanted.begin(), wanted.end(), feature) != wanted.end();
  });
}

[[noreturn]] void refuse(std::string_view text, std::string_view reason) {
  throw Error(Kind::usage, fmt::format("platform {}: {}", quote(text), reason),
              "a platform is os/architecture[/variant], such as linux/amd64 or linux/arm/v7");
}

}  // namespace

Platform normalised(const Platform& platform) {
  Platform out = platform;
  out.os = lower(out.os);
  if (out.os == "macos") out.os = "darwin";
  std::string& architecture = out.architecture = lower(out.architecture);
  std::string& variant = out.variant = lower(out.variant);
  if (architecture == "i386") {
    architecture = "386";
    variant.clear();
  } else if (architecture == "x86_64" || architecture == "x86-64") {
    architecture = "amd64";
  } else if (architecture == "aarch64") {
    architecture = "arm64";
  } else if (architecture == "armhf" || architecture == "armel") {
    variant = architecture == "armhf" ? "v7" : "v6";
    architecture = "arm";
  }
  const bool arm = architecture == "arm", arm64 = architecture == "arm64";
  if ((arm || arm64) && !variant.empty() && variant[0] >= '0' && variant[0] <= '9') variant.insert(0, "v");
  if (arm && variant.empty()) variant = "v7";
  if (arm64 && (variant.empty() || variant == "v8.0")) variant = "v8";
  if (arm64 && variant == "v9.0") variant = "v9";
  if (architecture == "amd64" && variant == "v1") variant.clear();
  return out;
}

Platform Platform::parse(std::string_view text) {
  std::vector<std::string> parts = split(text, '/');
  if (parts.size() > 3) refuse(text, fmt::format("{} parts, 3 at most", parts.size()));
  for (const std::string& part : parts) {
    if (part.empty()) refuse(text, "a part is empty");
    if (!is_word(part))
      refuse(text, fmt::format("{} holds more than letters, digits, '_', '.' and '-'", quote(part)));
  }
  // "arm64" and "arm/v7" leave the os out: nothing is called an os and an architecture.
  const Platform first =
      normalised({.os = {}, .architecture = parts[0], .variant = {}, .os_version = {}, .os_features = {}});
  if (parts.size() < 3 && is_architecture(first.architecture)) parts.insert(parts.begin(), "linux");
  if (parts.size() < 2) refuse(text, "no architecture that stave knows");
  return normalised({.os = parts[0],
                     .architecture = parts[1],
                     .variant = parts.size() > 2 ? parts[2] : std::string(),
                     .os_version = {},
                     .os_features = {}});
}

std::string Platform::str() const {
  return variant.empty() ? fmt::format("{}/{}", os, architecture)
                         : fmt::format("{}/{}/{}", os, architecture, variant);
}

bool runs_on(const Platform& offered, const Platform& wanted) {
  const Platform o = normalised(offered), w = normalised(wanted);
  return o.os == w.os && o.architecture == w.architecture && (o.variant == w.variant || is_lower(o, w)) &&
         version_fits(o.os_version, w.os_version) && features_fit(o.os_features, w.os_features);
}

std::optional<std::size_t> best_match(const std::vector<Platform>& offered, const Platform& wanted) {
  const Platform want = normalised(wanted);
  using Rank = std::tuple<bool, std::uint64_t, std::uint64_t>;  // exact, then the version
  std::optional<std::size_t> best;
  Rank best_rank;
  for (std::size_t i = 0; i < offered.size(); ++i) {
    if (!runs_on(offered[i], wanted)) continue;
    const Platform each = normalised(offered[i]);
    const auto [major, minor] = version_of(each).value_or(std::pair<std::uint64_t, std::uint64_t>(0, 0));
    const Rank rank(each.variant == want.variant, major, minor);
    if (!best || rank > best_rank) {
      best = i;
      best_rank = rank;
    }
  }
  return best;
}

Platform parse_platform(const json::Node& node) {
  node.refuse_lookalikes({"architecture", "os", "os.version", "os.features", "variant"});
  return Platform{.os = node.get("os").string(),
                  .architecture = node.get("architecture").string(),
                  .variant = node.string_or_empty("variant"),
                  .os_version = node.string_or_empty("os.version"),
                  .os_features = node.strings_or_empty("os.features")};
}

}  // namespace stave::spec
