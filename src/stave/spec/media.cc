// Media types: what a descriptor says that its bytes are (media-types.md).

#include <algorithm>
#include <array>

#include "stave/spec/document.h"

namespace stave::spec {
namespace {

bool is_name(std::string_view text) {
  constexpr std::size_t longest = 127;
  constexpr std::string_view marks = "!#$&^_.+-";
  const auto alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && text.size() <= longest && alphanumeric(text[0]) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return alphanumeric(c) || marks.find(c) != std::string_view::npos; });
}

// `base` alone or followed by a compression, which OCI writes with '+' and Docker with '.'.
bool is_tar(std::string_view media_type, std::string_view base, char separator) {
  if (!media_type.starts_with(base)) return false;
  media_type.remove_prefix(base.size());
  if (media_type.empty()) return true;
  return media_type[0] == separator && (media_type.substr(1) == "gzip" || media_type.substr(1) == "zstd");
}

}  // namespace

bool is_media_type(std::string_view text) {
  const std::size_t slash = text.find('/');
  return slash != std::string_view::npos && is_name(text.substr(0, slash)) && is_name(text.substr(slash + 1));
}

namespace media {

bool is_index(std::string_view media_type) { return media_type == oci_index || media_type == docker_list; }

bool is_manifest(std::string_view media_type) {
  return media_type == oci_manifest || media_type == docker_manifest;
}

bool is_config(std::string_view media_type) {
  return media_type == oci_config || media_type == docker_config;
}

bool is_layer(std::string_view media_type) {
  return is_tar(media_type, oci_layer, '+') ||
         is_tar(media_type, "application/vnd.oci.image.layer.nondistributable.v1.tar", '+') ||
         is_tar(media_type, docker_layer, '.') ||
         is_tar(media_type, "application/vnd.docker.image.rootfs.foreign.diff.tar", '.');
}

}  // namespace media
}  // namespace stave::spec
