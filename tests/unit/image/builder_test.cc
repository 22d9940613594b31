// Builder: steps in the order of the command line become layers, and a history
// that corresponds to them.

#include "stave/image/builder.h"

#include "unit/layer/words.h"

namespace stave::image {
namespace {

using layer::dir;
using layer::file;
using layer::Heard;
using layer::outcome;
using layer::raw_tar;
using layer::symlink;

class Built : public testing::Test {
 protected:
  Built() {
    context.progress = &heard;
    builder.emplace(
        context, store, store, image::scratch(spec::Platform::parse("linux/amd64")),
        Builder::Options{.codec = {compress::Format::none, 0}, .created = {}, .parent_mtime = {5, 0}});
  }

  void tar(const std::string& bytes, bool recompress = false) {
    BytesSource source(bytes);
    layer::Import how;
    how.name = "x.tar";
    how.spool = place.path();
    if (recompress) how.recompress = compress::Codec{compress::Format::none, 0};
    builder->add_tar_layer(source, how);
  }
  std::string source(const std::string& name, const std::string& text = "") {
    return place.write("src/" + name, text);
  }
  Image finish() { return std::move(*builder).finish(); }

  // "+ usr\n+ usr/x\n" of one layer as it is in the store.
  std::string entries(const Image& image, std::size_t index) {
    const auto plain = open_layer(store, image.manifest.layers.at(index), image.config.diff_ids.at(index));
    layer::LayerReader reader(*plain);
    layer::Step step;
    std::string out;
    while (reader.next(step))
      out += (step.meaning == layer::Meaning::entry ? "+ " : "- ") + step.entry.path + "\n";
    return out;
  }
  static std::string history(const Image& image) {
    std::string out;
    for (const auto& each : image.config.history) out += each.created_by + "\n";
    return out;
  }

  layer::Scratch place;
  content::Store store = place.store();
  Heard heard;
  Context context;
  std::optional<Builder> builder;
  const layer::Adopt as_root{
      .owner = layer::Owner{0, 0}, .mode = {}, .mtime = layer::Timestamp{}, .newest_mtime = {}};
};

const std::string merged_usr = raw_tar(
    {symlink("bin", "usr/bin"), dir("root", 0700), dir("usr"), dir("usr/bin"), file("usr/bin/sh", "sh")});

TEST_F(Built, NeighbouringAddsAreOneLayer) {
  builder->add(source("a"), "/a", as_root);
  builder->add(source("b"), "/opt/b", as_root);
  const Image image = finish();
  ASSERT_EQ(image.manifest.layers.size(), 1u);
  EXPECT_EQ(entries(image, 0), "+ a\n+ opt\n+ opt/b\n");
  EXPECT_EQ(history(image), "stave pack --add /a --add /opt/b\n");
}

TEST_F(Built, NewLayerEndsOne) {
  builder->add(source("a"), "/a", as_root);
  builder->new_layer();
  builder->new_layer();
  builder->add(source("b"), "/b", as_root);
  const Image image = finish();
  ASSERT_EQ(image.manifest.layers.size(), 2u);
  EXPECT_EQ(entries(image, 1), "+ b\n");
  EXPECT_EQ(image.config.history.size(), 2u);
}

TEST_F(Built, LayersStackInTheOrderOfTheirSteps) {
  builder->add(source("a"), "/a", as_root);
  tar(merged_usr);
  builder->add(source("x"), "/bin/x", as_root);
  const Image image = finish();
  ASSERT_EQ(image.manifest.layers.size(), 3u);
  EXPECT_EQ(entries(image, 0), "+ a\n");
  EXPECT_EQ(entries(image, 2), "+ usr\n+ usr/bin\n+ usr/bin/x\n");
}

TEST_F(Built, ATarIsKeptByteForByte) {
  tar(merged_usr);
  const Image image = finish();
  EXPECT_EQ(image.manifest.layers.at(0).size, merged_usr.size());
  EXPECT_EQ(image.config.diff_ids.at(0), image.manifest.layers.at(0).digest);
}

TEST_F(Built, AnAddBelowRootKeepsItsMode) {
  tar(merged_usr);
  builder->add(source("x"), "/root/x", as_root);
  EXPECT_EQ(tree_of(context, store, finish()).find("root")->meta.mode, 0700u);
}

TEST_F(Built, ARemovalIsAWhiteoutOfTheLinkItself) {
  tar(merged_usr);
  builder->remove("/bin");
  const Image image = finish();
  EXPECT_EQ(entries(image, 1), "- bin\n");
  EXPECT_EQ(history(image), "stave pack --layer\nstave pack --rm /bin\n");
}

TEST_F(Built, RemovingWhatIsNotThereSaysSo) {
  EXPECT_EQ(outcome([&] { builder->remove("/nothing"); }),
            "not_found: \"/nothing\" does not exist in the image");
}

TEST_F(Built, TheSamePathTwiceIsTheLastWithAWarning) {
  builder->add(source("a", "one"), "/x", as_root);
  builder->add(source("b", "three"), "/x", as_root);
  const Image image = finish();
  EXPECT_EQ(tree_of(context, store, image).find("x")->meta.size, 5u);
  EXPECT_EQ(heard.text, "\"/x\" is added twice; the last one wins\n");
}

TEST_F(Built, TheSamePathInTwoLayersIsNoReasonToWarn) {
  builder->add(source("a"), "/x", as_root);
  builder->new_layer();
  builder->add(source("a"), "/x", as_root);
  EXPECT_EQ(finish().manifest.layers.size(), 2u);
  EXPECT_EQ(heard.text, "");
}

TEST_F(Built, ADirectoryOnNothingIsItself) {
  source("d/f");
  builder->add_directory_layer(place.path("src"), as_root);
  EXPECT_EQ(entries(finish(), 0), "+ d\n+ d/f\n");
}

TEST_F(Built, ADirectoryOnABaseIsMerged) {
  tar(merged_usr);
  source("bin/x");
  builder->add_directory_layer(place.path("src"), as_root);
  const Image image = finish();
  EXPECT_EQ(entries(image, 1), "+ usr\n+ usr/bin\n+ usr/bin/x\n");
  EXPECT_NE(tree_of(context, store, image).find("usr/bin/sh"), nullptr);
}

TEST_F(Built, ADirectoryTwiceReadsTheSame) {
  source("d/f", "text");
  builder->add_directory_layer(place.path("src"), as_root);
  builder->add_directory_layer(place.path("src"), as_root);
  const Image image = finish();
  ASSERT_EQ(image.manifest.layers.size(), 2u);
  EXPECT_EQ(image.config.diff_ids[0], image.config.diff_ids[1]);
}

TEST_F(Built, ATreeIsWhateverMakesTheImageEqualToIt) {
  tar(merged_usr);
  source("usr/bin/sh", "SH");
  source("bin", "a file now");
  builder->add_tree(place.path("src"), as_root);
  const Image image = finish();
  EXPECT_EQ(entries(image, 1), "- root\n+ bin\n+ usr\n+ usr/bin\n+ usr/bin/sh\n");
  EXPECT_EQ(history(image), "stave pack --layer\nstave pack --tree\n");
}

TEST_F(Built, ATreeThatTheImageIsAlreadyAddsNothing) {
  source("d/f", "text");
  builder->add_tree(place.path("src"), as_root);
  builder->add_tree(place.path("src"), as_root);
  EXPECT_EQ(finish().manifest.layers.size(), 1u);
  EXPECT_NE(heard.text.find("there is no layer to add"), std::string::npos);
}

TEST_F(Built, ATreeIsComparedWithWhatWasAddedBefore) {
  tar(merged_usr);
  builder->add(source("a", "new"), "/a", as_root);
  builder->add_tree(place.path("src"), as_root);
  EXPECT_EQ(entries(finish(), 2), "- bin\n- root\n- usr\n");
}

TEST_F(Built, ARewrittenTarHasWhiteoutsOnlyOfWhatIsBelow) {
  tar(merged_usr);
  tar(raw_tar({file("usr/bin/.wh.sh"), file("usr/.wh.nothing")}), true);
  EXPECT_EQ(entries(finish(), 1), "+ usr\n+ usr/bin\n- usr/bin/sh\n");
}

TEST_F(Built, HistoryCorrespondsToTheLayersAndStaysShort) {
  for (int i = 0; i < 12; ++i) builder->add(source("a"), "/" + std::to_string(i), as_root);
  const Image image = finish();
  EXPECT_EQ(image.config.history.size(), image.manifest.layers.size());
  EXPECT_TRUE(history(image).ends_with("--add /7 and 4 more\n")) << history(image);
}

TEST_F(Built, NothingIsAnImageOfNoLayers) {
  const Image image = finish();
  EXPECT_TRUE(image.manifest.layers.empty());
  EXPECT_TRUE(image.config.diff_ids.empty());
}

}  // namespace
}  // namespace stave::image
