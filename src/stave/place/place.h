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
#include "stave/spec/spec.h"

namespace stave::place {

// What places depend on besides their words.
struct Grounds {
  std::string store;                 // directory of the local store; empty: there is no place for one
  std::string spool = "/tmp";        // for archives that cannot be read where they are
  int input = 0;                     // the descriptor that "-" reads
  int output = 1;                    // and writes
  std::uint32_t output_mode = 0644;  // of archives that are written: 0666 without the caller's umask
};

// An image in some place. It keeps that place open.
struct Located {
  std::shared_ptr<const content::BlobSource> blobs;
  spec::Descriptor root;  // manifest or index
  std::string name;       // what it is called there, with tag; empty: it has no name
};

// The local store, made on first use (mode 0700). `context` is for waiting, as of Store::open.
std::shared_ptr<const content::Store> open_store(
    const Grounds& grounds, content::Store::Access access = content::Store::Access::shared,
    const Context& context = {});

// Opens an image for reading. Kind::not_found says what was tried and what there is; Kind::usage when a place
// holds several images and none was named.
Located open(const Context& context, const Words& words, const Grounds& grounds);

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
  bool check_output = true;  // refuse to write an archive to a terminal
};

// What a copy made.
struct Copied {
  spec::Descriptor root;
  std::string name;
  std::optional<spec::Descriptor> before;  // what had the name in a store or layout
};

// Copies `root` (what it is and everything it refers to) from `blobs` to `destination`. Every blob is
// verified on the way; bytes never change. Nothing appears before it is complete: archives by rename, layouts
// by their reference.
Copied copy(const Context& context, const content::BlobSource& blobs, const spec::Descriptor& root,
            const Words& destination, const Copy& how, const Grounds& grounds);

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

// Copies the blobs below `root` that `store` lacks, layers in parallel, children before parents.
void copy_blobs(const Context& context, const content::BlobSource& blobs, const spec::Descriptor& root,
                const content::Store& store);

}  // namespace stave::place
