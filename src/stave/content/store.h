// Store: an OCI image layout on disk (image-spec, image-layout.md) that never
// loses a reference. What is in it is immutable; new blobs appear whole or not
// at all, and index.json is rewritten beside and renamed over, under a lock.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/base/context.h"
#include "stave/content/blob.h"
#include "stave/fs/fs.h"
#include "stave/hash/digest.h"
#include "stave/spec/spec.h"

namespace stave::content {

// A blob that was written: what it is called and how long it is.
struct Blob {
  Digest digest;
  std::uint64_t size;
};

class Made;  // the blobs that one Store object brought into its layout

// A blob being written. It has no name and nobody sees it until `commit`; dropped before, nothing is left
// behind.
class BlobWriter : public Sink {
 public:
  void write(Bytes bytes) override;
  // Bytes of it that are there: at first none, but for a writer of Store::resume.
  std::uint64_t written() const;

  // fsync, then publish under blobs/<algorithm>/<hex>. A blob that is there already, with the same size,
  // stays (its content is verified when it is read), unless it is small and damaged.
  Blob commit() &&;
  // The same, for bytes from elsewhere: throws Kind::mismatch, and nothing was published, unless they are
  // what was wanted. What a writer of Store::resume has then is forgotten.
  Blob commit_as(const Digest& digest, std::uint64_t size) &&;
  // The same for who hashed the bytes as they were made: only for a writer of Store::begin_hashed.
  Blob commit_hashed(const Digest& digest) &&;
  // Leaves nothing behind, of a writer of Store::resume either.
  void discard() && { std::move(file_).discard(); }

 private:
  friend class Store;
  BlobWriter(fs::Dir directory, fs::TempFile file, std::optional<Hasher> hasher, std::shared_ptr<Made> made);
  Blob publish(const Digest& digest) &&;
  Digest finish_hash();

  fs::Dir directory_;  // blobs/<algorithm>
  fs::TempFile file_;
  std::optional<Hasher> hasher_;  // none: somebody else hashes
  std::shared_ptr<Made> made_;
};

// One layout directory. Every Store object holds the layout's lock (flock on the directory itself, so no lock
// file litters it): shared for reading and writing, exclusive for collecting garbage, so gc never takes a
// blob away that somebody counts on. Thread-safe but for moving it.
class Store : public BlobSource {
 public:
  enum class Access : std::uint8_t { shared, exclusive };

  // An existing layout. Kind::not_found if there is no such directory, Kind::invalid if it is no layout,
  // Kind::unsupported for another imageLayoutVersion than 1.x.y. `exclusive` waits for every other user: the
  // person is told after a second, and a stop request ends it.
  static Store open(const std::string& path, Access access = Access::shared, const Context& context = {});
  // The same, made first where there is nothing or an empty directory; `mode` is that of new directories. A
  // directory that holds something else is Kind::exists.
  static Store create(const std::string& path, std::uint32_t mode, Access access = Access::shared,
                      const Context& context = {});
  // Is there a layout (a file oci-layout) at `path`?
  static bool is_layout(const std::string& path);

  const std::string& path() const { return root_.name(); }

  // Blobs.
  std::unique_ptr<Source> find(const Digest& digest) const override;
  std::optional<std::uint64_t> find_size(const Digest& digest) const override;
  std::string describe() const override;
  std::shared_ptr<const fs::Fd> open_blob(
      const Digest& digest) const;  // for random access; nullptr if absent
  BlobWriter begin(Algorithm algorithm = Algorithm::sha256) const;
  // A sha256 blob whose bytes the caller hashes, who may know the hash of a part of them already.
  BlobWriter begin_hashed() const;
  // A blob that may take several attempts: what was written before it was dropped (or its process killed)
  // stays in the layout, out of everybody's sight, and the next writer for this digest goes on behind it:
  // `written` says where. Who holds a writer for it has it alone; another one at the same time begins anew.
  // Committed only by `commit_as`: if what is there turns out to be other bytes, that is Kind::mismatch and
  // it is forgotten. What is there is hashed anew, at the speed of SHA-256. Blobs of less than
  // `least_resumed` leave nothing behind. What nobody came back for, gc removes.
  BlobWriter resume(const Digest& digest, std::uint64_t size) const;
  static constexpr std::uint64_t least_resumed = 1024 * 1024;
  Blob put(std::string_view text) const;  // a small document
  spec::Descriptor put(std::string_view text, std::string_view media_type) const;

  // References: the descriptors of index.json. A name is its annotation org.opencontainers.image.ref.name.
  spec::Index index() const;
  std::optional<spec::Descriptor> find_reference(std::string_view name) const;
  // Reads index.json, lets `edit` change it and writes it back, all under a lock that `edit` must not take
  // again: two processes lose nothing. Unchanged, the file stays as it is, byte for byte; changed, what other
  // tools wrote into it stays in the order it had. Throws what Index::parse throws for a change that no
  // reader could read.
  void edit_index(const std::function<void(spec::Index&)>& edit) const;
  // Gives `name`, compared byte for byte, to a manifest or index whose blobs are all here (Kind::not_found if
  // it is not here itself). Takes the place of what had the name before, and says what that was.
  std::optional<spec::Descriptor> tag(std::string_view name, const spec::Descriptor& descriptor) const;
  // The same if `name` still stands for `expected`, decided under the lock; false, and nothing happened, if
  // somebody else was faster: what is made out of what a name stood for must not undo their work.
  bool retag(std::string_view name, const Digest& expected, const spec::Descriptor& descriptor) const;

  struct Garbage {
    struct File {
      std::string path;              // in the layout
      std::optional<Digest> digest;  // none: what a killed writer left
      std::uint64_t size;
    };
    std::size_t blobs = 0;
    std::uint64_t bytes = 0;
    std::vector<File> files = {};
  };
  // Every blob that no reference of index.json (and none of `roots`) reaches, what killed writers left, and
  // parts of blobs that nobody came back for (Store::resume) since `partials_before`, or at all.
  // Needs Access::exclusive. A document that is there and cannot be read is an error: what hangs below it
  // cannot be known; one that is absent (a platform that was left out) refers to nothing. Files that bear no
  // digest's name are not ours to judge. With `before` (seconds since the epoch) only blobs whose mtime and
  // ctime are older: who puts blobs in one step and refers to them in another has so much time.
  Garbage find_garbage(const Context& context, const std::vector<spec::Descriptor>& roots,
                       std::optional<std::int64_t> before = {},
                       std::optional<std::int64_t> partials_before = {}) const;
  void remove_garbage(const Context& context, const Garbage& garbage) const;
  // Finds it and, unless `dry_run`, removes it. Nothing is removed before all of it is found.
  Garbage collect_garbage(const Context& context, const std::vector<spec::Descriptor>& roots,
                          bool dry_run) const;

  // The blobs that were published through this object and were not there before.
  std::vector<Digest> made() const;
  // Takes back what failed work published: removes those of `made` that no reference reaches. Never waits:
  // does nothing if anybody else (an open Store of this process, too) uses the layout, who may count on them
  // by now; `collect_garbage` finds them later. Throws what that throws.
  static Garbage take_back(const Context& context, const std::string& path, const std::vector<Digest>& made);
  // Takes back a layout that was made for work that failed: removes its files and directories, but not `path`
  // itself, if nothing is in it and nobody else uses it. False, and nothing happened, otherwise. Who creates
  // the layout at that moment finds it gone and makes it again.
  static bool take_back_layout(const std::string& path);

 private:
  Store(fs::Dir root, Access access);
  fs::Dir blobs_directory() const;
  fs::Dir directory_of(Algorithm algorithm) const;
  bool tag_if(std::string_view name, const spec::Descriptor& descriptor,
              const std::function<bool(const spec::Descriptor* before)>& wanted) const;

  fs::Dir root_;
  std::optional<fs::Lock> lock_;
  Access access_;
  std::shared_ptr<Made> made_;
};

// The blobs that are in `first`, else those in `second`. Both must outlive it.
class Stacked : public BlobSource {
 public:
  Stacked(const BlobSource& first, const BlobSource& second) : first_(first), second_(second) {}
  std::unique_ptr<Source> find(const Digest& digest) const override;
  std::unique_ptr<Source> find_from(const Digest& digest, std::uint64_t offset) const override;
  std::optional<std::uint64_t> find_size(const Digest& digest) const override;
  std::string describe() const override { return first_.describe(); }

 private:
  const BlobSource& first_;
  const BlobSource& second_;
};

}  // namespace stave::content
