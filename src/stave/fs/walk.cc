// walk: everything below a directory in path order. Depth first over sorted names is
// that order: "a", "a/b", "a-b". No recursion, because the depth of a tree is
// chosen by whoever made it.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/fs/fs.h"
#include "stave/fs/listing.h"
#include "stave/fs/place.h"
#include "stave/fs/trail.h"
#include "stave/fs/xattrs.h"

namespace stave::fs {
namespace {

class Walk {
 public:
  Walk(const Dir& root, const std::function<bool(const Found&)>& visit) : root_(root), visit_(visit) {}

  void run() {
    found_.stat = root_.get("");
    found_.xattrs = root_.xattrs("", FileType::directory);
    if (!visit_(found_)) return;
    enter(root_.fd(), ".");
    while (!levels_.empty()) {
      Level& level = levels_.back();
      if (level.next < level.names.size()) {
        step(level.names[level.next++]);
      } else {
        leave();
      }
    }
  }

 private:
  struct Level {
    Names names;
    std::size_t next = 0;
    std::size_t path_size = 0;  // of the directory itself
  };

  Where here() const { return {root_.name(), found_.path}; }

  // Looks at `name` in the deepest directory, tells the visitor, goes in if it is a directory.
  void step(const char* name) {
    std::string& path = found_.path;
    path.resize(levels_.back().path_size);
    if (!path.empty()) path += '/';
    path += name;
    if (path.size() > limits::path_bytes) {
      throw Error(Kind::limit,
                  fmt::format("{}: the path is longer than {} bytes", here().text(), limits::path_bytes));
    }
    look(name);
    if (visit_(found_) && found_.stat.type == FileType::directory) enter(trail_.fd(), name);
  }

  void look(const char* name) {
    const int error = stat_at(trail_.fd(), name, found_.stat);
    if (error == ENOENT) vanished();
    if (error) fail(error, here());
    try {
      const bool link = found_.stat.type == FileType::symlink;
      found_.link = link ? read_link(trail_.fd(), name, here()) : std::string();
      found_.xattrs = xattrs_.read(trail_.fd(), name, found_.stat.type, here());
    } catch (const Error& e) {
      if (e.kind() == Kind::not_found) vanished();
      if (e.kind() == Kind::invalid) replaced();  // no longer a symlink
      throw;
    }
  }

  void enter(int parent, const char* name) {
    Opened opened = open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (opened.error == ENOENT) vanished();
    if (opened.error == ENOTDIR || opened.error == ELOOP) replaced();
    if (opened.error) fail(opened.error, here());
    const Stat now = stat(opened.fd);
    if (now.device != found_.stat.device || now.inode != found_.stat.inode) replaced();
    levels_.push_back({lister_.list(opened.fd.get(), here()), 0, found_.path.size()});
    trail_.enter(std::move(opened.fd), now);
  }

  void leave() {
    levels_.pop_back();
    found_.path.resize(levels_.empty() ? 0 : levels_.back().path_size);
    trail_.leave(here());
  }

  [[noreturn]] void vanished() const {
    throw Error(Kind::changed, here().text() + ": vanished while the directory was being read",
                "try again when nothing writes there");
  }
  [[noreturn]] void replaced() const {
    throw Error(Kind::changed, here().text() + ": was replaced while the directory was being read",
                "try again when nothing writes there");
  }

  const Dir& root_;
  const std::function<bool(const Found&)>& visit_;
  Found found_;  // one, reused: a walk over a million files should not build a million strings
  std::vector<Level> levels_;
  Trail trail_;
  Lister lister_;
  XattrReader xattrs_;
};

}  // namespace

void walk(const Dir& root, const std::function<bool(const Found&)>& visit) { Walk(root, visit).run(); }

}  // namespace stave::fs
