// An overlay, over the calls of Linux 6.5 that take any number of layers, else over
// mount(2), whose options end at 4 KiB.

#include "stave/rootfs/overlay.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "stave/rootfs/copy_tree.h"

namespace stave::rootfs {
namespace {

using Options = std::vector<std::pair<std::string, std::string>>;

// Descriptors as paths, so that no name has to be escaped.
std::string path_of(const fs::Dir& dir) { return fmt::format("/proc/self/fd/{}", dir.fd()); }

// With redirect_dir and metacopy, which a kernel may have by default, the upper directory holds names without
// content (containers/storage#640, moby/buildkit#2490). In a user namespace trusted.* belongs to the host's
// root: without userxattr a mount succeeds and removing a directory fails then (EIO).
Options options_of(const Overlay& overlay) {
  if (overlay.in_user_namespace) return {{"userxattr", ""}};
  return {{"redirect_dir", "off"}, {"metacopy", "off"}, {"index", "off"}};
}

int configure(const fs::Fd& made, const Overlay& overlay, const Options& options) {
  const auto set = [&](const std::string& name, const std::string& value) {
    const bool flag = value.empty();
    return ::fsconfig(made.get(), flag ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, name.c_str(),
                      flag ? nullptr : value.c_str(), 0) == 0;
  };
  for (const auto& lower : *overlay.lowers) {
    if (!set("lowerdir+", path_of(lower))) return errno;
  }
  for (const auto& [name, value] : options) {
    if (!set(name, value)) return errno;
  }
  if (!set("upperdir", path_of(overlay.upper)) || !set("workdir", path_of(overlay.work))) return errno;
  if (::fsconfig(made.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return errno;
  const fs::Fd mounted(::fsmount(made.get(), FSMOUNT_CLOEXEC, 0));
  if (!mounted) return errno;
  const int flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  return ::move_mount(mounted.get(), "", overlay.target.fd(), "", flags) == 0 ? 0 : errno;
}

int mount_new(const Overlay& overlay, const Options& options) {
  const fs::Fd made(::fsopen("overlay", FSOPEN_CLOEXEC));
  return made ? configure(made, overlay, options) : errno;
}

int mount_old(const Overlay& overlay, const Options& options) {
  std::string text;
  for (const auto& lower : *overlay.lowers) text += (text.empty() ? "lowerdir=" : ":") + path_of(lower);
  text += fmt::format(",upperdir={},workdir={}", path_of(overlay.upper), path_of(overlay.work));
  for (const auto& [name, value] : options) text += "," + name + (value.empty() ? "" : "=") + value;
  if (text.size() >= static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) return E2BIG;
  return ::mount("overlay", path_of(overlay.target).c_str(), "overlay", 0, text.c_str()) == 0 ? 0 : errno;
}

}  // namespace

int mount_overlay(const Overlay& overlay) {
  const auto& lower = overlay.lowers->front();
  auto xattrs = lower.xattrs("", fs::FileType::directory);
  // An earlier overlay's own notes.
  std::erase_if(xattrs, [](const auto& xattr) {
    return xattr.first.starts_with("trusted.overlay.") || xattr.first.starts_with("user.overlay.");
  });
  fs::set_attributes(overlay.upper.handle(), same_attributes(fs::stat(lower.handle()), std::move(xattrs)));
  const auto options = options_of(overlay);
  if (mount_new(overlay, options) == 0) return 0;
  return mount_old(overlay, options);
}

}  // namespace stave::rootfs
