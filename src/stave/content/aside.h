// Aside: where fsck puts what it takes out of the way, and how it finds again what a
// broken index.json referred to. Internal to content.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stave/fs/fs.h"
#include "stave/spec/spec.h"

namespace stave::content {

// The directory of `root` for that, made when something first goes there. Nothing in it is ever replaced: of
// a second file of one name, the name gets ".1".
class Aside {
 public:
  explicit Aside(const fs::Dir& root) : root_(root) {}

  // Moves a file or directory there, and says where it is now.
  std::string move(const std::string& path, std::string_view name) const;
  // Puts a copy of what a file held there, and says where.
  std::string keep(std::string_view text, std::string_view name) const;

 private:
  fs::Dir directory() const;

  const fs::Dir& root_;
};

// The descriptors that can be read in the text of an index.json that cannot be: one with damage in some of
// its lines, or cut off. In their order; at most limits::descriptors.
std::vector<spec::Descriptor> salvage(std::string_view text);

// What a document says it is: a descriptor without a name; nullopt if it is neither manifest nor index.
std::optional<spec::Descriptor> identify(std::string_view text, const Digest& digest);

}  // namespace stave::content
