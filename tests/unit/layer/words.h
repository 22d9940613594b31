// Words of the layer tests: changes with content in memory, what they are as a
// tar, what a tree shows, and a place on disk that goes away.

#pragma once

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "stave/base/error.h"
#include "stave/compress/compress.h"
#include "stave/content/store.h"
#include "stave/layer/disk.h"
#include "stave/layer/import.h"
#include "stave/layer/pack.h"
#include "stave/layer/path.h"
#include "stave/layer/plan.h"
#include "stave/layer/tree.h"

namespace stave::layer {

class Text final : public Contents {
 public:
  explicit Text(std::string text) : text_(std::move(text)) {}
  void read(const Change& change, std::uint64_t offset, MutableBytes out) const override {
    if (offset + out.size() > text_.size()) throw Error(Kind::internal, "read beyond " + change.entry.path);
    std::memcpy(out.data(), text_.data() + offset, out.size());
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

inline Change put(std::string path, Metadata meta) {
  Change change;
  change.entry = {std::move(path), std::move(meta)};
  return change;
}
inline Change file(std::string path, std::string text = "", std::uint32_t mode = 0644) {
  Metadata meta;
  meta.type = Type::regular;
  meta.mode = mode;
  meta.size = text.size();
  Change change = put(std::move(path), meta);
  change.contents = std::make_shared<const Text>(std::move(text));
  return change;
}
inline Change dir(std::string path, std::uint32_t mode = 0755) {
  Metadata meta;
  meta.mode = mode;
  return put(std::move(path), meta);
}
inline Change symlink(std::string path, std::string text) {
  Metadata meta;
  meta.type = Type::symlink;
  meta.mode = 0777;
  meta.link = std::move(text);
  return put(std::move(path), meta);
}
inline Change hardlink(std::string path, std::string target) {
  Metadata meta;
  meta.type = Type::hardlink;
  meta.mode = 0644;
  meta.link = std::move(target);
  return put(std::move(path), meta);
}
inline Change removed(std::string path) {
  Change change;
  change.entry.path = std::move(path);
  change.removal = true;
  return change;
}

inline Changeset sorted(Changeset changes) {
  std::sort(changes.begin(), changes.end(), written_before);
  return changes;
}

// One entry of a tar as it stands there, whatever a layer may say.
inline std::string raw(const Change& change) {
  std::string out = tar::encode(header_of(change));
  if (change.contents) {
    const std::string& text = dynamic_cast<const Text&>(*change.contents).text();
    out += text;
    out.append(tar::padding(text.size()), '\0');
  }
  return out;
}
inline std::string raw_tar(const std::vector<Change>& entries) {
  std::string out;
  for (const Change& change : entries) out += raw(change);
  return out.append(tar::trailer_size, '\0');
}

inline std::vector<std::string> blocks_of(const Plan& plan) {
  std::vector<std::string> out;
  std::vector<std::byte> block;
  for (std::size_t i = 0; i < plan.block_count(); ++i) {
    plan.make(i, block);
    out.emplace_back(as_text(block));
  }
  return out;
}
inline std::string tar_of(const Changeset& changes, const Cuts& cuts = Cuts::gzip()) {
  std::string out;
  for (const auto& block : blocks_of(Plan(changes, cuts))) out += block;
  return out;
}

inline void apply_tar(Tree& tree, std::string_view tar) {
  BytesSource source(tar);
  LayerReader reader(source);
  tree.apply(Context{}, reader);
  reader.finish();
}
inline Tree stacked(const std::vector<std::vector<Change>>& layers) {
  Tree tree;
  for (const auto& layer : layers) apply_tar(tree, raw_tar(layer));
  return tree;
}

// "d755 a", "f644 a/b", "l a/c -> b": one line for each entry, in path order; names of one file get "=
// first".
inline std::string show(const Tree& tree) {
  std::string out;
  std::map<const Tree::Inode*, std::string> first;
  tree.visit([&](const std::string& path, const Tree::Inode& inode) {
    const Metadata& meta = inode.meta;
    static constexpr char letters[] = {'f', 'h', 'l', 'c', 'b', 'd', 'p'};
    out += letters[static_cast<int>(meta.type)];
    char mode[8];
    std::snprintf(mode, sizeof mode, "%o", meta.mode);
    if (meta.type != Type::symlink) out += mode;
    out += " " + path;
    if (meta.type == Type::symlink) out += " -> " + meta.link;
    const auto [at, is_first] = first.emplace(&inode, path);
    if (!is_first) out += " = " + at->second;
    out += "\n";
  });
  return out;
}

// Everything that can be told from outside: metadata, and which names are one file.
using Facts = std::map<std::string, std::pair<Metadata, std::string>>;
inline Facts facts(const Tree& tree) {
  Facts out;
  std::map<const Tree::Inode*, std::string> first;
  tree.visit([&](const std::string& path, const Tree::Inode& inode) {
    const bool file = inode.meta.type == Type::regular;
    out[path] = {inode.meta, file ? first.emplace(&inode, path).first->second : path};
  });
  return out;
}

// "+ a", "+ a/b = a/c", "- d": what a changeset does, in its order.
inline std::string show(const Changeset& changes) {
  std::string out;
  for (const Change& change : changes) {
    out += (change.removal ? "- " : "+ ") + change.entry.path;
    if (!change.removal && change.entry.meta.type == Type::hardlink) out += " = " + change.entry.meta.link;
    out += "\n";
  }
  return out;
}

// The failure of `work` as "kind: message", or "done".
template <class Work>
std::string outcome(Work work) {
  try {
    work();
    return "done";
  } catch (const Error& error) {
    return std::string(name(error.kind())) + ": " + error.what();
  }
}

class Scratch {
 public:
  // In memory where that is possible: every commit of a blob waits for the disk.
  Scratch() : Scratch(::access("/dev/shm", W_OK) == 0 ? "/dev/shm/" : ::testing::TempDir()) {}
  explicit Scratch(const std::string& where) {
    std::string pattern = where + "stave-layer-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string path(const std::string& below = "") const {
    return below.empty() ? path_ : path_ + "/" + below;
  }
  std::string write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }
  content::Store store() const { return content::Store::create(path("store"), 0700); }

 private:
  std::string path_;
};

// Everything that was warned of.
class Heard final : public Progress {
 public:
  int begin(std::string_view, std::uint64_t) override { return 0; }
  void advance(int, std::uint64_t) override {}
  void end(int, std::string_view, bool) override {}
  void warn(std::string_view message) override { text += std::string(message) + "\n"; }
  std::string text;
};

inline std::string plain_of(const content::Store& store, const Layer& layer) {
  const auto blob = content::open_verified(store, layer.descriptor);
  std::string bytes = read_all(*blob, 1ull << 32, "blob");
  BytesSource source(bytes);
  const auto plain = compress::decompress(
      source, compress::sniff(as_bytes(bytes).first(std::min<std::size_t>(6, bytes.size()))));
  return read_all(*plain, 1ull << 32, "layer");
}

inline std::filesystem::path shared_data() {
  const char* const chosen = std::getenv("STAVE_DATA");
  return chosen != nullptr ? chosen : STAVE_SHARED_DATA;
}
inline std::string bytes_of_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

// Random trees.

inline rc::Gen<std::string> any_name() {
  return rc::gen::element<std::string>("a", "b", "c", "a-b", "a.b", "B", "\xc3\xa9", "\xff",
                                       std::string(120, 'n'));
}

inline rc::Gen<std::string> any_path() {
  return rc::gen::exec([] {
    std::string path = *any_name();
    for (int more = *rc::gen::inRange(0, 4); more > 0; --more) path = join(path, *any_name());
    return path;
  });
}

inline rc::Gen<std::shared_ptr<const Tree::Inode>> any_inode() {
  return rc::gen::exec([] {
    Tree::Inode inode;
    Metadata& meta = inode.meta;
    meta.type = *rc::gen::weightedElement<Type>({{6, Type::regular},
                                                 {6, Type::directory},
                                                 {2, Type::symlink},
                                                 {1, Type::character},
                                                 {1, Type::block},
                                                 {1, Type::fifo}});
    meta.mode = *rc::gen::inRange<std::uint32_t>(0, 010000);
    meta.uid = *rc::gen::element<std::uint32_t>(0, 1000, 1u << 21, 1u << 31, 4294967294u);
    meta.gid = *rc::gen::element<std::uint32_t>(0, 1000, 1u << 21, 1u << 31);
    meta.mtime.seconds =
        *rc::gen::element<std::int64_t>(0, 1, -1, -2147483649, 1700000000, 1ll << 33, 1ll << 40);
    if (meta.type == Type::symlink)
      meta.link = *rc::gen::element<std::string>("a", "/b", "../c/d", "nowhere", std::string(200, 'l'));
    if (meta.type == Type::character || meta.type == Type::block) {
      meta.device_major = *rc::gen::inRange<std::uint32_t>(0, 2097152);
      meta.device_minor = *rc::gen::inRange<std::uint32_t>(0, 2097152);
    }
    if (*rc::gen::inRange(0, 4) == 0)
      meta.xattrs = {{"security.capability", std::string("\1\0\0\2", 4)}, {"user.x", "\n="}};
    if (meta.type == Type::regular) {
      std::string text(*rc::gen::element<std::size_t>(0, 1, 511, 512, 513, 3000),
                       *rc::gen::element('x', '\0'));
      meta.size = text.size();
      inode.contents = std::make_shared<const Text>(std::move(text));
    }
    return std::make_shared<const Tree::Inode>(std::move(inode));
  });
}

// One random edit, as somebody who keeps to the rules makes it. Nothing happens where it makes no sense.
inline void edit_somehow(Tree& tree) {
  const std::string path = *any_path();
  const int what = *rc::gen::inRange(0, 10);
  try {
    const std::string at = tree.resolve(path, Tree::Follow::parents);
    if (at.empty()) return;
    if (what < 3) return tree.remove(at);
    if (what == 3) {
      // A further name for a file that is there; the inode is copied when the tree cannot share it.
      std::shared_ptr<const Tree::Inode> inode = *any_inode();
      if (inode->meta.type != Type::regular) return;
      const std::string second = tree.resolve(*any_path(), Tree::Follow::parents);
      tree.put(at, inode, {});
      tree.put(tree.resolve(second, Tree::Follow::parents), inode, {});
      return;
    }
    tree.put(at, *any_inode(), {7, 0});
  } catch (const Error& error) {
    if (error.kind() == Kind::internal) throw;
  }
}

inline Tree any_tree(int edits) {
  Tree tree;
  for (int i = *rc::gen::inRange(0, edits); i > 0; --i) edit_somehow(tree);
  return tree;
}

}  // namespace stave::layer
