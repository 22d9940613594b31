// The halves of fsck: what was found whole, and the references judged by it.
// Internal to content.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stave/base/context.h"
#include "stave/base/text.h"
#include "stave/content/aside.h"
#include "stave/content/blob.h"
#include "stave/content/fsck.h"
#include "stave/content/layout.h"
#include "stave/fs/fs.h"

namespace stave::content {

// Everything that could be read of a layout, as whole as it is: blobs that are damaged are not there.
class SoundBlobs final : public BlobSource {
 public:
  explicit SoundBlobs(const fs::Dir& root) : root_(root) {}

  void add(const Digest& digest, std::uint64_t size) { sizes_.emplace(digest, size); }
  const std::map<Digest, std::uint64_t>& sizes() const { return sizes_; }
  // Blobs that somebody asked for since the last call and that are not there.
  std::set<Digest> take_missed() const { return std::exchange(missed_, {}); }

  std::unique_ptr<Source> find(const Digest& digest) const override {
    const auto size = find_size(digest);
    if (!size) return nullptr;
    auto fd = std::make_shared<const fs::Fd>(root_.open_in_root(blob_path(digest)));
    return std::make_unique<fs::FileSource>(std::move(fd), 0, *size, root_.name() + "/" + blob_path(digest));
  }
  std::optional<std::uint64_t> find_size(const Digest& digest) const override {
    const auto found = sizes_.find(digest);
    if (found != sizes_.end()) return found->second;
    missed_.insert(digest);
    return std::nullopt;
  }
  std::string describe() const override { return "the layout " + quote(root_.name()); }

 private:
  const fs::Dir& root_;
  std::map<Digest, std::uint64_t> sizes_;
  mutable std::set<Digest> missed_;
};

// index.json and everything below it, judged by the blobs that are whole.
class References {
 public:
  // `damaged` has for each damaged blob the place of its finding in `out.findings`.
  References(const Context& context, const fs::Dir& root, bool repair, const SoundBlobs& blobs,
             const std::map<Digest, std::size_t>& damaged, Checked& out)
      : context_(context), root_(root), repair_(repair), blobs_(blobs), damaged_(damaged), out_(out) {}

  void check();

 private:
  std::size_t add(Finding finding);
  void add_about(Trouble trouble, const std::string& name, const Digest& digest, std::string message,
                 std::string repair);
  spec::Index rebuild(std::string_view text);
  void add_found(spec::Index& index) const;
  std::optional<spec::Descriptor> document_in(const Digest& digest, std::uint64_t size,
                                              std::set<Digest>& referred) const;
  void put_index(const std::string& before, const spec::Index& after, std::optional<std::size_t> broken);
  std::optional<spec::Descriptor> judge(const spec::Descriptor& found);
  void judge_type(const std::string& name, spec::Descriptor& root);
  void judge_below(const std::string& name, const spec::Descriptor& root);
  void judge_leaf(const std::string& name, const spec::Descriptor& leaf);
  void tell_damage(const std::string& name);
  void missing(const std::string& name, const Digest& digest);

  const Context& context_;
  const fs::Dir& root_;
  bool repair_;
  const SoundBlobs& blobs_;
  const std::map<Digest, std::size_t>& damaged_;
  Checked& out_;
  std::map<Digest, std::size_t> missing_ = {};  // to their findings
  std::vector<std::size_t> of_index_ = {};      // findings that the next index.json mends
};

}  // namespace stave::content
