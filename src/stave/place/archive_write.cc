// Writing image archives: an OCI layout that carries docker's manifest.json as well.

#include <fmt/format.h>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/image/image.h"
#include "stave/json/json.h"
#include "stave/place/archive.h"
#include "stave/spec/reference.h"
#include "stave/tar/tar.h"

namespace stave::place {
namespace {

// The name in full, as docker's containerd store looks it up.
std::string docker_name(const spec::Reference& reference) {
  if (!reference.registry.empty()) return reference.str();
  const bool official = reference.path.find('/') == std::string::npos;
  return fmt::format("docker.io/{}{}", official ? "library/" : "", reference.str());
}

// `name` as a Reference; nullopt for what only tags (oci:DIR:V1.0) and has no form that docker takes.
std::optional<spec::Reference> find_reference(const std::string& name) {
  try {
    auto reference = spec::Reference::parse(name);
    if (!reference.digest) return reference;
  } catch (const Error& e) {
    if (e.kind() != Kind::usage) throw;
  }
  return std::nullopt;
}

class TarWriter {
 public:
  explicit TarWriter(Sink& sink) : sink_(sink) {}

  void directory(const std::string& name) {
    tar::Header header;
    header.name = name + "/";
    header.type = tar::Type::directory;
    header.mode = 0755;
    sink_.write(as_bytes(tar::encode(header)));
  }

  void file(const std::string& name, Source& content, std::uint64_t size) {
    tar::Header header;
    header.name = name;
    header.mode = 0644;
    header.size = size;
    sink_.write(as_bytes(tar::encode(header)));
    const std::uint64_t written = copy(content, sink_);
    if (written != size)
      throw Error(Kind::mismatch, fmt::format("{} has {} bytes instead of {}", name, written, size));
    sink_.write(as_bytes(std::string(tar::padding(size), '\0')));
  }

  void file(const std::string& name, std::string_view text) {
    BytesSource source(text);
    file(name, source, text.size());
  }

  void finish() { sink_.write(as_bytes(std::string(tar::trailer_size, '\0'))); }

 private:
  Sink& sink_;
};

std::string blob_name(const Digest& digest) {
  return fmt::format("blobs/{}/{}", name(digest.algorithm()), digest.hex());
}

// docker's manifest.json can say one image for a name: the first of an index, in the order of the index, so
// that the bytes do not depend on the machine. Empty for what docker cannot run.
std::string docker_manifest(const content::BlobSource& blobs, const spec::Descriptor& root,
                            const ArchiveWords& words) {
  for (const auto& leaf : image::leaves(blobs, root)) {
    if (!leaf.platform || !blobs.find_size(leaf.descriptor.digest)) continue;
    const auto manifest = spec::Manifest::parse(content::read_document(blobs, leaf.descriptor));
    std::vector<std::string> layers;
    for (const auto& layer : manifest.layers) layers.push_back(blob_name(layer.digest));
    json::Object object;
    object.string("Config", blob_name(manifest.config.digest));
    const auto name = find_reference(words.name);  // docker wants a tag in it
    object.text("RepoTags", name ? json::print_strings({name->with_default_tag().str()}) : "null");
    object.text("Layers", json::print_strings(layers));
    return json::print_array({std::move(object).finish()});
  }
  return {};
}

// The grammar of annotations.md for org.opencontainers.image.ref.name: letters, digits and single separators
// between them. Nothing else can be a name in a layout.
void check_ref_name(std::string_view name) {
  constexpr std::size_t most = 1024;  // the longest reference has 255 + 1 + 128 + 1 + 135 bytes
  const auto is_alphanumeric = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  constexpr std::string_view separators = "-._:@/+";
  bool good = name.size() <= most && is_alphanumeric(name.front()) && is_alphanumeric(name.back());
  for (std::size_t i = 0; good && i < name.size(); ++i) {
    good = is_alphanumeric(name[i]) || separators.find(name[i]) != std::string_view::npos;
  }
  if (!good) {
    throw Error(Kind::usage, fmt::format("{} cannot name an image", quote(name)),
                "a name has letters, digits and - . _ : @ / + between them, such as hello:1.0");
  }
}

}  // namespace

spec::Annotations naming_annotations(std::string_view name, bool for_docker) {
  spec::Annotations annotations;
  if (name.empty()) return annotations;
  check_ref_name(name);
  annotations[std::string(spec::annotation::ref_name)] = std::string(name);
  const auto reference = find_reference(std::string(name));
  if (!reference) return annotations;
  // podman believes this one before the other, and takes a short name in it for docker.io's: only a name with
  // a registry goes in.
  if (!reference->registry.empty() || for_docker)
    annotations[std::string(spec::annotation::containerd_name)] = docker_name(reference->with_default_tag());
  return annotations;
}

void write_archive(const Context& context, const content::BlobSource& blobs, const spec::Descriptor& root,
                   const ArchiveWords& words, Sink& sink) {
  const auto nodes = content::reachable(blobs, root);
  std::uint64_t total = 0;
  for (const auto& node : nodes) total += node.descriptor.size;
  Task task(context, "writing the archive", total);

  spec::Index index;
  spec::Descriptor named = root;
  named.annotations = naming_annotations(words.name, words.for_docker);
  index.manifests.push_back(named);

  TarWriter tar(sink);
  tar.file("oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
  tar.file("index.json", index.render());
  if (const auto manifest = docker_manifest(blobs, root, words); !manifest.empty())
    tar.file("manifest.json", manifest);
  tar.directory("blobs");
  for (const auto algorithm : {Algorithm::sha256, Algorithm::sha512}) {
    bool first = true;
    for (const auto& node : nodes) {
      if (node.descriptor.digest.algorithm() != algorithm) continue;
      context.check();
      if (std::exchange(first, false)) tar.directory("blobs/" + std::string(name(algorithm)));
      const auto source = content::open_verified(blobs, node.descriptor);
      tar.file(blob_name(node.descriptor.digest), *source, node.descriptor.size);
      task.advance(node.descriptor.size);
    }
  }
  tar.finish();
  task.done();
}

}  // namespace stave::place
