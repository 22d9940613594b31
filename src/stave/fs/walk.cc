// walk: everything below a directory in path order. Depth first over sorted names is
// that order: "a", "a/b", "a-b". No recursion, because the depth of a tree is
// chosen by whoever made it.

#include "stave/fs/walk.h"

namespace stave::fs {

void PlainWalk::below(int parent, const char* name) {
  enter(parent, name);
  while (!levels_.empty()) {
    Level& level = levels_.back();
    if (level.next < level.names.size()) {
      step(level.names[level.next++]);
    } else {
      leave();
    }
  }
}

// Looks at `name` in the deepest directory, tells the visitor, goes in if it is a directory.
void PlainWalk::step(const char* name) {
  looker_.extend(found_, levels_.back().path_size, name);
  looker_.look(trail_.fd(), name, found_);
  if (visit_(found_) && found_.stat.type == FileType::directory) enter(trail_.fd(), name);
}

void PlainWalk::enter(int parent, const char* name) {
  Fd directory = looker_.enter(parent, name, found_);
  levels_.push_back({looker_.list(directory.get(), found_), 0, found_.path.size()});
  trail_.enter(std::move(directory), found_.stat);
}

void PlainWalk::leave() {
  const std::size_t first = levels_.front().path_size;
  levels_.pop_back();
  found_.path.resize(levels_.empty() ? first : levels_.back().path_size);
  trail_.leave(looker_.where(found_));
}

void walk(const Dir& root, const std::function<bool(const Found&)>& visit) {
  Looker looker(root);
  Found found;
  found.stat = root.get("");
  found.xattrs = root.xattrs("", FileType::directory);
  if (visit(found)) PlainWalk(looker, visit, found).below(root.fd(), ".");
}

}  // namespace stave::fs
