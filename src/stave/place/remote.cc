// Opening, pushing and fetching.

#include "stave/place/remote.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <functional>

#include "stave/base/error.h"
#include "stave/base/parallel.h"
#include "stave/base/text.h"
#include "stave/place/joined.h"

namespace stave::place {
namespace {

std::string tag_or_digest(const spec::Reference& reference) {
  return reference.digest ? reference.digest->str() : reference.tag;
}

void each_in_parallel(const Context& context, const std::vector<spec::Descriptor>& all,
                      const std::function<void(const spec::Descriptor&)>& work) {
  const Context wide = for_network(context);
  std::vector<int> slots(wide.jobs);
  in_order<int>(wide, all.size(), slots, [&](std::size_t i, int&) { work(all[i]); },
                {[](std::size_t, int&) {}});
}

// One push to one repository.
class Push {
 public:
  Push(const Context& context, const content::BlobSource& blobs, const registry::Repository& to)
      : context_(context), blobs_(blobs), to_(to) {
    for (const auto* each : repositories_of(blobs)) {
      if (!to.same_registry(*each)) continue;
      if (each->name().path == to.name().path) {
        at_home_ = true;
      } else if (std::find(from_.begin(), from_.end(), each->name().path) == from_.end()) {
        from_.push_back(each->name().path);
      }
    }
  }

  // Everything below `root`, which is not put itself.
  void send_below(const spec::Descriptor& root) const {
    std::vector<spec::Descriptor> content, configs, manifests, indexes;
    for (const auto& [descriptor, depth] : content::reachable(blobs_, root)) {
      if (descriptor.digest == root.digest) continue;
      auto& where = spec::media::is_index(descriptor.media_type)      ? indexes
                    : spec::media::is_manifest(descriptor.media_type) ? manifests
                    : spec::media::is_config(descriptor.media_type)   ? configs
                                                                      : content;
      where.push_back(descriptor);
    }
    // The small ones behind the large ones: a registry shows nothing of an image before its manifest.
    content.insert(content.end(), configs.begin(), configs.end());
    each_in_parallel(context_, content, [&](const auto& each) { send_blob(each); });
    each_in_parallel(context_, manifests, [&](const auto& each) { send_document(each); });
    for (const auto& each : indexes) send_document(each);
  }

  void send_root(const spec::Descriptor& root, const std::string& tag) const {
    to_.put_document(content::read_document(blobs_, root), root, tag);
  }

 private:
  void send_blob(const spec::Descriptor& blob) const {
    // Content that its publisher has elsewhere is not to be uploaded (image-spec descriptor.md, "urls").
    if (!blob.urls.empty()) return;
    if (at_home_ && to_.find_size(blob.digest) == blob.size) return;
    Task task(context_, fmt::format("pushing {}", blob.digest.short_hex()), blob.size);
    const auto pushed = to_.push_blob(blobs_, blob, from_, [&](std::uint64_t bytes) {
      context_.check();
      task.advance(bytes);
    });
    task.done(pushed == registry::Pushed::sent      ? human_size(blob.size)
              : pushed == registry::Pushed::mounted ? "mounted"
                                                    : "there already");
  }

  void send_document(const spec::Descriptor& document) const {
    if (to_.find_descriptor(document.digest.str())) return;
    to_.put_document(content::read_document(blobs_, document), document, {});
  }

  const Context& context_;
  const content::BlobSource& blobs_;
  const registry::Repository& to_;
  std::vector<std::string> from_;  // repositories of the same registry
  bool at_home_ = false;           // some of it comes from this very repository
};

}  // namespace

Context for_network(Context context) {
  constexpr unsigned least = 4, most = 16;
  context.jobs = std::clamp(context.jobs, least, most);
  return context;
}

std::shared_ptr<const registry::Network> network_of(const Grounds& grounds) {
  if (!grounds.network) throw Error(Kind::usage, "registries cannot be reached from here");
  return grounds.network();
}

std::optional<Located> find_remote(const Context& context, const spec::Reference& reference,
                                   const Grounds& grounds) {
  const auto full = reference.with_default_tag();
  auto repository = std::make_shared<const registry::Repository>(network_of(grounds), context, full);
  const auto document = repository->find_document(tag_or_digest(full));
  if (!document) return std::nullopt;
  // What was asked for by tag and digest is called by its tag.
  const std::string name = full.tag.empty() ? full.str() : full.name() + ":" + full.tag;
  return Located{.blobs = std::move(repository), .root = document->descriptor, .name = name};
}

Located open_remote(const Context& context, const Words& words, const Grounds& grounds) {
  const auto reference = remote_reference(words);
  if (auto located = find_remote(context, reference, grounds)) return std::move(*located);
  throw Error(Kind::not_found, fmt::format("there is no {}", printable(words.str())),
              fmt::format("`stave tags docker://{}` lists what is there", printable(reference.name())));
}

Located open_at_registry(const Context& context, std::string_view name, const Grounds& grounds) {
  const auto reference = spec::Reference::parse(name);
  std::vector<std::string> tried;
  for (const auto& candidate : network_of(grounds)->registries().candidates(reference)) {
    if (auto located = find_remote(context, candidate, grounds)) return std::move(*located);
    tried.push_back("docker://" + candidate.with_default_tag().str());
  }
  throw Error(Kind::not_found,
              fmt::format("there is no image {} at a registry (tried {})", quote(name), join(tried, " and ")),
              "`stave tags docker://HOST/PATH` lists what is in a repository");
}

Located open_anywhere(const Context& context, const Words& words, const Grounds& grounds) {
  try {
    return open(context, words, grounds);
  } catch (const Error& here) {
    if (words.transport != Transport::store || here.kind() != Kind::not_found) throw;
    try {
      return open_at_registry(context, words.reference, grounds);
    } catch (const Error& there) {
      if (there.kind() == Kind::cancelled) throw;
      throw Error(here.kind(), fmt::format("{}; {}", here.what(), there.what()), here.hint());
    }
  }
}

Located spooled(Located image, const Grounds& grounds) {
  if (!repositories_of(*image.blobs).empty())
    image.blobs = std::make_shared<Spooled>(std::move(image.blobs), grounds.spool);
  return image;
}

Located joined(Located image, std::shared_ptr<const content::BlobSource> more) {
  image.blobs = std::make_shared<Joined>(std::vector{std::move(image.blobs), std::move(more)});
  return image;
}

std::shared_ptr<const registry::Repository> open_repository(const Context& context, const Words& words,
                                                            const Grounds& grounds) {
  return std::make_shared<const registry::Repository>(network_of(grounds), context, remote_reference(words));
}

Copied push(const Context& context, const content::BlobSource& blobs, const spec::Descriptor& root,
            const Words& destination, const Copy& how, const Grounds& grounds) {
  auto reference = remote_reference(destination);
  if (reference.digest && *reference.digest != root.digest) {
    throw Error(Kind::usage,
                fmt::format("the image is {}, and was to go to {}", root.digest.str(), destination.str()),
                "name a tag instead of a digest");
  }
  if (how.untagged || reference.digest) reference.tag.clear();
  const registry::Repository to(network_of(grounds), context, reference);
  std::optional<spec::Descriptor> before;
  if (!reference.tag.empty()) before = to.find_descriptor(reference.tag);
  const Push push(context, blobs, to);
  push.send_below(root);
  push.send_root(root, reference.tag);
  if (reference.tag.empty()) reference.digest = root.digest;
  return {.root = root, .name = reference.str(), .before = std::move(before)};
}

namespace {

void fetch_into(const Context& context, const content::BlobSource& blobs, const spec::Descriptor& descriptor,
                content::BlobWriter& writer, Task& task) {
  if (writer.written() == descriptor.size) return;
  const auto source = writer.written() == 0 ? blobs.find(descriptor.digest)
                                            : blobs.find_from(descriptor.digest, writer.written());
  if (!source) {
    throw Error(Kind::not_found, fmt::format("{} has no blob {}", blobs.describe(), descriptor.digest.str()),
                "the image is incomplete where it was taken from; copy it again from a complete place");
  }
  std::vector<std::byte> buffer(256 * 1024);
  while (const std::size_t n = source->read(buffer)) {
    context.check();
    if (n > descriptor.size - writer.written()) {
      throw Error(Kind::mismatch, fmt::format("more than the {} bytes of blob {} came", descriptor.size,
                                              descriptor.digest.str()));
    }
    writer.write(Bytes(buffer).first(n));
    task.advance(n);
  }
}

}  // namespace

void fetch_blob(const Context& context, const content::BlobSource& blobs, const spec::Descriptor& descriptor,
                const content::Store& store) {
  Task task(context, fmt::format("fetching {}", descriptor.digest.short_hex()), descriptor.size);
  for (bool first = true;; first = false) {
    auto writer = store.resume(descriptor.digest, descriptor.size);
    const bool resumed = writer.written() != 0;
    if (first) task.advance(writer.written());
    try {
      fetch_into(context, blobs, descriptor, writer, task);
      std::move(writer).commit_as(descriptor.digest, descriptor.size);
      return task.done(human_size(descriptor.size));
    } catch (const Error& e) {
      // Bytes that are wrong are of no use to the next attempt, and those of a full disk are in the way.
      if (e.kind() == Kind::mismatch || e.kind() == Kind::no_space) std::move(writer).discard();
      // What was here of it may have been the part that was wrong.
      if (e.kind() != Kind::mismatch) throw;
      if (!first || !resumed) throw e.within(blobs.describe());
    }
  }
}

bool is_worth_keeping(const content::BlobSource& blobs, const std::exception_ptr& failure) {
  if (repositories_of(blobs).empty()) return false;
  try {
    std::rethrow_exception(failure);
  } catch (const Error& e) {
    return e.kind() == Kind::io || e.kind() == Kind::cancelled || e.kind() == Kind::limit ||
           e.kind() == Kind::denied;
  } catch (...) {
    return false;
  }
}

}  // namespace stave::place
