// Listings: what a registry gives page by page (RFC 8288, rel="next"), and what
// refers to a manifest. Internal.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/registry/documents.h"
#include "stave/registry/reach.h"

namespace stave::registry {

// distribution-spec, "Listing Tags".
std::vector<std::string> list_tags(const Reach& reach);
// distribution-spec, "Listing Referrers", else by the fallback tag.
std::vector<spec::Descriptor> list_referrers(const Reach& reach, const Digest& subject,
                                             const std::string& artifact_type);
// Adds what was pushed to the index at the fallback tag of its subject, unless it is in there
// (distribution-spec, "Pushing Manifests with Subject").
void add_to_fallback(const Reach& reach, const Digest& subject, const Document& referrer);

// PUT of a manifest; the reply, which was a success whose digest agrees.
http::Reply put_manifest(const Reach& reach, std::string_view text, const spec::Descriptor& descriptor,
                         const std::string& tag_or_digest);

// Of a Link header the target whose relation is "next"; nullopt if there is none.
std::optional<std::string> find_next(const http::Headers& headers);

}  // namespace stave::registry
