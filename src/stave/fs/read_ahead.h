// Reading ahead of a walk: threads that list directories and look at what is in them in
// the order in which the walk will come there, never far before it. Internal to fs.
//
// What a thread cannot read it leaves to the walk, which tries again when it gets there: so every error is
// the walk's own, in its order, and a file that nobody asks for harms nobody.

#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "stave/base/context.h"
#include "stave/fs/look.h"

namespace stave::fs {

// Names looked at in one go: a directory of a million is work for all threads, and none waits long for the
// other.
inline constexpr std::size_t names_of_piece = 256;
// Files looked at that the walk has not come to: about 2 MB.
inline constexpr std::size_t files_ahead = 8192;
// Names listed in directories that the walk has not entered.
inline constexpr std::size_t names_ahead = 128 * 1024;
// Directories held open for what is still to be looked at in them, apart from those that the walk is in. With
// `levels_ahead` and the few of a walk, well below the usual limit of 1024 descriptors and even below 256.
inline constexpr std::size_t open_ahead = 64;
// Directories deeper than that are left to the plain walk, which knows how to do without descriptors.
inline constexpr std::size_t levels_ahead = 64;
// More threads than this in one file system mostly wait for its locks.
inline constexpr unsigned most_readers = 8;
// Trees of a few directories are walked before a thread has started.
inline constexpr unsigned pieces_before_threads = 8;

class ReadAhead {
 public:
  enum class State : std::uint8_t { waiting, working, done, failed };
  struct Directory;
  using DirectoryPtr = std::shared_ptr<Directory>;

  // Names of a directory that are looked at together. `found` has no paths.
  struct Piece {
    State state = State::waiting;
    bool queued = false;
    std::list<std::pair<DirectoryPtr, std::size_t>>::iterator task = {};
    std::vector<Found> found;         // of names from `names_of_piece` times its number on
    std::vector<DirectoryPtr> below;  // the directories among them
  };

  // An open directory, counted while it is.
  struct Handle {
    Handle(Fd opened, std::atomic<std::size_t>& open) : fd(std::move(opened)), count(open) { ++count; }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    ~Handle() { --count; }
    Fd fd;
    std::atomic<std::size_t>& count;
  };

  // `names` and `here` are there when its first piece is done, unless it could not be listed.
  struct Directory {
    std::shared_ptr<const Handle> above;
    std::string name;
    Found found;  // as it was seen in `above`, without path and attributes
    std::size_t level = 0;
    bool listed = false;
    Names names;
    std::shared_ptr<const Handle> here;  // let go when every piece is done
    std::vector<Piece> pieces = std::vector<Piece>(1);
    std::size_t pieces_left = 1;
    bool refused = false;
  };

  ReadAhead(const Context& context, const Dir& root);
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;
  ~ReadAhead();

  // The directory as seen; nobody looks into it before it is needed.
  static DirectoryPtr directory(std::shared_ptr<const Handle> above, std::string name, const Found& found,
                                std::size_t level);
  std::shared_ptr<const Handle> handle(Fd fd) { return std::make_shared<const Handle>(std::move(fd), open_); }

  // Waits until somebody has tried to read the piece, or does it; meanwhile reads others. False: nobody
  // could.
  bool need(const DirectoryPtr& directory, std::size_t piece, Looker& looker);
  // Lists a directory in which that failed, with the error that it has.
  void list_again(const DirectoryPtr& directory, const Found& found, Looker& looker);
  // The walk enters it, is through with a piece of it, stays out of it.
  void enter(Directory& directory);
  void leave_piece(Directory& directory, std::size_t piece);
  void refuse(const DirectoryPtr& directory);

 private:
  using Task = std::pair<DirectoryPtr, std::size_t>;
  using Tasks = std::list<Task>;
  struct Result;

  Tasks::iterator find_task();
  bool has_room(const Task& task) const;
  void perform(std::unique_lock<std::mutex>& lock, Tasks::iterator task, Looker& looker);
  static void list(const DirectoryPtr& directory, const Found& found, Looker& looker, Result& result,
                   std::atomic<std::size_t>& open);
  static void look(const DirectoryPtr& directory, std::size_t piece, Looker& looker, Result& result);
  void put_listing(Directory& directory, Result& result, Tasks::iterator before);
  void put_found(Directory& directory, std::size_t piece, Result& result, Tasks::iterator before);
  void start_readers();
  void read();

  const Dir& root_;
  unsigned readers_;
  unsigned performed_ = 0;
  std::atomic<std::size_t> open_ = 0;
  std::mutex mutex_;
  std::condition_variable work_;   // the readers wait for it
  std::condition_variable ready_;  // the walk waits for it
  Tasks tasks_;                    // in the order of the walk; those being worked on stay until they are done
  std::size_t idle_ = 0;
  std::size_t files_ = 0;  // looked at and not yet left behind
  std::size_t names_ = 0;  // in directories not yet entered
  bool stopping_ = false;
  std::vector<std::jthread> threads_;  // last: they are joined before anything of the above goes
};

}  // namespace stave::fs
