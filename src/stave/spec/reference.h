// Reference: the name of an image as people type it, by the grammar of
// distribution/reference: [registry[:port]/]path[:tag][@digest].

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "stave/hash/digest.h"

namespace stave::spec {

// A name is kept as typed: "hello" stays "hello" and is not "docker.io/library/hello".
struct Reference {
  std::string registry;  // "docker.io", "localhost:5000", or empty: the first component had no '.', no ':'
                         // and was not "localhost"
  std::string path;      // "library/busybox", "hello"; lower case
  std::string tag;       // empty: none given
  std::optional<Digest> digest;

  // Kind::usage, saying which part breaks which rule and, where it can be guessed, what was meant (upper
  // case: the lower-case form).
  static Reference parse(std::string_view text);

  std::string name() const;  // "registry/path" or "path"
  std::string str() const;   // as parsed
  // With ":latest" filled in where neither tag nor digest was given: the form that a store keeps.
  Reference with_default_tag() const;

  friend bool operator==(const Reference&, const Reference&) = default;
};

}  // namespace stave::spec
