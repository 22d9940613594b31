// Reading image archives.

#include <fmt/format.h>

#include <array>
#include <set>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/compress/compress.h"
#include "stave/json/json.h"
#include "stave/layer/pack.h"
#include "stave/layer/path.h"
#include "stave/place/archive.h"
#include "stave/tar/tar.h"

namespace stave::place {
namespace {

constexpr int links_followed =
    8;  // docker's oldest archives link a layer to another one's; never further than once

class StoppableSource final : public Source {
 public:
  StoppableSource(const Context& context, Source& source) : context_(context), source_(source) {}
  std::size_t read(MutableBytes out) override {
    context_.check();
    return source_.read(out);
  }
  std::uint64_t skip(std::uint64_t count) override {
    context_.check();
    return source_.skip(count);
  }

 private:
  const Context& context_;
  Source& source_;
};

}  // namespace

std::unique_ptr<Archive> Archive::open(const Context& context, fs::Fd file, const std::string& name,
                                       const std::string& spool_directory) {
  const auto shared = std::make_shared<const fs::Fd>(std::move(file));
  fs::FileSource source(shared, 0, fs::stat(*shared).size, name);
  std::array<std::byte, 6> first{};
  const std::size_t n = read_full(source, first);
  if (compress::sniff(Bytes(first).first(n)) != compress::Format::none) {
    fs::FileSource again(shared, 0, fs::stat(*shared).size, name);
    return spool(context, again, name, spool_directory);
  }
  auto archive = std::unique_ptr<Archive>(new Archive(shared, name));
  archive->index(context);
  return archive;
}

std::unique_ptr<Archive> Archive::spool(const Context& context, Source& input, const std::string& name,
                                        const std::string& directory) {
  std::array<std::byte, 6> first{};
  const std::size_t n = read_full(input, first);
  if (n == 0) throw Error(Kind::invalid, fmt::format("{} is empty", name));
  PrefixedSource whole(std::string(as_text(Bytes(first).first(n))), input);
  StoppableSource stoppable(context, whole);
  auto file = fs::TempFile::anonymous(directory);
  try {
    const auto plain = compress::decompress(stoppable, compress::sniff(Bytes(first).first(n)));
    CappedSource capped(*plain, limits::archive_bytes, "the archive");
    copy(capped, file);
  } catch (const Error& e) {
    if (e.kind() == Kind::cancelled) throw;
    // What is compressed in a way that is not read here (xz, bzip2) was told with the pipe that helps a
    // layer.
    if (e.kind() == Kind::unsupported)
      throw Error(e.kind(), e.what(), "uncompress it first: … -dc FILE | stave copy - NAME").within(name);
    throw e.within(name);
  }
  auto archive =
      std::unique_ptr<Archive>(new Archive(std::make_shared<const fs::Fd>(std::move(file).release()), name));
  archive->index(context);
  return archive;
}

void Archive::index(const Context& context) {
  try {
    fs::FileSource source(file_, 0, fs::stat(*file_).size, name_);
    StoppableSource stoppable(context, source);
    tar::Reader reader(stoppable);
    tar::Header header;
    while (reader.next(header)) {
      if (members_.size() >= limits::archive_members) {
        throw limits::archive_members.exceeded(
            fmt::format("more than {} members", limits::archive_members.value()));
      }
      const auto path = layer::clean(header.name);
      if (!path || path->empty()) continue;  // names nothing that an image could be made of
      Member member{.offset = reader.content_offset(), .size = header.size, .link = {}};
      if (header.type == tar::Type::symlink) {
        const auto target = layer::clean(layer::join(layer::parent(*path), header.linkname));
        if (target) member.link = *target;
      } else if (header.type == tar::Type::hardlink) {
        const auto target = layer::clean(header.linkname);
        if (target) member.link = *target;
      } else if (header.type != tar::Type::regular || header.sparse) {
        continue;
      }
      members_[*path] = std::move(member);
    }
    const bool docker = members_.contains("manifest.json");
    if (is_layout() && !(docker && lists_nothing())) {
      offer_layout();
    } else if (docker) {
      offer_docker(context);
    } else {
      throw Error(Kind::invalid,
                  "no image: neither oci-layout with index.json nor docker's manifest.json is in it",
                  "a root file system becomes an image with: stave pack -t NAME --layer FILE");
    }
  } catch (const Error& e) {
    throw e.kind() == Kind::cancelled ? e : e.within(name_);
  }
}

bool Archive::is_layout() const { return members_.contains("oci-layout") && members_.contains("index.json"); }

// `docker save` of Docker 25 left "manifests": null for an image without a tag, and a manifest.json that is
// right. Such an index says nothing that manifest.json could contradict.
bool Archive::lists_nothing() const {
  const auto index = json::parse(read_member("index.json", limits::layout_index_bytes), "index.json");
  const json::Value* manifests = index.is_object() ? json::find(index, "manifests") : nullptr;
  return manifests == nullptr || manifests->is_null() || (manifests->is_array() && manifests->empty());
}

const Archive::Member* Archive::find_member(std::string_view path) const {
  std::string at(path);
  for (int i = 0; i <= links_followed; ++i) {
    const auto found = members_.find(at);
    if (found == members_.end()) return nullptr;
    if (found->second.link.empty()) return &found->second;
    at = found->second.link;
  }
  return nullptr;
}

std::unique_ptr<Source> Archive::open_member(const Member& member) const {
  return std::make_unique<fs::FileSource>(file_, member.offset, member.size, name_);
}

std::optional<std::string> Archive::find_text(std::string_view path, limits::Cap limit) const {
  const Member* member = find_member(path);
  if (member == nullptr) return std::nullopt;
  return read_all(*open_member(*member), limit, quote(path));
}

std::string Archive::read_member(std::string_view path, limits::Cap limit) const {
  auto text = find_text(path, limit);
  if (!text) throw Error(Kind::invalid, fmt::format("it has no member {}", quote(path)));
  return std::move(*text);
}

std::unique_ptr<Source> Archive::find(const Digest& digest) const {
  const auto document = documents_.find(digest);
  if (document != documents_.end()) return std::make_unique<BytesSource>(document->second);
  const auto blob = blobs_.find(digest);
  if (blob != blobs_.end()) return open_member(blob->second);
  const Member* member =
      find_member(fmt::format("blobs/{}/{}", stave::name(digest.algorithm()), digest.hex()));
  return member == nullptr ? nullptr : open_member(*member);
}

std::optional<std::uint64_t> Archive::find_size(const Digest& digest) const {
  const auto document = documents_.find(digest);
  if (document != documents_.end()) return document->second.size();
  const auto blob = blobs_.find(digest);
  if (blob != blobs_.end()) return blob->second.size;
  const Member* member =
      find_member(fmt::format("blobs/{}/{}", stave::name(digest.algorithm()), digest.hex()));
  return member == nullptr ? std::nullopt : std::optional(member->size);
}

std::string Archive::describe() const { return "the archive " + name_; }

void Archive::offer_layout() {
  const auto layout = json::parse(read_member("oci-layout", 64 * 1024), "oci-layout");
  const json::Value* version = json::find(layout, "imageLayoutVersion");
  if (version == nullptr || !version->is_string() ||
      !version->get_ref<const std::string&>().starts_with("1.")) {
    throw Error(Kind::unsupported, "oci-layout: imageLayoutVersion is not 1.x");
  }
  const auto index = spec::Index::parse(read_member("index.json", limits::layout_index_bytes));
  for (const auto& descriptor : index.manifests) {
    Offer offer{.descriptor = descriptor, .names = {}};
    for (const auto key : {spec::annotation::containerd_name, spec::annotation::ref_name}) {
      const auto found = descriptor.annotations.find(std::string(key));
      if (found != descriptor.annotations.end()) offer.names.push_back(found->second);
    }
    offers_.push_back(std::move(offer));
  }
}

spec::Descriptor Archive::add_document(std::string text, std::string_view media_type) {
  const spec::Descriptor descriptor{
      .media_type = std::string(media_type), .digest = digest_of(text), .size = text.size()};
  documents_.emplace(descriptor.digest, std::move(text));
  return descriptor;
}

// docker's format names layers by path; their digests come from reading them, and only the config's diff_ids
// say what they ought to be.
spec::Descriptor Archive::add_layer(const Context& context, const std::string& path, const Digest& diff_id) {
  const auto clean = layer::clean(path);
  const Member* member = clean ? find_member(*clean) : nullptr;
  if (member == nullptr)
    throw Error(Kind::invalid,
                fmt::format("manifest.json names the layer {}, which is not in the archive", quote(path)));
  const auto source = open_member(*member);
  StoppableSource stoppable(context, *source);
  std::array<std::byte, 6> first{};
  const std::size_t n = read_full(stoppable, first);
  const auto format = compress::sniff(Bytes(first).first(n));
  PrefixedSource whole(std::string(as_text(Bytes(first).first(n))), stoppable);
  HashingSink blob_hash;
  TeeSource blob(whole, blob_hash);
  HashingSink plain_hash(diff_id.algorithm());
  copy(*compress::decompress(blob, format), plain_hash);
  CountingSink rest;
  copy(blob, rest);
  const Digest plain = std::move(plain_hash).finish();
  if (plain != diff_id) {
    throw Error(Kind::mismatch, fmt::format("the layer {} unpacks to {}, its config says {}", quote(path),
                                            plain.str(), diff_id.str()));
  }
  const Digest digest = std::move(blob_hash).finish();
  blobs_[digest] = *member;
  return {.media_type = std::string(layer::media_type_of(format)), .digest = digest, .size = member->size};
}

spec::Descriptor Archive::docker_image(const Context& context, const std::string& config,
                                       const std::vector<std::string>& layers) {
  const auto clean = layer::clean(config);
  const std::string text = read_member(clean.value_or(""), limits::document_bytes);
  const auto parsed = spec::Config::parse(text);
  spec::Manifest manifest{.config = add_document(text, spec::media::oci_config), .layers = {}};
  if (layers.size() != parsed.diff_ids.size()) {
    throw Error(Kind::mismatch, fmt::format("manifest.json lists {} layers, the config {} diff_ids",
                                            layers.size(), parsed.diff_ids.size()));
  }
  for (std::size_t i = 0; i < layers.size(); ++i)
    manifest.layers.push_back(add_layer(context, layers[i], parsed.diff_ids[i]));
  auto descriptor = add_document(manifest.render(), spec::media::oci_manifest);
  descriptor.platform = parsed.platform;
  return descriptor;
}

void Archive::offer_docker(const Context& context) {
  const std::string what = "manifest.json";
  const auto value = json::parse(read_member(what, limits::document_bytes), what);
  for (const auto& each : json::Node(value, what).elements(limits::descriptors)) {
    const auto names = each.find("RepoTags");
    Offer offer{
        .descriptor = docker_image(context, each.get("Config").string(), each.get("Layers").strings()),
        .names = {}};
    if (names) offer.names = names->strings();
    offers_.push_back(std::move(offer));
  }
  if (offers_.empty()) throw Error(Kind::invalid, "manifest.json lists no image");
}

}  // namespace stave::place
