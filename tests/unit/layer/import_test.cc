// import: a foreign tar as a layer, byte for byte or rewritten, and what is
// said about one that is damaged, forbidden or no tar.

#include "stave/layer/import.h"

#include "stave/fs/fs.h"
#include "stave/hash/digest.h"
#include "words.h"

namespace stave::layer {
namespace {

Change wh(const std::string& path) { return file(join(parent(path), ".wh." + std::string(basename(path)))); }

struct Imported {
  Scratch scratch;
  content::Store store = scratch.store();
  Heard heard;
  Tree tree;
  std::optional<Layer> layer;
  std::optional<Error> failure;

  std::string said() const {
    return failure ? std::string(name(failure->kind())) + ": " + failure->what() : "done";
  }
  std::string hint() const { return failure ? failure->hint() : ""; }
};

std::unique_ptr<Imported> import(const std::string& bytes, Import how = {}, Tree below = {}) {
  auto out = std::make_unique<Imported>();
  out->tree = std::move(below);
  if (how.name.empty()) how.name = "x.tar";
  how.spool = out->scratch.path();
  Context context;
  context.progress = &out->heard;
  context.jobs = 2;
  BytesSource source(bytes);
  try {
    out->layer = import_tar(context, source, how, &out->tree, out->store);
  } catch (const Error& error) {
    out->failure = error;
  }
  return out;
}

Import forced() {
  Import how;
  how.force = true;
  return how;
}
Import recompressed(const char* codec = "none") {
  Import how;
  how.recompress = compress::Codec::parse(codec);
  return how;
}

std::string sha256(std::string_view bytes) {
  Hasher hash;
  hash.update(as_bytes(bytes));
  return std::move(hash).finish().str();
}

std::string compressed(std::string_view plain, const char* codec) {
  StringSink sink;
  compress::BlockWriter writer(compress::Codec::parse(codec), sink);
  compress::BlockCompressor compressor(compress::Codec::parse(codec));
  compress::Block block;
  compressor.compress(as_bytes(plain), block);
  writer.append(block);
  std::move(writer).finish();
  return sink.take();
}

const std::string small = raw_tar({dir("d"), file("d/a", "text"), symlink("l", "d/a"), hardlink("m", "d/a")});

TEST(Import, KeepsEveryByte) {
  for (const char* codec : {"none", "gzip:9", "zstd:3"}) {
    const std::string bytes = compressed(small, codec);
    const auto got = import(bytes);
    ASSERT_EQ(got->said(), "done") << codec;
    EXPECT_EQ(got->layer->descriptor.digest.str(), sha256(bytes)) << codec;
    EXPECT_EQ(got->layer->descriptor.size, bytes.size());
    EXPECT_EQ(got->layer->diff_id.str(), sha256(small)) << codec;
    EXPECT_EQ(got->layer->plain_size, small.size());
    EXPECT_EQ(got->layer->entries, 4u);
    EXPECT_EQ(show(got->tree), "d755 d\nf644 d/a\nl l -> d/a\nf644 m = d/a\n");
    EXPECT_EQ(got->heard.text, "");
  }
}

TEST(Import, PaddingOfZerosBelongsToTheFile) {
  const std::string bytes = small + std::string(8192, '\0');
  const auto got = import(bytes);
  ASSERT_EQ(got->said(), "done");
  EXPECT_EQ(got->layer->descriptor.digest.str(), sha256(bytes));
}

TEST(Import, NoTreeIsNeededToKeepBytes) {
  const Scratch scratch;
  const auto store = scratch.store();
  BytesSource source(small);
  EXPECT_EQ(import_tar({}, source, {.name = "x"}, nullptr, store).diff_id.str(), sha256(small));
}

// Published digests

std::optional<std::string> alpine() {
  const auto path = shared_data() / "images/alpine/x86_64/alpine-minirootfs-3.20.3-x86_64.tar.gz";
  if (!std::filesystem::exists(path)) return std::nullopt;
  return bytes_of_file(path);
}

TEST(Import, AlpineIsItsOwnDigest) {
  const auto bytes = alpine();
  if (!bytes) GTEST_SKIP() << "no images/alpine: its digest was not compared";
  const auto got = import(*bytes);
  ASSERT_EQ(got->said(), "done");
  EXPECT_EQ(got->layer->descriptor.digest.str(), sha256(*bytes));
  EXPECT_EQ(got->heard.text, "");
}

TEST(Import, AlpineRewrittenHasTheDiffIdThatDockerHubServes) {
  const auto bytes = alpine();
  if (!bytes) GTEST_SKIP() << "no images/alpine: the diff_id was not compared";
  for (const char* codec : {"none", "gzip:6", "zstd:3"}) {
    const auto got = import(*bytes, recompressed(codec));
    ASSERT_EQ(got->said(), "done");
    EXPECT_EQ(got->layer->diff_id.str(),
              "sha256:75654b8eeebd3beae97271a102f57cdeb794cc91e442648544963a7e951e9558");
  }
}

// Rewriting

TEST(Import, RewritingSortsAndCleansNames) {
  const auto got =
      import(raw_tar({dir("."), file("./z", "z"), dir("./d/"), file("./d//a", "a")}), recompressed());
  ASSERT_EQ(got->said(), "done");
  EXPECT_EQ(plain_of(got->store, *got->layer), raw_tar({dir("d"), file("d/a", "a"), file("z", "z")}));
}

TEST(Import, RewritingKeepsWhiteoutsOnlyOfWhatIsBelow) {
  Tree below = stacked({{dir("d"), file("d/a"), file("d/b")}});
  const auto got =
      import(raw_tar({wh("d/b"), wh("d/nothing"), wh("nowhere"), dir("d")}), recompressed(), below);
  EXPECT_EQ(plain_of(got->store, *got->layer), tar_of({dir("d"), removed("d/b")}));
}

TEST(Import, RewritingExpandsOpaqueDirectories) {
  Tree below = stacked({{dir("d"), file("d/a"), dir("d/s"), file("d/s/x")}});
  const auto got =
      import(raw_tar({dir("d"), file("d/new", "n"), file("d/.wh..wh..opq")}), recompressed(), below);
  EXPECT_EQ(plain_of(got->store, *got->layer),
            tar_of({dir("d"), removed("d/a"), removed("d/s"), file("d/new", "n")}));
}

TEST(Import, RewritingADuplicateKeepsTheLast) {
  const auto got = import(raw_tar({file("a", "first"), file("a", "2nd")}), recompressed());
  EXPECT_EQ(plain_of(got->store, *got->layer), tar_of({file("a", "2nd")}));
  EXPECT_NE(got->heard.text.find("\"a\" stands in the archive twice"), std::string::npos);
}

TEST(Import, RewritingALinkIntoTheLayersBelowIsNotPossible) {
  Tree below = stacked({{file("a", "text")}});
  const auto got = import(raw_tar({hardlink("b", "a")}), recompressed(), below);
  EXPECT_EQ(got->said(),
            "unsupported: x.tar: \"a\" is a hardlink to a file of the layers below, whose content is not in "
            "this layer");
}

RC_GTEST_PROP(Import, RewritingWhatIsCanonicalChangesNothing, ()) {
  Tree tree = any_tree(20);
  const std::string tar = tar_of(tree.take_changes());
  const auto got = import(tar, recompressed());
  RC_ASSERT(got->said() == "done");
  RC_ASSERT(plain_of(got->store, *got->layer) == tar);
}

// What is refused

TEST(Import, DuplicatesAreRefusedUnlessForced) {
  const std::string twice = raw_tar({file("a", "1"), file("a", "2")});
  EXPECT_EQ(import(twice)->said(),
            "invalid: x.tar: \"a\" stands in the archive twice (image-spec, layer.md: no duplicate entries)");
  EXPECT_EQ(import(twice)->hint(),
            "--recompress rewrites the layer in canonical form, --force takes it as it is");
  const auto got = import(twice, forced());
  ASSERT_EQ(got->said(), "done");
  EXPECT_EQ(got->layer->diff_id.str(), sha256(twice));
  EXPECT_NE(got->heard.text.find("stands in the archive twice"), std::string::npos);
}

TEST(Import, SeveralErrorsAreCounted) {
  const auto got = import(raw_tar({file("a"), file("a"), file("a"), wh("b"), wh("b")}));
  EXPECT_TRUE(got->said().ends_with("(and 2 more)")) << got->said();
}

TEST(Import, ARemovedAndPutPathIsWarnedOf) {
  const std::string warning =
      "x.tar: \"a\" is both removed and put: podman and containerd then keep files of the layers below\n";
  EXPECT_EQ(import(raw_tar({wh("a"), file("a")}))->heard.text, warning);
  EXPECT_EQ(import(raw_tar({file("a"), wh("a")}))->heard.text, warning);
}

TEST(Import, AHardlinkToWhatTheLayerHasNotPutIsRefused) {
  EXPECT_EQ(import(raw_tar({hardlink("b", "a"), file("a")}), {}, stacked({{file("a")}}))->said(),
            "invalid: x.tar: \"b\" is a hardlink to \"a\", which this layer has not put before: podman and "
            "containerd "
            "refuse that");
}

TEST(Import, ANameThatNoFileSystemTakesIsRefused) {
  EXPECT_TRUE(import(raw_tar({file(std::string(256, 'n'))}))->said().ends_with("takes more than 255"));
  EXPECT_EQ(import(raw_tar({file(std::string(255, 'n'))}))->said(), "done");
}

TEST(Import, NothingIsNotEvenAnEmptyTar) {
  EXPECT_EQ(import("")->said(), "invalid: x.tar: the input is empty, not even an empty tar");
  EXPECT_EQ(import(std::string(1024, '\0'))->said(), "done");
}

TEST(Import, TextIsNoTar) {
  for (const std::string& text : {std::string("hello\n"), std::string(5000, 'x')}) {
    const auto got = import(text);
    EXPECT_NE(got->said().find("no tar"), std::string::npos) << got->said();
  }
}

TEST(Import, ATruncatedTarIsRefused) {
  const std::string tar = raw_tar({file("a", std::string(2000, 'a'))});
  for (const std::size_t size : {100u, 600u, 1500u, 2600u}) {
    EXPECT_TRUE(import(tar.substr(0, size))->said().starts_with("invalid: x.tar: ")) << size;
  }
  // Without its end it is complete, and said to be odd.
  EXPECT_EQ(import(tar.substr(0, tar.size() - 1024))->heard.text,
            "x.tar: the archive ends without its two zero blocks\n");
}

TEST(Import, ADamagedGzipIsRefused) {
  const std::string good = compressed(small, "gzip:6");
  for (const std::size_t at : {12u, 40u}) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x55);
    EXPECT_TRUE(import(bad)->said().starts_with("invalid: x.tar: ")) << import(bad)->said();
  }
  std::string crc = good;
  crc[crc.size() - 6] = static_cast<char>(crc[crc.size() - 6] ^ 1);
  EXPECT_TRUE(import(crc)->said().starts_with("invalid: x.tar: ")) << import(crc)->said();
  EXPECT_TRUE(import(good.substr(0, good.size() - 9))->said().starts_with("invalid: x.tar: "));
  EXPECT_TRUE(import(good + "garbage")->said().starts_with("invalid: x.tar: "));
}

TEST(Import, XzAndBzip2NameThePipeThatHelps) {
  EXPECT_TRUE(import(std::string("\xfd"
                                 "7zXZ\0rest",
                                 10))
                  ->said()
                  .starts_with("unsupported: x.tar: "));
  EXPECT_NE(import(std::string("\xfd"
                               "7zXZ\0rest",
                               10))
                ->hint()
                .find("xz"),
            std::string::npos);
  EXPECT_TRUE(import("BZh91AY&SYrest")->said().starts_with("unsupported: x.tar: "));
}

TEST(Import, SomethingAfterTheEndIsRefusedUnlessForced) {
  const std::string two = small + raw_tar({file("b")});
  EXPECT_EQ(import(two)->said(),
            "invalid: x.tar: something other than zeros follows the end of the archive, which most clients "
            "never see");
  const auto got = import(two, forced());
  ASSERT_EQ(got->said(), "done");
  EXPECT_EQ(got->layer->descriptor.digest.str(), sha256(two));
}

TEST(Import, AFailureLeavesNothingInTheStore) {
  const auto got = import(raw_tar({file("a"), file("a")}));
  std::size_t files = 0;
  for (const auto& each : std::filesystem::recursive_directory_iterator(got->scratch.path("store/blobs")))
    files += each.is_regular_file();
  EXPECT_EQ(files, 0u);
}

TEST(Import, PathsAboveTheRootAreRefused) {
  EXPECT_EQ(import(raw_tar({file("../x")}))->said(),
            "invalid: x.tar: the path \"../x\" climbs above the root of the image");
  EXPECT_EQ(import(raw_tar({file("a"), hardlink("b", "../../a")}))->said(),
            "invalid: x.tar: the hardlink target \"../../a\" climbs above the root of the image");
}

TEST(Import, TheRootCannotBeAFile) {
  EXPECT_TRUE(import(raw_tar({symlink("./", "/etc")}))->said().starts_with("invalid: x.tar: "));
}

// A sparse file of 8 GiB in 2 KiB, three times: written out they would be a disk bomb.
TEST(Import, SparseFilesTogetherHaveALimit) {
  const auto bomb = shared_data() / "hostile/go-archive-tar/pax-sparse-big.tar";
  if (!std::filesystem::exists(bomb))
    GTEST_SKIP() << "no hostile/go-archive-tar: the sparse bomb was not tried";
  const auto got = import(bytes_of_file(bomb), recompressed());
  EXPECT_TRUE(got->said().starts_with("limit: x.tar: ")) << got->said();
}

// containerd's archive tests: one line for each layer with what import says of it and what the tree is then.
TEST(Import, ContainerdsLayersHaveTheirVerdicts) {
  const auto folder = shared_data() / "hostile/containerd";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no hostile/containerd: its 73 layers were not tried";
  std::vector<std::filesystem::path> paths;
  for (const auto& each : std::filesystem::directory_iterator(folder)) paths.push_back(each.path());
  std::sort(paths.begin(), paths.end());
  std::string now;
  for (const auto& path : paths) {
    const std::string bytes = bytes_of_file(path);
    const std::string kept = import(bytes)->said();
    const std::string rewritten = import(bytes, recompressed())->said();
    Tree tree;
    const std::string applied = outcome([&] { apply_tar(tree, bytes); });
    now += path.filename().string() + "\n  kept:      " + kept + "\n  rewritten: " + rewritten +
           "\n  applied:   " + applied + "\n";
  }
  const std::string golden = std::string(STAVE_TEST_DATA) + "/layer/containerd.txt";
  if (std::getenv("STAVE_WRITE_GOLDENS")) std::ofstream(golden) << now;
  EXPECT_EQ(now, bytes_of_file(golden));
}

}  // namespace
}  // namespace stave::layer
