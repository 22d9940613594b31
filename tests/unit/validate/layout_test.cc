// Layouts as directories: every blob against its name, and things in the places
// of files that are none.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "unit/validate/shared.h"

namespace stave::validate {
namespace {

using testing::Codes;
using ::testing::Contains;
using testing::Scratch;
namespace files = testing::files;

// A layout with an empty index and one blob that nothing refers to.
class Layout {
 public:
  Layout() {
    testing::write(file("oci-layout"), R"({"imageLayoutVersion":"1.0.0"})");
    testing::write(file("index.json"), spec::Index{}.render());
    testing::write(file(blob), "content");
  }
  std::string file(std::string_view name) const { return directory_.path(name); }
  Codes codes(bool fast = false) const {
    Report report;
    check_layout(Context{}, directory_.path(), fast, report);
    return testing::codes(report);
  }
  std::string replace(std::string_view name) const {
    files::remove_all(file(name));
    return file(name);
  }

  std::string blob = "blobs/sha256/" + digest_of("content").hex();

 private:
  Scratch directory_;
};

TEST(Layout, WithoutImagesIsOne) { EXPECT_EQ(Layout().codes(), Codes{}); }

TEST(Layout, VerifiesBlobsThatNothingRefersTo) {
  const Layout layout;
  testing::write(layout.file(layout.blob), "another");
  EXPECT_EQ(layout.codes(), Codes{"E012"});
}

TEST(Layout, ReadsNoUnusedBlobWhenFast) {
  const Layout layout;
  testing::write(layout.file(layout.blob), "another");
  EXPECT_EQ(layout.codes(true), Codes{});
}

TEST(Layout, VerifiesSha512) {
  const Layout layout;
  const std::string name = "blobs/sha512/" + digest_of(as_bytes("content"), Algorithm::sha512).hex();
  testing::write(layout.file(name), "content");
  EXPECT_EQ(layout.codes(), Codes{});
  testing::write(layout.file(name), "another");
  EXPECT_EQ(layout.codes(), Codes{"E012"});
}

TEST(Layout, TakesFilesThatTheSpecDoesNotName) {
  const Layout layout;
  testing::write(layout.file("manifest.json"), "[]");
  testing::write(layout.file("more/files"), "");
  EXPECT_EQ(layout.codes(), Codes{});
}

TEST(Layout, TakesBlobsThatAreSymlinksWithinIt) {
  const Layout layout;
  testing::write(layout.file("kept"), "content");
  files::create_symlink("../../kept", layout.replace(layout.blob));
  EXPECT_EQ(layout.codes(), Codes{});
}

TEST(Layout, NamesTheFilesThatNoDigestHas) {
  for (const char* name :
       {"blobs/sha256/.stave-tmp-1", "blobs/sha256/abc", "blobs/SHA256/abc", "blobs/md5/a b"}) {
    const Layout layout;
    testing::write(layout.file(name), "");
    EXPECT_EQ(layout.codes(), Codes{"E107"}) << name;
  }
}

TEST(Layout, TellsWhatIsAbsent) {
  const Scratch empty;
  Report report;
  check_layout(Context{}, empty.path(), false, report);
  EXPECT_EQ(testing::codes(report), (Codes{"E101", "E104", "E106"}));
}

TEST(Layout, CannotBeReadWhereThereIsNoDirectory) {
  const Scratch empty;
  Report report;
  EXPECT_EQ(testing::failure([&] { check_layout(Context{}, empty.path("none"), false, report); }),
            "not_found");
}

TEST(Attack, APipeInThePlaceOfAFileDoesNotHang) {
  for (const char* name : {"index.json", "oci-layout"}) {
    const Layout layout;
    ASSERT_EQ(::mkfifo(layout.replace(name).c_str(), 0600), 0);
    EXPECT_EQ(layout.codes(), Codes{name == std::string("index.json") ? "E104" : "E101"});
  }
  const Layout layout;
  ASSERT_EQ(::mkfifo(layout.replace(layout.blob).c_str(), 0600), 0);
  EXPECT_EQ(layout.codes(), Codes{"E108"});
}

TEST(Attack, ASymlinkOutOfTheLayoutLeadsNowhere) {
  const Scratch outside;
  testing::write(outside.path("secret"), "content");
  const Layout layout;
  files::create_symlink(outside.path("secret"), layout.replace(layout.blob));
  EXPECT_EQ(layout.codes(), Codes{"E108"});
  files::create_symlink("../../../../../../../.." + outside.path("secret"), layout.replace(layout.blob));
  EXPECT_EQ(layout.codes(), Codes{"E108"});
}

TEST(Attack, AnIndexThatIsADirectoryOrALoop) {
  const Layout layout;
  files::create_directory(layout.replace("index.json"));
  EXPECT_EQ(layout.codes(), Codes{"E104"});
  files::create_symlink("index.json", layout.replace("index.json"));
  EXPECT_EQ(layout.codes(), Codes{"E104"});
}

}  // namespace
}  // namespace stave::validate
