// Words of the tests about what layers did: layers in memory as a stack, and the
// trees that they make.

#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "stave/inspect/origins.h"
#include "unit/layer/words.h"

namespace stave::inspect {

using Entries = std::vector<layer::Change>;

inline layer::Stack stack_of(const std::vector<Entries>& layers) {
  layer::Stack stack;
  for (const auto& each : layers) {
    const auto tar = std::make_shared<const std::string>(layer::raw_tar(each));
    stack.pieces.push_back(
        layer::piece_of_tar(fmt::format("layer {}", stack.pieces.size() + 1), tar->size(), [tar] {
          struct Kept : BytesSource {
            explicit Kept(std::shared_ptr<const std::string> text)
                : BytesSource(*text), text_(std::move(text)) {}
            std::shared_ptr<const std::string> text_;
          };
          return std::make_unique<Kept>(tar);
        }));
  }
  return stack;
}

inline Layered layered(const std::vector<Entries>& layers) {
  return Layered::read(Context{}, stack_of(layers), layer::Digests::yes);
}

// What some numbers say: layers of a few names, so that they meet.
inline layer::Change any_change(int number) {
  static const std::vector<std::string> names = {"a", "a/b", "a/b/c", "d", "d/e"};
  const std::string& path = names[static_cast<std::size_t>(number) % names.size()];
  switch (number / 5 % 4) {
    case 0:
      return layer::removed(path);
    case 1:
      return layer::dir(path);
    default:
      return layer::file(path, std::to_string(number / 20 % 2));
  }
}
inline std::vector<Entries> any_layers(const std::vector<std::vector<int>>& numbers) {
  std::vector<Entries> layers;
  for (const auto& layer : numbers) {
    layers.emplace_back();
    for (const int number : layer) layers.back().push_back(any_change(number));
  }
  return layers;
}
inline rc::Gen<std::vector<std::vector<int>>> numbers_of_layers() {
  return rc::gen::container<std::vector<std::vector<int>>>(
      rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 40)));
}

}  // namespace stave::inspect
