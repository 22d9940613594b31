// Programs that are not there, found out before a runtime does.

#include "stave/rootfs/foresee.h"

#include <sys/stat.h>

#include "stave/rootfs/runtime_config.h"
#include "unit/rootfs/image_root.h"

namespace stave::rootfs {
namespace {

class Foresee : public testing::Test {
 protected:
  Foresee() {
    config.platform = spec::Platform::parse("linux/amd64");
    config.env = {"PATH=/usr/bin:/bin"};
    for (const std::string directory : {"bin", "usr", "usr/bin", "srv"}) root.scratch.directory(directory);
    program("bin/sh", 0755);
    program("bin/plain", 0644);
    program("srv/tool", 0700);
  }
  void program(const std::string& path, mode_t mode) const {
    root.scratch.file(path);
    ::chmod(root.scratch.path(path).c_str(), mode);
  }
  // 0: nothing is foreseen.
  int code(const std::string& word) {
    config.cmd = {word};
    const auto refusal = foresee_refusal(runtime_config(config, root.dir(), wishes), root.dir());
    return refusal ? refusal->exit_code() : 0;
  }

  ImageRoot root;
  spec::Config config;
  Wishes wishes;
};

TEST_F(Foresee, ProgramInThePathIsThere) { EXPECT_EQ(code("sh"), 0); }
TEST_F(Foresee, ProgramByItsPathIsThere) {
  EXPECT_EQ(code("/bin/sh"), 0);
  EXPECT_EQ(code("//bin/./sh"), 0);
}
TEST_F(Foresee, NameThatIsNowhereIs127) { EXPECT_EQ(code("nosuch"), 127); }
TEST_F(Foresee, PathThatLeadsNowhereIs127) {
  EXPECT_EQ(code("/bin/nosuch"), 127);
  EXPECT_EQ(code("/no/such"), 127);
  EXPECT_EQ(code("/bin/sh/x"), 127);
}
TEST_F(Foresee, RelativePathStartsInTheWorkdir) {
  EXPECT_EQ(code("./tool"), 127);
  config.working_dir = "/srv";
  EXPECT_EQ(code("./tool"), 0);
  EXPECT_EQ(code("tool"), 127);
}
TEST_F(Foresee, WhatIsNotExecutableIs126) {
  EXPECT_EQ(code("/bin/plain"), 126);
  EXPECT_EQ(code("plain"), 126);
  EXPECT_EQ(code("/srv"), 126);
}
TEST_F(Foresee, ExecutableBehindOneThatIsNotIsFound) {
  program("usr/bin/both", 0644);
  program("bin/both", 0755);
  EXPECT_EQ(code("both"), 0);
}
TEST_F(Foresee, LinksAreFollowedInside) {
  root.scratch.symlink("usr/bin/shell", "/bin/sh");
  root.scratch.symlink("sbin", "usr/bin");
  EXPECT_EQ(code("shell"), 0);
  EXPECT_EQ(code("/sbin/shell"), 0);
  root.scratch.symlink("bin/host", "../../../../../../bin/no-such-in-the-image");
  EXPECT_EQ(code("host"), 127);
}
TEST_F(Foresee, VolumesMayHoldWhatTheImageLacks) {
  wishes.volumes = {{"/host", "/opt", false}};
  EXPECT_EQ(code("/opt/nosuch"), 0);
  EXPECT_EQ(code("nosuch"), 0);
}
TEST_F(Foresee, FilesOfTheNetworkAreNoVolumes) {
  wishes.volumes = {{"/etc/hosts", "/etc/hosts", true}, {"/etc/resolv.conf", "/etc/resolv.conf", true}};
  EXPECT_EQ(code("nosuch"), 127);
}
TEST_F(Foresee, WhatCannotBeToldIsLeftToTheRuntime) { EXPECT_EQ(code("/bin/../nosuch"), 0); }
TEST_F(Foresee, FifoIsNotOpened) {
  root.scratch.fifo("bin/fifo");
  EXPECT_EQ(code("/bin/fifo"), 126);
}

}  // namespace
}  // namespace stave::rootfs
