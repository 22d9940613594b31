// compare: one walk over both trees, then the files that have to be read, then
// the hardlink groups, which can only be judged when everything else is known.

#include "stave/layer/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/parallel.h"
#include "stave/base/text.h"
#include "stave/hash/digest.h"
#include "stave/layer/collect.h"
#include "stave/layer/disk.h"
#include "stave/layer/path.h"
#include "stave/layer/tree_node.h"

namespace stave::layer {
namespace {

using Node = Tree::Node;
using Inode = Tree::Inode;

Xattrs packed(const Xattrs& all) {
  Xattrs some;
  for (const auto& each : all) {
    if (is_packed_xattr(each.first)) some.push_back(each);
  }
  return some;
}

bool same_xattrs(const Xattrs& a, const Xattrs& b) { return a == b || packed(a) == packed(b); }

bool is_device(Type type) { return type == Type::character || type == Type::block; }

}  // namespace

Aspects compare_metadata(const Metadata& a, const Metadata& b) {
  Aspects out;
  if (a.type != b.type) out.add(Aspect::type);
  if (a.type != Type::symlink && b.type != Type::symlink && a.mode != b.mode) out.add(Aspect::mode);
  if (a.uid != b.uid || a.gid != b.gid) out.add(Aspect::owner);
  if (a.mtime.seconds != b.mtime.seconds) out.add(Aspect::mtime);
  if (!same_xattrs(a.xattrs, b.xattrs)) out.add(Aspect::xattr);
  if (a.type != b.type) return out;
  if (a.type == Type::regular && a.size != b.size) out.add(Aspect::content);
  if (a.type == Type::symlink && a.link != b.link) out.add(Aspect::link);
  if (is_device(a.type) && (a.device_major != b.device_major || a.device_minor != b.device_minor))
    out.add(Aspect::device);
  return out;
}

namespace {

// Is it known without reading whether two files of equal size hold the same?
std::optional<bool> proven(const Inode& a, const Inode& b, bool trust_mtime) {
  if (&a == &b || a.meta.size == 0) return true;
  if (a.digest && b.digest) return *a.digest == *b.digest;
  const bool on_disk = a.contents && b.contents && a.stamp.inode != 0;  // 0: in memory
  if (on_disk && a.stamp.inode == b.stamp.inode && a.stamp.device == b.stamp.device &&
      a.stamp.ctime == b.stamp.ctime)
    return true;
  if (trust_mtime && a.meta.mtime.seconds == b.meta.mtime.seconds) return true;
  return std::nullopt;
}

// A regular file at one of its paths, as a Contents wants to be asked for it.
Change readable(const std::string& path, const Inode& inode) {
  Change change;
  change.entry = {path, inode.meta};
  change.stamp = inode.stamp;
  change.contents = inode.contents;
  return change;
}

// Calls `each` with the content, piece by piece, until it says no.
template <class Each>
void read_pieces(const Context& context, const Change& file, std::vector<std::byte>& buffer, Each each) {
  const std::uint64_t size = file.entry.meta.size;
  for (std::uint64_t offset = 0; offset < size; offset += buffer.size()) {
    context.check();
    const auto piece = MutableBytes(buffer).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size - offset)));
    file.contents->read(file, offset, piece);
    if (!each(offset, Bytes(piece))) return;
  }
}

Digest digest_of_file(const Context& context, const Change& file, std::vector<std::byte>& buffer) {
  Hasher hasher;
  read_pieces(context, file, buffer, [&](std::uint64_t, Bytes piece) {
    hasher.update(piece);
    return true;
  });
  return std::move(hasher).finish();
}

// Two files of equal size, and where they were met.
struct Pair {
  std::string path;
  const Inode* lower;
  const Inode* upper;
};

// What one thread needs, and finds.
struct Reading {
  std::vector<std::byte> one = std::vector<std::byte>(limits::copy_buffer);
  std::vector<std::byte> other = std::vector<std::byte>(limits::copy_buffer);
};

bool equal_contents(const Context& context, const Pair& pair, Reading& reading) {
  const Change lower = readable(pair.path, *pair.lower);
  const Change upper = readable(pair.path, *pair.upper);
  if (pair.lower->digest && upper.contents)
    return digest_of_file(context, upper, reading.one) == *pair.lower->digest;
  if (pair.upper->digest && lower.contents)
    return digest_of_file(context, lower, reading.one) == *pair.upper->digest;
  if (!lower.contents || !upper.contents)
    throw Error(Kind::internal, fmt::format("nobody knows the content of {}", quote(pair.path)));
  bool equal = true;
  read_pieces(context, lower, reading.one, [&](std::uint64_t offset, Bytes piece) {
    const auto same = MutableBytes(reading.other).first(piece.size());
    upper.contents->read(upper, offset, same);
    equal = std::memcmp(piece.data(), same.data(), piece.size()) == 0;
    return equal;
  });
  return equal;
}

class Comparer {
 public:
  Comparer(const Context& context, const Compare& how) : context_(context), how_(how) {}

  std::vector<Difference> run(const Tree& lower, const Tree& upper) {
    compare_root(*lower.root().inode, *upper.root().inode);
    visit_children(&lower.root(), &upper.root(), false);
    read_contents();
    judge_groups();
    return report();
  }

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  // A path of which there is something to say, or may be.
  struct Item {
    std::string path;
    const std::shared_ptr<const Inode>* lower;  // of the nodes, which outlive this
    const std::shared_ptr<const Inode>* upper;
    Aspects aspects;
    std::size_t pair = none;
    bool implied = false;
  };

  void compare_root(const Inode& lower, const Inode& upper) {
    Aspects aspects = compare_metadata(lower.meta, upper.meta);
    Aspects unsaid;
    unsaid.add(Aspect::mtime);
    aspects.remove(unsaid);
    aspects.remove(how_.ignore);
    if (aspects.empty()) return;
    root_ = Difference{.path = "",
                       .what = Difference::What::modified,
                       .aspects = aspects,
                       .before = lower.meta,
                       .after = upper.meta};
  }

  // The names of both, merged.
  void visit_children(const Node* lower, const Node* upper, bool implied) {
    static const decltype(Node::children) nothing;
    const auto& below = lower != nullptr && lower->is_directory() ? lower->children : nothing;
    const auto& above = upper != nullptr && upper->is_directory() ? upper->children : nothing;
    auto b = below.begin();
    auto a = above.begin();
    while (b != below.end() || a != above.end()) {
      const bool take_below = a == above.end() || (b != below.end() && b->first <= a->first);
      const bool take_above = b == below.end() || (a != above.end() && a->first <= b->first);
      const std::string& name = take_below ? b->first : a->first;
      const Extended here(path_, name);
      visit(take_below ? b->second.get() : nullptr, take_above ? a->second.get() : nullptr, implied);
      if (take_below) ++b;
      if (take_above) ++a;
    }
  }

  void visit(const Node* lower, const Node* upper, bool implied) {
    context_.check();
    Item item{.path = {},
              .lower = lower == nullptr ? nullptr : &lower->inode,
              .upper = upper == nullptr ? nullptr : &upper->inode,
              .aspects = {},
              .implied = implied && upper == nullptr};
    if (judge(item)) {
      item.path = path_;
      items_.push_back(std::move(item));
    }
    const bool gone =
        lower != nullptr && lower->is_directory() && (upper == nullptr || !upper->is_directory());
    visit_children(lower, upper, gone);
  }

  // Says whether the item is worth keeping.
  bool judge(Item& item) {
    if (item.lower == nullptr || item.upper == nullptr) return true;
    const Inode& lower = **item.lower;
    const Inode& upper = **item.upper;
    const bool regular = lower.meta.type == Type::regular && upper.meta.type == Type::regular;
    if (&lower != &upper) {
      item.aspects = compare_metadata(lower.meta, upper.meta);
      item.aspects.remove(how_.ignore);
      if (regular && lower.meta.size == upper.meta.size) look_inside(item, lower, upper);
    }
    return !item.aspects.empty() || item.pair != none || (regular && is_grouped(item));
  }

  // Has one of the files other names? Both are there.
  static bool is_grouped(const Item& item) {
    return item.lower->use_count() > 1 || item.upper->use_count() > 1;
  }

  void look_inside(Item& item, const Inode& lower, const Inode& upper) {
    if (how_.ignore.has(Aspect::content)) return;
    if (const auto known = proven(lower, upper, how_.trust_mtime)) {
      if (!*known) item.aspects.add(Aspect::content);
      return;
    }
    if (!is_grouped(item)) {
      item.pair = pairs_.size();
      pairs_.push_back({path_, &lower, &upper});
      return;
    }
    const auto [found, is_new] = pair_of_.emplace(std::pair(&lower, &upper), pairs_.size());
    if (is_new) pairs_.push_back({path_, &lower, &upper});
    item.pair = found->second;
  }

  // Most files are small: handed out one by one, the threads would mostly wait for each other.
  std::vector<std::size_t> batches() const {
    constexpr std::uint64_t enough_bytes = 4 * 1024 * 1024;
    constexpr std::size_t enough_files = 64;
    std::vector<std::size_t> begins = {0};
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      bytes += pairs_[i].lower->meta.size;
      if (bytes < enough_bytes && i + 1 - begins.back() < enough_files) continue;
      begins.push_back(i + 1);
      bytes = 0;
    }
    if (begins.back() != pairs_.size()) begins.push_back(pairs_.size());
    return begins;
  }

  void read_contents() {
    if (pairs_.empty()) return;
    std::uint64_t bytes = 0;
    for (const Pair& pair : pairs_) bytes += pair.lower->meta.size;
    Task task(context_, "comparing files", bytes);
    const std::vector<std::size_t> begins = batches();
    std::vector<char> equal(pairs_.size());
    std::vector<Reading> slots(context_.jobs * 2 + 2);
    in_order<Reading>(context_, begins.size() - 1, slots,
                      [&](std::size_t batch, Reading& reading) {
                        for (std::size_t i = begins[batch]; i < begins[batch + 1]; ++i) {
                          equal[i] = static_cast<char>(equal_contents(context_, pairs_[i], reading));
                          task.advance(pairs_[i].lower->meta.size);
                        }
                      },
                      {[](std::size_t, Reading&) {}});
    for (Item& item : items_) {
      if (item.pair != none && equal[item.pair] == 0) item.aspects.add(Aspect::content);
    }
    task.done();
  }

  // An upper file goes on as a lower one if each of its names was one of that file, and nothing else
  // changed. Of several that do, only the first in path order can: the others must be written.
  void judge_groups() {
    if (how_.ignore.has(Aspect::link)) return;
    std::vector<const Inode*> order;
    std::unordered_map<const Inode*, std::vector<Item*>> groups;
    for (Item& item : items_) {
      if (item.upper == nullptr || (*item.upper)->meta.type != Type::regular) continue;
      if (item.lower != nullptr && !is_grouped(item)) continue;  // nobody else can have come from there
      auto& names = groups[item.upper->get()];
      if (names.empty()) order.push_back(item.upper->get());
      names.push_back(&item);
    }
    std::unordered_set<const Inode*> taken;
    for (const Inode* upper : order) {
      const auto& names = groups[upper];
      const Inode* lower = origin_of(names);
      const bool changed =
          std::any_of(names.begin(), names.end(), [](const Item* item) { return !item->aspects.empty(); });
      const bool regrouped = lower == nullptr || (!changed && !taken.insert(lower).second);
      if (!regrouped || (names.size() == 1 && lower == nullptr)) continue;
      for (Item* item : names) {
        if (item->lower != nullptr && (*item->lower)->meta.type == Type::regular)
          item->aspects.add(Aspect::link);
      }
    }
  }

  // The lower file of which all of these are names; nullptr if there is none.
  static const Inode* origin_of(const std::vector<Item*>& names) {
    const Inode* lower = nullptr;
    for (const Item* item : names) {
      if (item->lower == nullptr || (*item->lower)->meta.type != Type::regular) return nullptr;
      if (lower != nullptr && lower != item->lower->get()) return nullptr;
      lower = item->lower->get();
    }
    return lower;
  }

  std::vector<Difference> report() {
    std::vector<Difference> out;
    if (root_) out.push_back(std::move(*root_));
    for (Item& item : items_) {
      if (item.lower != nullptr && item.upper != nullptr && item.aspects.empty()) continue;
      Difference difference{.path = std::move(item.path),
                            .what = Difference::What::modified,
                            .aspects = item.aspects,
                            .before = {},
                            .after = {},
                            .implied = item.implied};
      if (item.lower != nullptr) difference.before = (*item.lower)->meta;
      if (item.upper != nullptr) difference.after = (*item.upper)->meta;
      if (item.lower == nullptr) difference.what = Difference::What::added;
      if (item.upper == nullptr) difference.what = Difference::What::removed;
      out.push_back(std::move(difference));
    }
    return out;
  }

  const Context& context_;
  const Compare& how_;
  std::string path_;
  std::optional<Difference> root_;
  std::vector<Item> items_;
  std::vector<Pair> pairs_;
  std::map<std::pair<const Inode*, const Inode*>, std::size_t> pair_of_;
};

// Goes over the upper tree and takes what the differences name, what is one file with it, and the directories
// above.
class Collector {
 public:
  Collector(const Tree& upper, const std::vector<Difference>& differences) {
    for (const Difference& each : differences) {
      if (each.path.empty()) continue;
      if (each.what == Difference::What::removed) {
        if (!each.implied) removed_[parent(each.path)].push_back(basename(each.path));
        continue;
      }
      put_.insert(each.path);
      const Inode* inode = upper.find(each.path);
      if (inode == nullptr) throw Error(Kind::internal, "a difference is of another tree");
      if (inode->meta.type == Type::regular) files_.insert(inode);
    }
  }

  // Says whether anything at or below the path goes into the layer.
  bool collect(const Node& node) {
    const std::size_t mark = out_.size();
    bool wanted = put_.contains(path_) || files_.contains(node.inode.get());
    if (!path_.empty() && (wanted || node.is_directory())) out_.put(path_, node.inode);
    if (node.is_directory()) {
      if (const auto removed = removed_.find(path_); removed != removed_.end()) {
        for (const std::string_view name : removed->second) out_.remove(join(path_, name));
        wanted = true;
      }
      for (const auto& [name, child] : node.children) {
        const Extended here(path_, name);
        wanted |= collect(*child);
      }
    }
    if (!wanted) out_.shrink(mark);
    return wanted;
  }

  Changeset take() {
    Changeset changes = out_.take();
    for (Change& change : changes) change.entry.meta.xattrs = packed(change.entry.meta.xattrs);
    return changes;
  }

 private:
  // Views into the differences, which outlive this.
  std::unordered_set<std::string_view> put_;
  std::unordered_map<std::string_view, std::vector<std::string_view>> removed_;
  std::unordered_set<const Inode*> files_;
  std::string path_;
  Collected out_;
};

}  // namespace

std::string_view name(Aspect aspect) {
  static constexpr std::array<std::string_view, all_aspects.size()> names = {
      "type", "content", "mode", "owner", "mtime", "xattr", "link", "device"};
  return names.at(static_cast<std::size_t>(aspect));
}

std::optional<Aspect> find_aspect(std::string_view wanted) {
  for (const Aspect aspect : all_aspects) {
    if (name(aspect) == wanted) return aspect;
  }
  return std::nullopt;
}

std::string words(const Aspects& aspects) {
  std::vector<std::string> names;
  for (const Aspect aspect : all_aspects) {
    if (aspects.has(aspect)) names.emplace_back(name(aspect));
  }
  return stave::join(names, ", ");
}

std::vector<Difference> compare(const Context& context, const Tree& lower, const Tree& upper,
                                const Compare& how) {
  return Comparer(context, how).run(lower, upper);
}

Changeset changeset_of(const Tree& upper, const std::vector<Difference>& differences) {
  Collector collector(upper, differences);
  collector.collect(upper.root());
  return collector.take();
}

void warn_of_untellable(const Context& context, const std::vector<Difference>& differences) {
  for (const Difference& each : differences) {
    if (each.path.empty()) {
      context.progress->warn(fmt::format(
          "the root directory itself differs ({}), which a layer does not carry", words(each.aspects)));
    }
    const Metadata& meta = each.after;
    if (each.what != Difference::What::removed && meta.type == Type::character && meta.device_major == 0 &&
        meta.device_minor == 0) {
      context.progress->warn(fmt::format(
          "{} is the character device 0:0, which container engines on overlayfs take for a whiteout",
          quote(each.path)));
    }
  }
}

}  // namespace stave::layer
