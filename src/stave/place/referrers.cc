// Referrers: manifests that name another as their subject (signatures, bills of
// materials, attestations), wherever an image is.

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/place/joined.h"
#include "stave/place/remote.h"

namespace stave::place {
namespace {

// In a layout they are listed in index.json like any image; nullopt unless it is one of `subject`.
std::optional<spec::Descriptor> as_referrer(const content::BlobSource& blobs, spec::Descriptor descriptor,
                                            const Digest& subject) {
  const bool index = spec::media::is_index(descriptor.media_type);
  if (!index && !spec::media::is_manifest(descriptor.media_type)) return std::nullopt;
  if (!blobs.find_size(descriptor.digest)) return std::nullopt;
  const auto text = content::read_document(blobs, descriptor);
  if (index) {
    const auto document = spec::Index::parse(text);
    if (!document.subject || document.subject->digest != subject) return std::nullopt;
    descriptor.artifact_type = document.artifact_type;
    descriptor.annotations = document.annotations;
  } else {
    const auto document = spec::Manifest::parse(text);
    if (!document.subject || document.subject->digest != subject) return std::nullopt;
    // distribution-spec, "Listing Referrers": without one, the config's media type stands for it.
    descriptor.artifact_type =
        document.artifact_type.empty() ? document.config.media_type : document.artifact_type;
    descriptor.annotations = document.annotations;
  }
  return descriptor;
}

std::vector<spec::Descriptor> listed_in(const content::Store& store, const Digest& subject) {
  std::vector<spec::Descriptor> all;
  for (auto& each : store.index().manifests) {
    auto found = as_referrer(store, std::move(each), subject);
    const auto same = [&](const spec::Descriptor& other) { return other.digest == found->digest; };
    if (found && std::none_of(all.begin(), all.end(), same)) all.push_back(std::move(*found));
  }
  return all;
}

// Puts it where it is found by its subject, without a name.
void put_referrer(const Context& context, const content::BlobSource& blobs, const spec::Descriptor& referrer,
                  const Words& destination, const Grounds& grounds) {
  if (destination.transport == Transport::registry) {
    Words repository = destination;
    repository.reference = remote_reference(destination).name();
    push(context, blobs, referrer, repository, {.name = {}, .untagged = true}, grounds);
    return;
  }
  const bool local = destination.transport == Transport::store;
  const auto store = content::Store::create(local ? grounds.store : destination.path, local ? 0700 : 0755);
  copy_blobs(context, blobs, referrer, store);
  store.edit_index([&](spec::Index& index) {
    const auto same = [&](const spec::Descriptor& each) { return each.digest == referrer.digest; };
    if (std::none_of(index.manifests.begin(), index.manifests.end(), same))
      index.manifests.push_back(referrer);
  });
}

}  // namespace

std::vector<spec::Descriptor> referrers_of(const content::BlobSource& blobs, const Digest& subject,
                                           const std::string& artifact_type) {
  std::vector<spec::Descriptor> all;
  if (const auto repositories = repositories_of(blobs); !repositories.empty()) {
    all = repositories.front()->referrers(subject, artifact_type);
  } else if (const auto* store = dynamic_cast<const content::Store*>(&blobs)) {
    all = listed_in(*store, subject);
  }
  if (!artifact_type.empty())
    std::erase_if(all, [&](const spec::Descriptor& each) { return each.artifact_type != artifact_type; });
  return all;
}

std::size_t copy_referrers(const Context& context, const content::BlobSource& blobs,
                           const spec::Descriptor& root, const Words& destination, const Grounds& grounds) {
  std::set<Digest> seen;
  std::vector<Digest> subjects;
  for (const auto& [descriptor, depth] : content::reachable(blobs, root)) {
    if (spec::media::is_index(descriptor.media_type) || spec::media::is_manifest(descriptor.media_type))
      subjects.push_back(descriptor.digest);
  }
  seen.insert(subjects.begin(), subjects.end());
  std::size_t copied = 0;
  // What refers to a referrer (the signature of a bill of materials) comes along as well.
  while (!subjects.empty()) {
    const Digest subject = subjects.back();
    subjects.pop_back();
    for (const auto& referrer : referrers_of(blobs, subject, {})) {
      if (!seen.insert(referrer.digest).second) continue;
      if (seen.size() > limits::descriptors)
        throw Error(Kind::limit, fmt::format("more than {} referrers", limits::descriptors));
      put_referrer(context, blobs, referrer, destination, grounds);
      subjects.push_back(referrer.digest);
      ++copied;
    }
  }
  return copied;
}

}  // namespace stave::place
