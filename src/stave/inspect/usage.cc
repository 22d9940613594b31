// Usage: one look at what each layer put, and one at what is left.

#include "stave/inspect/usage.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace stave::inspect {
namespace {

using Inode = layer::Tree::Inode;
// Which file of the stack: its layer, and its entry there.
using Key = std::pair<std::uint64_t, std::uint64_t>;

Key key_of(const Inode& inode) { return {inode.stamp.device, inode.stamp.inode}; }

bool is_file(const Inode& inode) { return inode.meta.type != layer::Type::directory; }

// The directory at most `levels` below `top` in which `path` counts.
std::string_view counted_in(std::string_view path, std::string_view top, std::size_t levels) {
  const std::string_view directory = layer::parent(path);
  std::size_t end = top.size();
  for (std::size_t level = 0; level < levels && end < directory.size(); ++level) {
    end = std::min(directory.find('/', end + 1), directory.size());
  }
  return directory.substr(0, std::max(end, top.size()));
}

struct Shipped {
  std::size_t layer;
  std::string path;
  const Inode* inode;
};

class Count {
 public:
  Count(const Layered& layered, const std::string& directory, std::size_t levels)
      : layered_(layered), directory_(directory), levels_(levels) {
    usage_.layers.resize(layered.size());
  }

  Usage run() {
    count_visible();
    for (std::size_t layer = 0; layer < layered_.size(); ++layer) count_shipped(layer);
    for (const auto& layer : usage_.layers) {
      usage_.total.visible.add(layer.visible);
      usage_.total.hidden.add(layer.hidden);
      usage_.total.repeated.add(layer.repeated);
    }
    list_directories();
    list_repeated();
    return std::move(usage_);
  }

 private:
  void count_visible() {
    const auto count = [this](const std::string& path, const Inode& inode) {
      if (!is_file(inode) || !visible_.insert(key_of(inode)).second) return;
      usage_.layers[inode.stamp.device].visible.add(inode.meta.size);
      directories_[std::string(counted_in(path, directory_, levels_))].add(inode.meta.size);
    };
    const Inode* top = layered_.tree().find(directory_);
    if (top != nullptr && is_file(*top)) {
      count(directory_, *top);
    } else {
      layered_.tree().visit_below(directory_, layer::all_levels, count);
    }
  }

  void count_shipped(std::size_t layer) {
    std::set<Key> seen;
    const auto count = [&](const std::string& path, const Inode* /*was*/, const Inode* is) {
      if (is == nullptr || !is_file(*is) || is->stamp.device != layer || !layer::is_within(path, directory_))
        return;
      if (!seen.insert(key_of(*is)).second) return;
      auto& usage = usage_.layers[layer];
      if (!visible_.contains(key_of(*is))) usage.hidden.add(is->meta.size);
      if (!is->digest) return;
      auto& same = contents_[*is->digest];
      if (!same.empty()) usage.repeated.add(is->meta.size);
      same.push_back({layer, path, is});
    };
    layered_.after(layer).visit_changes(layered_.before(layer), count);
  }

  void list_directories() {
    for (const auto& [path, visible] : directories_) usage_.directories.push_back({path, visible});
    std::sort(usage_.directories.begin(), usage_.directories.end(),
              [](const DirectoryUsage& a, const DirectoryUsage& b) {
                if (a.visible.bytes != b.visible.bytes) return a.visible.bytes > b.visible.bytes;
                return layer::compare(a.path, b.path) < 0;
              });
  }

  static std::string why(const std::vector<Shipped>& all, std::size_t at) {
    for (std::size_t before = at; before-- > 0;) {
      if (all[before].path != all[at].path) continue;
      const auto aspects = layer::compare_metadata(all[before].inode->meta, all[at].inode->meta);
      return aspects.empty() ? "again" : words(aspects);
    }
    return {};
  }

  void list_repeated() {
    for (const auto& [digest, all] : contents_) {
      if (all.size() < 2) continue;
      Repeated repeated{.digest = digest, .size = all.front().inode->meta.size, .places = {}};
      for (std::size_t i = 0; i < all.size(); ++i)
        repeated.places.push_back({all[i].layer, all[i].path, why(all, i)});
      usage_.repeated.push_back(std::move(repeated));
    }
    std::sort(usage_.repeated.begin(), usage_.repeated.end(), [](const Repeated& a, const Repeated& b) {
      if (a.waste() != b.waste()) return a.waste() > b.waste();
      return layer::compare(a.places.front().path, b.places.front().path) < 0;
    });
  }

  const Layered& layered_;
  const std::string& directory_;
  const std::size_t levels_;
  Usage usage_;
  std::set<Key> visible_;
  std::map<std::string, Amount, layer::PathLess> directories_;
  std::map<Digest, std::vector<Shipped>> contents_;
};

}  // namespace

Usage usage_of(const Layered& layered, const std::string& directory, std::size_t levels) {
  return Count(layered, directory, levels).run();
}

}  // namespace stave::inspect
