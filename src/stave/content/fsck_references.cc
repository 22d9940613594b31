// References: what index.json says, held against the blobs that are whole, and
// index.json made right again.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/content/fsck_parts.h"

namespace stave::content {
namespace {

// Images that a finding names: enough to know what is hit.
constexpr std::size_t names_of_a_finding = 16;

std::string name_of(const spec::Descriptor& descriptor) {
  const auto found = descriptor.annotations.find(std::string(spec::annotation::ref_name));
  return found == descriptor.annotations.end() ? descriptor.digest.str() : found->second;
}

void add_name(Finding& finding, const std::string& name) {
  if (finding.names.size() >= names_of_a_finding) return;
  if (std::find(finding.names.begin(), finding.names.end(), name) == finding.names.end())
    finding.names.push_back(name);
}

}  // namespace

std::size_t References::add(Finding finding) {
  out_.findings.push_back(std::move(finding));
  return out_.findings.size() - 1;
}

// What a descriptor of index.json itself says wrong, and what becomes of it there.
void References::add_about(Trouble trouble, const std::string& name, const Digest& digest,
                           std::string message, std::string repair) {
  of_index_.push_back(add({.trouble = trouble,
                           .path = std::string(index_file),
                           .digest = digest,
                           .names = {name},
                           .message = std::move(message),
                           .repair = repair_ ? std::move(repair) : ""}));
}

void References::check() {
  std::string text;
  std::optional<spec::Index> before;
  std::optional<std::size_t> broken;
  try {
    text = read_layout_file(root_, index_file, limits::layout_index_bytes);
    before = spec::Index::parse(text);
  } catch (const Error& e) {
    if (e.kind() != Kind::invalid && e.kind() != Kind::limit) throw;
    broken = add({.trouble = Trouble::index, .path = std::string(index_file), .message = e.what()});
  }
  const spec::Index references = before ? *before : rebuild(text);
  spec::Index after = references;
  after.manifests.clear();
  for (const auto& descriptor : references.manifests) {
    context_.check();
    if (auto stays = judge(descriptor)) after.manifests.push_back(std::move(*stays));
  }
  out_.names = references.manifests.size();
  if (!repair_ || (before && after == *before)) return;
  put_index(text, after, broken);
}

spec::Index References::rebuild(std::string_view text) {
  spec::Index index;
  index.manifests = salvage(text);
  if (!repair_) return index;
  add_found(index);
  return index;
}

// Every manifest and index in the layout that nothing in `index`, and no other one of them, refers to.
void References::add_found(spec::Index& index) const {
  std::set<Digest> referred;
  for (const auto& each : index.manifests) referred.insert(each.digest);
  std::vector<spec::Descriptor> documents;
  for (const auto& [digest, size] : blobs_.sizes()) {
    context_.check();
    if (auto document = document_in(digest, size, referred)) documents.push_back(std::move(*document));
  }
  for (auto& document : documents) {
    if (referred.contains(document.digest) || index.manifests.size() >= limits::descriptors) continue;
    index.manifests.push_back(std::move(document));
  }
}

// The document that a blob is, if it is one; what it lists is added to `referred`.
std::optional<spec::Descriptor> References::document_in(const Digest& digest, std::uint64_t size,
                                                        std::set<Digest>& referred) const {
  if (size == 0 || size > limits::document_bytes) return std::nullopt;
  // Layers are not read a second time for their sake: a document begins with a brace.
  std::array<std::byte, 1> first{};
  if (blobs_.find(digest)->read(first) != 1 || first[0] != std::byte{'{'}) return std::nullopt;
  const auto text = read_document(blobs_, {.media_type = {}, .digest = digest, .size = size});
  auto document = identify(text, digest);
  if (document && spec::media::is_index(document->media_type)) {
    for (const auto& child : spec::Index::parse(text).manifests) referred.insert(child.digest);
  }
  return document;
}

void References::put_index(const std::string& before, const spec::Index& after,
                           std::optional<std::size_t> broken) {
  const Aside aside(root_);
  std::string kept;
  const auto there = root_.find(index_file);
  if (there && there->type == fs::FileType::regular && !before.empty()) {
    kept = aside.keep(before, index_file);
  } else if (there && (there->type != fs::FileType::regular || there->size != 0)) {
    // What was too large to be read, or is no file.
    kept = aside.move(std::string(index_file), index_file);
  }
  write_file(root_, index_file, after.render());
  const std::string suffix = kept.empty() ? "" : "; as it was it is kept in " + kept;
  if (broken) {
    out_.findings[*broken].repair =
        fmt::format("made anew with {} references{}", after.manifests.size(), suffix);
  }
  for (const auto i : of_index_) out_.findings[i].repair += suffix;
}

std::optional<spec::Descriptor> References::judge(const spec::Descriptor& found) {
  spec::Descriptor root = found;
  const std::string name = name_of(found);
  const auto size = blobs_.find_size(root.digest);
  if (!size) {
    tell_damage(name);
    add_about(
        Trouble::dangling_name, name, root.digest,
        damaged_.contains(root.digest) ? "what it stands for is damaged" : "what it stands for is not here",
        "the name was removed");
    return std::nullopt;
  }
  if (*size != root.size) {
    add_about(Trouble::wrong_size, name, root.digest,
              fmt::format("said to have {} bytes, it has {}", root.size, *size), "put right");
    root.size = *size;
  }
  judge_type(name, root);
  judge_below(name, root);
  return root;
}

void References::judge_type(const std::string& name, spec::Descriptor& root) {
  if (!spec::media::is_index(root.media_type) && !spec::media::is_manifest(root.media_type)) return;
  if (root.size > limits::document_bytes) return;  // judge_below says so
  const auto text = read_document(blobs_, root);
  try {
    static_cast<void>(spec::classify(text, root.media_type));
  } catch (const Error&) {
    const auto is = identify(text, root.digest);
    if (!is) return;  // judge_below says why
    add_about(Trouble::wrong_type, name, root.digest,
              fmt::format("said to be {}, it is {}", quote(root.media_type), quote(is->media_type)),
              "put right");
    root.media_type = is->media_type;
  }
}

void References::judge_below(const std::string& name, const spec::Descriptor& root) {
  try {
    for (const auto& node : reachable(blobs_, root, true)) {
      const auto& type = node.descriptor.media_type;
      if (!spec::media::is_index(type) && !spec::media::is_manifest(type)) judge_leaf(name, node.descriptor);
    }
  } catch (const Error& e) {
    if (e.kind() == Kind::cancelled) throw;
    add({.trouble = Trouble::bad_document,
         .path = blob_path(root.digest),
         .digest = root.digest,
         .names = {name},
         .message = e.what()});
  }
  tell_damage(name);
}

void References::judge_leaf(const std::string& name, const spec::Descriptor& leaf) {
  const auto size = blobs_.find_size(leaf.digest);
  if (size == leaf.size) return;
  if (size) {
    add({.trouble = Trouble::wrong_size,
         .path = blob_path(leaf.digest),
         .digest = leaf.digest,
         .names = {name},
         .message = fmt::format("said to have {} bytes, it has {}", leaf.size, *size)});
  } else if (leaf.urls.empty()) {
    // What has urls need not be here (descriptor.md, "urls"; docker's foreign layers).
    missing(name, leaf.digest);
  }
}

// Whoever asked for a blob that is damaged is told of with it.
void References::tell_damage(const std::string& name) {
  for (const auto& digest : blobs_.take_missed()) {
    const auto found = damaged_.find(digest);
    if (found != damaged_.end()) add_name(out_.findings[found->second], name);
  }
}

void References::missing(const std::string& name, const Digest& digest) {
  auto found = missing_.find(digest);
  if (found == missing_.end()) {
    const bool damaged = damaged_.contains(digest);
    const auto at = add({.trouble = Trouble::missing_blob,
                         .path = blob_path(digest),
                         .digest = digest,
                         .message = damaged ? "needed, and damaged" : "needed, and not here"});
    found = missing_.emplace(digest, at).first;
  }
  add_name(out_.findings[found->second], name);
}

}  // namespace stave::content
