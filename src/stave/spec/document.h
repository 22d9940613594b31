// What manifests, indexes and configs have in common below their surface:
// telling documents apart, descriptors, platforms. Internal to spec; Node is
// declared here and not included, so that nlohmann-json stays out of headers.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stave/spec/spec.h"

namespace stave::json {
class Node;
class Object;
}  // namespace stave::json

namespace stave::spec {

// RFC 6838, section 4.2, as descriptor.md demands of every mediaType: type "/" subtype, each of at most 127
// characters.
bool is_media_type(std::string_view text);

// descriptor.md. Kind::unsupported for a digest of an algorithm that stave does not have.
Descriptor parse_descriptor(const json::Node& node);
std::vector<Descriptor> parse_descriptors(
    const json::Node& node);  // an array; Kind::limit beyond limits::descriptors
std::string render_descriptor(const Descriptor& descriptor);
std::string render_descriptors(const std::vector<Descriptor>& descriptors);

// The members of a platform, in a descriptor or at the top of a config, as they stood: not normalised.
Platform parse_platform(const json::Node& node);
Platform normalised(const Platform& platform);

// Index or manifest? Throws for what is neither or both (CVE-2021-41190), for Docker schema 1 and for a
// mediaType that contradicts the members.
DocumentKind kind_of(const json::Node& document);
// Throws unless `document` is of that kind and its schemaVersion is 2.
void expect_kind(const json::Node& document, DocumentKind kind);

// artifactType: a media type, or absent.
std::string parse_artifact_type(const json::Node& node);

}  // namespace stave::spec
