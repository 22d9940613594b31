// What fsck moves out of the way, and what it finds again.

#include "stave/content/aside.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/content/fsck.h"
#include "stave/json/json.h"

namespace stave::content {
namespace {

std::string unused_name(const fs::Dir& directory, std::string_view wanted) {
  std::string name(wanted);
  for (std::uint64_t n = 1; directory.find(name); ++n) name = fmt::format("{}.{}", wanted, n);
  return name;
}

// The end of the JSON object that begins at `begin`, one past its brace; npos if it has none. Braces in
// strings do not count.
std::size_t end_of_object(std::string_view text, std::size_t begin) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = begin; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\') {
      ++i;
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string && c == '{') {
      ++depth;
    } else if (!in_string && c == '}' && --depth == 0) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

std::optional<spec::Descriptor> descriptor_in(std::string_view object) {
  try {
    auto index = spec::Index::parse(fmt::format(R"({{"schemaVersion":2,"manifests":[{}]}})", object));
    if (index.manifests.size() == 1) return std::move(index.manifests.front());
  } catch (const Error&) {
    // That one is lost; it is still in the file that is kept aside.
  }
  return std::nullopt;
}

}  // namespace

fs::Dir Aside::directory() const { return root_.make_dir(aside_directory, root_.get("").mode & 0777); }

std::string Aside::move(const std::string& path, std::string_view name) const {
  const auto into = directory();
  const std::string to = fmt::format("{}/{}", aside_directory, unused_name(into, name));
  root_.rename(path, to);
  into.sync();
  return to;
}

std::string Aside::keep(std::string_view text, std::string_view name) const {
  const auto into = directory();
  const std::string file_name = unused_name(into, name);
  auto file = fs::TempFile::in(into);
  file.write(as_bytes(text));
  std::move(file).publish(file_name, fs::TempFile::Existing::fail);
  return fmt::format("{}/{}", aside_directory, file_name);
}

std::vector<spec::Descriptor> salvage(std::string_view text) {
  std::vector<spec::Descriptor> all;
  const std::size_t member = text.find(R"("manifests")");
  if (member == std::string_view::npos) return all;
  std::size_t at = text.find('{', member);
  // Braces that nobody closes would be looked at again for every one of them.
  std::size_t budget = 16 * text.size();
  while (at != std::string_view::npos && all.size() < limits::descriptors) {
    const std::size_t end = end_of_object(text, at);
    const std::size_t looked_at = std::min(end, text.size()) - at;
    if (looked_at > budget) break;
    budget -= looked_at;
    auto found = end == std::string_view::npos ? std::nullopt : descriptor_in(text.substr(at, end - at));
    // An object that is cut off, or that swallowed the next one through a lost quote: go on behind its brace.
    at = text.find('{', found ? end : at + 1);
    if (found) all.push_back(std::move(*found));
  }
  return all;
}

std::optional<spec::Descriptor> identify(std::string_view text, const Digest& digest) {
  try {
    const auto value = json::parse(text, "document");
    const json::Value* said = json::find(value, "mediaType");
    const bool index = json::find(value, "manifests") != nullptr;
    if (!index && json::find(value, "layers") == nullptr) return std::nullopt;
    std::string type(index ? spec::media::oci_index : spec::media::oci_manifest);
    if (said != nullptr && said->is_string()) type = said->get<std::string>();
    if (!spec::media::is_index(type) && !spec::media::is_manifest(type)) return std::nullopt;
    static_cast<void>(spec::classify(text, type));
    if (index) {
      static_cast<void>(spec::Index::parse(text));
    } else {
      static_cast<void>(spec::Manifest::parse(text));
    }
    return spec::Descriptor{.media_type = std::move(type), .digest = digest, .size = text.size()};
  } catch (const Error&) {
    return std::nullopt;  // some other JSON
  }
}

}  // namespace stave::content
