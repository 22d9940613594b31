// Planter: a tree made top down in path order, the counterpart of `walk`. Files are
// brought in from elsewhere; every directory on the way is one that the planter
// made and holds, so nothing that is already there can lead it astray.

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "stave/fs/make.h"

namespace stave::fs {

// Paths are as `walk` gives them ("" is the root, '/' between components) and come in its order: a directory
// before what is in it, siblings sorted by bytes; a parent that did not come is Kind::internal. Directories
// get their attributes when the last thing was put into them. The deepest 200 are held open.
class Planter {
 public:
  // `root` is an empty directory that nobody else writes to, with `attributes` in the end.
  Planter(const Dir& root, Attributes attributes);
  Planter(const Planter&) = delete;
  Planter& operator=(const Planter&) = delete;
  Planter(Planter&& other) noexcept;
  Planter& operator=(Planter&& other) noexcept;
  ~Planter();

  void directory(std::string_view path, Attributes attributes);
  // The same, but what is below it is for the Planter that is given, which takes the same paths as this one.
  // Another thread may use it, and it may finish before or after this one.
  Planter branch(std::string_view path, Attributes attributes);
  // The file `name` of `from`, of the same file system, moves to `path`.
  void move(const Dir& from, const std::string& name, std::string_view path);
  // It stays, and gets one more name.
  void link(const Dir& from, const std::string& name, std::string_view path);
  // The attributes of the directories that are still open. False if xattrs were refused (set_attributes).
  bool finish();

 private:
  struct State;
  explicit Planter(std::unique_ptr<State> state);
  Fd make(std::string_view path);
  std::string go_to_parent(std::string_view path);
  void leave();

  std::unique_ptr<State> state_;
};

}  // namespace stave::fs
