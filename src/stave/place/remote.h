// Images at registries: opened, pushed and fetched so that what was interrupted goes
// on. Internal to place.

#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <string>

#include "stave/place/place.h"
#include "stave/registry/registry.h"

namespace stave::place {

// Kind::usage where the caller has no network.
std::shared_ptr<const registry::Network> network_of(const Grounds& grounds);

// The image of a reference with a registry; nullopt if there is no such tag or digest.
std::optional<Located> find_remote(const Context& context, const spec::Reference& reference,
                                   const Grounds& grounds);
Located open_remote(const Context& context, const Words& words, const Grounds& grounds);

// Sends `root` and everything below it: layers, configs, manifests, and then the tag. What is there already
// is not sent, and what another repository of the same registry has is mounted.
Copied push(const Context& context, const content::BlobSource& blobs, const spec::Descriptor& root,
            const Words& destination, const Copy& how, const Grounds& grounds);

// Brings one blob from a registry into `store`, going on behind what an earlier attempt left there.
void fetch_blob(const Context& context, const content::BlobSource& blobs, const spec::Descriptor& descriptor,
                const content::Store& store);

// The same with as many jobs as a network wants: they wait more than they work.
Context for_network(Context context);

// Of an image at a registry everything that was brought here stays when the rest fails to come, so that the
// next attempt goes on; not where it would keep a disk full.
bool is_worth_keeping(const content::BlobSource& blobs, const std::exception_ptr& failure);

}  // namespace stave::place
