// Completion scripts, tried in the shells they are for.

#include "stave/cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include "sample_program.h"
#include "stave/base/text.h"

namespace stave::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// Answers what the scripts ask of the program.
constexpr const char* stave_stub =
    "#!/bin/sh\n[ \"$*\" = '__complete images' ] && printf '%s\\n' hello:latest hello:v2 world:latest\n";

// A directory with a stub of the program, the scripts, and two files to complete.
class InShell : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/completion-" + std::to_string(getpid());
    std::filesystem::create_directories(directory_ + "/docs");
    put("stave", stave_stub);
    std::filesystem::permissions(directory_ + "/stave", std::filesystem::perms::owner_all);
    put("data.tar", "");
    put("docs/page", "");
    const Command program = with_builtins(sample_program());
    put("c.bash", bash_completion(program));
    put("c.zsh", zsh_completion(program));
    put("c.fish", fish_completion(program));
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void put(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ + "/" + name) << text;
  }

  // The lines that `script` prints in `shell`.
  std::vector<std::string> lines_of(const std::string& shell, const std::string& script) const {
    put("script", script);
    const std::string command = "cd '" + directory_ + "' && PATH=\"$PWD:$PATH\" " + shell + " ./script 2>&1";
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
    std::string out;
    std::array<char, 4096> buffer{};
    while (const std::size_t count = fread(buffer.data(), 1, buffer.size(), pipe.get()))
      out.append(buffer.data(), count);
    std::vector<std::string> lines = split(out, '\n');
    lines.pop_back();
    return lines;
  }

  static bool has(const std::string& shell) {
    return std::system(("command -v " + shell + " >/dev/null").c_str()) == 0;
  }

 private:
  std::string directory_;
};

class InBash : public InShell {
 protected:
  void SetUp() override {
    if (!has("bash")) GTEST_SKIP() << "skipped: completion in bash, which is not here";
    InShell::SetUp();
  }
  // What bash offers for words as readline has taken them apart; the cursor is at the end of the last.
  std::vector<std::string> offered(const std::string& words) const {
    return lines_of("bash",
                    "set -u\nsource ./c.bash\nCOMP_WORDS=(" + words +
                        ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\nCOMP_LINE='' COMP_POINT=0\n_stave\n"
                        "((${#COMPREPLY[@]})) && printf '%s\\n' \"${COMPREPLY[@]}\"\n:\n");
  }
};

TEST_F(InBash, Verbs) {
  EXPECT_THAT(offered("stave pa"), ElementsAre("pack"));
  EXPECT_THAT(offered("stave -q --store docs in"), ElementsAre("index"));
  EXPECT_THAT(offered("stave ''"),
              ElementsAre("pack", "index", "diff", "fail", "version", "completion", "help"));
}

TEST_F(InBash, NestedVerbs) { EXPECT_THAT(offered("stave index ''"), ElementsAre("create", "list")); }

TEST_F(InBash, Options) {
  EXPECT_THAT(offered("stave pack --a"), ElementsAre("--add"));
  EXPECT_THAT(offered("stave index create --an"), ElementsAre("--annotate"));
  EXPECT_THAT(offered("stave --v"), ElementsAre("--version"));
  EXPECT_THAT(offered("stave pack -- --a"), IsEmpty());
}

TEST_F(InBash, Choices) {
  EXPECT_THAT(offered("stave pack --codec ''"), ElementsAre("gzip", "zstd", "none"));
  EXPECT_THAT(offered("stave pack --codec = z"), ElementsAre("zstd"));
  EXPECT_THAT(offered("stave --progress = j"), ElementsAre("json"));
  EXPECT_THAT(offered("stave completion z"), ElementsAre("zsh"));
  EXPECT_THAT(offered("stave help pa"), ElementsAre("pack"));
  EXPECT_THAT(offered("stave pack --platform linux/arm6"), ElementsAre("linux/arm64"));
}

TEST_F(InBash, Images) {
  EXPECT_THAT(offered("stave pack -t w"), ElementsAre("world:latest"));
  EXPECT_THAT(offered("stave pack -t hello : v"), ElementsAre("v2"));
  EXPECT_THAT(offered("stave pack --tag = hello : "), ElementsAre("latest", "v2"));
  EXPECT_THAT(offered("stave index create n hello : v2 wo"), ElementsAre("world:latest"));
  EXPECT_THAT(offered("stave index create n oci-a"), ElementsAre("oci-archive:"));
}

TEST_F(InBash, Files) {
  EXPECT_THAT(offered("stave pack d"), UnorderedElementsAre("data.tar", "docs/"));
  EXPECT_THAT(offered("stave pack --add = da"), ElementsAre("data.tar"));
  EXPECT_THAT(offered("stave --store d"), ElementsAre("docs/"));
  EXPECT_THAT(offered("stave index create n oci : do"), ElementsAre("docs/"));
  EXPECT_THAT(offered("stave pack --rm d"), IsEmpty());
}

class InFish : public InShell {
 protected:
  void SetUp() override {
    if (!has("fish")) GTEST_SKIP() << "skipped: completion in fish, which is not here";
    InShell::SetUp();
  }
  std::vector<std::string> offered(const std::string& line) const {
    return lines_of("HOME=$PWD fish --no-config",
                    "source ./c.fish\ncomplete -C '" + line + "' | string split -f1 \\t\n");
  }
};

TEST_F(InFish, OffersWhatBashOffers) {
  EXPECT_THAT(offered("stave pa"), ElementsAre("pack"));
  EXPECT_THAT(offered("stave -q --store docs index cr"), ElementsAre("create"));
  EXPECT_THAT(offered("stave pack --ad"), ElementsAre("--add"));
  EXPECT_THAT(offered("stave pack --codec z"), ElementsAre("zstd"));
  EXPECT_THAT(offered("stave pack --tag=hello:v"), ElementsAre("--tag=hello:v2"));
  EXPECT_THAT(offered("stave index create n wo"), ElementsAre("world:latest"));
  EXPECT_THAT(offered("stave index create n oci:do"), ElementsAre("oci:docs/"));
  EXPECT_THAT(offered("stave pack da"), ElementsAre("data.tar"));
  EXPECT_THAT(offered("stave index create "), IsEmpty());
  EXPECT_THAT(offered("stave completion z"), ElementsAre("zsh"));
}

TEST_F(InShell, ScriptsAreValid) {
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    if (!has(shell)) continue;
    EXPECT_THAT(lines_of(shell + " -n c." + shell + " #", ""), IsEmpty()) << shell;
  }
}

TEST_F(InShell, ZshCanSourceIt) {
  if (!has("zsh")) GTEST_SKIP() << "skipped: completion in zsh, which is not here";
  EXPECT_THAT(lines_of("zsh -f",
                       "autoload -U compinit\ncompinit -D -u\nsource ./c.zsh\nprint $_comps[stave]\nwhence "
                       "_stave_verb_index_create\n"),
              ElementsAre("_stave", "_stave_verb_index_create"));
}

}  // namespace
}  // namespace stave::cli
