// The walk that has threads read ahead of it. It visits in the same order as the plain
// one, on the thread that called it, and sees the same.

#include <fcntl.h>

#include <memory>
#include <utility>
#include <vector>

#include "stave/fs/read_ahead.h"
#include "stave/fs/walk.h"

namespace stave::fs {
namespace {

class WalkAhead {
 public:
  WalkAhead(const Context& context, const Dir& root, const Visit& visit)
      : context_(context), root_(root), visit_(visit), looker_(root), ahead_(context, root) {}

  // The deepest first: a directory holds the handle of the one above it.
  ~WalkAhead() {
    while (!levels_.empty()) levels_.pop_back();
  }
  WalkAhead(const WalkAhead&) = delete;
  WalkAhead& operator=(const WalkAhead&) = delete;

  void run() {
    found_.stat = root_.get("");
    found_.xattrs = root_.xattrs("", FileType::directory);
    if (!visit_(found_)) return;
    Opened place = open_at(root_.fd(), ".", O_PATH | O_DIRECTORY);
    if (place.error) fail(place.error, looker_.where(found_));
    enter(ReadAhead::directory(ahead_.handle(std::move(place.fd)), ".", found_, 0));
    while (!levels_.empty()) {
      context_.check();
      if (levels_.back().next < levels_.back().directory->names.size()) {
        step();
      } else {
        levels_.pop_back();
      }
    }
  }

 private:
  struct Level {
    ReadAhead::DirectoryPtr directory;
    std::size_t path_size;  // of the directory itself
    std::size_t next = 0;
    std::size_t next_below = 0;         // of the piece
    ReadAhead::Piece* piece = nullptr;  // nullptr: nobody could read it ahead
  };

  void step() {
    Level& level = levels_.back();
    const std::size_t at = level.next % names_of_piece;
    if (at == 0) begin_piece(level);
    const char* name = level.directory->names[level.next++];
    const bool last = at + 1 == names_of_piece || level.next == level.directory->names.size();
    looker_.extend(found_, level.path_size, name);
    const auto below = level.piece == nullptr ? look(level, name) : take(level, at);
    const std::size_t number = (level.next - 1) / names_of_piece;
    if (last && level.piece != nullptr) ahead_.leave_piece(*level.directory, number);
    const bool wanted = visit_(found_);
    if (!below) return;
    if (wanted) {
      enter(below);
    } else {
      ahead_.refuse(below);
    }
  }

  void begin_piece(Level& level) {
    const auto piece = level.next / names_of_piece;
    level.piece = ahead_.need(level.directory, piece, looker_) ? &level.directory->pieces[piece] : nullptr;
    level.next_below = 0;
  }

  // What was read ahead of the next name.
  ReadAhead::DirectoryPtr take(Level& level, std::size_t at) {
    Found& seen = level.piece->found[at];
    found_.stat = seen.stat;
    found_.link = std::move(seen.link);
    found_.xattrs = std::move(seen.xattrs);
    return found_.stat.type == FileType::directory ? level.piece->below[level.next_below++] : nullptr;
  }

  ReadAhead::DirectoryPtr look(const Level& level, const char* name) {
    looker_.look(level.directory->here->fd.get(), name, found_);
    if (found_.stat.type != FileType::directory) return nullptr;
    return ReadAhead::directory(level.directory->here, name, found_, level.directory->level + 1);
  }

  void enter(const ReadAhead::DirectoryPtr& directory) {
    if (directory->level > levels_ahead)
      return PlainWalk(looker_, visit_, found_).below(directory->above->fd.get(), directory->name.c_str());
    const bool read = ahead_.need(directory, 0, looker_);
    if (!read && !directory->listed) ahead_.list_again(directory, found_, looker_);
    ahead_.enter(*directory);
    levels_.push_back({directory, found_.path.size()});
  }

  const Context& context_;
  const Dir& root_;
  const Visit& visit_;
  Looker looker_;
  ReadAhead ahead_;
  Found found_;
  std::vector<Level> levels_;
};

}  // namespace

void walk(const Context& context, const Dir& root, const std::function<bool(const Found&)>& visit) {
  if (context.jobs > 1) return WalkAhead(context, root, visit).run();
  walk(root, [&](const Found& found) {
    context.check();
    return visit(found);
  });
}

}  // namespace stave::fs
