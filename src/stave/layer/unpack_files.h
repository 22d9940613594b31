// Files: the contents of a layer, made into files by several threads while the layer is
// still being read. Small ones go over by the batch, large ones piece by piece. Each thread has a directory
// of its own, because the kernel lets one at a time into a directory. Internal to unpack.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stave/base/context.h"
#include "stave/base/crew.h"
#include "stave/fs/make.h"
#include "stave/hash/digest.h"
#include "stave/layer/tree.h"
#include "stave/layer/unpack.h"

namespace stave::layer {

// What a file gets on disk.
fs::Attributes attributes_of(const Metadata& meta, Owners owners);

class Files {
 public:
  // How many threads will work: none if the caller does it alone.
  static unsigned threads(const Context& context);
  // How many directories this needs: one for each thread.
  static unsigned homes(const Context& context);

  // `homes` are empty directories of ours.
  Files(const Context& context, const std::vector<fs::Dir>& homes, Owners owners);

  struct Made {
    std::uint64_t written = 0;          // bytes of content on disk
    std::optional<Digest> digest = {};  // of a regular file's content
    std::uint16_t home = 0;             // the directory it is in
  };
  // Makes what the entry is, no directory and no hardlink, under `number` in one of the directories. What
  // came of it is in `made` after `settle`. Throws what reading its content throws, and what making it or an
  // earlier one threw.
  void add(std::uint64_t number, const Entry& entry, LayerReader& reader, Made& made);

  // Waits until everything that was added is made. Throws the failure that comes first in the order of the
  // layer; asked again, it throws that again.
  void settle();

  // Could the disk take all xattrs, and how many devices could not be made? After `settle`.
  bool all_xattrs() const { return all_xattrs_; }
  std::uint64_t devices_missing() const { return devices_missing_; }

 private:
  struct Long;
  struct Item {
    std::uint64_t number = 0;
    Entry entry;
    std::size_t offset = 0;  // of its content in the batch
    std::size_t size = 0;
    Made* made = nullptr;
    std::shared_ptr<Long> rest = {};  // a large file, of which this is the piece `piece`
    std::size_t piece = 0;
    bool last = false;
  };
  struct Batch {
    std::vector<std::byte> bytes;
    std::size_t used = 0;
    std::vector<Item> items;
  };

  Batch& batch_with(std::size_t room);
  void send();
  void add_long(const Item& item, LayerReader& reader);

  void make(Batch& batch, unsigned worker);
  void make_item(const Item& item, Bytes content, unsigned worker);
  void make_file(const Item& item, Bytes content, unsigned worker);
  void make_piece(const Item& item, Bytes content, unsigned worker);
  void make_special(const Item& item, unsigned worker);
  fs::Fd create(const Item& item, const fs::Attributes& attributes, unsigned worker) const;
  void give(const fs::Fd& file, const fs::Attributes& attributes);

  const Context& context_;
  const std::vector<fs::Dir>& homes_;
  Owners owners_;
  fs::Inborn inborn_;
  std::atomic<bool> all_xattrs_ = true;
  std::atomic<std::uint64_t> devices_missing_ = 0;
  Batch* open_ = nullptr;  // being filled
  Crew<Batch> crew_;       // the last member: its threads use the others
};

}  // namespace stave::layer
