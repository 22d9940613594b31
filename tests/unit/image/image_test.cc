// Images: loading what others made, edits that keep what they do not touch, and layers
// that are not what they should be.

#include "stave/image/image.h"

#include <gtest/gtest.h>

#include <sstream>

#include "stave/base/limits.h"
#include "stave/compress/compress.h"
#include "unit/content/layout.h"

namespace stave::image {
namespace {

using content::read_document;
using content::Store;
using testing::docker_picture;
using testing::failure;
using testing::index_of;
using testing::Memory;
using testing::message;
using testing::picture;
using testing::Scratch;
namespace files = std::filesystem;
namespace media = spec::media;

const Context context;

std::string compressed(std::string_view plain, compress::Format format) {
  StringSink out;
  const compress::Codec codec{format, 3};
  compress::BlockWriter writer(codec, out);
  compress::Block block;
  compress::BlockCompressor(codec).compress(as_bytes(plain), block);
  writer.append(block);
  std::move(writer).finish();
  return out.take();
}

std::string text_of(Source& source) { return read_all(source, 64 << 20, "layer"); }

// Layers.

class OpenLayer : public ::testing::TestWithParam<compress::Format> {
 protected:
  const std::string plain_ = std::string(300000, 'x') + "the end";
  const std::string bytes_ = compressed(plain_, GetParam());
  Memory memory_;

  std::string open(const std::string& bytes, const spec::Descriptor& descriptor, const Digest& diff_id) {
    memory_.damage(descriptor.digest, bytes);
    return failure([&] { text_of(*open_layer(memory_, descriptor, diff_id)); });
  }
};

TEST_P(OpenLayer, GivesThePlainBytesWhateverItsMediaTypeSays) {
  for (const auto type : {media::oci_layer, media::oci_layer_gzip, media::docker_layer_zstd}) {
    const auto descriptor = memory_.put(bytes_, type);
    EXPECT_EQ(text_of(*open_layer(memory_, descriptor, digest_of(plain_))), plain_);
  }
}

TEST_P(OpenLayer, RefusesAnotherDigest) {
  auto descriptor = memory_.put(bytes_, media::oci_layer);
  descriptor.digest = digest_of("another");
  EXPECT_EQ(open(bytes_, descriptor, digest_of(plain_)), "mismatch");
}

TEST_P(OpenLayer, RefusesAnotherSize) {
  for (const int off : {-1, 1}) {
    auto descriptor = memory_.put(bytes_, media::oci_layer);
    descriptor.size += static_cast<std::uint64_t>(off);
    EXPECT_NE(open(bytes_, descriptor, digest_of(plain_)), "nothing") << off;
  }
}

TEST_P(OpenLayer, RefusesAnotherDiffId) {
  const auto descriptor = memory_.put(bytes_, media::oci_layer);
  EXPECT_EQ(open(bytes_, descriptor, digest_of("another")), "mismatch");
}

TEST_P(OpenLayer, RefusesTrailingGarbage) {
  const std::string longer = bytes_ + "garbage";
  const auto descriptor = memory_.put(longer, media::oci_layer);
  EXPECT_NE(open(longer, descriptor, digest_of(plain_)), "nothing");
}

TEST_P(OpenLayer, RefusesACutBlob) {
  const std::string shorter = bytes_.substr(0, bytes_.size() - 1);
  EXPECT_NE(open(shorter, memory_.put(bytes_, media::oci_layer), digest_of(plain_)), "nothing");
}

TEST_P(OpenLayer, OnceFailedNeverEndsWell) {
  const auto descriptor = memory_.put(bytes_, media::oci_layer);
  const auto source = open_layer(memory_, descriptor, digest_of("another"));
  EXPECT_EQ(failure([&] { text_of(*source); }), "mismatch");
  EXPECT_EQ(failure([&] { text_of(*source); }), "mismatch");
}

TEST_P(OpenLayer, AfterItsEndItStaysAtItsEnd) {
  const auto descriptor = memory_.put(bytes_, media::oci_layer);
  const auto source = open_layer(memory_, descriptor, digest_of(plain_));
  EXPECT_EQ(text_of(*source).size(), plain_.size());
  EXPECT_EQ(text_of(*source), "");
}

INSTANTIATE_TEST_SUITE_P(Formats, OpenLayer,
                         ::testing::Values(compress::Format::none, compress::Format::gzip,
                                           compress::Format::zstd),
                         [](const auto& format) { return std::string(compress::name(format.param)); });

TEST(OpenLayerOf, AnEmptyBlob) {
  Memory memory;
  EXPECT_EQ(text_of(*open_layer(memory, memory.put("", media::oci_layer), digest_of(""))), "");
}

TEST(OpenLayerOf, AForeignZstdStream) {
  STAVE_NEEDS("images/go-containerregistry/crane/content.tar.zst");
  const auto folder = testing::shared_data() / "images/go-containerregistry/crane";
  Memory memory;
  const auto layer = memory.put(testing::read(folder / "content.tar.zst"), media::oci_layer_zstd);
  const std::string plain =
      text_of(*open_layer(memory, layer, digest_of(testing::read(folder / "content.tar"))));
  EXPECT_EQ(plain, testing::read(folder / "content.tar"));
}

// Loading.

TEST(Load, RefusesAnIndex) {
  Memory memory;
  const auto root = index_of(memory, {picture(memory, "a").manifest});
  EXPECT_EQ(failure([&] { load(memory, root); }), "invalid");
}

TEST(Load, RefusesAnArtifact) {
  Memory memory;
  const spec::Manifest manifest{
      .artifact_type = "a/b", .config = memory.put("{}", media::oci_empty), .layers = {}};
  const auto root = memory.put(manifest.render(), media::oci_manifest);
  const auto said = message([&] { load(memory, root); });
  EXPECT_TRUE(said.starts_with("unsupported: " + root.digest.str() + " is no container image")) << said;
}

TEST(Load, RefusesLayersWithoutDiffIds) {
  Memory memory;
  const auto a = picture(memory, "a");
  for (const auto& layers : {std::vector<spec::Descriptor>{}, std::vector{a.layer, a.layer}}) {
    const spec::Manifest manifest{.config = a.config, .layers = layers};
    const auto root = memory.put(manifest.render(), media::oci_manifest);
    EXPECT_EQ(failure([&] { load(memory, root); }), "mismatch");
  }
}

TEST(Load, VerifiesTheConfig) {
  Memory memory;
  const auto a = picture(memory, "a");
  std::string text = read_document(memory, a.config);
  text.replace(text.find("linux"), 5, "linuz");
  memory.damage(a.config.digest, text);
  EXPECT_EQ(failure([&] { load(memory, a.manifest); }), "mismatch");
}

TEST(Load, ChangesNothing) {
  Memory memory;
  const auto b = docker_picture(memory, "b");
  const Image image = load(memory, b.manifest);
  EXPECT_EQ(image.manifest, spec::Manifest::parse(read_document(memory, b.manifest)));
  EXPECT_EQ(image.manifest.media_type, media::docker_manifest);
  EXPECT_EQ(image.manifest.layers[0].media_type, media::docker_layer_gzip);
}

// Edits.

layer::Layer layer_named(Memory& memory, const std::string& text) {
  return {.descriptor = memory.put(text, media::oci_layer), .diff_id = digest_of(text)};
}

spec::History said(std::string_view created_by) {
  spec::History history;
  history.created_by = created_by;
  return history;
}

TEST(Append, PutsALayerOnTopAndKeepsTheOnesBelow) {
  Memory memory;
  const auto a = picture(memory, "a");
  const Image base = load(memory, a.manifest);
  const Image image = append(base, layer_named(memory, "top"), said("me"));
  ASSERT_EQ(image.manifest.layers.size(), 2u);
  EXPECT_EQ(image.manifest.layers[0], a.layer);
  EXPECT_EQ(image.config.diff_ids, (std::vector{digest_of("plain a"), digest_of("top")}));
  EXPECT_EQ(base.manifest.layers.size(), 1u);
}

TEST(Append, MakesDockerMediaTypesOci) {
  Memory memory;
  auto base = load(memory, docker_picture(memory, "b").manifest);
  auto foreign = base.manifest.layers[0];
  foreign.media_type = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
  base.manifest.layers.push_back(foreign);
  base.config.diff_ids.push_back(digest_of("foreign"));
  const Image image = append(base, layer_named(memory, "top"), said("me"));
  EXPECT_EQ(image.manifest.media_type, media::oci_manifest);
  EXPECT_EQ(image.manifest.config.media_type, media::oci_config);
  EXPECT_EQ(image.manifest.layers[0].media_type, media::oci_layer_gzip);
  EXPECT_EQ(image.manifest.layers[0].digest, base.manifest.layers[0].digest);
  EXPECT_EQ(image.manifest.layers[1].media_type,
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip");
}

// interop 10: one entry that is not empty for each layer.
std::vector<std::string> shape(const Image& image) {
  std::vector<std::string> out;
  for (const auto& each : image.config.history)
    out.push_back(each.created_by + (each.empty_layer ? " (empty)" : ""));
  return out;
}

TEST(Append, FillsUpAHistoryThatIsTooShort) {
  Memory memory;
  const Image base = load(memory, picture(memory, "a").manifest);  // one layer, no history
  EXPECT_EQ(shape(append(base, layer_named(memory, "top"), said("me"))),
            (std::vector<std::string>{"", "me"}));
}

TEST(Append, EntriesOfLayersThatAreNotThereBecomeEmpty) {
  Memory memory;
  Image base = load(memory, picture(memory, "a").manifest);
  base.config.history = {said("a"), said("b"), said("c")};
  EXPECT_EQ(shape(append(base, layer_named(memory, "top"), said("me"))),
            (std::vector<std::string>{"a", "b (empty)", "c (empty)", "me"}));
}

TEST(WithoutLast, LeavesOffLayersAndWhatCameAfterThem) {
  Memory memory;
  Image image = load(memory, picture(memory, "a").manifest);
  image.config.history = {said("a")};
  image = append(image, layer_named(memory, "b"), said("b"));
  image.config.history.insert(image.config.history.begin() + 1, said("ENV"));
  image.config.history[1].empty_layer = true;
  image = append(image, layer_named(memory, "c"), said("c"));
  const Image shorter = without_last(image, 2);
  EXPECT_EQ(shorter.manifest.layers.size(), 1u);
  EXPECT_EQ(shorter.config.diff_ids, (std::vector{digest_of("plain a")}));
  EXPECT_EQ(shape(shorter), (std::vector<std::string>{"a", "ENV (empty)"}));
  EXPECT_EQ(shape(without_last(image, 0)), shape(image));
  EXPECT_TRUE(without_last(image, 3).manifest.layers.empty());
}

TEST(WithoutLast, OfMoreLayersThanThereAreIsRefused) {
  Memory memory;
  const Image image = load(memory, picture(memory, "a").manifest);
  EXPECT_THROW(without_last(image, 2), Error);
}

TEST(Append, ALayerIsNoEmptyLayer) {
  Memory memory;
  auto history = said("me");
  history.empty_layer = true;
  EXPECT_EQ(
      failure([&] { append(scratch(spec::Platform::parse("amd64")), layer_named(memory, "top"), history); }),
      "internal");
}

TEST(Append, StopsAtWhatEnginesCanMount) {  // interop 6
  Memory memory;
  Image image = scratch(spec::Platform::parse("linux/amd64"));
  const auto layer = layer_named(memory, "top");
  for (std::size_t i = 0; i < limits::image_layers; ++i) image = append(std::move(image), layer, said("me"));
  EXPECT_EQ(failure([&] { append(image, layer, said("me")); }), "limit");
}

TEST(WithConfig, ChangesNeitherLayersNorPlatform) {
  Memory memory;
  const Image image = load(memory, picture(memory, "a").manifest);
  auto config = image.config;
  config.env = {"A=b"};
  EXPECT_EQ(with_config(image, config).config.env, config.env);
  auto layers = config;
  layers.diff_ids.clear();
  EXPECT_EQ(failure([&] { with_config(image, layers); }), "internal");
  auto platform = config;
  platform.platform.architecture = "arm64";
  EXPECT_EQ(failure([&] { with_config(image, platform); }), "internal");
}

TEST(Put, WritesWhatLoadReads) {
  const Scratch scratch_directory;
  const Store store = Store::create(scratch_directory.path("s"), 0755);
  for (const bool docker : {false, true}) {
    const auto base = load(store, (docker ? docker_picture(store, "b") : picture(store, "a")).manifest);
    const auto put_as = put(store, base);
    EXPECT_EQ(put_as.media_type, media::oci_manifest);
    EXPECT_EQ(put_as.platform, base.config.platform);
    const Image again = load(store, put_as);
    EXPECT_EQ(again.config, base.config);
    EXPECT_EQ(again.manifest.media_type,
              media::oci_manifest);  // and no Docker type within: load classified it
    EXPECT_EQ(again.manifest.layers[0].media_type, media::oci_layer_gzip);
    EXPECT_EQ(put(store, again).digest, put_as.digest);
  }
}

TEST(Put, OfNothingIsAnImageWithoutLayers) {  // interop 11
  const Scratch scratch_directory;
  const Store store = Store::create(scratch_directory.path("s"), 0755);
  const auto put_as = put(store, scratch(spec::Platform::parse("linux/arm64")));
  const std::string text = read_document(store, put_as);
  EXPECT_NE(text.find("\"layers\":[]"), text.npos) << text;
  EXPECT_EQ(put_as.platform->str(), "linux/arm64/v8");
  EXPECT_TRUE(tree_of(context, store, load(store, put_as)).empty());
}

TEST(Put, KeepsWhatTheConfigSaidBesides) {
  const Scratch scratch_directory;
  const Store store = Store::create(scratch_directory.path("s"), 0755);
  const std::string extras =
      R"("Healthcheck":{"Test":["CMD","true"],"Interval":30000000000},"OnBuild":["RUN x"],"Shell":["/bin/ash","-c"])";
  const auto config =
      store.put(R"({"architecture":"amd64","os":"linux","config":{"Cmd":["sh"],)" + extras +
                    R"(},"rootfs":{"type":"layers","diff_ids":[]},"container_config":{"Image":"x"}})",
                media::oci_config);
  const spec::Manifest manifest{.config = config, .layers = {}};
  const Image base = load(store, store.put(manifest.render(), media::oci_manifest));
  Memory memory;
  auto edited = append(base, layer_named(memory, "top"), said("me"));
  auto labelled = edited.config;
  labelled.labels["a"] = "b";
  const Image image = load(store, put(store, with_config(edited, labelled)));
  const std::string text = read_document(store, image.manifest.config);
  EXPECT_NE(text.find(extras), text.npos) << text;
  EXPECT_NE(text.find(R"("container_config":{"Image":"x"})"), text.npos) << text;
}

// vectors/published-digests.json: the config that Docker Hub serves for alpine:3.20.3.
TEST(Put, MakesTheConfigThatDockerHubServesForAlpine) {
  const Scratch scratch_directory;
  const Store store = Store::create(scratch_directory.path("s"), 0755);
  Image image = scratch(spec::Platform::parse("linux/amd64"));
  const std::string when = "2024-09-06T12:05:36Z";
  spec::History add = said("ADD alpine-minirootfs-3.20.3-x86_64.tar.gz / # buildkit");
  spec::History cmd = said("CMD [\"/bin/sh\"]");
  add.created = cmd.created = when;
  add.comment = cmd.comment = "buildkit.dockerfile.v0";
  cmd.empty_layer = true;
  const auto diff_id =
      Digest::parse("sha256:75654b8eeebd3beae97271a102f57cdeb794cc91e442648544963a7e951e9558");
  image = append(image,
                 {.descriptor = store.put("stands for the layer", media::oci_layer_gzip), .diff_id = diff_id},
                 add);
  auto config = image.config;
  config.created = when;
  config.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  config.cmd = {{"/bin/sh"}};
  config.working_dir = "/";
  config.args_escaped = true;
  config.history.push_back(cmd);
  const Image made = load(store, put(store, with_config(image, config)));
  EXPECT_EQ(made.manifest.config.digest.str(),
            "sha256:63b790fccc9078ab8bb913d94a5d869e19fca9b77712b315da3fa45bb8f14636");
}

// Layouts of other projects.

std::string verdict(const content::BlobSource& blobs, const spec::Descriptor& root) {
  std::string out;
  try {
    for (const auto& leaf : leaves(blobs, root)) {
      out += " " + (leaf.platform ? leaf.platform->str() : "-");
      if (!leaf.platform) continue;
      const auto failed = failure([&] { tree_of(context, blobs, load(blobs, leaf.descriptor)); });
      if (failed != "nothing") out += "!" + failed;
    }
  } catch (const Error& e) {
    out += " !" + std::string(name(e.kind()));
  }
  return out;
}

std::string verdict_of_layout(const files::path& from) {
  const Scratch copy;
  const std::string path = copy.path("layout");
  if (files::exists(from / "blobs/sha256")) {
    testing::copy_with_links(from, path);
  } else {
    files::copy(from, path);
  }
  testing::write(path + "/oci-layout",
                 R"({"imageLayoutVersion":"1.0.0"})");  // stereoscope's invalid ones lack it
  const Store store = Store::open(path, Store::Access::exclusive);
  std::string out;
  try {
    for (const auto& root : store.index().manifests) out += verdict(store, root);
  } catch (const Error& e) {
    out += " !" + std::string(name(e.kind()));
  }
  std::string garbage;
  const auto failed = failure([&] { garbage = std::to_string(store.collect_garbage({}, {}, true).blobs); });
  return out + " | " + (failed == "nothing" ? garbage : failed);
}

TEST(OtherProjects, LayoutsAreJudgedAsTheTableSays) {
  STAVE_NEEDS("images");
  std::istringstream table(testing::read(files::path(STAVE_TEST_DATA) / "image/layouts.txt"));
  int rows = 0;
  for (std::string line; std::getline(table, line);) {
    if (line.empty() || line[0] == '#') continue;
    ++rows;
    const auto bar = line.find(" |");
    EXPECT_EQ(verdict_of_layout(testing::shared_data() / "images" / line.substr(0, bar)),
              line.substr(bar + 2))
        << line;
  }
  EXPECT_EQ(rows, 14);
}

TEST(OtherProjects, BusyboxCopiedThroughAStoreKeepsItsPublishedDigests) {  // interop 13
  STAVE_NEEDS("images/busybox/latest/glibc/amd64");
  const Scratch directory;
  testing::copy_with_links(testing::shared_data() / "images/busybox/latest/glibc/amd64",
                           directory.path("from"));
  const Store from = Store::open(directory.path("from"));
  const Store to = Store::create(directory.path("to"), 0755);
  const auto root = from.index().manifests.at(0);
  for (const auto& node : content::reachable(from, root)) {
    auto writer = to.begin();
    copy(*content::open_verified(from, node.descriptor), writer);
    std::move(writer).commit_as(node.descriptor.digest, node.descriptor.size);
  }
  to.tag("busybox", root);
  const auto found = to.find_reference("busybox");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->digest.str(), "sha256:1cfa4e2b09e127b9c4ed43578d3f3c18e7d44ea47b9ea98475c0cbe9086525f8");
  const Image image = load(to, *found);
  EXPECT_EQ(image.manifest.config.digest.str(),
            "sha256:c6348fa86ba0fb2108c9334f5fe913ddc6d853313e655891f133a0127c30099f");
  EXPECT_EQ(image.manifest.layers[0].digest.str(),
            "sha256:b05093807bb0294152bb9cf86d64da722732dddaf7f8882fa1f120477dbc4db3");
}

TEST(TreeOf, BusyboxHasItsHardlinks) {
  STAVE_NEEDS("images/busybox/latest/glibc/amd64");
  const Scratch directory;
  testing::copy_with_links(testing::shared_data() / "images/busybox/latest/glibc/amd64", directory.path("s"));
  const Store store = Store::open(directory.path("s"));
  const auto tree = tree_of(context, store, load(store, store.index().manifests.at(0)));
  const auto* shell = tree.find("bin/sh");
  ASSERT_NE(shell, nullptr);
  int names = 0;
  tree.visit([&](const std::string&, const layer::Tree::Inode& inode) { names += &inode == shell ? 1 : 0; });
  EXPECT_EQ(names, 411);  // 410 hardlinks and the name that they link to
}

TEST(TreeOf, NamesTheLayerThatLies) {
  STAVE_NEEDS("images/busybox/latest/musl/amd64");
  const Scratch directory;
  testing::copy_with_links(testing::shared_data() / "images/busybox/latest/musl/amd64", directory.path("s"));
  const Store store = Store::open(directory.path("s"));
  Image image = load(store, store.index().manifests.at(0));
  image.config.diff_ids[0] = digest_of("another");
  const auto what = message([&] { tree_of(context, store, image); });
  EXPECT_TRUE(what.starts_with("mismatch: layer 1 (" + image.manifest.layers[0].digest.str())) << what;
  image.manifest.layers[0].media_type = "application/x-tar";
  EXPECT_EQ(failure([&] { tree_of(context, store, image); }), "unsupported");
}

}  // namespace
}  // namespace stave::image
