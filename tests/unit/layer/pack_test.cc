// pack: a layer that is read back is what was packed, and its bytes depend on
// nothing but that.

#include "stave/layer/pack.h"

#include "stave/layer/reader.h"
#include "words.h"

namespace stave::layer {
namespace {

Context with_jobs(unsigned jobs) {
  Context context;
  context.jobs = jobs;
  return context;
}

RC_GTEST_PROP(Pack, IsReadBackAsItWas, ()) {
  Tree tree = any_tree(30);
  const Changeset changes = tree.take_changes();
  const std::string tar = tar_of(changes);
  BytesSource source(tar);
  LayerReader reader(source);
  Step step;
  for (const Change& change : changes) {
    RC_ASSERT(reader.next(step));
    RC_ASSERT(step.meaning == Meaning::entry);
    RC_ASSERT(step.entry == change.entry);
    std::string content(change.entry.meta.size + 1, '\0');
    content.resize([&] {
      std::size_t all = 0;
      while (const std::size_t n = reader.read(std::as_writable_bytes(std::span(content).subspan(all))))
        all += n;
      return all;
    }());
    RC_ASSERT(content == (change.contents ? dynamic_cast<const Text&>(*change.contents).text() : ""));
  }
  RC_ASSERT(!reader.next(step));
  reader.finish();
  RC_ASSERT(reader.ended_properly());
}

Changeset several_blocks() {
  Changeset changes = {dir("d")};
  for (int i = 0; i < 400; ++i) {
    std::string text;
    while (text.size() < static_cast<std::size_t>(i * 97 % 30000))
      text += "line " + std::to_string(text.size() * 7 % 1013) + "\n";
    changes.push_back(file("d/" + std::to_string(1000 + i), text));
  }
  changes.push_back(file("large", std::string(9'000'001, 'L')));
  return changes;
}

TEST(Pack, BytesDoNotDependOnTheNumberOfJobs) {
  const Changeset changes = several_blocks();
  ASSERT_GT(Plan(changes, Cuts::gzip()).block_count(), 10u);
  const Scratch scratch;
  const auto store = scratch.store();
  for (const char* codec : {"none", "gzip:6", "gzip:1", "zstd:3"}) {
    const Layer one = pack(with_jobs(1), changes, compress::Codec::parse(codec), store);
    EXPECT_EQ(plain_of(store, one), tar_of(changes)) << codec;
    EXPECT_EQ(one.plain_size, tar_of(changes).size());
    for (const unsigned jobs : {1u, 2u, 7u}) {
      const Layer other = pack(with_jobs(jobs), changes, compress::Codec::parse(codec), store);
      EXPECT_EQ(other.diff_id, one.diff_id) << codec;
      EXPECT_EQ(other.descriptor.digest, one.descriptor.digest) << codec;
      EXPECT_EQ(other.descriptor.size, one.descriptor.size) << codec;
    }
  }
}

TEST(Pack, TheDiffIdDoesNotDependOnTheCodec) {
  const Changeset changes = several_blocks();
  const Scratch scratch;
  const auto store = scratch.store();
  const Layer none = pack({}, changes, {compress::Format::none, 0}, store);
  EXPECT_EQ(none.diff_id, none.descriptor.digest);
  EXPECT_EQ(none.descriptor.media_type, "application/vnd.oci.image.layer.v1.tar");
  const Layer gzip = pack({}, changes, {compress::Format::gzip, 6}, store);
  EXPECT_EQ(gzip.diff_id, none.diff_id);
  EXPECT_EQ(gzip.descriptor.media_type, "application/vnd.oci.image.layer.v1.tar+gzip");
  const Layer zstd = pack({}, changes, {compress::Format::zstd, 3}, store);
  EXPECT_EQ(zstd.diff_id, none.diff_id);
  EXPECT_EQ(zstd.descriptor.media_type, "application/vnd.oci.image.layer.v1.tar+zstd");
}

class Unreadable final : public Contents {
 public:
  void read(const Change&, std::uint64_t, MutableBytes) const override {
    throw Error(Kind::denied, "not this one");
  }
};

TEST(Pack, AFailureLeavesNothingInTheStore) {
  Changeset changes = several_blocks();
  changes[300].contents = std::make_shared<const Unreadable>();
  const Scratch scratch;
  const auto store = scratch.store();
  for (const unsigned jobs : {1u, 3u}) {
    EXPECT_EQ(outcome([&] { pack(with_jobs(jobs), changes, {}, store); }), "denied: not this one");
  }
  std::size_t files = 0;
  for (const auto& each : std::filesystem::recursive_directory_iterator(scratch.path("store/blobs"))) {
    files += each.is_regular_file();
  }
  EXPECT_EQ(files, 0u);
}

TEST(Pack, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  Context context = with_jobs(2);
  context.stop = stop.get_token();
  const Scratch scratch;
  const auto store = scratch.store();
  EXPECT_TRUE(outcome([&] { pack(context, several_blocks(), {}, store); }).starts_with("cancelled"));
}

// The trees whose diff_ids BuildKit publishes (vectors/buildkit-layers), built on disk and read from there.
constexpr Timestamp vector_time = {1445412480, 0};

struct Vector {
  std::string name, diff_id;
  std::vector<std::tuple<std::string, std::string, std::uint32_t>> entries;  // a directory ends in a slash
};

std::vector<Vector> vectors() {
  return {{"base-layer",
           "sha256:007165e99d6304af5653e8a8cc1c8886e5719cf31bf09cbd9f50fa09008ef654",
           {{"base/", "", 0755},
            {"base/base.txt", "compatibility base\n", 0644},
            {"proc/", "", 0755},
            {"sys/", "", 0755}}},
          {"inputs-layer",
           "sha256:9228085939d1444bd500ac8a4f8ee9d39fed1e5905da0968ffed61887ab41042",
           {{"inputs/", "", 0755},
            {"inputs/git/", "", 0755},
            {"inputs/git/git.txt", "git fixture\n", 0644},
            {"inputs/git/nested.txt", "nested fixture\n", 0644},
            {"inputs/http.txt", "http fixture\n", 0600},
            {"inputs/llb.txt", "llb fixture\n", 0644}}},
          {"exec-layer",
           "sha256:672c0da84adab23797eebbf41315e289f03b02e266bdd6f6e88a7736583a4466",
           {{"generated/", "", 0755},
            {"generated/deeper/", "", 0755},
            {"generated/deeper/nested.txt", "nested-exec\n", 0644},
            {"generated/exec.txt", "exec-fixture\n", 0644}}}};
}

std::string on_disk(const Scratch& scratch, const Vector& vector) {
  for (const auto& [name, text, mode] : vector.entries) {
    const std::string at = "tree/" + name;
    if (name.ends_with('/')) {
      std::filesystem::create_directories(scratch.path(at));
    } else {
      scratch.write(at, text);
    }
    std::filesystem::permissions(scratch.path(at), static_cast<std::filesystem::perms>(mode));
  }
  return scratch.path("tree");
}

TEST(BuildKitVectors, GiveThePublishedDiffIds) {
  const Adopt how{.owner = Owner{0, 0}, .mode = {}, .mtime = vector_time, .newest_mtime = {}};
  for (const Vector& vector : vectors()) {
    const Scratch scratch;
    const std::string tree = on_disk(scratch, vector);
    const auto store = scratch.store();
    const auto directory = std::make_shared<const fs::Dir>(fs::Dir::open(tree));
    const Layer read = pack({}, read_directory({}, directory, how), {compress::Format::none, 0}, store);
    EXPECT_EQ(read.diff_id.str(), vector.diff_id) << vector.name;

    Tree image;
    place({}, image, {.source = tree, .destination = "/", .adopt = how, .parent_mtime = vector_time});
    EXPECT_EQ(pack({}, image.take_changes(), {compress::Format::gzip, 6}, store).diff_id.str(),
              vector.diff_id);

    const auto published = shared_data() / "vectors/buildkit-layers" / (vector.name + ".tar");
    if (!std::filesystem::exists(published))
      GTEST_SKIP() << "no " << published << ": the tars were not compared";
    EXPECT_EQ(plain_of(store, read), bytes_of_file(published)) << vector.name;
  }
}

}  // namespace
}  // namespace stave::layer
