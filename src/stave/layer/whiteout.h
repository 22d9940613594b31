// Whiteouts: how a layer says "this is gone". OCI hides them in file names
// (image-spec, layer.md, "Whiteouts"), so every path that enters or leaves a
// layer's tar passes through here and nowhere else.

#pragma once

#include <string>
#include <string_view>

namespace stave::layer {

// The name in a layer that removes `path` of the layers below: "a/b" -> "a/.wh.b".
std::string whiteout_of(std::string_view path);

// Would a client take a file of this name for a whiteout? Such a file cannot be packed.
bool looks_like_whiteout(std::string_view basename);

enum class Meaning : std::uint8_t {
  entry,     // an ordinary entry
  whiteout,  // removes `path` of the layers below
  opaque,    // removes everything below `path` that the layers below hold
  ignored,   // AUFS's own bookkeeping (.wh..wh.plnk, .wh..wh.aufs): means nothing
  forbidden  // a whiteout of nothing, of "." or of "..", or something inside of a whiteout
};

struct Interpreted {
  Meaning meaning = Meaning::entry;
  std::string path;  // what is meant: without the prefix
};

// What the clean path of an archive's entry means.
Interpreted interpret(std::string_view path);

}  // namespace stave::layer
