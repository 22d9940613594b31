// A copied tree is the same tree.

#include "stave/rootfs/copy_tree.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <map>
#include <sstream>

#include "unit/rootfs/image_root.h"

namespace stave::rootfs {
namespace {

// Everything of a tree that a copy keeps, a line for each file. The second name of a file says which is the
// first.
std::string listing(const fs::Dir& root) {
  std::ostringstream out;
  std::map<std::uint64_t, std::string> first;
  fs::walk(root, [&](const fs::Found& found) {
    out << found.path << " " << static_cast<int>(found.stat.type) << " " << std::oct << found.stat.mode
        << std::dec << " " << found.stat.uid << ":" << found.stat.gid << " " << found.link << " ";
    if (!found.path.empty() || found.stat.type != fs::FileType::directory)
      out << found.stat.mtime.seconds << "." << found.stat.mtime.nanoseconds;
    for (const auto& [name, value] : found.xattrs) out << " " << name << "=" << value;
    if (found.stat.type == fs::FileType::regular) {
      const auto [known, is_first] = first.emplace(found.stat.inode, found.path);
      if (!is_first) out << " is " << known->second;
      out << " " << fs::read_file(root.open_file(found.path), 1 << 20, found.path);
    }
    out << "\n";
    return true;
  });
  return out.str();
}

class CopyTree : public testing::Test {
 protected:
  CopyTree() {
    for (const std::string directory : {"from", "to", "scratch"}) scratch.directory(directory);
  }
  std::string copied() {
    copy_tree(Context{}, open("from"), open("to"), open("scratch"));
    EXPECT_EQ(open("scratch").list().size(), 0u);
    return listing(open("to"));
  }
  std::string original() const { return listing(open("from")); }
  fs::Dir open(const std::string& name) const { return fs::Dir::open(scratch.path(name)); }

  fs::Scratch scratch;
};

TEST_F(CopyTree, EmptyTree) { EXPECT_EQ(copied(), original()); }

TEST_F(CopyTree, ModesTimesAndLinks) {
  scratch.directory("from/d", 0700);
  scratch.directory("from/d/e", 01777);
  scratch.file("from/d/e/f", "text");
  ::chmod(scratch.path("from/d/e/f").c_str(), 04711);
  scratch.symlink("from/d/link", "/etc/passwd");
  scratch.symlink("from/dangling", "nowhere");
  scratch.fifo("from/fifo");
  const timespec times[2] = {{1, 0}, {1234567890, 987654321}};
  ::utimensat(AT_FDCWD, scratch.path("from/d/e/f").c_str(), times, 0);
  ::utimensat(AT_FDCWD, scratch.path("from/d/link").c_str(), times, AT_SYMLINK_NOFOLLOW);
  ::utimensat(AT_FDCWD, scratch.path("from/d").c_str(), times, 0);
  EXPECT_EQ(copied(), original());
}

TEST_F(CopyTree, NamesOfOneFileStayOneFile) {
  scratch.directory("from/a");
  scratch.file("from/a/x", "one");
  scratch.file("from/y", "other");
  ::link(scratch.path("from/a/x").c_str(), scratch.path("from/z").c_str());
  ::link(scratch.path("from/a/x").c_str(), scratch.path("from/a/b").c_str());
  EXPECT_EQ(copied(), original());
  EXPECT_EQ(open("to").get("z").links, 3u);
}

TEST_F(CopyTree, HolesStayHoles) {
  scratch.file("from/sparse", "");
  ::truncate(scratch.path("from/sparse").c_str(), 900 * 1024);
  EXPECT_EQ(copied(), original());
  EXPECT_LT(open("to").get("sparse").blocks, 16u);
}

TEST_F(CopyTree, OwnersAndDevicesOfRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: owners need root";
  scratch.file("from/f");
  ::chown(scratch.path("from/f").c_str(), 12, 34);
  ::chmod(scratch.path("from/f").c_str(), 06755);
  ::mknod(scratch.path("from/null").c_str(), S_IFCHR | 0666, makedev(1, 3));
  ::chown(scratch.path("from").c_str(), 5, 6);
  EXPECT_EQ(copied(), original());
}

TEST_F(CopyTree, Xattrs) {
  scratch.file("from/f");
  if (::setxattr(scratch.path("from/f").c_str(), "user.stave", "x", 1, 0) != 0)
    GTEST_SKIP() << "skipped: no user xattrs here";
  EXPECT_EQ(copied(), original());
}

TEST_F(CopyTree, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  Context context;
  context.stop = stop.get_token();
  EXPECT_EQ(failure([&] { copy_tree(context, open("from"), open("to"), open("scratch")); }),
            "cancelled: interrupted");
}

RC_GTEST_FIXTURE_PROP(CopyTree, AnyTreeIsTheSame, ()) {
  const auto count = *rc::gen::inRange(0, 25);
  std::vector<std::string> directories = {"from"};
  std::vector<std::string> files;
  for (int i = 0; i < count; ++i) {
    const auto& parent = *rc::gen::elementOf(directories);
    const std::string path =
        parent + "/" + std::string(1, *rc::gen::elementOf(std::string("-.ab~"))) + std::to_string(i);
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        scratch.directory(path, *rc::gen::element(0700u, 0755u, 01777u, 0500u | 0200u));
        directories.push_back(path);
        break;
      case 1:
        scratch.symlink(path, *rc::gen::element<std::string>("x", "/", "../..", "a b"));
        break;
      case 2:
        if (!files.empty()) {
          ::link(scratch.path(*rc::gen::elementOf(files)).c_str(), scratch.path(path).c_str());
          break;
        }
        [[fallthrough]];
      default:
        scratch.file(path, *rc::gen::element<std::string>("", "text", std::string(5000, '\0'),
                                                          "x" + std::string(9000, '\0') + "y"));
        files.push_back(path);
    }
  }
  const auto want = original();
  RC_ASSERT(copied() == want);
}

}  // namespace
}  // namespace stave::rootfs
