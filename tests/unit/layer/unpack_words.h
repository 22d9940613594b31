// Words of the tests of unpack: stacks of layers in memory, and what lies on disk
// afterwards.

#pragma once

#include <sys/stat.h>

#include "stave/fs/fs.h"
#include "stave/layer/disk.h"
#include "stave/layer/record.h"
#include "stave/layer/unpack.h"
#include "words.h"

namespace stave::layer {
namespace stdfs = std::filesystem;

inline Stack stack_of(const std::vector<std::string>& tars) {
  Stack stack;
  for (const auto& tar : tars) {
    struct Owned final : BytesSource {
      explicit Owned(std::shared_ptr<const std::string> text) : BytesSource(*text), kept(std::move(text)) {}
      std::shared_ptr<const std::string> kept;
    };
    const auto kept = std::make_shared<const std::string>(tar);
    stack.pieces.push_back({.name = "layer " + std::to_string(stack.pieces.size() + 1),
                            .size = kept->size(),
                            .open = [kept](unsigned) { return std::make_unique<Owned>(kept); }});
  }
  return stack;
}
using Layers = std::vector<std::vector<Change>>;
inline Stack stack_of(const Layers& layers) {
  std::vector<std::string> tars;
  for (const auto& layer : layers) tars.push_back(raw_tar(layer));
  return stack_of(tars);
}

inline Change wh(const std::string& path) {
  return file(join(parent(path), ".wh." + std::string(basename(path))));
}
inline Change opaque(const std::string& path) { return file(join(path, ".wh..wh..opq")); }

inline bool is_root() { return ::geteuid() == 0; }
inline Owners owners_here() { return is_root() ? Owners::real : Owners::aside; }

// Everything that lies in a directory, so that "nothing" can be said.
inline std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& each : stdfs::recursive_directory_iterator(directory)) {
    names.push_back(each.path().lexically_relative(directory).string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

inline Unpacked unpack_to(const std::string& target, const Stack& stack) {
  return unpack(Context{.jobs = 3}, stack, target, {.owners = owners_here()});
}
inline Unpacked unpack_to(const std::string& target, const Layers& layers) {
  return unpack_to(target, stack_of(layers));
}

// What is on disk, and what it is in the image.
inline Tree on_disk(const std::string& target, const Record* record) {
  return read_tree(Context{}, std::make_shared<const fs::Dir>(fs::Dir::open(target)), Adopt{}, record);
}
inline Tree read_back(const std::string& target) { return on_disk(target, Record::find(target).get()); }

inline struct ::stat stat_of(const std::string& path) {
  struct ::stat raw{};
  if (::lstat(path.c_str(), &raw) != 0) throw std::runtime_error(path);
  return raw;
}
inline std::uint32_t mode_of(const std::string& path) { return stat_of(path).st_mode & 07777; }

}  // namespace stave::layer
