// Places: where images live. Every place is opened the same way and written
// the same way; `copy` joins any two.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/base/context.h"
#include "stave/content/store.h"
#include "stave/fs/fs.h"
#include "stave/place/archive.h"
#include "stave/place/words.h"
#include "stave/registry/registry.h"
#include "stave/spec/spec.h"

namespace stave::place {

// What places depend on besides their words.
struct Grounds {
  std::string store;                 // directory of the local store; empty: there is no place for one
  std::string spool = "/tmp";        // for archives that cannot be read where they are
  int input = 0;                     // the descriptor that "-" reads
  int output = 1;                    // and writes
  std::uint32_t output_mode = 0644;  // of archives that are written: 0666 without the caller's umask
  // What talks to registries; made when it is first asked for, as that loads libcurl. Empty: nothing does.
  std::function<std::shared_ptr<const registry::Network>()> network = {};
};

// An image in some place. It keeps that place open.
struct Located {
  std::shared_ptr<const content::BlobSource> blobs;
  spec::Descriptor root;  // manifest or index
  std::string name;       // what it is called there, with tag; empty: it has no name
};

// The same image for who reads its layers more than once: those from a registry are fetched once, and kept
// in grounds.spool meanwhile.
Located spooled(Located image, const Grounds& grounds);
// The same image with more blobs than those of its place.
Located joined(Located image, std::shared_ptr<const content::BlobSource> more);

// The repository that words of Transport::registry name.
std::shared_ptr<const registry::Repository> open_repository(const Context& context, const Words& words,
                                                            const Grounds& grounds);

// The local store, made on first use (mode 0700). `context` is for waiting, as of Store::open.
std::shared_ptr<const content::Store> open_store(
    const Grounds& grounds, content::Store::Access access = content::Store::Access::shared,
    const Context& context = {});

// Opens an image for reading. Kind::not_found says what was tried and what there is; Kind::usage when a place
// holds several images and none was named.
Located open(const Context& context, const Words& words, const Grounds& grounds);
// The same, but a name that the local store lacks is looked for where registries.conf says, else at
// docker.io.
Located open_anywhere(const Context& context, const Words& words, const Grounds& grounds);
// An image at a registry: of a name with one, there, else at the first that has it of those that
// registries.conf names. `name` is the full one.
Located open_at_registry(const Context& context, std::string_view name, const Grounds& grounds);

// A place as a whole, for who looks at everything that it offers.
struct Place {
  std::shared_ptr<const content::BlobSource> blobs;
  std::vector<Offer> offers;
  std::shared_ptr<const Archive> archive = {};  // if it is one
};
// Opens a layout or an archive, whatever its words name in it. Kind::usage for the local store.
Place open_place(const Context& context, const Words& words, const Grounds& grounds);

// The name in the store by which `name` is found: as it is, else under localhost/; nullopt if neither.
std::optional<std::string> find_name(const content::Store& store, std::string_view name);

// The image reduced to some platforms: none, the image as it is; one, that manifest; several, a new index
// over them, which is put into `made` (a Store the caller hands in). Kind::not_found for a platform it lacks.
spec::Descriptor restrict_to(const Located& image, const std::vector<spec::Platform>& platforms,
                             const content::Store& made);

struct Copy {
  std::string name;          // instead of the name it has; empty: keep it
  bool force = false;        // existing files are replaced
  bool for_docker = false;   // archives: add the name that docker's containerd store looks for
  bool untagged = false;     // registries: no tag, by its digest alone
  bool check_output = true;  // refuse to write an archive to a terminal
};

// What a copy made.
struct Copied {
  spec::Descriptor root;
  std::string name;
  std::optional<spec::Descriptor> before;  // what had the name in a store, layout or repository
};

// Copies `root` (what it is and everything it refers to) from `blobs` to `destination`. Every blob is
// verified on the way; bytes never change. Nothing appears before it is complete: archives by rename, layouts
// by their reference, repositories by their tag. What came from a registry before a connection broke or the
// person stopped it stays without a name in a store or layout, and the next copy goes on behind it.
Copied copy(const Context& context, const content::BlobSource& blobs, const spec::Descriptor& root,
            const Words& destination, const Copy& how, const Grounds& grounds);

// What refers to a manifest as its subject: by the registry's answer, or in the index.json of a store or
// layout; an archive knows of none. With an artifact type, only those of that type.
std::vector<spec::Descriptor> referrers_of(const content::BlobSource& blobs, const Digest& subject,
                                           const std::string& artifact_type);
// Copies whatever refers to `root` or a manifest below it, and what refers to that, to where the image is
// by now: a registry, store or layout. Gives their number.
std::size_t copy_referrers(const Context& context, const content::BlobSource& blobs,
                           const spec::Descriptor& root, const Words& destination, const Grounds& grounds);

// Throws what `copy` would throw for the destination alone (a file that exists, a directory that is no
// layout, a terminal), so that long work is not done in vain. Creates nothing.
void check_destination(const Words& destination, const Copy& how, const Grounds& grounds);

// A file to be written: the directory it will live in, and its name there. Kind::exists for a directory, and
// for a file unless `force`; Kind::usage for a path that names no file.
struct OutputFile {
  fs::Dir directory;
  std::string name;
};
OutputFile output_file(const std::string& path, bool force);

// Standard input as it is named by "-": a stop is noticed although nothing comes.
std::unique_ptr<Source> open_input(const Context& context, const Grounds& grounds);

// Runs `work` on the local store, which stays open meanwhile so that gc leaves alone what it puts there. When
// it fails, what it put there goes again. `work` keeps no other handle on the store that outlives it.
void in_store(const Grounds& grounds, const std::function<void(const content::Store&)>& work);

// Copies the blobs below `root` that `store` lacks, layers in parallel, children before parents. A blob from
// a registry goes on where an interrupted copy was. What has its content elsewhere (urls) may be absent.
void copy_blobs(const Context& context, const content::BlobSource& blobs, const spec::Descriptor& root,
                const content::Store& store);

}  // namespace stave::place
