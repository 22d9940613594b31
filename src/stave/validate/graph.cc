// The walk from a root. A document's digest is taken before it is parsed, and a
// document that is not what its digest says is looked at all the same if it is JSON: the checks are safe on
// any bytes, and as a rule somebody edited it by hand and wants to hear everything at once. If it is no
// JSON, the digest alone tells what happened to it.

#include "stave/validate/graph.h"

#include <fmt/format.h>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/spec/document.h"
#include "stave/validate/walk.h"

namespace stave::validate {
namespace {

std::string file_of(const Digest& digest) {
  return fmt::format("blobs/{}/{}", name(digest.algorithm()), digest.hex());
}

bool is_nondistributable(const spec::Descriptor& descriptor) {
  return descriptor.media_type.find(".nondistributable.") != std::string::npos ||
         descriptor.media_type.find(".foreign.") != std::string::npos;
}

}  // namespace

Walk::Role Walk::role_of(const spec::Descriptor& descriptor) {
  if (spec::media::is_index(descriptor.media_type)) return Role::index;
  return spec::media::is_manifest(descriptor.media_type) ? Role::manifest : Role::leaf;
}

bool Walk::is_new(const Reference& reference, Role role) {
  if (seen_.contains({reference.descriptor.digest, role})) return false;
  if (seen_.size() >= limits::archive_members) {
    if (!full_)
      report_.add("E006", reference.where,
                  fmt::format("more than {} blobs below one root", limits::archive_members.shown()));
    full_ = true;
    return false;
  }
  return seen_.emplace(reference.descriptor.digest, role).second;
}

// How many bytes there are, if any. What stands there and is no file is as good as absent.
std::optional<std::uint64_t> Walk::find_size(const Digest& digest) const {
  try {
    return blobs_.find_size(digest);
  } catch (const Error& error) {
    if (error.kind() != Kind::invalid && error.kind() != Kind::not_found) throw;
    return std::nullopt;
  }
}

// The same, and it is said once for each blob that it is absent.
std::optional<std::uint64_t> Walk::check_stored(const Reference& reference) {
  const Digest& digest = reference.descriptor.digest;
  const auto size = find_size(digest);
  if (!size && missing_.insert(digest).second)
    report_.add("W109", reference.digest_where, fmt::format("{} is not there", digest.str()));
  return size;
}

// The size of what is there, unless its content is wrong as well, which explains it.
void Walk::check_size(const Reference& reference) {
  const auto stored = check_stored(reference);
  const std::uint64_t said = reference.descriptor.size;
  if (stored && *stored != said && !wrong_.contains(reference.descriptor.digest))
    report_.add("E019", reference.size_where, fmt::format("{} bytes, and the blob has {}", said, *stored));
}

std::optional<std::string> Walk::read_document(const Reference& reference) {
  const spec::Descriptor& descriptor = reference.descriptor;
  const auto stored = check_stored(reference);
  if (!stored) return std::nullopt;
  if (*stored > limits::document_bytes) {
    report_.add(
        "E006", reference.where,
        fmt::format("a document of {} bytes, the limit is {}", *stored, limits::document_bytes.shown()));
    return std::nullopt;
  }
  const auto source = blobs_.find(descriptor.digest);
  if (!source) return std::nullopt;
  std::string text = read_all(*source, limits::document_bytes, descriptor.digest.str());
  if (read_.insert(descriptor.digest).second) {
    const Digest is = digest_of(as_bytes(text), descriptor.digest.algorithm());
    if (is != descriptor.digest) {
      wrong_.insert(descriptor.digest);
      report_.add("E012", reference.digest_where,
                  fmt::format("the blob's {} bytes are {}", text.size(), is.str()));
    }
  }
  check_size(reference);
  return text;
}

std::unique_ptr<Document> Walk::parse(const Reference& reference, const std::string& text, Report& report) {
  const std::string file = file_of(reference.descriptor.digest);
  if (wrong_.contains(reference.descriptor.digest)) {
    Report unsaid;
    if (!Document::read(text, file, unsaid)) return nullptr;
  }
  return Document::read(text, file, report);
}

void Walk::visit(const Reference& reference, int depth) {
  context_.check();
  const Role role = role_of(reference.descriptor);
  const bool fresh = is_new(reference, role);
  if (fresh && role != Role::leaf) {
    visit_document(reference, role, depth);
  } else {
    check_size(reference);
  }
}

void Walk::visit_document(const Reference& reference, Role role, int depth) {
  if (depth + (role == Role::index ? 1 : 0) > limits::index_depth) {
    report_.add("E006", reference.where,
                fmt::format("more than {} indexes within each other", limits::index_depth));
    return;
  }
  const auto text = read_document(reference);
  if (!text) return;
  IndexFacts index;
  {  // the document and its outline are gone before the walk goes deeper
    const auto document = parse(reference, *text, report_);
    if (!document) return;
    const Item root = document->root();
    const auto sort = sort_of(root, role == Role::index ? Sort::index : Sort::manifest);
    if (sort == Sort::manifest) return visit_manifest(reference, root, *text, depth);
    if (sort != Sort::index) return;
    index = check_index(root, false);
  }
  visit_index(index, depth + 1);
}

void Walk::visit_index(const IndexFacts& facts, int depth) {
  for (const Reference& entry : facts.manifests) {
    visit(entry, depth);
    check_entry_platform(entry);
  }
  visit_subject(facts.subject, depth);
}

// A subject need not be there (manifest.md, "subject").
void Walk::visit_subject(const std::optional<Reference>& subject, int depth) {
  if (subject && find_size(subject->descriptor.digest)) visit(*subject, depth);
}

void Walk::check_entry_platform(const Reference& entry) {
  const auto found = platforms_.find(entry.descriptor.digest);
  if (found == platforms_.end() || !found->second) return;
  const spec::Platform& own = *found->second;
  const auto& said = entry.descriptor.platform;
  if (!said) {
    report_.add("W208", entry.where, fmt::format("its image is for {}", quote(own.str())));
    return;
  }
  const spec::Platform index = spec::normalised(*said), config = spec::normalised(own);
  if (index.os == config.os && index.architecture == config.architecture && index.variant == config.variant)
    return;
  report_.add("W209", entry.where,
              fmt::format("{} here, {} in the config", quote(said->str()), quote(own.str())));
}

void Walk::visit_manifest(const Reference& reference, const Item& root, const std::string& text, int depth) {
  const ManifestFacts facts = check_manifest(root);
  if (facts.config && spec::media::is_config(facts.config->descriptor.media_type)) {
    add_image(reference, *facts.config, facts, text);
  } else if (facts.config) {
    visit(*facts.config, depth + 1);
  }
  visit_layers(facts);
  visit_subject(facts.subject, depth + 1);
}

void Walk::visit_layers(const ManifestFacts& facts) {
  for (const Reference& layer : facts.layers) {
    // Such layers are downloaded from elsewhere, and nobody has them in an image (layer.md).
    if (is_nondistributable(layer.descriptor) && !find_size(layer.descriptor.digest)) continue;
    context_.check();
    static_cast<void>(is_new(layer, Role::leaf));
    check_size(layer);
  }
}

void Walk::add_image(const Reference& reference, const Reference& config_reference,
                     const ManifestFacts& facts, const std::string& text) {
  ImageUse image;
  image.where.file = file_of(reference.descriptor.digest);
  image.config_where.file = file_of(config_reference.descriptor.digest);
  const ConfigFacts config = read_config(config_reference, facts.layer_count, image);
  platforms_.emplace(reference.descriptor.digest, config.platform);
  if (config.platform) {
    image.platform = config.platform->str();
  } else if (reference.descriptor.platform) {
    image.platform = reference.descriptor.platform->str();
  }
  const bool matched = config.diff_ids.size() == facts.layer_count;
  for (const Reference& layer : facts.layers) {
    image.layers.push_back({.where = layer.where,
                            .number = layer.number,
                            .descriptor = layer.descriptor,
                            .diff_id = matched ? config.diff_ids[layer.number - 1] : std::nullopt});
  }
  try {
    image.manifest = spec::Manifest::parse(text);
  } catch (const Error&) {
    // Why it cannot be read was reported.
  }
  graph_.images.push_back(std::move(image));
}

ConfigFacts Walk::read_config(const Reference& config, std::size_t layers, ImageUse& image) {
  const bool fresh = is_new(config, Role::config);
  const auto text = read_document(config);
  if (!text) return {};
  Report unsaid;  // of a config that two manifests share, each finding counts once
  const auto document = parse(config, *text, fresh ? report_ : unsaid);
  if (!document) return {};
  const Item root = document->root();
  if (!sort_of(root, Sort::config)) return {};
  ConfigFacts facts = check_config(root);
  if (facts.diff_ids_where && facts.diff_ids.size() != layers)
    report_.add("E404", *facts.diff_ids_where,
                fmt::format("{} diff_ids, and the manifest has {} layers", facts.diff_ids.size(), layers));
  try {
    image.config = spec::Config::parse(*text);
  } catch (const Error&) {
    // Why it cannot be read was reported.
  }
  return facts;
}

Graph check_graph(const Context& context, const content::BlobSource& blobs, const spec::Descriptor& root,
                  const Where& referrer, Report& report) {
  Walk walk(context, blobs, report);
  walk.visit({.where = referrer, .digest_where = referrer, .size_where = referrer, .descriptor = root}, 0);
  return walk.take();
}

}  // namespace stave::validate
