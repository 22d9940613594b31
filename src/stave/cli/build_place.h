// Where a build takes things from: its Containerfile, its context, the images
// that it names.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stave/build/build.h"
#include "stave/cli/command.h"
#include "stave/place/place.h"

namespace stave::cli {

// What `stave build` was pointed at.
struct BuildPlace {
  containerfile::Containerfile file;
  std::string directory;  // of the context; empty: it is no directory of this host
  bool tar_on_input = false;
  std::string remote;  // a URL or git repository
  containerfile::Patterns ignored;
};

// Is standard input needed (a Containerfile or context "-")? It can be read once only.
bool reads_input(const Arguments& arguments);
// Reads the Containerfile and the ignore file. Kind::not_found says which names were tried.
BuildPlace read_build_place(const Invocation& invocation, const place::Grounds& grounds);
// The same for a context that is a tar or somewhere else, whose Containerfile is in it.
struct OpenedPlace {
  BuildPlace place;
  std::shared_ptr<const build::Files> context;
};
OpenedPlace open_build_place(const Invocation& invocation, const place::Grounds& grounds,
                             const build::Fetch& fetch);

// --build-context: files into options.contexts, images into options.image_contexts.
void add_contexts(const Invocation& invocation, const place::Grounds& grounds, const build::Fetch& fetch,
                  build::Options& options);

// What FROM and --from name: in the local store, else at a registry, as --pull says. The image's blobs are
// copied into `store`. One name and platform is looked up once.
build::FindBase find_base_in(const Invocation& invocation, const place::Grounds& grounds,
                             const content::Store& store);

// The file that remembers the digests of a context's files; empty: there is no place for one.
std::string stats_of(const Invocation& invocation);

}  // namespace stave::cli
