// Words: where an image is, as a person types it (the containers-transports
// grammar): a bare name is the local store, everything else says its transport.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace stave::place {

enum class Transport : std::uint8_t { store, layout, oci_archive, docker_archive, stream };

struct Words {
  Transport transport = Transport::store;
  std::string path;       // of a layout or archive; empty otherwise
  std::string reference;  // what is named in it; empty: nothing was said. For the store: the name with its
                          // tag or digest

  // "hello:1", "oci:PATH[:REF]", "oci-archive:PATH[:REF]", "docker-archive:PATH[:REF]", "-". The path ends at
  // the first colon. Kind::usage for anything else, proposing what was meant; Kind::unsupported for
  // transports of other tools.
  static Words parse(std::string_view text);

  std::string str() const;
};

// How a name is kept in a store: as typed, with ":latest" where neither tag nor digest was given. Kind::usage
// if it is no reference.
std::string stored_name(std::string_view name);

}  // namespace stave::place
