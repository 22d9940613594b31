// Moving images.

#include "stave/cli/transfer.h"

#include <fmt/format.h>

#include <utility>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/cli/grounds.h"
#include "stave/image/image.h"
#include "stave/json/json.h"

namespace stave::cli {

place::Located reduced(place::Located located, std::vector<spec::Platform> platforms,
                       const place::Words& destination, const place::Grounds& grounds) {
  if (platforms.empty() && destination.transport == place::Transport::docker_archive &&
      spec::media::is_index(located.root.media_type)) {
    platforms.push_back(this_platform());
  }
  if (platforms.size() < 2) {
    if (!platforms.empty()) located.root = image::select(*located.blobs, located.root, platforms.front());
    return located;
  }
  // A new index over some of its platforms is made in the store: it is part of no place yet.
  auto made = place::open_store(grounds);
  located.root = place::restrict_to(located, platforms, *made);
  return place::joined(std::move(located), std::move(made));
}

place::Words registry_words(std::string_view text) {
  constexpr std::string_view prefix = "docker://";
  if (text.starts_with(prefix)) return place::Words::parse(text);
  const std::string full = std::string(prefix) + std::string(text);
  if (!spec::Reference::parse(text).registry.empty()) return place::Words::parse(full);
  throw Error(Kind::usage, fmt::format("{} names no registry", quote(text)),
              fmt::format("write docker://HOST/{0}, or {1} for docker.io", printable(text), printable(full)));
}

std::string copied_json(const place::Copied& copied) {
  json::Object object;
  object.string_unless_empty("name", copied.name);
  object.string("mediaType", copied.root.media_type);
  object.string("digest", copied.root.digest.str());
  return std::move(object).finish();
}

void print_copied(const Invocation& invocation, const place::Copied& copied) {
  tell_moved(invocation, copied.name, copied.before, copied.root.digest);
  invocation.print(invocation.json ? json::print_pretty(json::parse(copied_json(copied), "the result")) + "\n"
                                   : copied.root.digest.str() + "\n");
}

}  // namespace stave::cli
