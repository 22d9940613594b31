// oci-layout and its neighbours, read and written.

#include "stave/content/layout.h"

#include <fmt/format.h>

#include <utility>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/json/json.h"

namespace stave::content {
namespace {

constexpr std::uint64_t layout_file_bytes = 64 * 1024;  // one member of ten bytes

}  // namespace

std::string blob_path(const Digest& digest) {
  return fmt::format("blobs/{}/{}", name(digest.algorithm()), digest.hex());
}

void write_file(const fs::Dir& dir, std::string_view file_name, std::string_view text) {
  auto file = fs::TempFile::in(dir);
  file.write(as_bytes(text));
  std::move(file).publish(file_name, fs::TempFile::Existing::replace);
}

std::string read_layout_file(const fs::Dir& root, std::string_view file_name, limits::Cap limit) {
  try {
    return fs::read_file(root.open_in_root(file_name), limit, fmt::format("{}/{}", root.name(), file_name));
  } catch (const Error& e) {
    if (e.kind() != Kind::not_found) throw;
    throw Error(
        Kind::invalid,
        fmt::format("{} is not an OCI image layout: it has no file {}", quote(root.name()), quote(file_name)),
        "name the directory that holds oci-layout, index.json and blobs/");
  }
}

void check_layout(const fs::Dir& root) {
  const std::string text = read_layout_file(root, layout_file, layout_file_bytes);
  const std::string where = quote(root.name() + "/" + std::string(layout_file));
  const auto value = json::parse(text, where);
  const json::Value* version = json::find(value, "imageLayoutVersion");
  if (version == nullptr || !version->is_string()) {
    throw Error(Kind::invalid, where + ": imageLayoutVersion is missing");
  }
  if (!version->get_ref<const std::string&>().starts_with("1.")) {
    throw Error(Kind::unsupported, fmt::format("{}: layout version {} is not 1.x", where,
                                               quote(version->get_ref<const std::string&>())));
  }
}

}  // namespace stave::content
