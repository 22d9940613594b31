// Layouts (image-layout.md): the three things that a directory must hold, what
// index.json refers to, and every blob against its name.

#include <fmt/format.h>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/fs/fs.h"
#include "stave/validate/checks.h"
#include "stave/validate/graph.h"
#include "stave/validate/walk.h"

namespace stave::validate {
namespace {

constexpr std::uint64_t layout_file_bytes = 64 * 1024;  // one member of ten bytes

// The blobs of a layout that need not be one: content::Store opens no other.
class LayoutBlobs : public content::BlobSource {
 public:
  explicit LayoutBlobs(const fs::Dir& root) : root_(root) {}

  std::unique_ptr<Source> find(const Digest& digest) const override {
    auto fd = open(digest);
    if (!fd) return nullptr;
    const std::uint64_t size = fs::stat(*fd).size;
    return std::make_unique<fs::FileSource>(std::move(fd), 0, size, digest.str());
  }
  std::optional<std::uint64_t> find_size(const Digest& digest) const override {
    const auto fd = open(digest);
    return fd ? std::optional(fs::stat(*fd).size) : std::nullopt;
  }
  std::string describe() const override { return fmt::format("the layout {}", quote(root_.name())); }

 private:
  // What is no file is no blob; that it is there is said of blobs/ as a whole.
  std::shared_ptr<const fs::Fd> open(const Digest& digest) const {
    try {
      return std::make_shared<const fs::Fd>(
          root_.open_in_root(fmt::format("blobs/{}/{}", name(digest.algorithm()), digest.hex())));
    } catch (const Error& error) {
      if (error.kind() == Kind::not_found || error.kind() == Kind::invalid) return nullptr;
      throw;
    }
  }

  const fs::Dir& root_;
};

// A file of the layout; nullopt, and it is reported, if it is absent, no file or too large.
std::optional<std::string> read_file(const fs::Dir& root, std::string_view name, std::uint64_t limit,
                                     std::string_view absent, Report& report) {
  try {
    return fs::read_file(root.open_in_root(name), limit, name);
  } catch (const Error& error) {
    const Where where = {.file = std::string(name)};
    if (error.kind() == Kind::not_found || error.kind() == Kind::invalid) {
      report.add(absent, where, error.kind() == Kind::not_found ? "it is not there" : "it is no file");
    } else if (error.kind() == Kind::limit) {
      report.add("E006", where, fmt::format("more than {} bytes", limit));
    } else {
      throw;
    }
    return std::nullopt;
  }
}

bool is_algorithm(std::string_view text) {
  bool in_component = false;
  for (const char c : text) {
    const bool separator = std::string_view("+._-").find(c) != std::string_view::npos;
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!plain && !(separator && in_component)) return false;
    in_component = !separator;
  }
  return in_component;
}

bool is_encoded(std::string_view text) {
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && c != '=' && c != '_' && c != '-') return false;
  }
  return !text.empty();
}

// blobs/, file by file.
class Blobs {
 public:
  Blobs(const Context& context, const fs::Dir& root, Report& report)
      : context_(context), root_(root), blobs_(root), report_(report) {}

  // `known`: those whose digest somebody else looks at. `fast`: names only.
  void check(const std::set<Digest>& known, bool fast) {
    const auto there = root_.find("blobs");
    if (!there || (there->type != fs::FileType::directory && there->type != fs::FileType::symlink)) {
      report_.add("E106", {.file = "blobs"}, there ? "it is no directory" : "it is not there");
      return;
    }
    if (there->type == fs::FileType::symlink)
      return;  // a store that many layouts share, and not ours to read
    for (const std::string& algorithm : root_.list("blobs")) check_algorithm(algorithm, known, fast);
  }

 private:
  void check_algorithm(const std::string& algorithm, const std::set<Digest>& known, bool fast) {
    const std::string directory = "blobs/" + algorithm;
    if (!is_algorithm(algorithm))
      return report_.add("E107", {.file = directory}, "a name that no algorithm has");
    const fs::FileType type = root_.get(directory).type;
    if (type == fs::FileType::symlink) return;  // as above
    if (type != fs::FileType::directory)
      return report_.add("E108", {.file = directory}, "it is no directory");
    for (const std::string& encoded : root_.list(directory)) {
      context_.check();
      if (++count_ > limits::archive_members) {
        if (count_ == limits::archive_members + 1)
          report_.add("E006", {.file = "blobs"},
                      fmt::format("more than {} blobs", limits::archive_members.shown()));
        return;
      }
      check_blob(algorithm, encoded, known, fast);
    }
  }

  void check_blob(const std::string& algorithm, const std::string& encoded, const std::set<Digest>& known,
                  bool fast) {
    const Where where = {.file = fmt::format("blobs/{}/{}", algorithm, encoded)};
    const auto digest = Digest::find(fmt::format("{}:{}", algorithm, encoded));
    const bool ours = algorithm == "sha256" || algorithm == "sha512";
    if (!is_encoded(encoded) || (ours && !digest))
      return report_.add("E107", where, fmt::format("a name that no digest of {} has", algorithm));
    const fs::FileType type = root_.get(where.file).type;
    if (type != fs::FileType::regular && type != fs::FileType::symlink)
      return report_.add("E108", where, "it is no file");
    if (fast || !digest || known.contains(*digest)) return;
    const auto source = blobs_.find(*digest);
    if (!source) return report_.add("E108", where, "it leads to no file");
    if (const Digest is = read(*source, *digest, where.file); is != *digest)
      report_.add("E012", where, fmt::format("its content is {}", is.str()));
  }

  Digest read(Source& source, const Digest& digest, const std::string& file) const {
    Task task(context_, file, blobs_.find_size(digest).value_or(0));
    HashingSink sink(digest.algorithm());
    std::string buffer(limits::copy_buffer, '\0');
    while (const std::size_t n = source.read(std::as_writable_bytes(std::span(buffer)))) {
      context_.check();
      sink.write(as_bytes(std::string_view(buffer).substr(0, n)));
      task.advance(n);
    }
    task.done();
    return std::move(sink).finish();
  }

  const Context& context_;
  const fs::Dir& root_;
  LayoutBlobs blobs_;
  Report& report_;
  std::uint64_t count_ = 0;
};

IndexFacts read_index(const fs::Dir& root, Report& report) {
  const auto text = read_file(root, "index.json", limits::layout_index_bytes, "E104", report);
  if (!text) return {};
  const auto document = Document::read(*text, "index.json", report);
  if (!document) return {};
  const Item item = document->root();
  const bool manifest = item.has("layers") || item.has("config");
  if (!item.is_object() || (manifest && !item.has("manifests"))) {
    item.report("E105", manifest ? "an image manifest" : item.described());
    return {};
  }
  return sort_of(item, Sort::index) ? check_index(item, true) : IndexFacts{};
}

}  // namespace

Graph check_layout(const Context& context, const std::string& path, bool fast, Report& report) {
  const fs::Dir root = fs::Dir::open(path);
  if (const auto text = read_file(root, "oci-layout", layout_file_bytes, "E101", report))
    check_document(*text, "oci-layout", Sort::layout, report);

  const LayoutBlobs blobs(root);
  Walk walk(context, blobs, report);
  walk.visit_index(read_index(root, report), 0);
  std::set<Digest> known = walk.read();
  Graph graph = walk.take();
  for (const ImageUse& image : graph.images) {
    for (const LayerUse& layer : image.layers) {
      if (spec::media::is_layer(layer.descriptor.media_type)) known.insert(layer.descriptor.digest);
    }
  }
  Blobs(context, root, report).check(known, fast);
  return graph;
}

}  // namespace stave::validate
