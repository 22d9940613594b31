// Whiteouts: names in, meanings out, and back.

#include "stave/layer/whiteout.h"

#include "stave/layer/path.h"

namespace stave::layer {
namespace {

constexpr std::string_view prefix = ".wh.";
constexpr std::string_view opaque_name = ".wh..wh..opq";

}  // namespace

std::string whiteout_of(std::string_view path) {
  return join(parent(path), std::string(prefix) + std::string(basename(path)));
}

bool looks_like_whiteout(std::string_view basename) { return basename.starts_with(prefix); }

Interpreted interpret(std::string_view path) {
  // Whatever is inside of something called .wh.x cannot have been put there by a layer.
  for (std::string_view up = parent(path); !up.empty(); up = parent(up)) {
    if (basename(up).starts_with(".wh..wh.")) return {Meaning::ignored, std::string(path)};
    if (looks_like_whiteout(basename(up))) return {Meaning::forbidden, std::string(path)};
  }
  const std::string_view name = basename(path);
  if (!looks_like_whiteout(name)) return {Meaning::entry, std::string(path)};
  if (name == opaque_name) return {Meaning::opaque, std::string(parent(path))};
  if (name.starts_with(".wh..wh.")) return {Meaning::ignored, std::string(path)};
  const std::string_view victim = name.substr(prefix.size());
  if (victim.empty() || victim == "." || victim == "..") return {Meaning::forbidden, std::string(path)};
  return {Meaning::whiteout, join(parent(path), victim)};
}

}  // namespace stave::layer
