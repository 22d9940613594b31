// Image archives: tars that hold an OCI layout, docker's own format, or both.
// Reading gives a BlobSource with random access; writing gives one hybrid that
// podman, skopeo, containerd and docker all load (docs/archives.md).

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/base/context.h"
#include "stave/base/limits.h"
#include "stave/base/stream.h"
#include "stave/content/blob.h"
#include "stave/fs/fs.h"
#include "stave/spec/spec.h"

namespace stave::place {

// An image that an archive offers, and the names it has there.
struct Offer {
  spec::Descriptor descriptor;
  std::vector<std::string> names;
};

// An archive open for reading. It is indexed in one pass; blobs are then read from where they stand.
class Archive : public content::BlobSource {
 public:
  // `file` is the archive, plain or compressed (gzip, zstd); what is compressed is first expanded into an
  // unnamed file in `spool`. Throws Kind::invalid when it is no tar or holds no image. `name` is for
  // messages.
  static std::unique_ptr<Archive> open(const Context& context, fs::Fd file, const std::string& name,
                                       const std::string& spool);
  // The same for what can be read only once.
  static std::unique_ptr<Archive> spool(const Context& context, Source& input, const std::string& name,
                                        const std::string& directory);

  const std::vector<Offer>& offers() const { return offers_; }
  // A document of the archive itself ("index.json", "manifest.json"), not verified; nullopt if there is none.
  // Kind::limit above `limit` bytes.
  std::optional<std::string> find_text(std::string_view path, limits::Cap limit) const;

  std::unique_ptr<Source> find(const Digest& digest) const override;
  std::optional<std::uint64_t> find_size(const Digest& digest) const override;
  std::string describe() const override;

 private:
  struct Member {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::string link;  // of a symlink or hardlink: the path of the member that it stands for
  };

  Archive(std::shared_ptr<const fs::Fd> file, std::string name)
      : file_(std::move(file)), name_(std::move(name)) {}
  void index(const Context& context);
  const Member* find_member(std::string_view path) const;
  std::unique_ptr<Source> open_member(const Member& member) const;
  std::string read_member(std::string_view path, limits::Cap limit) const;
  bool is_layout() const;
  bool lists_nothing() const;
  void offer_layout();
  void offer_docker(const Context& context);
  spec::Descriptor docker_image(const Context& context, const std::string& config,
                                const std::vector<std::string>& layers);
  spec::Descriptor add_layer(const Context& context, const std::string& path, const Digest& diff_id);
  spec::Descriptor add_document(std::string text, std::string_view media_type);

  std::shared_ptr<const fs::Fd> file_;
  std::string name_;
  std::map<std::string, Member, std::less<>> members_;
  std::map<Digest, Member> blobs_;           // found under a name that is not their digest
  std::map<Digest, std::string> documents_;  // made here, of what docker's format says otherwise
  std::vector<Offer> offers_;
};

// Writes `root` and everything below it as an archive. The bytes depend on the image and its names alone.
struct ArchiveWords {
  std::string name;         // the image's name, with tag; empty: none
  bool for_docker = false;  // adds the name by which docker's containerd store knows it
};
void write_archive(const Context& context, const content::BlobSource& blobs, const spec::Descriptor& root,
                   const ArchiveWords& words, Sink& sink);

// The annotations by which clients know an image of this name (docs/archives.md).
spec::Annotations naming_annotations(std::string_view name, bool for_docker);

}  // namespace stave::place
