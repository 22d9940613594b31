// Planter: one handle per level (trail.h), and for each level what the directory will
// have when it is left.

#include "stave/fs/plant.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/fs/sys.h"
#include "stave/fs/trail.h"

namespace stave::fs {

struct Planter::State {
  struct Level {
    std::size_t path_size;  // of its path in `path`
    Attributes attributes;
  };
  std::string root_name;
  std::string path;  // of the deepest directory
  std::vector<Level> levels;
  Trail trail;
  bool all_xattrs = true;

  Where where(std::string_view at) const { return {root_name, at}; }
  void enter(std::string_view directory, Fd fd, Attributes given) {
    const Stat found = stat(fd);
    trail.enter(std::move(fd), found);
    levels.push_back({directory.size(), std::move(given)});
    path = directory;
  }
};

namespace {

Fd open_made(int parent, const char* name, const Where& where) {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
  Opened opened = open_at(parent, name, flags);
  // A umask that takes away our own bits.
  if (opened.error == EACCES && ::fchmodat(parent, name, 0700, 0) == 0) opened = open_at(parent, name, flags);
  if (opened.error) fail(opened.error, where);
  return std::move(opened.fd);
}

bool is_below(std::string_view path, std::string_view directory) {
  return directory.empty() ||
         (path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/');
}

}  // namespace

Planter::Planter(const Dir& root, Attributes attributes) : state_(std::make_unique<State>()) {
  state_->root_name = root.name();
  const Where where{state_->root_name};
  state_->enter("", open_made(root.fd(), ".", where), std::move(attributes));
}

Planter::Planter(std::unique_ptr<State> state) : state_(std::move(state)) {}
Planter::Planter(Planter&& other) noexcept = default;
Planter& Planter::operator=(Planter&& other) noexcept = default;
Planter::~Planter() = default;

// Leaves what is complete; gives the name in the parent of `path`, which is the deepest directory then.
std::string Planter::go_to_parent(std::string_view path) {
  while (!state_->levels.empty() && !is_below(path, state_->path)) leave();
  const std::string_view directory = state_->path;
  std::string name(directory.empty() ? path : path.substr(directory.size() + 1));
  if (state_->levels.empty() || name.empty() || name == "." || name == ".." ||
      name.find('/') != std::string::npos) {
    throw Error(Kind::internal, fmt::format("{} is to be made before its parent", quote(path)));
  }
  return name;
}

void Planter::leave() {
  State& state = *state_;
  const State::Level level = std::move(state.levels.back());
  state.levels.pop_back();
  try {
    // The way back may lead through its "..", which it must still let us through: attributes come after that.
    const Fd self(::fcntl(state.trail.fd(), F_DUPFD_CLOEXEC, 0));
    if (!self) fail(errno, state.where(state.path));
    const std::size_t parent_size = state.levels.empty() ? 0 : state.levels.back().path_size;
    state.trail.leave(state.where(std::string_view(state.path).substr(0, parent_size)));
    state.all_xattrs &= set_attributes(self, level.attributes);
  } catch (const Error& e) {
    throw e.within(quote(state.path));
  }
  state.path.resize(state.levels.empty() ? 0 : state.levels.back().path_size);
}

// The new directory at `path`.
Fd Planter::make(std::string_view path) {
  const std::string name = go_to_parent(path);
  const int parent = state_->trail.fd();
  if (::mkdirat(parent, name.c_str(), 0700) != 0) fail(errno, state_->where(path));
  return open_made(parent, name.c_str(), state_->where(path));
}

void Planter::directory(std::string_view path, Attributes attributes) {
  state_->enter(path, make(path), std::move(attributes));
}

Planter Planter::branch(std::string_view path, Attributes attributes) {
  auto state = std::make_unique<State>();
  state->root_name = state_->root_name;
  state->enter(path, make(path), std::move(attributes));
  return Planter(std::move(state));
}

void Planter::move(const Dir& from, const std::string& name, std::string_view path) {
  const std::string target = go_to_parent(path);
  if (::renameat(from.fd(), name.c_str(), state_->trail.fd(), target.c_str()) != 0)
    fail(errno, state_->where(path));
}

void Planter::link(const Dir& from, const std::string& name, std::string_view path) {
  const std::string target = go_to_parent(path);
  if (::linkat(from.fd(), name.c_str(), state_->trail.fd(), target.c_str(), 0) == 0) return;
  if (errno == EMLINK) {
    throw Error(Kind::limit,
                state_->where(path).text() + ": the file system takes no more names for one file");
  }
  fail(errno, state_->where(path));
}

bool Planter::finish() {
  while (!state_->levels.empty()) leave();
  return state_->all_xattrs;
}

}  // namespace stave::fs
