// Fuzzing unpack onto a real disk: the input is the tar of a layer, its first block the
// number of the blocks that belong to a layer below. Whatever they say, a directory beside the
// target and a file above it stay as they were, nothing but an Error comes out, a failure leaves
// nothing behind, and a tree that was made is read back as what was unpacked.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz_tar.h"
#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/stream.h"
#include "stave/layer/stack.h"
#include "stave/layer/unpack.h"

namespace {

using namespace stave;
namespace disk = std::filesystem;

void require(bool condition) {
  if (!condition) std::abort();
}

// What must not change, as far as a file system tells.
struct Canary {
  explicit Canary(disk::path where) : path(std::move(where)) {
    struct stat s{};
    require(::lstat(path.c_str(), &s) == 0);
    known = {s.st_mode,
             s.st_uid,
             s.st_gid,
             s.st_nlink,
             static_cast<std::uint64_t>(s.st_size),
             static_cast<std::uint64_t>(s.st_mtim.tv_sec),
             static_cast<std::uint64_t>(s.st_mtim.tv_nsec),
             static_cast<std::uint64_t>(s.st_ctim.tv_sec),
             static_cast<std::uint64_t>(s.st_ctim.tv_nsec)};
  }
  void check() const { require(Canary(path).known == known); }

  disk::path path;
  std::vector<std::uint64_t> known;
};

// A directory in memory where there is one, with canaries around the one that is written to.
struct World {
  World() {
    std::string made = disk::exists("/dev/shm") ? "/dev/shm/stave-fuzz-XXXXXX" : "/tmp/stave-fuzz-XXXXXX";
    require(::mkdtemp(made.data()) != nullptr);
    root = made;
    disk::create_directories(root / "in");
    disk::create_directories(root / "etc");
    for (const auto* name : {"canary", "etc/passwd", "in/canary"}) std::ofstream(root / name) << name;
    for (const auto* name : {"canary", "etc", "etc/passwd", "in/canary"}) canaries.emplace_back(root / name);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() {
    std::error_code ignored;
    disk::remove_all(root, ignored);
  }

  void check() const {
    for (const Canary& canary : canaries) canary.check();
    std::size_t beside = 0;
    for (const auto& entry : disk::directory_iterator(root / "in")) {
      const auto name = entry.path().filename();
      require(name == "canary" || name == "tree" || name == "tree.stave");
      ++beside;
    }
    require(beside <= 3);
  }

  disk::path root;
  std::vector<Canary> canaries;
};

layer::Stack::Piece piece_of(std::string_view tar) {
  return layer::piece_of_tar("layer", tar.size(), [tar] { return std::make_unique<BytesSource>(tar); });
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  // What the limits are for has its tests; here a hole of a terabyte would only take time.
  limits::install({limits::parse_setting("layer-bytes=4M"), limits::parse_setting("unpack-bytes=4M"),
                   limits::parse_setting("layer-entries=200")});
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const World world;
  const std::string archive = fuzz::with_checksums({reinterpret_cast<const char*>(data), size});
  // A tar ends at two blocks of zeros: what follows them is the layer on top.
  const std::string_view all(archive);
  static const std::string zeros(1024, '\0');
  const std::size_t end = all.find(zeros);
  const std::size_t split = end == all.npos ? all.size() : (end + zeros.size() + 511) / 512 * 512;
  layer::Stack stack{{piece_of(all.substr(0, std::min(split, all.size())))}};
  if (split < all.size()) stack.pieces.push_back(piece_of(all.substr(split)));
  const disk::path target = world.root / "in" / "tree";
  bool made = true;
  try {
    layer::unpack(Context{}, stack, target.string(), {.owners = layer::Owners::aside});
  } catch (const Error& error) {
    require(error.kind() != Kind::internal);
    made = false;
  }
  world.check();
  require(disk::exists(disk::symlink_status(target)) == made);
  require(disk::exists(target.string() + ".stave") == made);
  if (made) {
    disk::remove_all(target);
    disk::remove(target.string() + ".stave");
  }
  return 0;
}
