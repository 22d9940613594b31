// compare: the difference of any two trees, for people and as the changeset that
// turns one into the other (image-spec, layer.md, "Change Types").

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/base/context.h"
#include "stave/layer/changeset.h"
#include "stave/layer/tree.h"

namespace stave::layer {

// In what way an entry changed. A file's size is its content; `link` is the text of a symlink, or which names
// of a regular file are one file.
enum class Aspect : std::uint8_t { type, content, mode, owner, mtime, xattr, link, device };
inline constexpr std::array all_aspects = {Aspect::type,  Aspect::content, Aspect::mode, Aspect::owner,
                                           Aspect::mtime, Aspect::xattr,   Aspect::link, Aspect::device};
std::string_view name(Aspect aspect);
std::optional<Aspect> find_aspect(std::string_view name);

class Aspects {
 public:
  void add(Aspect aspect) { bits_ |= 1u << static_cast<unsigned>(aspect); }
  void remove(const Aspects& others) { bits_ &= ~others.bits_; }
  bool has(Aspect aspect) const { return (bits_ >> static_cast<unsigned>(aspect) & 1u) != 0; }
  bool empty() const { return bits_ == 0; }
  friend bool operator==(const Aspects&, const Aspects&) = default;

 private:
  unsigned bits_ = 0;
};

// "content, mtime"
std::string words(const Aspects& aspects);

// What differs in what two trees say of one path: everything but the content of files of equal size, and
// hardlink groups. mtimes and xattrs as in `compare` below.
Aspects compare_metadata(const Metadata& a, const Metadata& b);

struct Difference {
  enum class What : std::uint8_t { added, removed, modified };
  std::string path;  // "" is the root, which is only ever modified
  What what = What::modified;
  Aspects aspects;       // of what was modified
  Metadata before;       // unless added. Never of type hardlink
  Metadata after;        // unless removed
  bool implied = false;  // removed along with a directory above it: no whiteout of its own
};

struct Compare {
  Aspects ignore = {};  // differences in nothing else are none
  // Files of equal size and mtime count as equal unread. A guess: in this field mtimes are clamped.
  bool trust_mtime = false;
};

// What changed from `lower` to `upper`, in path order. mtimes are compared by whole seconds, and of xattrs
// those that a layer carries (is_packed_xattr): a layer says no more. The mode of a symlink means nothing,
// and the mtime of the root is nobody's: both are not compared.
//
// Equal without reading is only what is proven: the same inode and ctime of the same device, or the same
// digest on both sides. Otherwise files of equal size are read, on all cores: both and byte by byte, or one
// and hashed where the other has a digest.
//
// A hardlink group is modified as a whole (Aspect::link) when a name joins it, or when names leave it that go
// on as other files. Costs the entries of both trees, and the bytes of files that are not proven.
std::vector<Difference> compare(const Context& context, const Tree& lower, const Tree& upper,
                                const Compare& how);

// The changeset that turns the lower tree into `upper`: of every path that changed and of every directory
// above one, the metadata that `upper` has; hardlink groups whole; a removal for what vanished and was not in
// a directory that vanished or became something else. The root is not in it. A regular file has the contents
// and the stamp that it has in `upper`.
Changeset changeset_of(const Tree& upper, const std::vector<Difference>& differences);

// Warns of differences that a layer cannot carry, or not to everybody: of the root itself, and of a device
// 0:0, which overlayfs takes for a whiteout.
void warn_of_untellable(const Context& context, const std::vector<Difference>& differences);

}  // namespace stave::layer
