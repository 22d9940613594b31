// unpack by several threads: the same tree and the same failures as by one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>

#include "unit/layer/unpack_words.h"

namespace stave::layer {
namespace {

using ::testing::IsEmpty;
using ::testing::StartsWith;

const std::vector<unsigned> all_jobs = {1, 2, 3, 8};

std::string said(const Layers& layers, unsigned jobs, const std::string& target) {
  const Context context{.jobs = jobs};
  return outcome([&] { unpack(context, stack_of(layers), target, {.owners = owners_here()}); });
}

std::string noise(std::size_t size, unsigned seed) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i + seed) * (i / 4096 + 31) >> 3);
  return text;
}

// Sizes around one batch, and many batches.
RC_GTEST_PROP(UnpackThreads, FilesOfAnySizeArriveWhole, ()) {
  const auto sizes = *rc::gen::container<std::vector<std::size_t>>(rc::gen::element<std::size_t>(
      0, 1, 4096, 100'000, 262'143, 262'144, 262'145, 524'288, 600'000, 1'500'000));
  Layers layers(1);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < sizes.size() && i < 8; ++i) {
    texts.push_back(noise(sizes[i], static_cast<unsigned>(i)));
    layers[0].push_back(file("f" + std::to_string(i), texts.back()));
  }
  const Scratch scratch;
  RC_ASSERT(said(layers, *rc::gen::elementOf(all_jobs), scratch.path("t")) == "done");
  for (std::size_t i = 0; i < texts.size(); ++i)
    RC_ASSERT(bytes_of_file(scratch.path("t/f" + std::to_string(i))) == texts[i]);
}

TEST(UnpackThreads, ALargeFileKeepsItsHoles) {
  for (const unsigned jobs : all_jobs) {
    const Scratch scratch;
    const std::string text =
        noise(300'000, 1) + std::string(1'000'000, '\0') + noise(10, 2) + std::string(600'000, '\0');
    const Layers layers = {{file("big", text)}};
    const auto done =
        unpack(Context{.jobs = jobs}, stack_of(layers), scratch.path("t"), {.owners = owners_here()});
    EXPECT_EQ(bytes_of_file(scratch.path("t/big")), text);
    EXPECT_EQ(done.bytes, text.size());
    EXPECT_LT(done.disk_bytes, 320'000u) << jobs;
  }
}

TEST(UnpackThreads, ManyMoreFilesThanABatchHolds) {
  Layers layers(1);
  for (int i = 0; i < 1000; ++i) layers[0].push_back(file("f" + std::to_string(i), std::to_string(i)));
  for (const unsigned jobs : all_jobs) {
    const Scratch scratch;
    EXPECT_EQ(said(layers, jobs, scratch.path("t")), "done");
    for (int i = 0; i < 1000; ++i)
      EXPECT_EQ(bytes_of_file(scratch.path("t/f" + std::to_string(i))), std::to_string(i));
  }
}

// The disk refuses what is longer than a symlink may be: some thread says so, while the reader is already at
// the next failure.
TEST(UnpackThreads, OfSeveralFailuresTheFirstInTheLayerIsTold) {
  Change refused = symlink("first", std::string(5000, 'x'));
  Change refused_too = symlink("second", std::string(5000, 'y'));
  Layers layers(1);
  for (int i = 0; i < 100; ++i) layers[0].push_back(file("a" + std::to_string(i), noise(20'000, 1)));
  layers[0].push_back(refused);
  for (int i = 0; i < 100; ++i) layers[0].push_back(file("b" + std::to_string(i), noise(20'000, 2)));
  layers[0].push_back(refused_too);
  for (const unsigned jobs : all_jobs) {
    for (int round = 0; round < 5; ++round) {
      const Scratch scratch;
      EXPECT_THAT(said(layers, jobs, scratch.path("t")), StartsWith("limit: layer 1: \"first\": ")) << jobs;
      EXPECT_THAT(names_in(scratch.path()), IsEmpty());
    }
  }
}

TEST(UnpackThreads, AFailureOfTheDiskStandsBeforeALaterOneOfTheLayer) {
  for (const unsigned jobs : all_jobs) {
    const Scratch scratch;
    const std::string tar = raw_tar({symlink("first", std::string(5000, 'x')), file("a", "x")}) + "no tar";
    const Context context{.jobs = jobs};
    EXPECT_THAT(outcome([&] {
                  unpack(context, stack_of(std::vector<std::string>{tar}), scratch.path("t"),
                         {.owners = owners_here()});
                }),
                StartsWith("limit: layer 1: \"first\": "));
  }
}

TEST(UnpackThreads, AFailureOfTheLayerStandsBeforeALaterOneOfTheDisk) {
  const Layers layers = {{file("a", "x"), hardlink("b", "nowhere"), symlink("last", std::string(5000, 'x'))}};
  for (const unsigned jobs : all_jobs) {
    const Scratch scratch;
    EXPECT_THAT(said(layers, jobs, scratch.path("t")), StartsWith("invalid: layer 1: \"b\" is a hardlink"));
  }
}

// More directories, and more in them, than one thread is given at once; names of one file in many of them.
TEST(UnpackThreads, AWideTreeIsTheSameWhoeverMakesIt) {
  Layers layers(1);
  layers[0].push_back(file("one", "the one"));
  for (int i = 0; i < 60; ++i) {
    const std::string name = "d" + std::to_string(100 + i);
    layers[0].push_back(dir(name, 0711));
    layers[0].push_back(hardlink(name + "/one", "one"));
    for (int j = 0; j < 12; ++j)
      layers[0].push_back(file(name + "/f" + std::to_string(j), std::to_string(j)));
    layers[0].push_back(dir(name + "/sub", 01700));
  }
  const Tree wanted = read_stack(Context{}, stack_of(layers), Digests::yes);
  for (const unsigned jobs : all_jobs) {
    const Scratch scratch;
    ASSERT_EQ(said(layers, jobs, scratch.path("t")), "done");
    EXPECT_EQ(facts(read_back(scratch.path("t"))), facts(wanted)) << jobs;
    EXPECT_EQ(stat_of(scratch.path("t/one")).st_nlink, 61u);
  }
}

TEST(UnpackThreads, TheFirstNameInPathOrderThatTheDiskRefusesIsTold) {
  Layers layers(1);
  const std::string long_name(256, 'x');
  for (int i = 0; i < 60; ++i) {
    const std::string name = "d" + std::to_string(100 + i);
    for (int j = 0; j < 10; ++j) layers[0].push_back(file(name + "/f" + std::to_string(j)));
    if (i >= 20) layers[0].push_back(file(name + "/" + long_name));
  }
  layers[0].push_back(file(long_name));
  for (const unsigned jobs : all_jobs) {
    const Scratch scratch;
    const std::string failure = said(layers, jobs, scratch.path("t"));
    EXPECT_THAT(failure, ::testing::HasSubstr("/d120/xxx")) << jobs;
    EXPECT_THAT(names_in(scratch.path()), IsEmpty());
  }
}

TEST(UnpackThreads, ATruncatedLargeFileIsTold) {
  const std::string tar = raw_tar({file("big", noise(2'000'000, 1))}).substr(0, 1'200'000);
  std::vector<std::string> failures;
  for (const unsigned jobs : all_jobs) {
    const Scratch scratch;
    const Context context{.jobs = jobs};
    failures.push_back(outcome([&] {
      unpack(context, stack_of(std::vector<std::string>{tar}), scratch.path("t"), {.owners = owners_here()});
    }));
    EXPECT_THAT(names_in(scratch.path()), IsEmpty());
  }
  EXPECT_THAT(failures[0], StartsWith("invalid: layer 1: tar, byte 1200000: "));
  for (const auto& failure : failures) EXPECT_EQ(failure, failures[0]);
}

}  // namespace
}  // namespace stave::layer
