// Overlays and the layers that come of them, on real mounts. Whatever a process does
// to the mounted tree, the changes read from the upper directory make the same of the tree below.

#include "stave/rootfs/overlay.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <vector>

#include "stave/base/error.h"
#include "stave/layer/compare.h"
#include "stave/layer/disk.h"
#include "stave/layer/overlay.h"
#include "stave/layer/pack.h"

namespace stave::rootfs {
namespace {

namespace stdfs = std::filesystem;

std::shared_ptr<const fs::Dir> open_shared(const std::string& path) {
  return std::make_shared<const fs::Dir>(fs::Dir::open(path));
}

// Random work in a directory, with few names so that they meet.
class Worker {
 public:
  Worker(std::string root, unsigned seed) : root_(std::move(root)), random_(seed) {}

  void work(int operations) {
    for (int i = 0; i < operations; ++i) step();
  }

 private:
  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }
  std::string path() {
    static const char* const names[] = {"a", "b", "c", "d"};
    std::string path = root_;
    for (unsigned depth = pick(3) + 1; depth != 0; --depth) path += std::string("/") + names[pick(4)];
    return path;
  }
  void write(const std::string& path, int flags) {
    const int fd =
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags, 0644);
    if (fd < 0) return;
    const std::string text(pick(5000), static_cast<char>('a' + pick(3)));
    (void)!::write(fd, text.data(), text.size());
    ::close(fd);
  }
  void step() {
    const std::string one = path();
    const std::string two = path();
    std::error_code error;
    const bool link = stdfs::is_symlink(one, error);
    switch (pick(15)) {
      case 0:
      case 1:
        ::mkdir(one.c_str(), 0755);
        return;
      case 2:
      case 3:
        return write(one, O_TRUNC);
      case 4:
        return write(one, O_APPEND);
      case 5:
        ::unlink(one.c_str());
        return;
      case 6:
        stdfs::remove_all(one, error);
        return;
      case 7:
        ::rename(one.c_str(), two.c_str());
        return;
      case 8:
        (void)!::link(one.c_str(), two.c_str());
        return;
      case 9:
        (void)!::symlink("a/b", one.c_str());
        return;
      case 10:
        if (!link) ::chmod(one.c_str(), 0700 + pick(64));
        return;
      case 11:
        (void)!::lchown(one.c_str(), pick(3), pick(3));
        return;
      case 12:
        ::mkfifo(one.c_str(), 0600);
        return;
      case 13:
        if (!link) ::setxattr(one.c_str(), "user.test", "v", pick(2), 0);
        return;
      default: {  // copied up, and not changed
        const int fd = ::open(one.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0) ::close(fd);
      }
    }
  }

  std::string root_;
  std::mt19937 random_;
};

layer::Stack::Piece piece_of(const layer::Changeset& changes) {
  StringSink sink;
  layer::pack(Context{}, changes, compress::Codec{}, sink);
  struct Owned final : BytesSource {
    explicit Owned(std::shared_ptr<const std::string> bytes) : BytesSource(*bytes), kept(std::move(bytes)) {}
    std::shared_ptr<const std::string> kept;
  };
  const auto kept = std::make_shared<const std::string>(sink.take());
  return layer::piece_of_tar("the layer", kept->size(), [kept] { return std::make_unique<Owned>(kept); });
}

class OverlayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root mounts";
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_PRIVATE | MS_REC, nullptr) != 0)
      GTEST_SKIP() << "no mounts here: " << std::strerror(errno);
    std::string name = "/tmp/stave-overlay-XXXXXX";
    directory_ = ::mkdtemp(name.data());
    for (const char* each : {"base", "upper", "work", "merged"}) stdfs::create_directory(at(each));
  }
  void TearDown() override {
    if (directory_.empty()) return;
    for (const auto& target : mounted_) ::umount2(target.c_str(), MNT_DETACH);
    fs::Dir::open("/tmp").remove_tree(directory_.substr(5));
  }
  std::string at(const std::string& name) const { return directory_ + "/" + name; }

  void mount(const std::vector<std::string>& paths, const std::string& suffix) {
    std::vector<fs::Dir> lowers;
    for (const auto& path : paths) lowers.push_back(fs::Dir::open(at(path)));
    for (const char* each : {"upper", "work", "merged"}) stdfs::create_directories(at(each + suffix));
    const int refused = mount_overlay({.lowers = &lowers,
                                       .upper = fs::Dir::open(at("upper" + suffix)),
                                       .work = fs::Dir::open(at("work" + suffix)),
                                       .target = fs::Dir::open(at("merged" + suffix)),
                                       .in_user_namespace = false});
    if (refused != 0) GTEST_SKIP() << "no overlay here: " << std::strerror(refused);
    mounted_.push_back(at("merged" + suffix));
  }
  layer::Tree read(const std::string& name) const {
    return layer::read_tree(Context{}, open_shared(at(name)), {}, nullptr);
  }
  layer::Changeset changes(const layer::Tree& below) const {
    const layer::ReadUpper how{.form = {.lowers = {open_shared(at("base"))}}};
    return layer::read_upper(Context{}, open_shared(at("upper")), below, how).changes;
  }

  std::string directory_;
  std::vector<std::string> mounted_;
};

std::string told(const std::vector<layer::Difference>& differences) {
  std::string text;
  for (const auto& each : differences) text += each.path + ": " + layer::words(each.aspects) + "\n";
  return text;
}

class OverlayOperations : public OverlayTest, public ::testing::WithParamInterface<unsigned> {};

TEST_P(OverlayOperations, TheChangesMakeWhatWasMounted) {
  Worker(at("base"), GetParam()).work(150);
  const auto below = read("base");
  ASSERT_NO_FATAL_FAILURE(mount({"base"}, ""));
  if (IsSkipped()) return;
  Worker(at("merged"), GetParam() + 1000).work(40 + static_cast<int>(GetParam()) * 3);
  const auto wanted = read("merged");

  const auto changes = this->changes(below);
  EXPECT_FALSE(changes.empty());
  auto tree = below;
  tree.apply(changes);
  EXPECT_EQ(told(layer::compare(Context{}, wanted, tree, {})), "");
  // Nothing more than what differs: the same as if both trees had been compared.
  const auto least = layer::changeset_of(wanted, layer::compare(Context{}, below, wanted, {}));
  EXPECT_EQ(changes.size(), least.size());

  const auto place = fs::Dir::open(directory_).make_dir("place", 0700);
  layer::unpack_overlay(Context{}, piece_of(changes), place, {.lowers = {open_shared(at("base"))}});
  ASSERT_NO_FATAL_FAILURE(mount({"place/fs", "base"}, "2"));
  EXPECT_EQ(told(layer::compare(Context{}, wanted, read("merged2"), {})), "");
}
INSTANTIATE_TEST_SUITE_P(Random, OverlayOperations, ::testing::Range(0u, 39u));

TEST_F(OverlayTest, ARenamedAndAChangedFileAreThereInFull) {
  stdfs::create_directories(at("base/d/e"));
  std::ofstream(at("base/d/e/f")) << std::string(100'000, 'x');
  ASSERT_NO_FATAL_FAILURE(mount({"base"}, ""));
  if (IsSkipped()) return;
  EXPECT_NE(::rename(at("merged/d").c_str(), at("merged/g").c_str()), 0);  // EXDEV: no redirects
  ::chmod(at("merged/d/e/f").c_str(), 0600);
  EXPECT_GT(stdfs::file_size(at("upper/d/e/f")), 0u);
  std::ifstream file(at("upper/d/e/f"));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), std::string(100'000, 'x'));
}

TEST_F(OverlayTest, ThreeHundredLayers) {
  std::vector<std::string> lowers = {"base"};
  for (int i = 0; i < 300; ++i) {
    const std::string name = "layer" + std::to_string(i);
    stdfs::create_directory(at(name));
    std::ofstream(at(name + "/" + name)) << i;
    lowers.insert(lowers.begin(), name);
  }
  ASSERT_NO_FATAL_FAILURE(mount(lowers, ""));
  if (IsSkipped()) return;
  EXPECT_TRUE(stdfs::exists(at("merged/layer0")));
  EXPECT_TRUE(stdfs::exists(at("merged/layer299")));
}

}  // namespace
}  // namespace stave::rootfs
