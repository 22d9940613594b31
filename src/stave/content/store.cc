// Store: the layout on disk, its locks and its references.

#include "stave/content/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/json/json.h"

namespace stave::content {
namespace {

constexpr std::string_view layout_file = "oci-layout";
constexpr std::string_view layout_text = R"({"imageLayoutVersion":"1.0.0"})";

std::string blob_path(const Digest& digest) {
  return fmt::format("blobs/{}/{}", name(digest.algorithm()), digest.hex());
}

// A few writers race to make the same file; whoever comes first has written the same bytes.
void write_file(const fs::Dir& dir, std::string_view file_name, std::string_view text,
                fs::TempFile::Existing existing) {
  auto file = fs::TempFile::in(dir);
  file.write(as_bytes(text));
  std::move(file).publish(file_name, existing);
}

void check_layout(const fs::Dir& root) {
  if (!root.find(layout_file)) {
    throw Error(
        Kind::invalid,
        fmt::format("{} is not an OCI image layout: it has no file \"oci-layout\"", quote(root.name())),
        "name the directory that holds oci-layout, index.json and blobs/");
  }
  const std::string where = root.name() + "/oci-layout";
  const auto value = json::parse(fs::read_file(root.open_in_root(layout_file), 64 * 1024, where), where);
  const json::Value* version = json::find(value, "imageLayoutVersion");
  if (version == nullptr || !version->is_string()) {
    throw Error(Kind::invalid, where + ": imageLayoutVersion is missing");
  }
  if (!version->get_ref<const std::string&>().starts_with("1.")) {
    throw Error(Kind::unsupported, fmt::format("{}: layout version {} is not 1.x", where,
                                               quote(version->get_ref<const std::string&>())));
  }
}

}  // namespace

BlobWriter::BlobWriter(fs::Dir directory, Algorithm algorithm)
    : directory_(std::move(directory)), file_(fs::TempFile::in(directory_)), hasher_(algorithm) {}

void BlobWriter::write(Bytes bytes) {
  hasher_.update(bytes);
  file_.write(bytes);
}

Blob BlobWriter::commit() && {
  const Digest digest = std::move(hasher_).finish();
  return std::move(*this).publish(digest);
}

Blob BlobWriter::commit_as(const Digest& digest, std::uint64_t size) && {
  const Digest got = std::move(hasher_).finish();
  if (got != digest || file_.size() != size) {
    throw Error(Kind::mismatch, fmt::format("blob {} of {} bytes arrived as {} of {} bytes", digest.str(),
                                            size, got.str(), file_.size()));
  }
  return std::move(*this).publish(digest);
}

Blob BlobWriter::publish(const Digest& digest) && {
  const Blob blob{digest, file_.size()};
  // A file of the same name and another size is damage; the bytes at hand are known to be right.
  const auto there = directory_.find(digest.hex());
  const bool damaged = there && (there->type != fs::FileType::regular || there->size != blob.size);
  std::move(file_).publish(digest.hex(),
                           damaged ? fs::TempFile::Existing::replace : fs::TempFile::Existing::keep);
  return blob;
}

bool Store::is_layout(const std::string& path) {
  try {
    return fs::Dir::open(path).find(layout_file).has_value();
  } catch (const Error&) {
    return false;
  }
}

Store Store::open(const std::string& path, Access access) {
  Store store(fs::Dir::open(path), access);
  const auto mode = access == Access::exclusive ? fs::Lock::Mode::exclusive : fs::Lock::Mode::shared;
  // The lock is on the directory itself: flock works for whoever can read it, and no lock file litters the
  // layout.
  store.lock_ = fs::Lock::take(store.root_.handle(), mode);
  check_layout(store.root_);
  return store;
}

Store Store::create(const std::string& path, std::uint32_t mode, Access access) {
  const auto root = fs::Dir::create(path, mode);
  if (!root.find(layout_file)) {
    // Two creators may meet here: what either of them makes is what the other wants.
    for (const auto& name : root.list()) {
      if (name != "blobs" && name != "index.json" && !name.starts_with(".stave-tmp-")) {
        throw Error(Kind::exists,
                    fmt::format("{} is not empty and not an OCI image layout (it holds {})", quote(path),
                                quote(name)),
                    "name an empty or new directory, or an existing layout");
      }
    }
    const auto blobs = root.make_dir("blobs", mode);
    static_cast<void>(blobs.make_dir("sha256", mode));
    write_file(root, "index.json", spec::Index{}.render(), fs::TempFile::Existing::keep);
    write_file(root, layout_file, layout_text, fs::TempFile::Existing::keep);
  }
  return open(path, access);
}

std::string Store::describe() const { return "the layout " + quote(path()); }

std::shared_ptr<const fs::Fd> Store::open_blob(const Digest& digest) const {
  try {
    // Blobs of foreign layouts may be symlinks; they lead nowhere outside of the layout.
    return std::make_shared<const fs::Fd>(root_.open_in_root(blob_path(digest)));
  } catch (const Error& e) {
    if (e.kind() == Kind::not_found) return nullptr;
    throw;
  }
}

std::unique_ptr<Source> Store::find(const Digest& digest) const {
  auto fd = open_blob(digest);
  if (!fd) return nullptr;
  const auto size = fs::stat(*fd).size;
  return std::make_unique<fs::FileSource>(std::move(fd), 0, size, path() + "/" + blob_path(digest));
}

std::optional<std::uint64_t> Store::find_size(const Digest& digest) const {
  const auto fd = open_blob(digest);
  if (!fd) return std::nullopt;
  return fs::stat(*fd).size;
}

fs::Dir Store::blobs_directory(Algorithm algorithm) const {
  const std::uint32_t mode = root_.get("").mode & 0777;
  return root_.make_dir("blobs", mode).make_dir(name(algorithm), mode);
}

BlobWriter Store::begin(Algorithm algorithm) const { return {blobs_directory(algorithm), algorithm}; }

Blob Store::put(std::string_view text) const {
  auto writer = begin();
  writer.write(as_bytes(text));
  return std::move(writer).commit();
}

spec::Descriptor Store::put(std::string_view text, std::string_view media_type) const {
  const Blob blob = put(text);
  return spec::Descriptor{.media_type = std::string(media_type), .digest = blob.digest, .size = blob.size};
}

spec::Index Store::index() const {
  const std::string where = path() + "/index.json";
  try {
    return spec::Index::parse(
        fs::read_file(root_.open_in_root("index.json"), limits::layout_index_bytes, where));
  } catch (const Error& e) {
    throw e.within(where);
  }
}

std::optional<spec::Descriptor> Store::find_reference(std::string_view reference) const {
  for (const auto& descriptor : index().manifests) {
    const auto found = descriptor.annotations.find(std::string(spec::annotation::ref_name));
    if (found != descriptor.annotations.end() && found->second == reference) return descriptor;
  }
  return std::nullopt;
}

void Store::edit_index(const std::function<void(spec::Index&)>& edit) const {
  // The layout's own lock is shared by everybody who works in it; this one, on blobs/, is held for an
  // instant.
  const auto lock = fs::Lock::take(root_.make_dir("blobs", 0755).handle(), fs::Lock::Mode::exclusive);
  spec::Index now = index();
  edit(now);
  write_file(root_, "index.json", now.render(), fs::TempFile::Existing::replace);
}

std::optional<spec::Descriptor> Store::tag(std::string_view reference,
                                           const spec::Descriptor& descriptor) const {
  std::optional<spec::Descriptor> before;
  edit_index([&](spec::Index& index) {
    const std::string key(spec::annotation::ref_name);
    std::erase_if(index.manifests, [&](const spec::Descriptor& each) {
      const auto found = each.annotations.find(key);
      if (found == each.annotations.end() || found->second != reference) return false;
      before = each;
      return true;
    });
    index.manifests.push_back(descriptor);
    index.manifests.back().annotations[key] = std::string(reference);
  });
  return before;
}

namespace {

// What index.json refers to by the media type it claims, and what is there in truth: layouts exist whose
// index.json calls an index a manifest. Only a blob that is kept counts.
void keep_reachable(const Store& store, const spec::Descriptor& root, std::set<Digest>& keep) {
  keep.insert(root.digest);
  for (const Node& node : reachable(store, root, true)) keep.insert(node.descriptor.digest);
}

}  // namespace

Store::Garbage Store::collect_garbage(const Context& context, const std::vector<spec::Descriptor>& roots,
                                      bool dry_run) const {
  if (access_ != Access::exclusive)
    throw Error(Kind::internal, "garbage is collected under the exclusive lock only");
  std::set<Digest> keep;
  for (const auto& root : index().manifests) keep_reachable(*this, root, keep);
  for (const auto& root : roots) keep_reachable(*this, root, keep);

  Garbage garbage;
  for (const auto each : {Algorithm::sha256, Algorithm::sha512}) {
    const std::string algorithm = "blobs/" + std::string(name(each));
    if (!root_.find(algorithm)) continue;
    for (const auto& file : root_.list(algorithm)) {
      context.check();
      const auto digest = Digest::find(fmt::format("{}:{}", name(each), file));
      const bool left_behind = file.starts_with(".stave-tmp-");  // its writer is dead: we are alone
      if ((!digest && !left_behind) || (digest && keep.contains(*digest))) continue;
      const std::string path = algorithm + "/" + file;
      ++garbage.blobs;
      garbage.bytes += root_.get(path).size;
      if (!dry_run) root_.remove_file(path);
    }
  }
  return garbage;
}

std::unique_ptr<Source> Stacked::find(const Digest& digest) const {
  auto source = first_.find(digest);
  return source ? std::move(source) : second_.find(digest);
}

std::optional<std::uint64_t> Stacked::find_size(const Digest& digest) const {
  const auto size = first_.find_size(digest);
  return size ? size : second_.find_size(digest);
}

}  // namespace stave::content
