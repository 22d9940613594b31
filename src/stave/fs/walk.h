// The plain walk, on one thread, as a thing that can begin anywhere in a tree. Internal to
// fs: the walk that reads ahead hands it what lies too deep.

#pragma once

#include <functional>
#include <vector>

#include "stave/fs/look.h"
#include "stave/fs/trail.h"

namespace stave::fs {

using Visit = std::function<bool(const Found&)>;

class PlainWalk {
 public:
  // `found` is what visitors are shown; one, reused: a walk over a million files should not build a million
  // strings.
  PlainWalk(Looker& looker, const Visit& visit, Found& found)
      : looker_(looker), visit_(visit), found_(found) {}

  // Visits what is in the directory `name` of `parent`, which `found` describes.
  void below(int parent, const char* name);

 private:
  struct Level {
    Names names;
    std::size_t next = 0;
    std::size_t path_size = 0;  // of the directory itself
  };

  void enter(int parent, const char* name);
  void step(const char* name);
  void leave();

  Looker& looker_;
  const Visit& visit_;
  Found& found_;
  std::vector<Level> levels_;
  Trail trail_;
};

}  // namespace stave::fs
