// Benchmarks of what is done for every file: tar headers, the plan of a layer, the
// walk, the comparison of trees, unpacking. items_per_second is entries, on one core.

#include <benchmark/benchmark.h>

#include "bench_words.h"
#include "stave/fs/fs.h"
#include "stave/layer/compare.h"
#include "stave/layer/disk.h"
#include "stave/layer/pack.h"
#include "stave/layer/plan.h"
#include "stave/layer/stack.h"
#include "stave/layer/unpack.h"
#include "stave/tar/tar.h"

namespace stave::bench {
namespace {

constexpr int on_disk = 10000;  // files of the trees that lie on disk

void count_items(benchmark::State& state, std::size_t each) {
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * each));
}

// A file of 4 KiB whose content is nothing but zeros: what is timed is everything else.
struct Zeros final : layer::Contents {
  void read(const layer::Change& /*change*/, std::uint64_t /*offset*/, MutableBytes out) const override {
    std::fill(out.begin(), out.end(), std::byte{0});
  }
};

layer::Changeset many_changes(int count) {
  layer::Changeset changes;
  const auto zeros = std::make_shared<const Zeros>();
  for (int number = 0; number < count; ++number) {
    layer::Change& change = changes.emplace_back();
    change.entry.path = "usr/lib/package/file-" + std::to_string(1000000 + number);
    change.entry.meta.type = layer::Type::regular;
    change.entry.meta.mode = 0644;
    change.entry.meta.size = 4096;
    change.contents = zeros;
  }
  return changes;
}

void tar_encode(benchmark::State& state) {
  tar::Header header;
  // 120 bytes do not fit into ustar's name, but into its prefix and name.
  header.name = state.range(0) != 0 ? std::string(60, 'd') + "/" + std::string(59, 'f') : "usr/bin/env";
  header.type = tar::Type::regular;
  header.mode = 0644;
  header.size = 12345;
  if (state.range(0) == 2) header.xattrs = {{"user.note", "a pax header"}};
  for (auto _ : state) benchmark::DoNotOptimize(tar::encode(header));
  count_items(state, 1);
}
BENCHMARK(tar_encode)->ArgName("long_or_pax")->Arg(0)->Arg(1)->Arg(2);

void plan(benchmark::State& state) {
  const auto changes = many_changes(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    const layer::Plan plan(changes, layer::Cuts::gzip());
    benchmark::DoNotOptimize(plan.size());
  }
  count_items(state, changes.size());
}
BENCHMARK(plan)->ArgName("changes")->Arg(64 << 10)->Unit(benchmark::kMillisecond);

// The blocks of a plan, content included.
void plan_make(benchmark::State& state) {
  const auto changes = many_changes(static_cast<int>(state.range(0)));
  const layer::Plan plan(changes, layer::Cuts::gzip());
  std::vector<std::byte> block;
  for (auto _ : state) {
    for (std::size_t number = 0; number < plan.block_count(); ++number) plan.make(number, block);
  }
  count_items(state, changes.size());
}
BENCHMARK(plan_make)->ArgName("changes")->Arg(8 << 10)->Unit(benchmark::kMillisecond);

void walk(benchmark::State& state) {
  const Scratch scratch;
  make_files(scratch / "tree", on_disk);
  const fs::Dir root = fs::Dir::open(scratch / "tree");
  std::size_t found = 0;
  for (auto _ : state) {
    found = 0;
    fs::walk(root, [&](const fs::Found&) { return ++found != 0; });
  }
  count_items(state, found);
}
BENCHMARK(walk)->Unit(benchmark::kMillisecond);

layer::Tree tree_at(const std::string& path) {
  return layer::read_tree(Context{}, std::make_shared<const fs::Dir>(fs::Dir::open(path)), {}, nullptr);
}

// A directory against itself: every file is proven equal by its inode.
void compare_proven(benchmark::State& state) {
  const Scratch scratch;
  make_files(scratch / "tree", on_disk);
  const auto a = tree_at(scratch / "tree");
  const auto b = tree_at(scratch / "tree");
  for (auto _ : state) benchmark::DoNotOptimize(layer::compare(Context{}, a, b, {}));
  count_items(state, on_disk);
}
BENCHMARK(compare_proven)->Unit(benchmark::kMillisecond);

// Two directories of equal content: every file is read.
void compare_read(benchmark::State& state) {
  const Scratch scratch;
  make_files(scratch / "a", on_disk);
  make_files(scratch / "b", on_disk);
  const auto a = tree_at(scratch / "a");
  const auto b = tree_at(scratch / "b");
  for (auto _ : state) benchmark::DoNotOptimize(layer::compare(Context{}, a, b, {}));
  count_items(state, on_disk);
}
BENCHMARK(compare_read)->Unit(benchmark::kMillisecond);

// A gzip layer of small files becomes a directory.
void unpack(benchmark::State& state) {
  const Scratch scratch;
  make_files(scratch / "tree", on_disk);
  const auto directory = std::make_shared<const fs::Dir>(fs::Dir::open(scratch / "tree"));
  StringSink packed;
  layer::pack(Context{}, layer::read_directory(Context{}, directory, {}), {}, packed);
  const std::string& text = packed.text();
  const layer::Stack stack = {{layer::piece_of_tar("the layer", text.size(),
                                                   [&text] { return std::make_unique<BytesSource>(text); })}};
  const std::string target = scratch / "unpacked";
  for (auto _ : state) {
    layer::unpack(Context{}, stack, target, {.owners = layer::Owners::aside});
    state.PauseTiming();
    std::filesystem::remove_all(target);
    state.ResumeTiming();
  }
  count_items(state, on_disk);
}
BENCHMARK(unpack)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace stave::bench

BENCHMARK_MAIN();
