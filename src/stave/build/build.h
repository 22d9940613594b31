// build: a Containerfile becomes an image. Stages that the target needs are built,
// independent ones side by side; only RUN needs a root file system, everything else is
// computed on trees.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "stave/base/context.h"
#include "stave/build/cache.h"
#include "stave/build/files.h"
#include "stave/build/remote.h"
#include "stave/build/runner.h"
#include "stave/build/watcher.h"
#include "stave/compress/compress.h"
#include "stave/containerfile/instructions.h"
#include "stave/content/store.h"
#include "stave/image/image.h"
#include "stave/layer/reuse.h"
#include "stave/layer/unpack.h"
#include "stave/spec/spec.h"

namespace stave::build {

// An image that FROM, --from or a mount names, for one platform. Its layers are in, or were copied into, the
// store.
struct Base {
  image::Image image;
  std::shared_ptr<const content::BlobSource> blobs;
  std::optional<Digest> digest;  // of its manifest
};
using FindBase =
    std::function<Base(const Context& context, const std::string& name, const spec::Platform& platform)>;

struct Secret {
  std::function<std::string()> read;  // when a step wants it
};

struct Options {
  spec::Platform platform;        // the target's
  spec::Platform build_platform;  // this machine's
  std::string target;             // empty: the last stage
  std::map<std::string, std::string> build_args;
  std::map<std::string, std::shared_ptr<const Files>>
      contexts;  // --build-context that are files; names in lower case
  std::map<std::string, std::string>
      image_contexts;                      // and those that are images: docker-image://, oci-layout:
  std::map<std::string, Secret> secrets;   // by id
  std::map<std::string, std::string> ssh;  // id to socket on this host
  std::optional<std::int64_t> epoch;       // SOURCE_DATE_EPOCH, or --timestamp
  bool no_cache = false;
  std::set<std::string> no_cache_stages;
  bool squash = false;  // the stage's own layers become one
  std::string network;  // of RUNs that say none: "", "host", "none"
  std::map<std::string, std::string> labels;
  spec::Annotations annotations;
  compress::Codec codec = {};
  layer::Remember remember = {};
  std::uint64_t step_timeout = 0;  // seconds
  std::string spool = "/tmp";
  std::string search_path;               // for git
  std::vector<std::string> environment;  // for git: SSH_AUTH_SOCK, proxies
  std::string cache;                     // directory for cache mounts; empty: there is none
  bool explain = false;
  std::vector<std::string> hosts;              // --add-host: lines of /etc/hosts
  bool insecure = false;                       // --allow security.insecure
  layer::Owners owners = layer::Owners::real;  // of trees that are kept for bind mounts
  std::string ids;                             // whose: as of rootfs::name_of_kept
};

struct Grounds {
  const content::Store* store = nullptr;
  std::shared_ptr<const Files> context;  // the build context
  FindBase find_base;
  Fetch fetch;                      // may be empty: ADD of URLs is Kind::unsupported
  std::function<Runner&()> runner;  // asked before step 1 if any stage that is needed has a RUN
  StepCache* steps = nullptr;       // may be null
  Watcher* watcher = &no_watcher();
};

// One build for one platform: an image that was not put yet. Throws an Error of error_at for what is wrong
// with the file, and for a RUN that fails, Kind::invalid with its exit code in the text.
image::Image build(const Context& context, const containerfile::Containerfile& file, const Options& options,
                   const Grounds& grounds);

// The lint rules that need the base image and the arguments (UndefinedVar, …) and those that do not, in the
// order of lines.
std::vector<containerfile::Warning> check(const Context& context, const containerfile::Containerfile& file,
                                          const Options& options, const Grounds& grounds);

// Does the target need a RUN? Then who builds has to be able to run one.
bool needs_runner(const containerfile::Containerfile& file, const Options& options);

}  // namespace stave::build
