// Looking at one name of a directory.

#include "stave/fs/look.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/fs/place.h"

namespace stave::fs {
namespace {

[[noreturn]] void vanished(const Where& where) {
  throw Error(Kind::changed, where.text() + ": vanished while the directory was being read",
              "try again when nothing writes there");
}
[[noreturn]] void replaced(const Where& where) {
  throw Error(Kind::changed, where.text() + ": was replaced while the directory was being read",
              "try again when nothing writes there");
}

}  // namespace

void Looker::extend(Found& found, std::size_t path_size, const char* name) const {
  std::string& path = found.path;
  path.resize(path_size);
  if (!path.empty()) path += '/';
  path += name;
  if (path.size() > limits::path_bytes) {
    throw Error(Kind::limit,
                fmt::format("{}: the path is longer than {} bytes", where(found).text(), limits::path_bytes));
  }
}

void Looker::look(int directory, const char* name, Found& found) {
  const int error = stat_at(directory, name, found.stat);
  if (error == ENOENT) vanished(where(found));
  if (error) fail(error, where(found));
  try {
    const bool link = found.stat.type == FileType::symlink;
    found.link = link ? read_link(directory, name, where(found)) : std::string();
    found.xattrs = xattrs_.read(directory, name, found.stat.type, where(found));
  } catch (const Error& e) {
    if (e.kind() == Kind::not_found) vanished(where(found));
    if (e.kind() == Kind::invalid) replaced(where(found));  // no longer a symlink
    throw;
  }
}

Fd Looker::enter(int parent, const char* name, const Found& found) const {
  Opened opened = open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (opened.error == ENOENT) vanished(where(found));
  if (opened.error == ENOTDIR || opened.error == ELOOP) replaced(where(found));
  if (opened.error) fail(opened.error, where(found));
  const Stat now = stat(opened.fd);
  if (now.device != found.stat.device || now.inode != found.stat.inode) replaced(where(found));
  return std::move(opened.fd);
}

}  // namespace stave::fs
