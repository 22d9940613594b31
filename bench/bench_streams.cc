// Benchmarks of what happens to bytes on their way: hashes, compression by level
// and block size, decompression. bytes_per_second is of plain bytes, on one core;
// `ratio` is what is left of them.

#include <benchmark/benchmark.h>
#include <libdeflate.h>

#include "bench_words.h"
#include "stave/compress/compress.h"
#include "stave/hash/digest.h"

namespace stave::bench {
namespace {

constexpr std::int64_t kib = 1024;
constexpr std::int64_t mib = 1024 * kib;

void count_bytes(benchmark::State& state, std::int64_t each) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * each);
}

void sha256(benchmark::State& state) {
  const std::string text = like_files(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    Hasher hasher(Algorithm::sha256);
    hasher.update(text);
    benchmark::DoNotOptimize(std::move(hasher).finish());
  }
  count_bytes(state, state.range(0));
}
BENCHMARK(sha256)->ArgName("bytes")->Arg(kib)->Arg(mib);

// The one that gzip blocks are summed with.
void crc32(benchmark::State& state) {
  const std::string text = like_files(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(libdeflate_crc32(0, text.data(), text.size()));
  count_bytes(state, state.range(0));
}
BENCHMARK(crc32)->ArgName("bytes")->Arg(mib);

// 16 MiB in blocks, one after the other.
void compress_blocks(benchmark::State& state, compress::Codec codec, const std::string& text) {
  const auto block_size = static_cast<std::size_t>(state.range(1));
  codec.level = static_cast<int>(state.range(0));
  compress::BlockCompressor compressor(codec);
  compress::Block block;
  std::uint64_t compressed = 0;
  for (auto _ : state) {
    compressed = 0;
    for (std::size_t at = 0; at < text.size(); at += block_size) {
      compressor.compress(as_bytes(std::string_view(text).substr(at, block_size)), block);
      compressed += block.bytes.size();
    }
  }
  count_bytes(state, static_cast<std::int64_t>(text.size()));
  state.counters["ratio"] = static_cast<double>(compressed) / static_cast<double>(text.size());
}

void gzip(benchmark::State& state) { compress_blocks(state, {compress::Format::gzip}, like_files(16 * mib)); }
BENCHMARK(gzip)
    ->ArgNames({"level", "block"})
    ->ArgsProduct({{1, 4, 6, 9}, {256 * kib}})
    ->ArgsProduct({{6}, {64 * kib, 1024 * kib}})
    ->Unit(benchmark::kMillisecond);

void zstd(benchmark::State& state) { compress_blocks(state, {compress::Format::zstd}, like_files(16 * mib)); }
BENCHMARK(zstd)
    ->ArgNames({"level", "block"})
    ->ArgsProduct({{1, 3, 9}, {1536 * kib}})
    ->ArgsProduct({{3}, {256 * kib, 4096 * kib}})
    ->Unit(benchmark::kMillisecond);

// Blocks that do not compress: how fast that is noticed.
void gzip_noise(benchmark::State& state) {
  compress_blocks(state, {compress::Format::gzip}, noise(16 * mib));
}
BENCHMARK(gzip_noise)->ArgNames({"level", "block"})->Args({6, 256 * kib})->Unit(benchmark::kMillisecond);

void zstd_noise(benchmark::State& state) {
  compress_blocks(state, {compress::Format::zstd}, noise(16 * mib));
}
BENCHMARK(zstd_noise)->ArgNames({"level", "block"})->Args({3, 1536 * kib})->Unit(benchmark::kMillisecond);

std::string stream_of(const compress::Codec& codec, std::string_view text, std::size_t block_size) {
  StringSink out;
  compress::BlockWriter writer(codec, out);
  compress::BlockCompressor compressor(codec);
  compress::Block block;
  for (std::size_t at = 0; at < text.size(); at += block_size) {
    compressor.compress(as_bytes(text.substr(at, block_size)), block);
    writer.append(block);
  }
  std::move(writer).finish();
  return out.take();
}

void decompress(benchmark::State& state, compress::Format format) {
  const std::string text = like_files(16 * mib);
  const compress::Codec codec = compress::Codec::parse(compress::name(format));
  const std::string stream = stream_of(codec, text, 512 * kib);
  for (auto _ : state) {
    BytesSource source(stream);
    CountingSink sink;
    copy(*compress::decompress(source, format), sink);
    if (sink.count() != text.size()) state.SkipWithError("other bytes came out");
  }
  count_bytes(state, static_cast<std::int64_t>(text.size()));
}
BENCHMARK_CAPTURE(decompress, gzip, compress::Format::gzip)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decompress, zstd, compress::Format::zstd)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace stave::bench
