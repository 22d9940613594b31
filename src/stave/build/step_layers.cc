// Layers in overlay form are in layers/BOOT/NAME. Nothing of them is synced, since
// that would take longer than most steps; so they are believed until the machine is started again.

#include "stave/build/step_layers.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/rootfs/kept.h"
#include "stave/rootfs/run_directory.h"

namespace stave::build {
namespace {

// A layer that no step stood on for so long is removed: a day's work finds its layers, a disk is not filled.
constexpr std::int64_t unused_seconds = 3LL * 24 * 60 * 60;

std::string boot_id() {
  const fs::Fd file(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  std::string id = file ? fs::read_file(file, std::uint64_t{256}, "boot_id") : std::string("unknown");
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

std::vector<Digest> diff_ids_of(const layer::Stack& stack, std::size_t count) {
  std::vector<Digest> diff_ids;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& piece = stack.pieces[i];
    if (!piece.diff_id) throw Error(Kind::internal, fmt::format("{} has no diff_id", piece.name));
    diff_ids.push_back(*piece.diff_id);
  }
  return diff_ids;
}

layer::Stack first_of(const layer::Stack& stack, std::size_t count) {
  const auto end = stack.pieces.begin() + static_cast<std::ptrdiff_t>(count);
  return {.pieces = {stack.pieces.begin(), end}};
}

void add_on_top(Lowers& lowers, const std::string& path, fs::Fd lock) {
  lowers.paths.insert(lowers.paths.begin(), path);
  lowers.directories.insert(lowers.directories.begin(), std::make_shared<const fs::Dir>(fs::Dir::open(path)));
  lowers.locks.push_back(std::move(lock));
}

}  // namespace

StepLayers::StepLayers(std::string cache, const RunnerGround& ground)
    : cache_(std::move(cache)), ground_(ground), boot_(boot_id()) {
  fs::Dir::create(cache_ + "/layers/" + boot_, 0700);
  remove_old();
}

std::string StepLayers::name_of(const std::vector<Digest>& diff_ids) const {
  Hasher hasher;
  hasher.update(fmt::format("stave build layer 1\n{}\n{}\n{}\n",
                            ground_.in_user_namespace ? "user" : "trusted", ground_.one_id ? "aside" : "real",
                            ground_.ids));
  for (const auto& diff_id : diff_ids) hasher.update(diff_id.str() + "\n");
  return std::move(hasher).finish().hex();
}

// The lock of a layer that is there.
fs::Fd StepLayers::find(const std::string& name) const {
  const std::string path = fmt::format("{}/layers/{}/{}", cache_, boot_, name);
  fs::Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) return {};
    throw_errno(errno, quote(path));
  }
  // Who holds it exclusively is about to remove it.
  if (::flock(fd.get(), LOCK_SH | LOCK_NB) != 0) return {};
  struct stat still = {};
  if (::stat(path.c_str(), &still) != 0) return {};
  return fd;
}

bool StepLayers::publish(const fs::Dir& parent, const std::string& directory, const std::string& name) const {
  const auto layers = fs::Dir::open(fmt::format("{}/layers/{}", cache_, boot_));
  const int refused = ::renameat(parent.fd(), directory.c_str(), layers.fd(), name.c_str()) == 0 ? 0 : errno;
  if (refused == 0) return true;
  if (refused == EEXIST || refused == ENOTEMPTY) return false;  // somebody else was faster
  throw_errno(refused, quote(layers.name() + "/" + name));
}

void StepLayers::unpack(const Context& context, const layer::Stack::Piece& piece, const std::string& name,
                        const Lowers& below) const {
  const auto run = rootfs::make_run_directory(cache_, "");
  try {
    const auto place = fs::Dir::open(run.path).make_dir("layer", 0700);
    layer::unpack_overlay(
        context, piece, place,
        {.in_user_namespace = ground_.in_user_namespace, .owners = owners(), .lowers = below.directories});
    publish(place, "fs", name);
  } catch (const Error&) {
    rootfs::remove_run(run.id, run.path, {});
    throw;
  }
  rootfs::remove_run(run.id, run.path, {});
}

Lowers StepLayers::lowers(const Context& context, const layer::Stack& stack, std::size_t base_layers) const {
  Lowers lowers;
  if (base_layers != 0) lowers = whole(context, first_of(stack, base_layers));
  for (std::size_t i = base_layers; i < stack.pieces.size(); ++i) {
    const auto name = name_of(diff_ids_of(stack, i + 1));
    fs::Fd lock = find(name);
    if (!lock) {
      unpack(context, stack.pieces[i], name, lowers);
      lock = find(name);
    }
    if (!lock) throw Error(Kind::busy, "a layer in the cache is being removed", "try again");
    add_on_top(lowers, fmt::format("{}/layers/{}/{}", cache_, boot_, name), std::move(lock));
  }
  return lowers;
}

Lowers StepLayers::whole(const Context& context, const layer::Stack& stack) const {
  const auto name = rootfs::name_of_kept(diff_ids_of(stack, stack.pieces.size()), owners(), ground_.ids);
  auto kept = rootfs::keep(context, ground_.cache, name, stack, owners());
  Lowers lowers;
  add_on_top(lowers, kept.path, std::move(kept.lock));
  return lowers;
}

void StepLayers::adopt(const fs::Dir& parent, const std::string& directory,
                       const std::vector<Digest>& diff_ids) const {
  publish(parent, directory, name_of(diff_ids));
}

void StepLayers::remove_old() const {
  const auto layers = fs::Dir::open(cache_ + "/layers");
  for (const auto& boot : layers.list()) {
    if (boot != boot_) {
      layers.remove_tree(boot);
      continue;
    }
    const auto ours = layers.open_dir(boot);
    for (const auto& name : ours.list()) {
      // The ctime of a layer's root is when it got its name.
      const auto found = ours.find(name);
      if (!found || found->ctime.seconds > std::time(nullptr) - unused_seconds) continue;
      const fs::Fd fd(::openat(ours.fd(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) ours.remove_tree(name);
    }
  }
}

}  // namespace stave::build
