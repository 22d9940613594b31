// Kept root file systems. A tree appears under its name when it is complete (unpack
// renames it), so finding it is all that has to be checked.

#include "stave/rootfs/kept.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "stave/base/error.h"
#include "stave/base/text.h"

namespace stave::rootfs {
namespace {

// What is in the directory of a kept tree: a bundle without its config.json, so the record stands beside the
// tree and inside.
constexpr std::string_view tree = "tree";

// Beside it, so that the lock is ours alone: unpack takes one on the directory it works in.
constexpr const char* lock_name = "lock";

// How long to wait before asking for a lock again: there is no other way to wait that can be interrupted.
constexpr auto patience = std::chrono::milliseconds(50);

void lock(const Context& context, const fs::Fd& fd, int mode) {
  while (::flock(fd.get(), mode | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) throw_errno(errno, "locking a kept root file system");
    context.check();
    std::this_thread::sleep_for(patience);
  }
}

bool is_there(const fs::Dir& place) {
  const auto found = place.find(tree);
  if (!found) return false;
  const auto root =
      found->type == fs::FileType::directory ? place.open_dir(tree).find("rootfs") : std::nullopt;
  if (root && root->type == fs::FileType::directory) return true;
  throw Error(Kind::invalid,
              fmt::format("{}: this is no root file system that stave keeps", quote(place.name())),
              "remove it; it will be unpacked again");
}

}  // namespace

std::string name_of_kept(const std::vector<Digest>& diff_ids, layer::Owners owners, std::string_view ids) {
  Hasher hasher;
  hasher.update(
      fmt::format("stave rootfs 1\n{}\n{}\n", owners == layer::Owners::real ? "real" : "aside", ids));
  for (const auto& diff_id : diff_ids) hasher.update(diff_id.str() + "\n");
  return std::move(hasher).finish().hex();
}

Kept keep(const Context& context, const std::string& cache, const std::string& name,
          const layer::Stack& stack, layer::Owners owners) {
  const auto place = fs::Dir::create(cache + "/rootfs", 0700).make_dir(name, 0700);
  const std::string& path = place.name();
  Kept kept{.path = fmt::format("{}/{}/rootfs", path, tree),
            .lock = fs::Fd(::openat(place.fd(), lock_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600))};
  if (!kept.lock) throw_errno(errno, quote(path));
  lock(context, kept.lock, LOCK_SH);
  if (is_there(place)) return kept;
  lock(context, kept.lock, LOCK_EX);
  if (!is_there(place)) {
    // Kept for months, so it must not turn out after a power failure to be names without content.
    const layer::Unpack how{.owners = owners, .bundle = [](const fs::Dir& bundle) { ::syncfs(bundle.fd()); }};
    layer::unpack(context, stack, fmt::format("{}/{}", path, tree), how);
    kept.fresh = true;
  }
  lock(context, kept.lock, LOCK_SH);
  return kept;
}

}  // namespace stave::rootfs
