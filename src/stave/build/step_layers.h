// Layers on disk for steps to stand on: the base image's as one kept tree, those of
// the build one by one, in overlay form. Internal to build.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "stave/base/context.h"
#include "stave/build/runner.h"
#include "stave/fs/fs.h"
#include "stave/layer/overlay.h"

namespace stave::build {

// What lies below a step. As long as it is there nobody removes any of it.
struct Lowers {
  std::vector<std::string> paths;  // the topmost first
  std::vector<std::shared_ptr<const fs::Dir>> directories;
  std::vector<fs::Fd> locks;
};

class StepLayers {
 public:
  // Below the directory `cache`. Removes what is of no use any more.
  StepLayers(std::string cache, const RunnerGround& ground);

  // Unpacks what is not there.
  Lowers lowers(const Context& context, const layer::Stack& stack, std::size_t base_layers) const;
  // The whole stack as one tree.
  Lowers whole(const Context& context, const layer::Stack& stack) const;
  // Makes `directory` (of the same file system) the layer on top of those.
  void adopt(const fs::Dir& parent, const std::string& directory, const std::vector<Digest>& diff_ids) const;

  layer::Owners owners() const { return ground_.one_id ? layer::Owners::aside : layer::Owners::real; }

 private:
  std::string name_of(const std::vector<Digest>& diff_ids) const;
  bool publish(const fs::Dir& parent, const std::string& directory, const std::string& name) const;
  fs::Fd find(const std::string& name) const;
  void unpack(const Context& context, const layer::Stack::Piece& piece, const std::string& name,
              const Lowers& below) const;
  void remove_old() const;

  std::string cache_;
  const RunnerGround& ground_;
  std::string boot_;
};

}  // namespace stave::build
