// Blob sources put together: several places that one image comes from, and a place far
// away whose layers are read more than once.

#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "stave/content/blob.h"
#include "stave/fs/fs.h"
#include "stave/registry/registry.h"

namespace stave::place {

// The blobs of several places, which it keeps open; the first that has one gives it.
class Joined final : public content::BlobSource {
 public:
  // `parts` holds at least one.
  explicit Joined(std::vector<std::shared_ptr<const content::BlobSource>> parts) : parts_(std::move(parts)) {}

  std::unique_ptr<Source> find(const Digest& digest) const override;
  std::unique_ptr<Source> find_from(const Digest& digest, std::uint64_t offset) const override;
  std::optional<std::uint64_t> find_size(const Digest& digest) const override;
  std::string describe() const override { return parts_.front()->describe(); }

  const std::vector<std::shared_ptr<const content::BlobSource>>& parts() const { return parts_; }

 private:
  std::vector<std::shared_ptr<const content::BlobSource>> parts_;
};

// Blobs from far away, each of which is fetched once: while it is read for the first time it is written into
// an unnamed file in `directory`, from which it is read again. Until it was read to its end and found to be
// what its digest says, it is fetched anew. Takes disk space for the compressed layers that were read.
class Spooled final : public content::BlobSource {
 public:
  Spooled(std::shared_ptr<const content::BlobSource> blobs, std::string directory)
      : blobs_(std::move(blobs)), directory_(std::move(directory)), kept_(std::make_shared<Kept>()) {}

  std::unique_ptr<Source> find(const Digest& digest) const override;
  std::unique_ptr<Source> find_from(const Digest& digest, std::uint64_t offset) const override;
  std::optional<std::uint64_t> find_size(const Digest& digest) const override {
    return blobs_->find_size(digest);
  }
  std::string describe() const override { return blobs_->describe(); }

  const std::shared_ptr<const content::BlobSource>& blobs() const { return blobs_; }

  struct File {
    std::shared_ptr<const fs::Fd> fd;
    std::uint64_t size = 0;
  };
  struct Kept {
    std::mutex mutex;
    std::map<Digest, File> files;
  };

 private:
  std::unique_ptr<Source> find_kept(const Digest& digest, std::uint64_t offset) const;

  std::shared_ptr<const content::BlobSource> blobs_;
  std::string directory_;
  std::shared_ptr<Kept> kept_;
};

// The repositories that these blobs come from, if any.
std::vector<const registry::Repository*> repositories_of(const content::BlobSource& blobs);

}  // namespace stave::place
