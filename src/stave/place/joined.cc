// Joined and spooled blobs.

#include "stave/place/joined.h"

#include <optional>
#include <utility>

#include "stave/hash/digest.h"

namespace stave::place {
namespace {

// Passes a blob on and keeps it; what was kept is offered to all once it is whole.
class KeepingSource final : public Source {
 public:
  KeepingSource(std::unique_ptr<Source> source, const Digest& digest, const std::string& directory,
                std::shared_ptr<Spooled::Kept> kept)
      : source_(std::move(source)),
        digest_(digest),
        kept_(std::move(kept)),
        file_(fs::TempFile::anonymous(directory)),
        hasher_(digest.algorithm()) {}

  std::size_t read(MutableBytes out) override {
    const std::size_t n = source_->read(out);
    if (!file_ || out.empty()) return n;
    if (n == 0) {
      keep();
    } else {
      file_->write(out.first(n));
      hasher_->update(out.first(n));
    }
    return n;
  }

 private:
  void keep() {
    const bool whole = std::move(*hasher_).finish() == digest_;
    const std::uint64_t size = file_->size();
    auto fd = std::make_shared<const fs::Fd>(std::move(*file_).release());
    file_.reset();
    if (!whole) return;  // whoever reads it finds out for himself
    const std::lock_guard lock(kept_->mutex);
    kept_->files.try_emplace(digest_, Spooled::File{std::move(fd), size});
  }

  std::unique_ptr<Source> source_;
  Digest digest_;
  std::shared_ptr<Spooled::Kept> kept_;
  std::optional<fs::TempFile> file_;  // none: it is over
  std::optional<Hasher> hasher_;
};

}  // namespace

std::unique_ptr<Source> Joined::find(const Digest& digest) const {
  for (const auto& part : parts_) {
    if (auto source = part->find(digest)) return source;
  }
  return nullptr;
}

std::unique_ptr<Source> Joined::find_from(const Digest& digest, std::uint64_t offset) const {
  for (const auto& part : parts_) {
    if (auto source = part->find_from(digest, offset)) return source;
  }
  return nullptr;
}

std::optional<std::uint64_t> Joined::find_size(const Digest& digest) const {
  for (const auto& part : parts_) {
    if (const auto size = part->find_size(digest)) return size;
  }
  return std::nullopt;
}

std::unique_ptr<Source> Spooled::find_kept(const Digest& digest, std::uint64_t offset) const {
  const std::lock_guard lock(kept_->mutex);
  const auto found = kept_->files.find(digest);
  if (found == kept_->files.end()) return nullptr;
  const auto& [fd, size] = found->second;
  const std::uint64_t from = std::min(offset, size);
  return std::make_unique<fs::FileSource>(fd, from, size - from, digest.str());
}

std::unique_ptr<Source> Spooled::find(const Digest& digest) const {
  if (auto kept = find_kept(digest, 0)) return kept;
  auto source = blobs_->find(digest);
  if (!source) return nullptr;
  return std::make_unique<KeepingSource>(std::move(source), digest, directory_, kept_);
}

std::unique_ptr<Source> Spooled::find_from(const Digest& digest, std::uint64_t offset) const {
  if (offset == 0) return find(digest);
  if (auto kept = find_kept(digest, offset)) return kept;
  return blobs_->find_from(digest, offset);
}

std::vector<const registry::Repository*> repositories_of(const content::BlobSource& blobs) {
  if (const auto* repository = dynamic_cast<const registry::Repository*>(&blobs)) return {repository};
  if (const auto* spooled = dynamic_cast<const Spooled*>(&blobs)) return repositories_of(*spooled->blobs());
  std::vector<const registry::Repository*> all;
  if (const auto* joined = dynamic_cast<const Joined*>(&blobs)) {
    for (const auto& part : joined->parts()) {
      for (const auto* each : repositories_of(*part)) all.push_back(each);
    }
  }
  return all;
}

}  // namespace stave::place
