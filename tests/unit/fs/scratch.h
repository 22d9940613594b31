// What the tests of fs stand on: a directory that goes away, files put into it
// with plain system calls, and failures as words.

#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/base/error.h"
#include "stave/fs/fs.h"

namespace stave::fs {

// In memory where there is such a place: some of the trees here take seconds to go away from a disk.
inline std::string fast_place() { return ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; }

// A new directory, removed with everything in it.
class Scratch {
 public:
  explicit Scratch(std::string place = fast_place()) : place_(std::move(place)) {
    path_ = place_ + "/stave-fs-XXXXXX";
    if (!::mkdtemp(path_.data())) std::abort();
    ::chmod(path_.c_str(), 0755);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { Dir::open(place_).remove_tree(path_.substr(place_.size() + 1)); }

  std::string path(std::string_view relative = {}) const {
    return relative.empty() ? path_ : path_ + "/" + std::string(relative);
  }
  Dir dir() const { return Dir::open(path_); }

  void directory(std::string_view relative, ::mode_t mode = 0755) const {
    ASSERT_EQ(::mkdir(path(relative).c_str(), 0755), 0) << relative;
    ASSERT_EQ(::chmod(path(relative).c_str(), mode), 0);
  }
  void file(std::string_view relative, std::string_view text = "content") const {
    const Fd fd(::open(path(relative).c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644));
    ASSERT_TRUE(fd) << relative;
    ASSERT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void symlink(std::string_view relative, const std::string& target) const {
    ASSERT_EQ(::symlink(target.c_str(), path(relative).c_str()), 0) << relative;
  }
  void fifo(std::string_view relative) const { ASSERT_EQ(::mkfifo(path(relative).c_str(), 0644), 0); }

 private:
  std::string place_;
  std::string path_;
};

inline std::string text_of(const Fd& fd) { return read_file(fd, 1 << 20, "test"); }

// The kind of Error that `f` throws: "not_found"; "nothing" if it throws none.
template <class F>
std::string failure(F f) {
  try {
    f();
  } catch (const Error& error) {
    return std::string(name(error.kind()));
  }
  return "nothing";
}

// The whole of what it says, hint included.
template <class F>
std::string message(F f) {
  try {
    f();
  } catch (const Error& error) {
    return std::string(error.what()) + " | " + error.hint();
  }
  return "nothing";
}

constexpr int cannot = 77;  // what a child exits with if the machine does not let it try

// Runs `f` in a child process and gives what it returns (below 256), or 255 if it throws.
inline int in_child(const std::function<int()>& f) {
  const pid_t child = ::fork();
  if (child == 0) {
    int code = 255;
    try {
      code = f();
    } catch (const std::exception& error) {
      ::dprintf(2, "child: %s\n", error.what());
    }
    ::_exit(code);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 254;
}

// The same without privileges: root becomes nobody (65534).
inline int as_nobody(const std::function<int()>& f) {
  return in_child([&] {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return cannot;
    return f();
  });
}

inline void give_to_nobody(const std::string& path) {
  if (::geteuid() == 0) {
    ASSERT_EQ(::lchown(path.c_str(), 65534, 65534), 0);
  }
}

#define STAVE_EXPECT_CHILD(result, expected, what)                    \
  do {                                                                \
    const int code_ = (result);                                       \
    if (code_ == cannot) GTEST_SKIP() << (what) << " is not allowed"; \
    EXPECT_EQ(code_, (expected));                                     \
  } while (false)

// `depth` directories inside one another, each with a name of 30 bytes and a file "f" in the deepest. The
// relative path of the deepest directory.
inline std::string make_chain(const Dir& root, int depth) {
  std::string path;
  Fd here(::openat(root.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < depth; ++i) {
    std::string component = std::to_string(i);
    component.insert(0, 30 - component.size(), 'd');
    EXPECT_EQ(::mkdirat(here.get(), component.c_str(), 0755), 0);
    here = Fd(::openat(here.get(), component.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!path.empty()) path += '/';
    path += component;
  }
  const Fd file(::openat(here.get(), "f", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
  EXPECT_EQ(::write(file.get(), "deep", 4), 4);
  return path;
}

}  // namespace stave::fs
