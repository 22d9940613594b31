// Checking relative paths and reaching the parent of what they name.

#include "stave/fs/place.h"

#include <fcntl.h>
#include <unistd.h>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/fs/resolve.h"

namespace stave::fs {
namespace {

void check(std::string_view relative, const Where& where) {
  const auto refuse = [&](const char* why) { throw Error(Kind::invalid, where.text() + ": " + why); };
  if (relative.starts_with('/')) refuse("an absolute path where one inside the directory is needed");
  if (relative.find('\0') != std::string_view::npos) refuse("a path cannot hold a NUL byte");
  for (std::size_t at = relative.find(".."); at != std::string_view::npos; at = relative.find("..", at + 1)) {
    const bool begins = at == 0 || relative[at - 1] == '/';
    const bool ends = at + 2 == relative.size() || relative[at + 2] == '/';
    if (begins && ends) refuse("\"..\" could lead out of the directory");
  }
}

// Drops "/" and "/." at the end, so that the last component is a name.
std::string_view trimmed(std::string_view relative) {
  for (;;) {
    if (relative.ends_with('/')) {
      relative.remove_suffix(1);
    } else if (relative == "." || relative.ends_with("/.")) {
      relative.remove_suffix(1);
    } else {
      return relative;
    }
  }
}

}  // namespace

Place try_locate(const Dir& dir, std::string_view relative) {
  check(relative, {dir.name(), relative});
  Place place;
  place.directory = dir.fd();
  const std::string_view path = trimmed(relative);
  const std::size_t slash = path.rfind('/');
  place.name = path.empty() ? "." : std::string(path.substr(slash + 1));  // npos + 1 is 0
  if (slash == std::string_view::npos) return place;
  Opened parent = open_beneath(dir.fd(), path.substr(0, slash), resolver());
  place.error = parent.error;
  place.owned = std::move(parent.fd);
  place.directory = place.owned.get();
  return place;
}

Fd try_open(const Dir& dir, std::string_view relative, int flags) {
  check(relative, {dir.name(), relative});
  const std::string_view path = trimmed(relative);
  if (path.empty()) return {};
  return open_beneath_at_once(dir.fd(), std::string(path), flags, resolver()).fd;
}

Place locate(const Dir& dir, std::string_view relative) {
  Place place = try_locate(dir, relative);
  if (place.error) fail(place.error, {dir.name(), relative});
  return place;
}

std::string read_link(int directory, const char* name, const Where& where) {
  std::string text(256, '\0');
  for (;;) {
    const ssize_t length = retry([&] { return ::readlinkat(directory, name, text.data(), text.size()); });
    if (length < 0 && errno == EINVAL) throw Error(Kind::invalid, where.text() + ": is not a symlink");
    if (length < 0) fail(errno, where);
    if (static_cast<std::size_t>(length) < text.size()) {
      text.resize(static_cast<std::size_t>(length));
      return text;
    }
    if (text.size() > limits::path_bytes) throw Error(Kind::limit, where.text() + ": the symlink is endless");
    text.resize(text.size() * 4);
  }
}

}  // namespace stave::fs
