// Following paths through a tree, against the kernel: what openat2(2) with
// RESOLVE_IN_ROOT finds on disk is what `resolve` finds in the tree.

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "stave/layer/tree.h"
#include "words.h"

namespace stave::layer {
namespace {

int open_in_root(int root, const std::string& path) {
  ::open_how how{};
  how.flags = O_PATH;
  how.resolve = RESOLVE_IN_ROOT;
  return static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how));
}

rc::Gen<std::string> any_text() {
  return rc::gen::exec([] {
    std::string text = *rc::gen::element<std::string>("", "/", "./", "../");
    for (int i = *rc::gen::inRange(1, 4); i > 0; --i) {
      if (i != 1) text += *rc::gen::element<std::string>("a/", "b/", "../", "./", "c//");
      if (i == 1) text += *rc::gen::element<std::string>("a", "b", "c", "..", ".");
    }
    return text;
  });
}

// The path below `root` that a descriptor leads to.
std::string place_of(int fd, const std::string& root) {
  std::error_code error;
  const std::string at = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), error);
  return at.size() > root.size() ? at.substr(root.size() + 1) : "";
}

RC_GTEST_PROP(Resolve, ArrivesWhereTheKernelDoes, ()) {
  const Scratch scratch;
  const std::string root = std::filesystem::canonical(scratch.path());
  Tree tree;
  for (int i = *rc::gen::inRange(3, 14); i > 0; --i) {
    std::string path = *rc::gen::element<std::string>("a", "b", "c");
    for (int more = *rc::gen::inRange(0, 3); more > 0; --more)
      path = join(path, *rc::gen::element<std::string>("a", "b", "c"));
    const std::filesystem::path on_disk = root + "/" + path;
    std::error_code error;
    const auto up = std::filesystem::symlink_status(on_disk.parent_path(), error);
    if (up.type() != std::filesystem::file_type::directory ||
        std::filesystem::exists(std::filesystem::symlink_status(on_disk, error)))
      continue;
    Change change;
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        std::ofstream(on_disk) << "";
        change = file(path);
        break;
      case 1:
        std::filesystem::create_directory(on_disk, error);
        change = dir(path);
        break;
      default: {
        const std::string text = *any_text();
        std::filesystem::create_symlink(text, on_disk, error);
        change = symlink(path, text);
      }
    }
    // Its parent is no symlink on the way only if the tree agrees.
    if (tree.resolve(std::string(parent(path)), Tree::Follow::all) != parent(path)) {
      std::filesystem::remove(on_disk, error);
      continue;
    }
    tree.put(path, std::make_shared<const Tree::Inode>(Tree::Inode{change.entry.meta, {}, {}}), {});
  }

  const int handle = ::open(root.c_str(), O_PATH | O_DIRECTORY);
  for (int i = 0; i < 10; ++i) {
    const std::string path = *any_text();
    const int found = open_in_root(handle, path);
    const int failure = found < 0 ? errno : 0;
    const std::string expected = found < 0 ? "" : place_of(found, root);
    if (found >= 0) ::close(found);
    std::string got;
    const std::string said = outcome([&] { got = tree.resolve(path, Tree::Follow::all); });
    if (failure == ENOSYS) RC_DISCARD("no openat2");
    if (failure == 0) RC_ASSERT(said == "done" && got == expected);
    if (failure == ELOOP) RC_ASSERT(said.starts_with("limit: "));
    if (failure == ENOTDIR) RC_ASSERT(said.starts_with("not_found: "));
    if (failure == ENOENT)
      RC_ASSERT(said == "done" || said.starts_with("not_found: ") || said.starts_with("limit: "));
  }
  ::close(handle);
}

TEST(Resolve, WhatDoesNotExistStaysAsItIsWritten) {
  const Tree tree = stacked({{symlink("bin", "usr/bin"), dir("usr")}});
  EXPECT_EQ(tree.resolve("/bin/x", Tree::Follow::all), "usr/bin/x");
  EXPECT_EQ(tree.resolve("opt/../bin/./x/", Tree::Follow::all), "usr/bin/x");
  EXPECT_EQ(tree.resolve("/../../..", Tree::Follow::all), "");
}

TEST(Resolve, ADanglingSymlinkLeadsToWhereItPoints) {
  const Tree tree = stacked({{symlink("l", "/nowhere/x")}});
  EXPECT_EQ(tree.resolve("l", Tree::Follow::all), "nowhere/x");
  EXPECT_EQ(tree.resolve("l", Tree::Follow::parents), "l");
}

TEST(Resolve, AFileIsNoDirectory) {
  const Tree tree = stacked({{file("f")}});
  EXPECT_EQ(outcome([&] { tree.resolve("f/x", Tree::Follow::all); }),
            "not_found: \"f/x\": \"/f\" is not a directory in the image");
}

TEST(Resolve, ALoopIsNamed) {
  const Tree tree = stacked({{symlink("a", "b"), symlink("b", "a")}});
  EXPECT_EQ(outcome([&] { tree.resolve("a", Tree::Follow::all); }),
            "limit: \"a\": too many symlinks in the image, or a loop of them");
  EXPECT_EQ(tree.resolve("a", Tree::Follow::parents), "a");
}

}  // namespace
}  // namespace stave::layer
