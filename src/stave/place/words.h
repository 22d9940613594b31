// Words: where an image is, as a person types it (the containers-transports
// grammar): a bare name is the local store, everything else says its transport.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "stave/spec/reference.h"

namespace stave::place {

enum class Transport : std::uint8_t { store, layout, oci_archive, docker_archive, stream, registry };

struct Words {
  Transport transport = Transport::store;
  std::string path;       // of a layout or archive; empty otherwise
  std::string reference;  // what is named in it; empty: nothing was said. For the store: the name with its
                          // tag or digest. For a registry: the same in full ("docker.io/library/alpine"),
                          // with a tag only if one was typed

  // "hello:1", "oci:PATH[:REF]", "oci-archive:PATH[:REF]", "docker-archive:PATH[:REF]", "-", "docker://NAME".
  // The path ends at the first colon. Kind::usage for anything else, proposing what was meant;
  // Kind::unsupported for transports of other tools.
  static Words parse(std::string_view text);

  std::string str() const;
};

// The repository and tag or digest that words of Transport::registry are about; `tag` is "latest" where
// neither was given.
spec::Reference remote_reference(const Words& words);

// How a name is kept in a store: as typed, with ":latest" where neither tag nor digest was given. Kind::usage
// if it is no reference.
std::string stored_name(std::string_view name);

}  // namespace stave::place
