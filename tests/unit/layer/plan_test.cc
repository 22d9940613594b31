// Plans: where every byte will be, and the cuts, which are part of the format
// (docs/format.md).

#include "stave/layer/plan.h"

#include <set>

#include "stave/hash/digest.h"
#include "words.h"

namespace stave::layer {
namespace {

// Small blocks, so that small trees have many.
constexpr Cuts tiny = {2048, 4096, 8192};

std::string sequential(const Changeset& changes) {
  std::string out;
  for (const Change& change : changes) out += raw(change);
  return out.append(tar::trailer_size, '\0');
}

Changeset changes_of(Tree tree) { return tree.take_changes(); }

// Says where its bytes are, so that a wrong offset is seen.
class Numbers final : public Contents {
 public:
  explicit Numbers(std::uint64_t seed) : seed_(seed) {}
  void read(const Change&, std::uint64_t offset, MutableBytes out) const override {
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<std::byte>((offset + i) * 31 / 7 + seed_);
  }

 private:
  std::uint64_t seed_;
};

Change numbers(std::string path, std::uint64_t size, std::uint64_t seed = 0) {
  Change change = file(std::move(path));
  change.entry.meta.size = size;
  change.contents = std::make_shared<const Numbers>(seed);
  return change;
}

std::string raw_numbers(const Change& change) {
  std::string out = tar::encode(header_of(change));
  std::string content(change.entry.meta.size, '\0');
  change.contents->read(change, 0, std::as_writable_bytes(std::span(content)));
  return out + content + std::string(tar::padding(content.size()), '\0');
}

std::string join_all(const std::vector<std::string>& blocks) {
  std::string out;
  for (const auto& block : blocks) out += block;
  return out;
}

RC_GTEST_PROP(Plan, BlocksTogetherAreTheTar, ()) {
  const Changeset changes = changes_of(any_tree(30));
  const Plan plan(changes, tiny);
  const std::string whole = join_all(blocks_of(plan));
  RC_ASSERT(whole == sequential(changes));
  RC_ASSERT(plan.size() == whole.size());
}

RC_GTEST_PROP(Plan, CutsDoNotChangeTheTar, ()) {
  const Changeset changes = changes_of(any_tree(30));
  const Cuts other = {*rc::gen::inRange<std::uint64_t>(512, 5000), *rc::gen::inRange<std::uint64_t>(1, 5000),
                      *rc::gen::inRange<std::uint64_t>(512, 9000)};
  RC_ASSERT(tar_of(changes, other) == tar_of(changes, tiny));
}

TEST(Plan, ALayerOfNothingIsTwoZeroBlocks) { EXPECT_EQ(tar_of({}), std::string(1024, '\0')); }

TEST(Plan, ALargeFileIsCutAtOffsetsOfItsOwn) {
  for (const std::uint64_t size : {8191u, 8192u, 8193u, 16384u, 40000u}) {
    const Changeset changes = {file("a", std::string(300, 'a')), numbers("b", size), file("c", "c")};
    const Plan plan(changes, tiny);
    const std::uint64_t content = 512 + 512 + 512;  // a's header and content, b's header
    std::set<std::uint64_t> cuts;
    for (std::size_t i = 0; i < plan.block_count(); ++i) cuts.insert(plan.block_offset(i));
    EXPECT_TRUE(size < tiny.most || cuts.contains(1024)) << size;
    for (std::uint64_t at = tiny.most; at <= size; at += tiny.most)
      EXPECT_TRUE(cuts.contains(content + at)) << size;
    EXPECT_EQ(join_all(blocks_of(plan)),
              raw(changes[0]) + raw_numbers(changes[1]) + raw(changes[2]) + std::string(1024, '\0'));
  }
}

TEST(Plan, NoBlockIsLongerThanTheMostItsHeaderAndTheTrailer) {
  Changeset changes;
  for (int i = 0; i < 300; ++i)
    changes.push_back(numbers("f" + std::to_string(1000 + i), static_cast<std::uint64_t>(i * i % 20000)));
  const Plan plan(changes, tiny);
  for (std::size_t i = 0; i < plan.block_count(); ++i) {
    EXPECT_LE(plan.block_size(i), tiny.most + 512 + 512 + tar::trailer_size);
    EXPECT_GT(plan.block_size(i), 0u);
  }
}

// A tree as people have them: sizes of 0 to 64 KiB, most of them small, in directories of 50.
Changeset synthetic(std::size_t files) {
  Changeset changes;
  std::uint64_t random = 1;
  for (std::size_t i = 0; i < files; ++i) {
    const std::string directory = "d" + std::to_string(10000 + i / 50);
    if (i % 50 == 0) changes.push_back(dir(directory));
    random = random * 6364136223846793005u + 1442695040888963407u;
    const std::uint64_t size = (random >> 40) % (1u << ((random >> 33) % 17));
    changes.push_back(numbers(directory + "/file" + std::to_string(10000 + i), size, random));
  }
  return sorted(changes);
}

std::multiset<std::string> digests(const Changeset& changes, const Cuts& cuts) {
  std::multiset<std::string> out;
  const Plan plan(changes, cuts);
  std::vector<std::byte> block;
  for (std::size_t i = 0; i < plan.block_count(); ++i) {
    plan.make(i, block);
    Hasher hash;
    hash.update(block);
    out.insert(std::move(hash).finish().str());
  }
  return out;
}

std::size_t blocks_changed(const Changeset& before, const Changeset& after, const Cuts& cuts) {
  const auto old_blocks = digests(before, cuts);
  const auto new_blocks = digests(after, cuts);
  std::vector<std::string> fresh;
  std::set_difference(new_blocks.begin(), new_blocks.end(), old_blocks.begin(), old_blocks.end(),
                      std::back_inserter(fresh));
  return fresh.size();
}

TEST(Cuts, AnEditLeavesDistantBlocksAsTheyWere) {
  const Changeset before = synthetic(1000);
  constexpr Cuts cuts = {4 * 1024, 8 * 1024, 32 * 1024};
  ASSERT_GT(Plan(before, cuts).block_count(), 100u);
  std::size_t most = 0, sum = 0, edits = 0;
  for (std::size_t at = 10; at < before.size(); at += 211) {
    if (before[at].entry.meta.type != Type::regular) continue;
    Changeset grown = before, gone = before, renamed = before, more = before;
    grown[at].entry.meta.size += 3000;
    gone.erase(gone.begin() + static_cast<std::ptrdiff_t>(at));
    renamed[at].entry.path += "x";
    more.push_back(numbers(before[at].entry.path + "0", 700));
    for (const Changeset& after : {grown, gone, renamed, sorted(more)}) {
      const std::size_t changed = blocks_changed(before, after, cuts);
      most = std::max(most, changed);
      sum += changed;
      ++edits;
    }
  }
  EXPECT_LE(sum, edits * 2);  // measured: 1.6 on average
  EXPECT_LE(most, 10u);
}

// The rule frozen: a change of these numbers is another format, so that caches and digests differ.
std::string cut_table(const Cuts& cuts) {
  Changeset changes = synthetic(3000);
  for (const std::uint64_t size : {1048575u, 1048576u, 1048577u, 5000000u, 300000u, 12582912u}) {
    changes.push_back(numbers("large" + std::to_string(size), size));
  }
  changes.push_back(file("pax" + std::string(300, 'p'), "long name"));
  changes.push_back(removed("d10002/gone"));
  changes.push_back(symlink("link", "d10000"));
  changes = sorted(changes);
  const Plan plan(changes, cuts);
  std::string out;
  for (std::size_t i = 0; i < plan.block_count(); ++i) out += std::to_string(plan.block_offset(i)) + "\n";
  return out + "size " + std::to_string(plan.size()) + "\n";
}

TEST(Cuts, AreFrozen) {
  const std::string now = "gzip\n" + cut_table(Cuts::gzip()) + "zstd\n" + cut_table(Cuts::zstd());
  const std::string golden = std::string(STAVE_TEST_DATA) + "/layer/cuts.txt";
  if (std::getenv("STAVE_WRITE_GOLDENS")) std::ofstream(golden) << now;
  EXPECT_EQ(now, bytes_of_file(golden));
}

// What cannot be laid out

TEST(Plan, AFileCalledLikeAWhiteoutIsRefused) {
  EXPECT_EQ(outcome([] { tar_of({dir("d"), file("d/.wh.x")}); }),
            "invalid: \"d/.wh.x\" cannot be packed: in a layer, a name that begins with .wh. removes a file");
  EXPECT_TRUE(outcome([] { tar_of({dir(".wh.d")}); }).starts_with("invalid: "));
}

TEST(Plan, ADefectiveChangesetIsNoLayer) {
  EXPECT_TRUE(outcome([] { tar_of({file("b"), file("a")}); }).starts_with("internal: changes out of order"));
  EXPECT_TRUE(outcome([] { tar_of({file("a"), file("a")}); }).starts_with("internal: changes out of order"));
  EXPECT_TRUE(outcome([] {
                tar_of({removed("a"), removed("b"), file("a")});
              }).starts_with("internal: \"a\" is both"));
  EXPECT_TRUE(outcome([] { tar_of({dir("")}); }).starts_with("internal: "));
}

TEST(Plan, SizesThatDoNotAddUpAreRefusedBeforeAnythingIsCut) {
  Changeset changes = {file("a"), file("b"), file("c")};
  for (Change& change : changes) change.entry.meta.size = 0x7fffffffffffffff;
  EXPECT_TRUE(outcome([&] { Plan(changes, tiny); }).starts_with("limit: with \"a\" of 8.00 EiB the layer"))
      << outcome([&] { Plan(changes, tiny); });
}

}  // namespace
}  // namespace stave::layer
