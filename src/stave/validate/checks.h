// Checks: one function for each sort of thing that a document holds. Each reports
// what is wrong and gives what could be read, for those who look further. Internal.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/spec/spec.h"
#include "stave/validate/document.h"
#include "stave/validate/graph.h"

namespace stave::validate {

// A descriptor in a document, when its type, digest (of an algorithm that we have) and size could be read.
struct Reference {
  Where where;
  Where digest_where;
  Where size_where;
  std::size_t number = 0;  // its place in a list, from 1
  spec::Descriptor descriptor;
};

// descriptor.md. `in_layout_index`: one of index.json, where a name is a reference.
std::optional<Reference> check_descriptor(const Item& item, bool in_layout_index = false);
// Is `text` a digest (E013, E014)? Says of one that is whether it can be verified here (W015, W016).
std::optional<Digest> check_digest(const Item& item);
// E020 and E025, RFC 6838 section 4.2.
void check_media_type(const Item& item, std::string_view code);
bool is_docker(std::string_view media_type);

// annotations.md, "Rules", for a member of `owner`, if it is there. Labels may be null.
enum class Annotated : std::uint8_t { document, descriptor, layout_index, labels };
void check_annotations(const Item& owner, std::string_view name, Annotated on);
bool is_rfc3339(std::string_view text);

// The names of operating system, architecture and variant (image-index.md, "Platform Variants"), which a
// descriptor and a config say alike.
struct PlatformCodes {
  std::string_view names;
  std::string_view variant;
  std::string_view features;
};
std::optional<spec::Platform> check_platform(const Item& item, const Shape& shape,
                                             const PlatformCodes& codes);

struct IndexFacts {
  std::vector<Reference> manifests;
  std::optional<Reference> subject;
};
IndexFacts check_index(const Item& root, bool layout_index);

struct ManifestFacts {
  std::optional<Reference> config;
  std::vector<Reference> layers;
  std::size_t layer_count = 0;
  std::optional<Reference> subject;
};
ManifestFacts check_manifest(const Item& root);

struct ConfigFacts {
  std::optional<spec::Platform> platform;
  std::vector<std::optional<Digest>> diff_ids;
  std::optional<Where> diff_ids_where;  // when there is such a list
};
ConfigFacts check_config(const Item& root);

void check_layout_header(const Item& root);

// What the members say that a document is; nullopt, and it is reported, if they say nothing or two things.
std::optional<Sort> sort_of(const Item& root, std::optional<Sort> expected);

}  // namespace stave::validate
