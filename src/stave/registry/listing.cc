// Pages of tags and of referrers, bounded, and the tag that stands in for a registry
// that does not know referrers.

#include "stave/registry/listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/json/json.h"
#include "stave/registry/errors.h"

namespace stave::registry {

namespace {

// An honest registry gives a hundred and more on a page.
constexpr std::size_t most_pages = 10'000;

// Asks for page after page. `take` gets the text of each; a failure to begin with is for `refused`, which
// says whether there is anything to list.
struct Pages {
  const Reach& reach;
  std::string operation;
  std::string accept;

  bool each(http::Url url, const std::function<void(const std::string&, const http::Reply&)>& take) const;
};

bool Pages::each(http::Url url,
                 const std::function<void(const std::string&, const http::Reply&)>& take) const {
  std::set<std::string> seen;
  const std::string origin = url.origin();
  for (std::size_t page = 0;; ++page) {
    reach.context.check();
    if (page == most_pages) throw Error(Kind::limit, fmt::format("{}: more than {} pages", operation, page));
    if (!seen.insert(url.str()).second) {
      throw Error(Kind::invalid, operation + ": the registry gives the same page again and again",
                  "its paging is broken; a proxy before it may drop the query");
    }
    Ask ask;
    ask.url = url;
    ask.scope.path = reach.home.path;
    if (!accept.empty()) ask.headers.add("Accept", accept);
    http::Reply reply = reach.send(reach.home, ask);
    if (reply.status != 200) {
      const Refusal refusal = read_refusal(reply);
      if (refusal.status == 404 && page == 0 && refusal.code != "NAME_UNKNOWN" && !accept.empty())
        return false;
      throw error_of(refusal, operation, reach.home, Doing::pull);
    }
    const std::string text = http::read_body(reply, limits::document_bytes, operation + ": the answer");
    take(text, reply);
    const auto next = find_next(reply.headers);
    if (!next) return true;
    url = Network::Parts::named_url(url, *next);
    if (url.origin() != origin) {
      throw Error(Kind::denied,
                  fmt::format("{}: the next page is at {}, another host", operation, quote(url.shown())),
                  "a registry lists what is its own; its address for clients may be configured wrongly");
    }
  }
}

std::string fallback_tag(const Digest& subject) {
  std::string tag = subject.str();
  std::replace(tag.begin(), tag.end(), ':', '-');
  return tag.substr(0, 128);  // sha512: as the spec cuts it ("Referrers Tag Schema")
}

// The index at the fallback tag; nullopt: there is none.
std::optional<spec::Index> find_fallback(const Reach& reach, const Digest& subject) {
  const auto document = fetch_document(reach, reach.home, fallback_tag(subject));
  if (!document) return std::nullopt;
  if (!spec::media::is_index(document->descriptor.media_type)) {
    throw Error(Kind::invalid,
                fmt::format("{}:{}, where referrers are listed, is no index but {}", printable(reach.str()),
                            fallback_tag(subject), quote(document->descriptor.media_type)),
                "somebody gave this tag to something else; remove it");
  }
  return spec::Index::parse(document->text);
}

// As others find it: artifactType is the config's type where a manifest has none.
spec::Descriptor listed(const Document& referrer) {
  spec::Descriptor descriptor{.media_type = referrer.descriptor.media_type,
                              .digest = referrer.descriptor.digest,
                              .size = referrer.descriptor.size};
  if (spec::media::is_index(descriptor.media_type)) {
    spec::Index index = spec::Index::parse(referrer.text);
    descriptor.artifact_type = std::move(index.artifact_type);
    descriptor.annotations = std::move(index.annotations);
    return descriptor;
  }
  spec::Manifest manifest = spec::Manifest::parse(referrer.text);
  descriptor.artifact_type =
      manifest.artifact_type.empty() ? manifest.config.media_type : manifest.artifact_type;
  descriptor.annotations = std::move(manifest.annotations);
  return descriptor;
}

void keep_type(std::vector<spec::Descriptor>& descriptors, const std::string& artifact_type) {
  if (artifact_type.empty()) return;
  std::erase_if(descriptors, [&](const spec::Descriptor& d) { return d.artifact_type != artifact_type; });
}

}  // namespace

std::optional<std::string> find_next(const http::Headers& headers) {
  // <target>; rel="next", one or more in a field (RFC 8288, 3).
  for (const std::string& field : headers.all("Link")) {
    std::size_t at = 0;
    while ((at = field.find('<', at)) != std::string::npos) {
      const std::size_t end = field.find('>', at);
      if (end == std::string::npos) break;
      const std::size_t next = std::min(field.find('<', end), field.size());
      const std::string_view parameters = std::string_view(field).substr(end + 1, next - end - 1);
      if (parameters.find("rel=\"next\"") != std::string_view::npos ||
          parameters.find("rel=next") != std::string_view::npos) {
        return field.substr(at + 1, end - at - 1);
      }
      at = next;
    }
  }
  return std::nullopt;
}

std::vector<std::string> list_tags(const Reach& reach) {
  const Pages pages{
      .reach = reach, .operation = "listing the tags of " + printable(reach.str()), .accept = {}};
  std::vector<std::string> tags;
  pages.each(reach.parts().url(reach.context, reach.home, "tags/list"), [&](const std::string& text,
                                                                            const http::Reply&) {
    const json::Value value = json::parse(text, pages.operation);
    const json::Node node(value, pages.operation);
    // A repository without tags has null there in docker's registry.
    const auto list = node.find("tags");
    if (!list) return;
    for (std::string& tag : list->strings()) tags.push_back(std::move(tag));
    if (tags.size() > limits::descriptors) {
      throw Error(Kind::limit, fmt::format("{}: more than {} tags", pages.operation, limits::descriptors));
    }
  });
  return tags;
}

std::vector<spec::Descriptor> list_referrers(const Reach& reach, const Digest& subject,
                                             const std::string& artifact_type) {
  const Pages pages{
      .reach = reach,
      .operation = fmt::format("listing what refers to {} in {}", subject.str(), printable(reach.str())),
      .accept = std::string(spec::media::oci_index)};
  http::Url url = reach.parts().url(reach.context, reach.home, "referrers/" + subject.str());
  if (!artifact_type.empty()) url = url.with("artifactType", artifact_type);
  std::vector<spec::Descriptor> found;
  const bool known = pages.each(url, [&](const std::string& text, const http::Reply&) {
    try {
      spec::Index index = spec::Index::parse(text);
      std::move(index.manifests.begin(), index.manifests.end(), std::back_inserter(found));
    } catch (const Error& e) {
      throw e.within(pages.operation);
    }
    if (found.size() > limits::descriptors) {
      throw Error(Kind::limit,
                  fmt::format("{}: more than {} referrers", pages.operation, limits::descriptors));
    }
  });
  if (!known) {
    auto index = find_fallback(reach, subject);
    if (index) found = std::move(index->manifests);
  }
  // Whether the registry filtered (OCI-Filters-Applied) or not: filtering again changes nothing.
  keep_type(found, artifact_type);
  return found;
}

void add_to_fallback(const Reach& reach, const Digest& subject, const Document& referrer) {
  spec::Index index = find_fallback(reach, subject).value_or(spec::Index{});
  const auto same = [&](const spec::Descriptor& other) { return other.digest == referrer.descriptor.digest; };
  if (std::any_of(index.manifests.begin(), index.manifests.end(), same)) return;
  index.manifests.push_back(listed(referrer));
  const std::string text = index.render();
  const spec::Descriptor descriptor{
      .media_type = std::string(spec::media::oci_index), .digest = digest_of(text), .size = text.size()};
  static_cast<void>(put_manifest(reach, text, descriptor, fallback_tag(subject)));
}

http::Reply put_manifest(const Reach& reach, std::string_view text, const spec::Descriptor& descriptor,
                         const std::string& tag_or_digest) {
  const std::string operation =
      fmt::format("pushing the manifest {} to {}", printable(tag_or_digest), printable(reach.str()));
  Ask ask;
  ask.method = "PUT";
  ask.rest = "manifests/" + tag_or_digest;
  ask.headers.add("Content-Type", descriptor.media_type);
  ask.body = std::string(text);
  ask.scope = Scope{.path = reach.home.path, .actions = "pull,push", .mount_from = {}};
  http::Reply reply = reach.send(reach.home, ask);
  if (reply.status != 201 && reply.status != 200 && reply.status != 202 && reply.status != 204) {
    throw error_of(read_refusal(reply), operation, reach.home, Doing::push);
  }
  const auto said = Digest::find(reply.headers.find("Docker-Content-Digest").value_or(""));
  if (said && said->algorithm() == descriptor.digest.algorithm() && *said != descriptor.digest) {
    throw Error(Kind::mismatch,
                fmt::format("{}: {} was pushed, the registry took it as {}", operation,
                            descriptor.digest.str(), said->str()),
                "the registry, or a proxy before it, changes manifests");
  }
  return reply;
}

}  // namespace stave::registry
