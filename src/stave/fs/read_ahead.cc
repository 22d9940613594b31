// Reading ahead of a walk.

#include "stave/fs/read_ahead.h"

#include <algorithm>
#include <utility>

namespace stave::fs {

// What work on a piece gave, with everything allocated that it takes to tell of it: that cannot fail.
struct ReadAhead::Result {
  // Of the first piece: the listing.
  bool listed = false;
  Names names;
  std::shared_ptr<const Handle> here;
  std::vector<Piece> pieces;
  Tasks later;  // the other pieces
  // Of any: what was found.
  bool looked = false;
  std::vector<Found> found;
  std::vector<DirectoryPtr> below;
  Tasks children;  // those of `below` that are not too deep
};

ReadAhead::ReadAhead(const Context& context, const Dir& root)
    : root_(root), readers_(std::min(context.jobs - 1, most_readers)) {}

ReadAhead::~ReadAhead() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  threads_.clear();
}

ReadAhead::DirectoryPtr ReadAhead::directory(std::shared_ptr<const Handle> above, std::string name,
                                             const Found& found, std::size_t level) {
  auto made = std::make_shared<Directory>();
  made->above = std::move(above);
  made->name = std::move(name);
  made->found.stat = found.stat;
  made->level = level;
  return made;
}

bool ReadAhead::need(const DirectoryPtr& directory, std::size_t piece, Looker& looker) {
  std::unique_lock lock(mutex_);
  for (;;) {
    Piece& wanted = directory->pieces[piece];
    if (wanted.state == State::done || wanted.state == State::failed) return wanted.state == State::done;
    if (wanted.state == State::waiting) {
      if (!wanted.queued) {
        wanted.task = tasks_.emplace(tasks_.begin(), directory, piece);
        wanted.queued = true;
      }
      if (++performed_ == pieces_before_threads) start_readers();
      perform(lock, wanted.task, looker);
    } else if (const auto other = find_task(); other != tasks_.end()) {
      perform(lock, other, looker);
    } else {
      ready_.wait(lock);
    }
  }
}

void ReadAhead::list_again(const DirectoryPtr& directory, const Found& found, Looker& looker) {
  Result result;
  list(directory, found, looker, result, open_);
  const std::lock_guard lock(mutex_);
  put_listing(*directory, result, tasks_.begin());
}

void ReadAhead::enter(Directory& directory) {
  const std::lock_guard lock(mutex_);
  names_ -= directory.names.size();
}

void ReadAhead::leave_piece(Directory& directory, std::size_t piece) {
  // Freed outside of the lock.
  std::vector<Found> found;
  std::vector<DirectoryPtr> below;
  const std::lock_guard lock(mutex_);
  found.swap(directory.pieces[piece].found);
  below.swap(directory.pieces[piece].below);
  files_ -= found.size();
  // Not for every piece: each would wake a thread that has room for no more than one.
  if (idle_ != 0 && files_ < files_ahead / 2) work_.notify_all();
}

void ReadAhead::refuse(const DirectoryPtr& directory) {
  const std::lock_guard lock(mutex_);
  std::vector<DirectoryPtr> rest = {directory};
  while (!rest.empty()) {
    const DirectoryPtr refused = std::move(rest.back());
    rest.pop_back();
    if (refused->listed) names_ -= refused->names.size();
    refused->refused = true;
    for (Piece& piece : refused->pieces) {
      // One that is being worked on finds out when it is done.
      if (piece.queued && piece.state == State::waiting) tasks_.erase(piece.task);
      piece.queued = piece.queued && piece.state == State::working;
      if (piece.state == State::waiting) piece.state = State::failed;
      rest.insert(rest.end(), piece.below.begin(), piece.below.end());
      files_ -= piece.found.size();
      piece.found.clear();
      piece.below.clear();
    }
  }
}

bool ReadAhead::has_room(const Task& task) const {
  if (files_ >= files_ahead) return false;
  return task.second != 0 || (names_ < names_ahead && open_ < open_ahead);
}

// The first that nobody works on, if there is room for what it gives.
ReadAhead::Tasks::iterator ReadAhead::find_task() {
  for (auto task = tasks_.begin(); task != tasks_.end(); ++task) {
    if (task->first->pieces[task->second].state != State::waiting) continue;
    return has_room(*task) ? task : tasks_.end();
  }
  return tasks_.end();
}

// Does the work without the lock, and tells of it with the lock. The task is gone after it.
void ReadAhead::perform(std::unique_lock<std::mutex>& lock, Tasks::iterator task, Looker& looker) {
  const auto [directory, number] = *task;
  directory->pieces[number].state = State::working;
  Result result;
  result.here = directory->here;
  lock.unlock();
  try {
    if (number == 0) list(directory, {}, looker, result, open_);
    look(directory, number, looker, result);
  } catch (...) {  // NOLINT(bugprone-empty-catch): the walk will try again, and fail by itself
  }
  lock.lock();
  const auto behind = std::next(task);
  directory->pieces[number].queued = false;
  if (!directory->refused && result.listed) put_listing(*directory, result, behind);
  directory->pieces[number].state = State::failed;
  if (!directory->refused && result.looked) put_found(*directory, number, result, task);
  tasks_.erase(task);
  ready_.notify_one();
  if (idle_ != 0) work_.notify_all();
}

void ReadAhead::list(const DirectoryPtr& directory, const Found& found, Looker& looker, Result& result,
                     std::atomic<std::size_t>& open) {
  Found seen = found;
  seen.stat = directory->found.stat;
  result.here = std::make_shared<const Handle>(
      looker.enter(directory->above->fd.get(), directory->name.c_str(), seen), open);
  result.names = looker.list(result.here->fd.get(), seen);
  const std::size_t count = (result.names.size() + names_of_piece - 1) / names_of_piece;
  result.pieces.resize(std::max<std::size_t>(count, 1));
  for (std::size_t i = 1; i < count; ++i) {
    result.pieces[i].task = result.later.emplace(result.later.end(), directory, i);
    result.pieces[i].queued = true;
  }
  result.listed = true;
}

void ReadAhead::look(const DirectoryPtr& directory, std::size_t piece, Looker& looker, Result& result) {
  const Names& names = piece == 0 ? result.names : directory->names;
  const std::size_t begin = piece * names_of_piece;
  const std::size_t end = std::min(begin + names_of_piece, names.size());
  result.found.resize(end - begin);
  for (std::size_t i = begin; i < end; ++i) {
    Found& found = result.found[i - begin];
    looker.look(result.here->fd.get(), names[i], found);
    if (found.stat.type != FileType::directory) continue;
    const auto& child =
        result.below.emplace_back(ReadAhead::directory(result.here, names[i], found, directory->level + 1));
    if (child->level > levels_ahead) continue;
    Piece& first = child->pieces.front();
    first.task = result.children.emplace(result.children.end(), child, 0);
    first.queued = true;
  }
  result.looked = true;
}

void ReadAhead::put_listing(Directory& directory, Result& result, Tasks::iterator before) {
  directory.listed = true;
  directory.names = std::move(result.names);
  directory.here = result.here;
  directory.above.reset();
  directory.pieces = std::move(result.pieces);
  directory.pieces_left = directory.pieces.size();
  names_ += directory.names.size();
  tasks_.splice(before, result.later);
}

void ReadAhead::put_found(Directory& directory, std::size_t piece, Result& result, Tasks::iterator before) {
  Piece& mine = directory.pieces[piece];
  mine.state = State::done;
  mine.found = std::move(result.found);
  mine.below = std::move(result.below);
  files_ += mine.found.size();
  tasks_.splice(before, result.children);
  if (--directory.pieces_left == 0) directory.here.reset();
}

void ReadAhead::start_readers() {
  try {
    while (threads_.size() < readers_) threads_.emplace_back([this] { read(); });
  } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch): without threads it only takes longer
  }
}

void ReadAhead::read() {
  Looker looker(root_);
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (const auto task = find_task(); task != tasks_.end()) {
      perform(lock, task, looker);
    } else {
      ++idle_;
      work_.wait(lock);
      --idle_;
    }
  }
}

}  // namespace stave::fs
